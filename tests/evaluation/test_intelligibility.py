"""Intelligibility: the speech itself, the speech in noise, noise; what is too short."""

import numpy as np
import pytest

from earwitness import corpora, evaluation
from earwitness.errors import AudioError, ParameterError


@pytest.fixture(scope="module")
def speech():
    """Return a second and a half of generated digits at 16 kHz."""
    corpus = corpora.load("voices", n_speakers=2, repetitions=1)
    return np.concatenate([corpus[i].samples for i in range(4)])[:24000].astype(float)


@pytest.mark.parametrize(("extended", "floor"), [(False, 0.45), (True, 0.15)])
def test_speech_is_intelligible_and_noise_is_not(speech, extended, floor):
    noise = np.random.default_rng(0).standard_normal(len(speech))
    level = np.sqrt(np.mean(speech**2))
    assert evaluation.stoi(speech, speech, 16000, extended=extended) == pytest.approx(1, abs=1e-6)
    assert evaluation.stoi(speech, noise, 16000, extended=extended) < floor
    falling = [evaluation.stoi(speech, speech + gain * level * noise, 16000, extended=extended) for gain in (0.1, 1, 4)]
    assert falling[0] > 0.8 and falling == sorted(falling, reverse=True) and falling[2] < falling[0] - 0.2


def test_scale_and_sign_do_not_matter(speech):
    heard = speech + 0.1 * np.random.default_rng(1).standard_normal(len(speech))
    expected = evaluation.stoi(speech, heard, 16000)
    assert evaluation.stoi(speech, -1e-25 * heard, 16000) == pytest.approx(expected, abs=1e-6)


def test_what_lies_above_its_bands_is_not_heard(speech):
    whistle = np.sin(2 * np.pi * 6500 * np.arange(len(speech)) / 16000)
    assert evaluation.stoi(speech, speech + whistle, 16000) > 0.999


def test_unusable_signals_are_told_in_a_sentence(speech):
    with pytest.raises(ParameterError, match="as long as the clean speech"):
        evaluation.stoi(speech, speech[:-1], 16000)
    for reference, signal, said in ((0 * speech, speech, "The clean speech is silent"), (speech, 0 * speech, "silent"),
                                    (speech[:6000], speech[:6000], "this clip lasts 375 ms"),
                                    (speech, np.where(np.arange(len(speech)) == 5, np.nan, speech), "NaN")):
        with pytest.raises(AudioError, match=said):
            evaluation.stoi(reference, signal, 16000)


def test_pauses_do_not_count_as_speech(speech):
    mostly_pause = speech * (np.arange(len(speech)) < 4000)
    with pytest.raises(AudioError, match="without its pauses"):
        evaluation.stoi(mostly_pause, speech, 16000)
