"""AudioMNIST_AZ's loader, on a tree of its layout; and on the recordings where they are."""

import numpy as np
import pytest
import soundfile

from earwitness import catalogue, corpora
from earwitness.errors import DamagedDataError, FoldError, MissingDataError

WOMEN = range(1, 6)


def make_tree(root, speakers=range(1, 18)):
    for speaker in speakers:
        folder = root / "data" / f"{speaker:02d}"
        folder.mkdir(parents=True)
        for digit in (0, 9):
            sound = 0.1 * np.random.default_rng(digit).standard_normal(160)
            soundfile.write(folder / f"{digit}_{speaker:02d}_1.wav", sound, 16000)
    lines = [f"{s},1,0,0,0,0,0,0,0,0,1,{'F' if s in WOMEN else 'M'}" for s in speakers]
    (root / "metadata.txt").write_text("\n".join(["SPK ID,0,1,2,3,4,5,6,7,8,9,Gender", *lines]))
    return root


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return corpora.load("audiomnist_az", root=make_tree(tmp_path_factory.mktemp("az")))


def test_recordings_have_digit_speaker_and_sex(corpus):
    row = corpus.table.set_index("id").loc["9_04_1"]
    assert (row["digit"], row["speaker"], row["sex"]) == (9, "04", "female")
    assert len(corpus) == 34 and corpus[0].sample_rate == 16000 == corpus.sample_rate


@pytest.mark.parametrize(("task", "n_folds", "n_speakers"), [("digit", 5, 17), ("sex", 4, 10)])
def test_folds_keep_speakers_apart_and_test_each_once(corpus, task, n_folds, n_speakers):
    folds = corpus.folds(task)
    speakers = corpus.table["speaker"].to_numpy()
    assert len(folds) == n_folds
    for fold in folds:
        parts = [set(speakers[rows]) for rows in (fold.train, fold.validation, fold.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == n_speakers
        for rows in (fold.train, fold.validation, fold.test):
            assert set(corpus.table["sex"].iloc[rows]) == {"male", "female"}
            assert (corpus.targets(task)[rows] >= 0).all()
    tested = np.concatenate([speakers[fold.test] for fold in folds])
    assert len(set(tested)) == n_speakers and len(tested) == 2 * n_speakers


def test_as_many_men_as_women_have_a_part_in_the_task_sex(corpus):
    targets = corpus.targets("sex")
    assert np.bincount(targets + 1).tolist() == [14, 10, 10]
    assert (corpus.targets("digit") >= 0).all()


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        (
            lambda text: text[: text.rindex("\n") + 9],
            DamagedDataError,
            "line 18, is not a speaker, 10 counts, and M or F",
        ),
        (lambda text: text.replace(",F", ",X", 1), DamagedDataError, "line 2"),
        (lambda text: text[: text.rindex("\n")], FoldError, "says nothing of speaker 17"),
        (lambda text: "", FoldError, "says nothing of speaker 01"),
    ],
)
def test_metadata_that_cannot_be_right_are_refused(tmp_path, text, error, match):
    path = make_tree(tmp_path) / "metadata.txt"
    path.write_text(text(path.read_text()))
    with pytest.raises(error, match=match):
        corpora.load("audiomnist_az", root=tmp_path)


def test_absent_metadata_are_named(tmp_path):
    (make_tree(tmp_path, [1]) / "metadata.txt").unlink()
    with pytest.raises(MissingDataError, match="metadata.txt"):
        corpora.load("audiomnist_az", root=tmp_path)


def test_too_few_speakers_have_no_folds(tmp_path):
    few = corpora.load("audiomnist_az", root=make_tree(tmp_path, [1, 6, 7]))
    for task in ("digit", "sex"):
        with pytest.raises(FoldError, match="too few"):
            few.folds(task)


@pytest.mark.real
def test_the_recordings_are_those_of_the_manifest():
    try:
        whole = corpora.load("audiomnist_az")
    except MissingDataError:
        pytest.skip("the recordings are not on this machine")
    people = whole.table.drop_duplicates("speaker")["sex"].value_counts()
    assert len(whole) == 3082 == len(catalogue.manifest("audiomnist_az")) - 1
    assert people.to_dict() == {"male": 40, "female": 19}
