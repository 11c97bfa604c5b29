"""A folder of somebody's recordings, looked at before it becomes a corpus."""

import numpy as np
import pytest
import soundfile
from noises import write

from earwitness import corpora
from earwitness.corpora import survey
from earwitness.errors import MissingDataError, ParameterError


@pytest.fixture
def named(tmp_path):
    """Return a function that writes recordings of these names into a folder."""

    def make(*names):
        for seed, name in enumerate(names):
            write(tmp_path / "mine" / f"{name}.wav", seed=seed)
        return tmp_path / "mine"

    return make


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["7_anna_0", "7_anna_1", "3_ben_0", "3_ben_1"], "{label}_{speaker}_{take}"),
        (["anna-7-0", "anna-7-1", "ben-3-0"], "{speaker}-{label}-{take}"),
        (["yes.ada", "no.ada", "yes.bob"], "{label}.{speaker}"),
        (["dog 1", "dog 2", "cat 1"], "{label} {take}"),
        (["rec_7_anna_0", "rec_7_anna_1", "rec_3_ben_0"], "{part1}_{label}_{speaker}_{take}"),
        (["one", "two_2"], None),
        (["_a", "_b"], None),
    ],
)
def test_names_are_read_as_people_build_them(names, pattern):
    assert survey.guess(names) == pattern


def test_a_folder_becomes_a_corpus_and_what_cannot_be_used_is_said_and_left_out(named):
    root = named(*(f"{digit}_{who}_{k}" for digit in (3, 7) for who in "abc" for k in range(2)))
    (root / "7_d_0.wav").write_bytes(b"RIFF")
    soundfile.write(root / "7_e_0.wav", np.random.default_rng(0).normal(0, 0.1, (800, 2)), 8000)
    found = survey.survey(root)
    assert found.pattern == "{label}_{speaker}_{take}" and len(found.table) == 12
    assert set(found.unusable) == {"7_d_0.wav", "7_e_0.wav"}
    assert "2 channels" in found.unusable["7_e_0.wav"]
    survey.write(found)
    corpus = corpora.load(root)
    assert corpus.tasks == {"label": ["3", "7"]} and len(corpus) == 12
    assert len(corpus.folds("label")) == 3
    with pytest.raises(ParameterError, match="is not overwritten"):
        survey.write(found)


def test_a_table_of_ones_own_is_kept_and_read(named):
    root = named("a", "b", "c")
    (root / "labels.csv").write_text("path,word\na.wav,yes\nb.wav,no\n# c.wav\n")
    found = survey.survey(root)
    assert found.pattern is None and found.table["word"].tolist() == ["yes", "no"]
    assert len(corpora.load(root)) == 2


def test_a_folder_without_anything_to_use_is_refused_with_the_reason(tmp_path):
    (tmp_path / "one.wav").write_bytes(b"RIFF")
    with pytest.raises(MissingDataError, match=r"no recording that can be used; of one\.wav"):
        survey.survey(tmp_path)


def test_the_command_says_what_it_found(named, call):
    root = named("7_anna_0", "7_anna_1", "3_ben_0", "3_ben_1", "3_cleo_0")
    (root / "9_dan_0.wav").write_bytes(b"")
    status, out, _ = call("new-corpus", str(root), "--dry-run")
    said = " ".join(out.split())
    assert status == 0 and "5 recordings" in said and "anna (2)" in said and "9_dan_0.wav" in said
    assert not (root / "labels.csv").exists()
    status, out, _ = call("new-corpus", str(root))
    assert status == 0 and "label: 3 folds that keep speakers apart." in out
    assert out.splitlines()[-1] == str(root / "labels.csv") and (root / "labels.csv").exists()
