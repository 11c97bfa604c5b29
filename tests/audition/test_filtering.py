"""A filter bank that gives back what it is not asked to change, and takes away what it is."""

import numpy as np
import pytest
import torch

from earwitness import audition
from earwitness.audition.filtering import filter_bank
from earwitness.errors import AudioError, ParameterError

RATE = 8000


def noise(n=8000, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32) / 4


def tone(frequency_hz, n=8000):
    return np.sin(2 * np.pi * frequency_hz * np.arange(n) / RATE).astype(np.float32)


def level_db(samples):
    return 10 * np.log10(np.mean(np.asarray(samples, np.float64) ** 2) + 1e-30)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((40, 50), {}),
        ((1, 1), {}),
        ((227, 227), {"frame_length": 455, "hop": 35, "start": -157}),
        ((513, 9), {"frame_length": 1024, "hop": 512}),
        ((40, 50), {"n_bands": 7, "n_taps": 33}),
        ((40, 8), {"hop": 1000, "frame_length": 1000}),
    ],
)
def test_a_heatmap_of_ones_gives_the_signal_back_without_delay(shape, options):
    samples = noise()
    heard = audition.filter_by_relevance(samples, np.ones(shape), RATE, **options)
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, samples, atol=1e-6)


@pytest.mark.parametrize(("n_bands", "n_taps"), [(20, 129), (1, 1), (5, 63)])
def test_the_filters_have_linear_phase_and_add_up_to_a_pulse(n_bands, n_taps):
    filters = filter_bank(n_bands, n_taps)
    np.testing.assert_allclose(filters, filters[:, ::-1], atol=1e-15)
    np.testing.assert_allclose(filters.sum(0), np.arange(n_taps) == n_taps // 2, atol=1e-15)


@pytest.mark.parametrize("band", [0, 7, 19])
def test_passing_one_band_keeps_its_tone_and_removes_others_by_40_db(band):
    heatmap = np.zeros((20, 10))
    heatmap[band] = 1
    centres_hz = (np.arange(20) + 0.5) * 200
    for other, frequency_hz in enumerate(centres_hz):
        samples = tone(frequency_hz)
        heard = audition.filter_by_relevance(samples, heatmap, RATE, freqs_hz=centres_hz)[200:-200]
        change = level_db(heard) - level_db(samples[200:-200])
        if other == band:
            assert abs(change) < 0.2
        else:
            assert change < (-40 if abs(other - band) > 1 else -25), other


def test_columns_open_and_close_in_time():
    samples, heatmap = noise(), np.zeros((40, 10))
    heatmap[:, 5] = 1
    heard = audition.filter_by_relevance(samples, heatmap, RATE)
    outside = np.r_[heard[: 4 * 800 - 80], heard[7 * 800 + 80 :]]
    assert np.abs(outside).max() < 1e-6
    np.testing.assert_allclose(heard[4350:4450], samples[4350:4450], atol=0.02)


def test_hop_and_start_place_the_columns():
    samples, heatmap = noise(), np.zeros((40, 16))
    heatmap[:, 8] = 1
    for start in (0, -250):
        heard = audition.filter_by_relevance(
            samples, heatmap, RATE, frame_length=500, hop=500, start=start
        )
        sounding = np.flatnonzero(np.abs(heard) > 1e-6)
        assert abs(sounding[0] - (start + 4000)) < 70 and abs(sounding[-1] - (start + 4500)) < 70


def test_before_the_first_and_behind_the_last_column_gains_stay():
    samples, heatmap = noise(), np.full((10, 2), 0.5)
    heard = audition.filter_by_relevance(
        samples, heatmap, RATE, frame_length=100, hop=100, start=4000
    )
    np.testing.assert_allclose(heard, samples / 2, atol=1e-6)


def test_rows_are_placed_by_their_frequencies():
    heatmap = np.array([[0.0], [1.0]])
    low_hz, high_hz = tone(300), tone(3000)
    low, high = (
        audition.filter_by_relevance(x, heatmap, RATE, freqs_hz=[100, 1900])
        for x in (low_hz, high_hz)
    )
    assert level_db(low) < -30 and abs(level_db(high) - level_db(high_hz)) < 0.2
    low, high = (
        audition.filter_by_relevance(x, heatmap, RATE, freqs_hz=[3000, 3900])
        for x in (low_hz, high_hz)
    )
    assert level_db(low) < -30 and level_db(high) < -30


def test_many_rows_in_a_band_count_with_their_mean():
    heatmap = np.zeros((4000, 1))
    heatmap[::2] = 1
    samples = noise()
    np.testing.assert_allclose(
        audition.filter_by_relevance(samples, heatmap, RATE), samples / 2, atol=1e-3
    )


def test_tensors_are_taken_and_no_input_is_changed():
    samples, heatmap = (
        torch.as_tensor(noise(500)),
        torch.rand(20, 5, generator=torch.Generator().manual_seed(0)),
    )
    before = samples.clone(), heatmap.clone()
    heard = audition.filter_by_relevance(samples, heatmap, RATE)
    np.testing.assert_array_equal(
        heard, audition.filter_by_relevance(samples.numpy(), heatmap.numpy(), RATE)
    )
    assert torch.equal(samples, before[0]) and torch.equal(heatmap, before[1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": np.ones((2, 5))}, "one channel"),
        ({"samples": np.ones(0)}, "one channel"),
        ({"samples": np.array([1, np.nan])}, "finite"),
        ({"heatmap": -np.ones((2, 2))}, "not negative"),
        ({"heatmap": np.ones(3)}, "freq, time"),
        ({"heatmap": np.full((2, 2), np.inf)}, "finite"),
        ({"heatmap": np.ones((0, 2))}, "freq, time"),
        ({"n_taps": 128}, "odd n_taps"),
        ({"n_bands": 0}, "n_bands must be a whole number from 1"),
        ({"hop": 0, "frame_length": 10}, "0 < hop"),
        ({"hop": 20, "frame_length": 10}, "0 < hop"),
        ({"hop": 10, "frame_length": 10, "start": 9000}, "No column"),
        ({"freqs_hz": [1.0]}, "2 increasing"),
        ({"freqs_hz": [2.0, 1.0]}, "2 increasing"),
    ],
)
def test_what_cannot_be_filtered_is_refused(change, message):
    given = {"samples": noise(100), "heatmap": np.ones((2, 2)), "sample_rate": RATE, **change}
    with pytest.raises(AudioError if "samples" in change else ParameterError, match=message):
        audition.filter_by_relevance(**given)
