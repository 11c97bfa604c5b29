"""What all corpora share: samples that are refused, names, groups of speakers, folds that rotate."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import corpora
from earwitness.audio import check_samples, read_audio
from earwitness.corpora.base import balanced_groups, rotate
from earwitness.errors import AudioError, MissingDataError, UnknownNameError


@pytest.fixture
def wav(tmp_path):
    samples = 0.1 * np.sin(np.arange(800) / 10)
    soundfile.write(tmp_path / "a.wav", samples, 8000, subtype="PCM_16")
    return tmp_path / "a.wav"


@pytest.mark.parametrize(("samples", "match"), [
    (np.ones((100, 2)), "one channel"), (np.array([]), "is empty"), (np.zeros(100), "is silent"),
    (np.array([0.1, np.nan, np.nan]), "2 samples that are NaN"), (np.array([0.1, np.inf]), "1 samples that are NaN"),
    (np.ones(61 * 8000), "lasts 61 s"),
])
def test_unusable_samples_are_refused(samples, match):
    with pytest.raises(AudioError, match=match):
        check_samples(samples, 8000)


@pytest.mark.parametrize(("samples", "match"), [
    (np.array([0, 16384], np.int16), r"whole numbers \(int16\); scale them to -1..1, e.g. divide those of 16 bits"),
    (torch.tensor([0, 255], dtype=torch.uint8), r"whole numbers \(uint8\)"), ([1, 0, -1], "whole numbers"),
    (None, r"floats \(T,\) is needed, got object"), ("abc", "got <U3"), (np.array([True, False]), "got bool"),
    (np.ones(3, complex), "got complex128"),
])
def test_samples_that_are_no_floats_are_refused(samples, match):
    for may_be_silent in (False, True):
        with pytest.raises(AudioError, match=match):
            check_samples(samples, 8000, may_be_silent=may_be_silent)


@pytest.mark.parametrize("rate", [None, np.nan, np.inf, "16000", 0, -8000, True])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(AudioError, match="needs a sample rate, a positive number in Hz, got"):
        check_samples(np.ones(100), rate)


def test_silence_passes_where_it_may():
    np.testing.assert_array_equal(check_samples(torch.zeros(9).double(), 8000, may_be_silent=True), np.zeros(9))
    with pytest.raises(AudioError, match="is empty"):
        check_samples(np.zeros(0), 8000, may_be_silent=True)


def test_another_sample_rate_than_expected_is_refused():
    with pytest.raises(AudioError, match="16000 samples a second, not 8000; resample"):
        check_samples(np.ones(100), 16000, expected_rate=8000)


def test_a_sound_file_is_read_as_it_was_written(wav):
    samples, rate = read_audio(wav)
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, 0.1 * np.sin(np.arange(800) / 10), atol=1 / 32768)


@pytest.mark.parametrize("kept", [30, 44, 500, -2])
def test_a_truncated_file_is_refused(wav, kept):
    wav.write_bytes(wav.read_bytes()[:kept])
    with pytest.raises(AudioError):
        read_audio(wav)


def test_stereo_absent_and_foreign_files_are_refused(tmp_path, wav):
    soundfile.write(tmp_path / "stereo.wav", np.ones((100, 2)) / 2, 8000)
    with pytest.raises(AudioError, match=r"stereo.wav has shape \(100, 2\)"):
        read_audio(tmp_path / "stereo.wav")
    (tmp_path / "page.wav").write_text("<html>")
    with pytest.raises(AudioError, match="not a sound file"):
        read_audio(tmp_path / "page.wav")
    with pytest.raises(MissingDataError, match="no file"):
        read_audio(tmp_path / "absent.wav")
    with pytest.raises(AudioError, match="not 16000"):
        read_audio(wav, sample_rate=16000)


def test_an_unknown_corpus_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="no corpus 'audiomnst'. Did you mean 'audiomnist'"):
        corpora.load("audiomnst")


@pytest.mark.parametrize("name", ["aev", "audiomnist", "fsdd"])
def test_a_corpus_that_is_not_here_says_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    with pytest.raises(MissingDataError, match=f"earwitness data download {name}.*EARWITNESS_DATA"):
        corpora.load(name)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 30), st.integers(3, 30), st.integers(3, 5))
def test_groups_share_out_each_stratum_and_folds_rotate_through_them(n_women, n_men, n_groups):
    women, men = [f"w{i}" for i in range(n_women)], [f"m{i}" for i in range(n_men)]
    groups = balanced_groups([women, men], n_groups)
    assert sorted(sum(groups, [])) == sorted(women + men)
    for stratum in (women, men):
        shares = [len(set(group) & set(stratum)) for group in groups]
        assert max(shares) - min(shares) <= 1
    index = {speaker: i for i, speaker in enumerate(women + men)}
    folds = rotate(groups, n_groups - 2, lambda speakers: np.array([index[s] for s in speakers], dtype=int))
    for fold in folds:
        everyone = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(everyone) == list(range(n_women + n_men))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(n_women + n_men))
