"""A folder of recordings as a corpus."""

from pathlib import Path

import numpy as np
import pytest
from noises import write

from earwitness import corpora
from earwitness.corpora import base
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    FoldError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)

pytestmark = pytest.mark.usefixtures("same_names_afterwards", "empty_cache")
PATTERN = "{digit}_{speaker}_{take}"


def test_names_of_files_become_labels_whatever_the_case_of_their_ending(recordings):
    corpus = corpora.load(recordings, pattern=PATTERN)
    assert len(corpus) == 24 and corpus.tasks == {"digit": ["3", "7"]}
    assert sorted(corpus.table["speaker"].unique()) == list("abcdef")
    assert corpus[0].samples.shape == (800,) and corpus.targets("digit").tolist().count(1) == 12


def test_folders_name_the_classes_of_what_lies_in_them(tmp_path):
    for label in ("dog", "cat"):
        for k in range(5):
            write(tmp_path / "animals" / label / f"{k}.wav", seed=k)
    corpus = corpora.load(str(tmp_path / "animals"))
    assert corpus.tasks == {"label": ["cat", "dog"]} and corpus.name == "animals"
    with pytest.raises(FoldError, match='does not say who speaks.*protocol="clip"'):
        corpus.folds("label")
    folds = corpus.folds("label", protocol="clip")
    assert [len(fold.test) for fold in folds] == [2] * 5
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(10))


def labelled(folder, text):
    (folder / "labels.csv").write_text(text)
    return corpora.load(folder)


@pytest.fixture
def three(tmp_path):
    for k in range(3):
        write(tmp_path / "three" / f"{k}.wav", seed=k)
    return tmp_path / "three"


def test_a_table_labels_the_recordings(three):
    corpus = labelled(three, "\ufeffpath,word,speaker\n0.wav,yes,a\n1.wav,no,b\n\n2.wav,yes,c\n")
    assert corpus.tasks == {"word": ["no", "yes"]} and corpus.table["speaker"].tolist() == [
        "a",
        "b",
        "c",
    ]
    assert len(corpus.folds("word")) == 3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path,word\n0.wav,yes\n1.wav,no\n2.wav,", "row 4, has 1 values, not 2; is it cut off"),
        ("path,word\n0.wav,yes\n1.wav,no\n2.w", "row 4, has 1 values"),
        ("path,word\n0.wav,yes\n1.wav,no\n", "says nothing of 1 of 3 files, the first is 2.wav"),
        ("path,word\n0.wav,yes\n0.wav,yes\n", "row 3, names twice the file '0.wav'"),
        ("path,word\n../0.wav,yes\n", "row 2, names, but the folder has not, the file"),
        ("<html>", "needs a header with path and labels"),
        ("", "needs a header"),
        ("path,word,word\n", "needs a header"),
        ('path,word\n"0.wav,yes\n', "is no CSV"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_by_row(three, text, match):
    with pytest.raises(DamagedDataError, match=match):
        labelled(three, text)


def test_files_that_the_pattern_does_not_fit_are_named(recordings):
    write(recordings / "stray.wav")
    with pytest.raises(DamagedDataError, match="1 of 25 files are not named like.*stray.wav"):
        corpora.load(recordings, pattern=PATTERN)
    with pytest.raises(MissingDataError, match="names no field"):
        corpora.load(recordings, pattern="digit")
    with pytest.raises(MissingDataError, match="lies in no folder that names a class"):
        corpora.load(recordings)


def test_two_channels_need_a_choice(tmp_path):
    for k in range(3):
        write(tmp_path / "two" / "x" / f"{k}.wav", channels=2, seed=k)
    with pytest.raises(AudioError, match="2 channels.*'left', 'right' or 'mean'"):
        corpora.load(tmp_path / "two")[0]
    left, mean = (corpora.load(tmp_path / "two", channel=c)[0].samples for c in ("left", "mean"))
    assert left.shape == mean.shape == (800,) and not np.array_equal(left, mean)
    with pytest.raises(UnknownNameError, match="no channel 'lft'"):
        corpora.load(tmp_path / "two", channel="lft")


def test_folders_that_are_none_or_empty_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="There is no folder"):
        corpora.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="holds no recording"):
        corpora.load(tmp_path / "empty")
    with pytest.raises(ParameterError, match="is a folder already"):
        corpora.load(tmp_path / "empty", root=tmp_path)


def test_links_to_nothing_are_named_and_the_others_read(recordings):
    (recordings / "dead.wav").symlink_to("nowhere.wav")
    with pytest.warns(UserWarning, match="dead.wav is a link to nothing"):
        assert len(corpora.load(recordings, pattern=PATTERN)) == 24


def test_the_fingerprint_holds_the_samples(recordings):
    before = corpora.load(recordings, pattern=PATTERN).fingerprint()
    assert corpora.load(recordings, pattern=PATTERN).fingerprint() == before
    write(recordings / "3_b_0.wav", seed=99)
    assert corpora.load(recordings, pattern=PATTERN).fingerprint() != before


def test_recordings_replaced_under_their_names_have_their_new_lengths(recordings):
    corpora.load(recordings, pattern=PATTERN)
    write(recordings / "3_b_0.wav", 12000)
    table = corpora.load(recordings, pattern=PATTERN).table.set_index("id")
    assert table.loc["3_b_0", "duration_s"] == 1.5 and table.loc["3_b_0", "longer_than_1s"]


def test_the_same_name_twice_is_refused(three):
    write(three / "x" / "0.wav")
    write(three / "y" / "0.wav")
    with pytest.raises(DamagedDataError, match="two recordings of one name: x/0.wav and y/0.wav"):
        base.file_table(three, [{"id": Path(p).stem, "path": p} for p in ("x/0.wav", "y/0.wav")])
