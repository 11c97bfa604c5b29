"""AudioMNIST's loader, on a tree of the corpus' layout that these tests make (the recordings are
about 1 GB).
"""

import json

import numpy as np
import pytest
import soundfile

from earwitness import corpora
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    FoldError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)

FEMALE = {12, 26, 28, 36, 43, 47, 52, 56, 57, 58, 59, 60}  # as listed by the authors
ODD_AGES = {1: 30, 45: "1234", 2: None, 3: "unknown", 4: "-5"}


def person(speaker):
    return {
        "accent": "german" if speaker == 1 else "German",
        "age": ODD_AGES.get(speaker, "25"),
        "gender": "female" if speaker in FEMALE else "male",
        "native speaker": "yes" if speaker == 41 else "no",
        "origin": "Europe, Germany, Berlin",
        "recordingdate": "17-06-22-11-04-28",
        "recordingroom": "VR-Room",
    }


def make_tree(root, speakers=range(1, 61), repetitions=1, digits=range(10)):
    rng = np.random.default_rng(0)
    for speaker in speakers:
        folder = root / "data" / f"{speaker:02d}"
        folder.mkdir(parents=True)
        for digit in digits:
            for repetition in range(repetitions):
                samples = 0.1 * rng.standard_normal(480 + digit)
                soundfile.write(
                    folder / f"{digit}_{speaker:02d}_{repetition}.wav",
                    samples,
                    48000,
                    subtype="PCM_16",
                )
    write_metadata(root, {f"{speaker:02d}": person(speaker) for speaker in speakers})
    return root


def write_metadata(root, content):
    (root / "data" / "audioMNIST_meta.txt").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return make_tree(tmp_path_factory.mktemp("audiomnist"))


@pytest.fixture(scope="module")
def corpus(tree):
    return corpora.load("audiomnist", root=tree)


@pytest.fixture
def small(tmp_path):
    return make_tree(tmp_path, speakers=[1, 12], digits=[0, 1], repetitions=3)


def speakers_of(corpus, rows):
    return {int(speaker) for speaker in corpus.table["speaker"].iloc[rows]}


def test_every_recording_has_a_row_and_its_samples(corpus):
    assert len(corpus) == 600 and corpus.table["id"].is_unique
    row = corpus.table[corpus.table["id"] == "7_45_0"].iloc[0]
    assert (row["speaker"], row["digit"], row["repetition"], row["sex"]) == ("45", 7, 0, "male")
    clip = corpus[int(row.name)]
    assert clip.id == "7_45_0" and clip.sample_rate == 48000 and clip.samples.shape == (487,)


def test_ages_are_numbers_or_missing_with_the_reason_kept(corpus):
    people = corpus.table.drop_duplicates("speaker").set_index("speaker")
    assert (
        people.loc["01", "age"] == 30
        and people.loc["05", "age"] == 25
        and people.loc["05", "age_note"] == ""
    )
    assert people["age"].isna().sum() == 4
    assert people.loc["45", "age_note"] == "the metadata say '1234'"
    assert people.loc["02", "age_note"] == "the metadata say None"


def test_accents_and_rooms_lose_their_accidental_capitals(corpus):
    assert set(corpus.table["accent"]) == {"German"}
    assert set(corpus.table["room"]) == {"vr-room"}
    assert corpus.table.groupby("speaker")["native_speaker"].first().sum() == 1


def test_male_is_class_0_and_female_class_1_for_the_24_speakers_of_the_sex_task(corpus):
    targets = corpus.targets("sex")
    assert {int(s) for s in corpus.table["speaker"][targets == 1]} == FEMALE
    assert np.bincount(targets + 1).tolist() == [360, 120, 120]
    assert (corpus.targets("digit") == corpus.table["digit"]).all()


