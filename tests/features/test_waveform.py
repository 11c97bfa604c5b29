"""One second at 8 kHz: silence around the clip, the loudest second of a long one, the percentile,
bad sound.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import features
from earwitness.errors import AudioError


def test_a_short_clip_stands_unchanged_inside_silence():
    clip = np.random.default_rng(0).uniform(0.1, 1, 3000).astype(np.float32)
    middle = features.fit_to_second(clip, 8000)
    np.testing.assert_array_equal(middle[2500:5500], clip)
    assert not middle[:2500].any() and not middle[5500:].any()


@given(st.integers(1, 8000), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_clip_of_any_length_keeps_its_samples_in_order(length, seed):
    clip = np.random.default_rng(seed).uniform(0.5, 1, length).astype(np.float32)
    placed = features.pad_to_length(clip, np.random.default_rng(seed))
    assert placed.shape == (8000,)
    np.testing.assert_array_equal(placed[placed != 0], clip)


def test_positions_reach_both_ends_and_depend_on_the_generator_alone():
    def start(seed):
        return int(
            np.flatnonzero(
                features.pad_to_length(np.ones(7998, np.float32), np.random.default_rng(seed))
            )[0]
        )

    starts = [start(seed) for seed in range(40)]
    assert set(starts) == {0, 1, 2}
    assert starts == [start(seed) for seed in range(40)]


def test_a_long_clip_keeps_its_loudest_second():
    clip = np.full(20000, 0.01, np.float32)
    clip[9000:15000] = 0.5
    kept = features.fit_to_second(clip, 8000)
    assert (kept == 0.5).sum() == 6000 and len(kept) == 8000


def test_resampling_keeps_duration_and_pitch():
    tone = np.sin(2 * np.pi * 440 * np.arange(48000) / 48000).astype(np.float32)
    at_8k = features.resample(tone, 48000)
    assert at_8k.shape == (8000,) and at_8k.dtype == np.float32
    assert np.abs(np.fft.rfft(at_8k)).argmax() == 440


def test_the_waveform_is_over_its_95th_amplitude_percentile():
    second = np.linspace(-1, 1, 8000)
    scaled = features.waveform(second)
    np.testing.assert_allclose(np.percentile(np.abs(scaled), 95), 0.95 / 0.951, rtol=1e-4)
    np.testing.assert_array_equal(features.waveform(np.stack([second, 2 * second]))[0], scaled)


def test_silence_around_a_clip_stays_exactly_zero():
    second = features.fit_to_second(np.ones(400, np.float32), 8000)
    assert (features.waveform(second) == 0).sum() == 7600


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros(100), "silent"),
        (np.zeros(0), "empty"),
        (np.ones((2, 100)), "one channel"),
        (np.array([0.1, np.nan]), "NaN"),
        (np.array([0.1, np.inf]), "infinite"),
        (np.ones(8000 * 61), "at most 60 s"),
    ],
)
def test_unusable_sound_is_told_in_a_sentence(samples, said):
    with pytest.raises(AudioError, match=said):
        features.fit_to_second(samples, 8000)
