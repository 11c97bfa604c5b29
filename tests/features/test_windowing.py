"""Windows of raw waveform: where they lie, what surrounds the utterance, mean and variance, bad
input.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import features
from earwitness.errors import AudioError, ParameterError


@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_windows_are_what_copying_sample_by_sample_gives(n_samples, length, seed):
    rng = np.random.default_rng(seed)
    samples, centres = (
        rng.standard_normal(n_samples).astype(np.float32),
        rng.integers(0, n_samples, 5),
    )
    expected = [
        [
            samples[t] if 0 <= t < n_samples else 0
            for t in range(c - length // 2, c - length // 2 + length)
        ]
        for c in centres
    ]
    found = features.windows(samples, centres.tolist(), length)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32


def test_windows_are_copies_and_there_may_be_none():
    samples = np.ones(50, np.float32)
    features.windows(samples, [10], 8)[:] = 7
    assert (samples == 1).all()
    assert features.windows(samples, [], 8).shape == (0, 8)


def test_frames_have_their_centres_in_the_middle_of_each_hop():
    np.testing.assert_array_equal(features.frame_centres(480), [80, 240, 400])
    np.testing.assert_array_equal(features.frame_centres(400), [80, 240])
    np.testing.assert_array_equal(features.frame_centres(401), [80, 240, 400])
    np.testing.assert_array_equal(features.frame_centres(1), [0])
    np.testing.assert_array_equal(features.frame_centres(7, hop=3), [1, 4])


def test_a_normalised_window_has_mean_zero_and_variance_one_whatever_its_level():
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((2, 3, 4000)) * [[[1e-4]], [[3.0]]] + 0.2
    found = features.normalised(raw)
    expected = (raw - raw.mean(-1, keepdims=True)) / raw.std(-1, keepdims=True)
    assert found.shape == raw.shape and found.dtype == np.float32
    np.testing.assert_allclose(
        found, expected, atol=2e-3
    )  # float32 holds 0.2 + 1e-4 to four digits
    np.testing.assert_allclose(found[1], expected[1], atol=2e-6)


def test_a_constant_window_stays_zero_and_normalising_leaves_its_input_alone():
    raw = np.full((3, 4000), 0.1, np.float32)
    raw[1] = 0
    raw[2, ::2] = -0.1
    kept = raw.copy()
    found = features.normalised(raw)
    assert np.abs(found[:2]).max() < 1e-6
    assert np.abs(found[2]).min() == pytest.approx(1, abs=2e-5)
    np.testing.assert_array_equal(raw, kept)


@pytest.mark.parametrize(
    ("centres", "said"),
    [
        ([10], "inside the utterance, 0 to 9"),
        ([-1], "got -1"),
        ([1.5], "integers"),
        ([[1]], "list of sample numbers"),
    ],
)
def test_a_centre_outside_the_utterance_is_told_in_a_sentence(centres, said):
    with pytest.raises(ParameterError, match=said):
        features.windows(np.ones(10), centres, 4)


def test_windows_need_one_channel_and_whole_positive_sizes():
    with pytest.raises(AudioError, match="one channel"):
        features.windows(np.ones((2, 10)), [1], 4)
    with pytest.raises(AudioError, match="one channel"):
        features.windows(np.ones(0), [], 4)
    with pytest.raises(ParameterError, match="length must be a positive integer"):
        features.windows(np.ones(10), [1], 0)
    for wrong in ({"n_samples": 0}, {"n_samples": 10, "hop": 2.5}, {"n_samples": 10, "hop": True}):
        with pytest.raises(ParameterError, match="positive integer|whole number"):
            features.frame_centres(**wrong)