def test_the_digit_folds_are_the_authors(corpus):
    """The third fold, written out from the authors' list; and what holds for all five."""
    folds = corpus.folds("digit")
    assert speakers_of(corpus, folds[2].train) == {
        43,
        58,
        14,
        25,
        38,
        3,
        10,
        20,
        30,
        40,
        49,
        55,
        12,
        47,
        59,
        15,
        27,
        41,
        4,
        11,
        21,
        31,
        44,
        50,
        26,
        52,
        60,
        18,
        32,
        42,
        5,
        13,
        22,
        33,
        45,
        51,
    }
    assert speakers_of(corpus, folds[2].validation) == {28, 56, 7, 19, 35, 1, 6, 16, 23, 34, 46, 53}
    assert speakers_of(corpus, folds[2].test) == {36, 57, 9, 24, 37, 2, 8, 17, 29, 39, 48, 54}
    assert speakers_of(corpus, folds[0].test) == {26, 52, 60, 18, 32, 42, 5, 13, 22, 33, 45, 51}
    assert [tuple(map(len, (f.train, f.validation, f.test))) for f in folds] == [
        (360, 120, 120)
    ] * 5
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(600))


def test_the_sex_folds_are_the_authors(corpus):
    folds = corpus.folds("sex")
    assert speakers_of(corpus, folds[1].train) == {26, 12, 57, 43, 28, 52, 25, 37, 45, 48, 53, 41}
    assert speakers_of(corpus, folds[1].validation) == {58, 59, 60, 7, 23, 38}
    assert speakers_of(corpus, folds[1].test) == {36, 47, 56, 2, 44, 50}
    assert speakers_of(corpus, folds[0].test) == {58, 59, 60, 7, 23, 38}
    for fold in folds:
        for part, n in ((fold.train, 60), (fold.validation, 30), (fold.test, 30)):
            assert np.bincount(corpus.targets("sex")[part]).tolist() == [n, n]


def test_the_data_folder_itself_may_be_given(tree, corpus):
    assert corpora.load("audiomnist", root=tree / "data").fingerprint() == corpus.fingerprint()


def test_fewer_repetitions_can_be_asked_for(small):
    assert len(corpora.load("audiomnist", root=small)) == 12
    assert set(corpora.load("audiomnist", root=small, repetitions=2).table["repetition"]) == {0, 1}
    for wrong in (0, 51, "2"):
        with pytest.raises(ParameterError, match="from 1 to 50"):
            corpora.load("audiomnist", root=small, repetitions=wrong)


def test_folds_without_all_their_speakers_name_the_absent(small):
    with pytest.raises(FoldError, match="does not have: 02, 03, 04"):
        corpora.load("audiomnist", root=small).folds("digit")


def test_a_task_or_protocol_that_does_not_exist_is_named(corpus):
    with pytest.raises(UnknownNameError, match="no task of audiomnist 'accent'"):
        corpus.folds("accent")
    with pytest.raises(UnknownNameError, match="Known: speaker"):
        corpus.folds("digit", protocol="repetition")


def test_a_speaker_missing_in_the_metadata_is_named(small):
    write_metadata(small, {"01": person(1)})
    with pytest.raises(FoldError, match="says nothing of speaker 12"):
        corpora.load("audiomnist", root=small)


def test_a_speaker_without_a_gender_is_named(small):
    write_metadata(small, {"01": person(1), "12": {**person(12), "gender": ""}})
    with pytest.raises(FoldError, match="give speaker 12 the gender ''"):
        corpora.load("audiomnist", root=small)


def test_absent_or_damaged_metadata_are_reported(small):
    path = small / "data" / "audioMNIST_meta.txt"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(DamagedDataError, match="not JSON"):
        corpora.load("audiomnist", root=small)
    path.unlink()
    with pytest.raises(MissingDataError, match="audioMNIST_meta.txt"):
        corpora.load("audiomnist", root=small)


def test_a_misplaced_file_is_reported(small):
    (small / "data" / "01" / "0_01_0.wav").rename(small / "data" / "01" / "0_12_9.wav")
    with pytest.raises(DamagedDataError, match="not named as in AudioMNIST"):
        corpora.load("audiomnist", root=small)


def test_a_file_that_is_no_sound_is_reported(small):
    (small / "data" / "01" / "0_01_0.wav").write_bytes(b"<html>404</html>")
    with pytest.raises(AudioError, match="0_01_0.wav is not a sound file"):
        corpora.load("audiomnist", root=small)


def test_an_empty_folder_is_reported(tmp_path):
    (tmp_path / "data").mkdir()
    write_metadata(tmp_path, {})
    with pytest.raises(MissingDataError, match="holds no recording"):
        corpora.load("audiomnist", root=tmp_path)
