"""FSDD, on a small tree of its layout."""

import numpy as np
import pytest
import soundfile
from noises import write

from earwitness import corpora
from earwitness.errors import DamagedDataError, FoldError, UnknownNameError


@pytest.fixture(scope="module")
def fsdd(tmp_path_factory):
    root = tmp_path_factory.mktemp("fsdd")
    for speaker in ("ann", "bob", "cy"):
        for digit in range(10):
            for repetition in (0, 4, 5, 9, 10, 11):
                long = speaker == "bob" and digit == repetition == 9
                write(root / f"{digit}_{speaker}_{repetition}.wav", 8800 if long else 400, 8000)
    return corpora.load("fsdd", root=root)


def test_fsdd_leaves_one_speaker_out_per_fold(fsdd):
    folds = fsdd.folds("digit")
    speakers = fsdd.table["speaker"].to_numpy()
    assert [set(speakers[fold.test]) for fold in folds] == [{"ann"}, {"bob"}, {"cy"}]
    for fold in folds:
        assert not set(speakers[fold.test]) & (
            set(speakers[fold.train]) | set(speakers[fold.validation])
        )
        assert (fsdd.table["repetition"].to_numpy()[fold.validation] < 5).all()
        assert [len(fold.train), len(fold.validation), len(fold.test)] == [80, 40, 60]


def test_fsdd_by_repetition_tests_the_first_five_of_every_speaker(fsdd):
    (fold,) = fsdd.folds("digit", protocol="repetition")
    repetition = fsdd.table["repetition"].to_numpy()
    assert set(repetition[fold.train]) == {10, 11}
    assert set(repetition[fold.validation]) == {5, 9} and set(repetition[fold.test]) == {0, 4}
    assert set(fsdd.table["speaker"].iloc[fold.test]) == {"ann", "bob", "cy"}


def test_clips_longer_than_a_second_are_counted(fsdd):
    assert fsdd.table.loc[fsdd.table["longer_than_1s"], "id"].tolist() == ["9_bob_9"]
    assert fsdd.table["duration_s"].max() == 1.1


def test_an_unknown_protocol_is_named_with_those_that_exist(fsdd):
    with pytest.raises(UnknownNameError, match="Known: repetition, speaker"):
        fsdd.folds("digit", protocol="random")


def test_capital_endings_and_hidden_companions_are_no_obstacle(tmp_path):
    for speaker, suffix in (("ann", "wav"), ("bob", "WAV"), ("cy", "Wav")):
        for digit in (0, 1):
            for repetition in (0, 9):
                soundfile.write(
                    tmp_path / f"{digit}_{speaker}_{repetition}.{suffix}",
                    np.ones(400) / 9,
                    8000,
                    format="WAV",
                )
    (tmp_path / "._0_ann_0.wav").write_bytes(bytes(200))
    corpus = corpora.load("fsdd", root=tmp_path)
    assert len(corpus) == 12 and len(corpus[3].samples) == 400
    assert len(corpus.folds("digit")) == 3


def test_a_stray_file_does_not_become_a_speaker(tmp_path):
    for speaker in ("ann", "bob"):
        for digit in range(10):
            write(tmp_path / f"{digit}_{speaker}_0.wav", 400, 8000)
    write(tmp_path / "3_copy_0.wav", 400, 8000)
    with pytest.raises(
        DamagedDataError, match="every digit, 'copy' does not .3_copy_0.wav.: a stray file"
    ):
        corpora.load("fsdd", root=tmp_path)


def test_fsdd_of_one_speaker_has_no_folds(tmp_path):
    for digit in range(10):
        write(tmp_path / f"{digit}_ann_0.wav", 400, 8000)
    with pytest.raises(FoldError, match="train part of test on ann is empty"):
        corpora.load("fsdd", root=tmp_path).folds("digit")
