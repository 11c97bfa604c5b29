"""Angles and measures against the direct sound, on scenes made by hand."""

import numpy as np
import pytest

from earwitness import evaluation
from earwitness.acoustics import sphere
from earwitness.errors import AudioError, ParameterError
from earwitness.evaluation import scenes


def test_the_error_is_the_angle_between_two_directions():
    true = sphere.unit_vector(np.deg2rad([0, 10, 90, 30]), np.deg2rad([0, 0, 20, 90]))
    found = sphere.unit_vector(np.deg2rad([0, 350, 90, 200]), np.deg2rad([5, 0, -70, 80]))
    np.testing.assert_allclose(scenes.angular_error_deg(found, true), [5, 20, 90, 10], atol=1e-9)


def test_a_summary_counts_what_is_within_ten_degrees():
    assert scenes.summary([1, 10, 11, 60]) == {"within_percent": 50, "median_deg": 10.5, "n": 4}
    assert scenes.summary([1, 10, 11, 60], within_deg=60)["within_percent"] == 100


def test_intervals_include_their_lower_end_and_the_last_one_both():
    table = scenes.by_condition([1, 20, 3, 4, 50], [0, 5, 10, 20, 25], [0, 10, 20])
    assert table[["low", "high", "middle", "n"]].to_numpy().tolist() == [
        [0, 10, 5, 2],
        [10, 20, 15, 2],
    ]
    assert table["within_percent"].tolist() == [50, 100]
    assert table["median_deg"].tolist() == [10.5, 3.5]
    assert table["within_se"].tolist() == pytest.approx([100 * np.sqrt(0.25 / 2), 0])


def test_intervals_without_scenes_are_left_out():
    assert scenes.by_condition([1, 2], [0.5, 2.5], [0, 1, 2, 3])["low"].tolist() == [0, 2]


def test_chance_is_the_share_of_the_sphere_within_ten_degrees():
    drawn = np.random.default_rng(0).standard_normal((200_000, 3))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    share = 100 * np.mean(
        scenes.angular_error_deg(drawn, np.broadcast_to([0, 0, 1.0], drawn.shape)) <= 10
    )
    assert scenes.chance() == pytest.approx(share, abs=0.06)
    assert scenes.chance(180) == pytest.approx(100)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: scenes.angular_error_deg(np.eye(3), np.eye(3)[:2]), "one to one"),
        (
            lambda: scenes.angular_error_deg(2 * np.eye(3), np.eye(3)),
            "estimated directions are not all unit",
        ),
        (
            lambda: scenes.angular_error_deg(np.eye(3), 0 * np.eye(3)),
            "true directions are not all unit",
        ),
        (lambda: scenes.summary([]), "no angular errors"),
        (lambda: scenes.by_condition([1, 2], [1], [0, 1]), "needs its condition"),
        (lambda: scenes.by_condition([1], [1], [1, 0]), "edges of intervals grow"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, sentence):
    with pytest.raises(ParameterError, match=sentence):
        call()


def noise(seed=0, n=16000):
    return np.random.default_rng(seed).standard_normal(n)


def test_direct_dominated_bins_are_those_of_the_louder_tone():
    t = np.arange(16000) / 16000
    direct, rest = np.sin(2 * np.pi * 1000 * t) * (t < 0.5), np.sin(2 * np.pi * 4000 * t)
    mask = evaluation.direct_dominated(direct, rest)
    assert mask.shape == (50, 512)
    assert (
        mask[5:20, 63].all() and not mask[:, 255].any()
    )  # 1000 Hz is bin 64 of 1 to 512, 4000 Hz bin 256
    assert not mask[30:, 63].any()


def test_the_signal_to_distortion_ratio_is_that_of_the_mixture_at_any_scale():
    speech, other = noise(0), noise(1)
    other -= (other @ speech) / (speech @ speech) * speech
    other *= np.linalg.norm(speech) / np.linalg.norm(other)
    for scale in (1.0, -3.0, 1e-6):
        assert evaluation.sdr_db(speech, scale * (speech + 0.1 * other)) == pytest.approx(20.0)
    assert evaluation.sdr_db(speech, speech) > 100
    assert evaluation.sdr_db(speech, other) < -100


@pytest.mark.parametrize(
    ("reference", "estimate", "message"),
    [
        (noise(), noise()[:-1], "one length"),
        (noise(), 0 * noise(), "silent"),
        (0 * noise(), noise(), "silent"),
        (noise(), np.full(16000, np.nan), "finite"),
    ],
)
def test_signals_without_a_ratio_are_refused(reference, estimate, message):
    with pytest.raises(AudioError, match=message):
        evaluation.sdr_db(reference, estimate)


def test_musical_noise_is_one_for_a_change_of_level_and_more_for_lonely_bins():
    before = noise()
    assert evaluation.musical_noise(before, before) == 1.0
    slowly = before * (1.5 + np.sin(np.arange(16000) / 3000))
    assert 0.8 < evaluation.musical_noise(before, slowly) < 1.25
    t = np.arange(16000) / 16000
    bells = sum(np.sin(2 * np.pi * f * t) for f in (700, 2300, 4100))
    assert evaluation.musical_noise(before, before + 3 * bells) > 5
    with pytest.raises(AudioError, match="one length"):
        evaluation.musical_noise(before, before[:320])
    with pytest.raises(AudioError, match="Silence"):
        evaluation.musical_noise(before, 0 * before)


def test_the_direct_sound_and_the_rest_must_be_one_channel_of_one_length():
    with pytest.raises(AudioError, match="one channel of one length"):
        evaluation.direct_dominated(noise(), noise()[:320])
    with pytest.raises(AudioError, match="one channel of one length"):
        evaluation.direct_dominated(noise().reshape(4, -1), noise().reshape(4, -1))


@pytest.mark.parametrize(("level_db", "counts"), [(-50, True), (-70, False)])
def test_frames_sixty_decibels_below_the_loudest_do_not_count_as_musical_noise(level_db, counts):
    """In the second half only a tone is left: a lonely bin, if it can be heard at all."""
    before, tone = noise(), np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000)
    loudest = np.sqrt(np.mean(before**2))
    after = np.concatenate([before[:8000], loudest * 2**0.5 * 10 ** (level_db / 20) * tone])
    ratio = evaluation.musical_noise(before, after)
    assert ratio > 5 if counts else ratio == pytest.approx(1, abs=0.3)
