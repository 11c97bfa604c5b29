"""The vowel corpus, on a small tree of its layout."""

import shutil

import numpy as np
import pytest
from noises import write

from earwitness import corpora
from earwitness.corpora.aev import WORDS
from earwitness.errors import DamagedDataError, FoldError, MissingDataError


@pytest.fixture(scope="module")
def aev_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("aev")
    sizes = {"m": 8, "w": 9, "b": 6, "g": 5}
    talkers = [f"{group}{number:02d}" for group, n in sizes.items() for number in range(1, n + 1)]
    ids = [talker + vowel for talker in talkers for vowel in WORDS]
    for name in ids:
        write(root / {"m": "men", "w": "women"}.get(name[0], "kids") / f"{name}.wav", 320, 16000)
    rows = [f"{name}  243 174 0 2293 2752 4000 " + "1 " * 9 for name in ids]
    (root / "vowdata.dat").write_text("(c) header\nnot a row\n" + "\r\n".join(rows))
    (root / "timedata.dat").write_text(
        "header\n" + "\n".join(f"{name} 100.0 343.0 180.0 190.0" for name in ids)
    )
    return root


def test_aev_joins_its_tables_and_leaves_unmeasured_values_out(aev_root):
    aev = corpora.load("aev", root=aev_root)
    row = aev.table.set_index("id").loc["w03iy"]
    assert (row["word"], row["group"], row["sex"]) == ("heed", "women", "female")
    assert (row["f0_hz"], row["f2_hz"]) == (174, 2293) and np.isnan(row["f1_hz"])
    assert (row["vowel_start_s"], row["vowel_end_s"], row["steady_2_s"]) == (0.1, 0.343, 0.19)


def test_aev_folds_keep_talkers_apart_and_share_out_the_groups(aev_root):
    aev = corpora.load("aev", root=aev_root)
    for task, n_folds, groups in (
        ("word", 5, {"men", "women", "boys", "girls"}),
        ("sex", 4, {"men", "women"}),
    ):
        folds = aev.folds(task)
        assert len(folds) == n_folds
        for fold in folds:
            parts = [aev.table.iloc[rows] for rows in (fold.train, fold.validation, fold.test)]
            assert all(set(part["group"]) == groups for part in parts)
            assert sum(part["speaker"].nunique() for part in parts) == len(
                set().union(*(p["speaker"] for p in parts))
            )
            assert (
                aev.targets(task)[np.concatenate([fold.train, fold.validation, fold.test])] >= 0
            ).all()
        assert len(np.unique(np.concatenate([fold.test for fold in folds]))) == np.count_nonzero(
            aev.targets(task) >= 0
        )


def test_aev_without_its_tables_is_refused(tmp_path):
    write(tmp_path / "men" / "m01ae.wav", 320, 16000)
    with pytest.raises(MissingDataError, match="no vowdata.dat"):
        corpora.load("aev", root=tmp_path)


def test_folders_without_recordings_are_refused(tmp_path):
    for name in ("fsdd", "aev"):
        with pytest.raises(MissingDataError, match="holds no recording"):
            corpora.load(name, root=tmp_path)


def test_aev_of_few_talkers_has_no_folds(tmp_path, aev_root):
    for name in ("m01ae", "m02ae", "w01ae"):
        write(tmp_path / ("men" if name[0] == "m" else "women") / f"{name}.wav", 320, 16000)
    for name in ("vowdata.dat", "timedata.dat"):
        (tmp_path / name).write_text((aev_root / name).read_text())
    for task in ("word", "sex"):
        with pytest.raises(FoldError, match="too few"):
            corpora.load("aev", root=tmp_path).folds(task)


def row(name, text):
    return [line for line in text.splitlines() if line.startswith(name)][0]


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda text: "", "has no row for 336 of 336 recordings, the first is b01ae"),
        (lambda text: "<html><h1>404</h1></html>", "has no row for 336 of 336"),
        (
            lambda text: text.replace(row("m03iy", text), ""),
            "no row for 1 of 336 recordings, the first is m03iy",
        ),
        (lambda text: text + "\n" + row("m03iy", text), "two rows for m03iy"),
        (lambda text: text.rstrip()[:-25], "line 338, has . values.*cut off"),
        (lambda text: text.replace("174", "l74", 1), "is damaged: could not convert"),
    ],
)
def test_aev_tables_that_cannot_be_right_are_refused(aev_root, tmp_path, damage, match):
    root = tmp_path / "aev"
    shutil.copytree(aev_root, root)
    (root / "vowdata.dat").write_text(damage((root / "vowdata.dat").read_text()))
    with pytest.raises(DamagedDataError, match=f"vowdata.dat.*{match}"):
        corpora.load("aev", root=root)


def test_a_file_of_no_vowel_is_no_recording_of_aev(aev_root, tmp_path):
    root = tmp_path / "aev"
    shutil.copytree(aev_root, root)
    write(root / "men" / "m01zz.wav", 320, 16000)
    assert len(corpora.load("aev", root=root)) == 336
