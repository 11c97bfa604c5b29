"""A clip without a rectangle of time and frequency."""

import numpy as np
import pytest

from earwitness import audition
from earwitness.errors import ParameterError

TIME = np.arange(16000) / 16000
TONES = {hz: np.sin(2 * np.pi * hz * TIME).astype(np.float32) for hz in (500, 3000)}


def level(samples, hz, start_s, end_s):
    part = slice(int(start_s * 16000), int(end_s * 16000))
    return abs(np.mean(samples[part] * np.exp(-2j * np.pi * hz * TIME[part]))) * 2


def test_only_the_rectangle_is_silent():
    left = audition.silence_region(TONES[500] + TONES[3000], 16000, (0.3, 0.6), (2000, 4000))
    assert left.dtype == np.float32
    assert left.shape == (16000,)
    assert level(left, 3000, 0.32, 0.58) < 0.01
    assert level(left, 3000, 0.05, 0.28) == pytest.approx(1, abs=0.02)
    assert level(left, 3000, 0.62, 0.95) == pytest.approx(1, abs=0.02)
    assert level(left, 500, 0.32, 0.58) == pytest.approx(1, abs=0.02)


def test_outside_of_the_rectangle_the_clip_is_as_it_was():
    noise = np.random.default_rng(0).standard_normal(8000)
    left = audition.silence_region(noise, 16000, (0.2, 0.3), (0, 8000))
    np.testing.assert_allclose(left[:2800], noise[:2800], atol=1e-6)
    np.testing.assert_allclose(left[5200:], noise[5200:], atol=1e-6)
    assert np.abs(left[3600:4400]).max() < 1e-6


def test_an_empty_rectangle_is_refused():
    with pytest.raises(ParameterError, match=r"from \(0.3, 0.3\) s"):
        audition.silence_region(TONES[500], 16000, (0.3, 0.3), (0, 100))
    with pytest.raises(ParameterError, match="is empty"):
        audition.silence_region(TONES[500], 16000, (0.3, 0.4), (200, 100))
