"""Two ears: who speaks left is earlier and louder there, ahead is equal, levels and lengths
stay.
"""

import numpy as np
import pytest

from earwitness import audition
from earwitness.acoustics import sphere
from earwitness.audition.binaural import _around_head
from earwitness.errors import AudioError, ParameterError

RATE = 16000


def ears(direction, order=2, n=4000):
    wave = np.random.default_rng(0).standard_normal(n)
    field = sphere.harmonics(np.array(direction, float), order)[:, None] * wave
    return audition.binaural(field, RATE), wave


def lag(sound):
    """Samples by which the right ear is later."""
    early = np.correlate(sound[:, 1], sound[:, 0], "full")
    return int(early.argmax()) - (len(sound) - 1)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_a_source_on_the_left_is_earlier_and_louder_in_the_left_ear(order):
    sound, _ = ears([0, 1, 0], order)
    assert lag(sound) > 3 and np.std(sound[:, 0]) > 1.3 * np.std(sound[:, 1])
    other, _ = ears([0, -1, 0], order)
    assert lag(other) < -3 and np.std(other[:, 1]) > 1.3 * np.std(other[:, 0])


@pytest.mark.parametrize("direction", [[1, 0, 0], [-1, 0, 0], [0, 0, 1]])
def test_a_source_in_the_middle_plane_reaches_both_ears_alike(direction):
    sound, _ = ears(direction)
    assert lag(sound) == 0
    assert np.std(sound[:, 0]) == pytest.approx(np.std(sound[:, 1]), rel=0.03)


def test_the_head_is_as_large_as_woodworth_has_it():
    angle = np.array([0.0, np.pi / 2, np.pi])
    phase = np.angle(
        _around_head(angle, np.array([7000.0, 7001.0]))
    )  # there the shadow adds no delay
    delay_s = -(phase[:, 1] - phase[:, 0]) / (2 * np.pi)
    assert delay_s[2] - delay_s[0] == pytest.approx(0.0875 / 343 * (1 + np.pi / 2), rel=0.05)
    assert delay_s[0] < delay_s[1] < delay_s[2]


def test_high_frequencies_are_shadowed_and_low_ones_bend_around_the_head():
    low, high = np.abs(_around_head(np.deg2rad([0.0, 150.0]), np.array([20.0, 7000.0]))).T
    np.testing.assert_allclose(low, 1, atol=0.05)
    assert high[0] > 1.5 and high[1] < 0.4


def test_the_sum_of_two_scenes_sounds_like_both():
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((2, 9, 1000))
    np.testing.assert_allclose(
        audition.binaural(one + other, RATE),
        audition.binaural(one, RATE) + audition.binaural(other, RATE),
        atol=1e-10,
    )


def test_two_ears_can_be_played_and_three_cannot():
    sound, _ = ears([0, 1, 0])
    clip = audition.player(sound, RATE, "left")
    assert clip.duration_s == pytest.approx(0.25) and "softer" in clip.caption
    assert int.from_bytes(clip.wav()[22:24], "little") == 2
    with pytest.raises(AudioError, match=r"one channel of samples \(T,\), or two \(T, 2\)"):
        audition.player(np.zeros((100, 3)), RATE)


def test_what_is_no_ambisonic_signal_is_refused():
    with pytest.raises(AudioError, match=r"shape \(channels, T\)"):
        audition.binaural(np.zeros(100), RATE)
    with pytest.raises(ParameterError, match="5 channels are no ambisonic signal"):
        audition.binaural(np.zeros((5, 100)), RATE)
