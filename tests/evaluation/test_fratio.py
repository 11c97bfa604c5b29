"""F-ratio by hand and by simulation; levels and relevance by sub-band of tones and noise."""

import numpy as np
import pytest

from earwitness import evaluation
from earwitness.errors import AudioError, ParameterError

EDGES_HZ = np.arange(0, 8001, 500)


def tone(freq_hz, n_samples=8000):
    return np.sin(2 * np.pi * freq_hz * np.arange(n_samples) / 16000)


def test_the_f_ratio_by_hand():
    levels = [[1, 0], [3, 0], [5, 1], [9, 5]]  # means 2, 7 and 0, 3; variances within 1, 4 and 0, 4
    np.testing.assert_allclose(evaluation.f_ratio(levels, ["a", "a", "b", "b"]), [6.25 / 2.5, 2.25 / 2])
    np.testing.assert_allclose(evaluation.f_ratio(np.array(levels)[[2, 0, 3, 1]], ["b", "a", "b", "a"]), [2.5, 1.125])
    assert evaluation.f_ratio([[0.0], [0], [1], [1]], ["a", "a", "b", "b"])[0] == np.inf


def test_bands_in_which_speakers_differ_stand_out_and_others_give_one_over_one_less_than_their_utterances():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(400), 5)
    levels = rng.standard_normal((2000, 3))
    levels[:, 1] += 3 * rng.standard_normal(400)[speakers]
    ratio = evaluation.f_ratio(levels, speakers)
    assert ratio[[0, 2]] == pytest.approx(1 / 4, rel=0.2)
    assert ratio[1] == pytest.approx((9 + 1 / 5) / (4 / 5), rel=0.2)
    assert evaluation.f_ratio(levels, rng.permutation(speakers))[1] == pytest.approx(1 / 4, rel=0.2)


def test_f_ratio_does_not_change_with_unit_or_offset():
    rng = np.random.default_rng(1)
    levels, speakers = rng.standard_normal((20, 4)), np.repeat(["a", "b", "c", "d"], 5)
    np.testing.assert_allclose(evaluation.f_ratio(3 * levels - 50, speakers), evaluation.f_ratio(levels, speakers))


@pytest.mark.parametrize(("levels", "speakers", "said"), [
    (np.ones((4, 2)), ["a"] * 4, "at least two speakers"), (np.ones((3, 2)), ["a", "a", "b"], "two utterances each"),
    (np.ones(4), ["a", "a", "b", "b"], "n_utterances, n_bands"), (np.ones((4, 2)), ["a", "b"], "a speaker for each"),
    (np.full((4, 2), -np.inf), ["a", "a", "b", "b"], "finite"),
])
def test_too_little_for_an_f_ratio_is_told_in_a_sentence(levels, speakers, said):
    with pytest.raises(ParameterError, match=said):
        evaluation.f_ratio(levels, speakers)


def test_a_tone_raises_the_level_of_its_band_alone():
    noise = 1e-3 * np.random.default_rng(2).standard_normal(8000)
    quiet, loud = (evaluation.band_levels(signal, 16000, EDGES_HZ) for signal in (noise, noise + tone(2240)))
    assert (loud - quiet).argmax() == 4 and loud[4] - quiet[4] > 30
    assert np.abs(loud - quiet)[6:].max() < 0.1
    np.testing.assert_allclose(evaluation.band_levels(10 * noise, 16000, EDGES_HZ), quiet + 20, atol=1e-3)


@pytest.mark.parametrize(("edges_hz", "said"), [
    ([0, 500, 500], "must rise"), ([100], "at least two"), ([0, 41, 79], "No bin lies between 41 and 79 Hz"),
    ([0, 9000, 9500], "No bin lies between 9000"),
])
def test_bands_that_hold_nothing_are_told_in_a_sentence(edges_hz, said):
    with pytest.raises(ParameterError, match=said):
        evaluation.band_levels(tone(100), 16000, edges_hz)


def test_recordings_too_short_or_silent_are_refused():
    with pytest.raises(ParameterError, match="shorter than a frame"):
        evaluation.band_levels(tone(100, 200), 16000, EDGES_HZ)
    with pytest.raises(AudioError, match="silent"):
        evaluation.band_levels(np.zeros(8000), 16000, EDGES_HZ)
