"""Equations 3 and 4 of Kiyan et al., written out slowly, and what the filters must do and
refuse.
"""

import numpy as np
import pytest
import torch

from earwitness import audition
from earwitness.audition.filtering import filter_bank
from earwitness.errors import AudioError, ParameterError


def noise(n=16000, seed=0):
    return np.random.default_rng(seed).standard_normal(n) / 4


def equations(samples, heatmap, n_bands, n_taps, frame_length, hop):
    """Eqs. (3) and (4), frame by frame, with the two divisions that an even heatmap needs."""
    filters = filter_bank(n_bands, n_taps)
    spectra = np.abs(np.fft.rfft(filters, frame_length))[:, 1:]
    window = np.sin(np.pi * (np.arange(frame_length) + 0.5) / frame_length) ** 2
    padded = np.pad(samples, (frame_length // 2, frame_length))
    total, windows = np.zeros(len(padded) + n_taps), np.zeros(len(padded))
    for n in range(heatmap.shape[1]):
        windows[n * hop : n * hop + frame_length] += window
    for n in range(heatmap.shape[1]):
        impulse = sum(
            (spectrum @ heatmap[:, n]) / spectrum.sum() * taps
            for spectrum, taps in zip(spectra, filters, strict=True)
        )
        frame = slice(n * hop, n * hop + frame_length)
        part = np.convolve(padded[frame] * window / windows[frame], impulse)
        total[n * hop : n * hop + len(part)] += part
    return total[frame_length // 2 + n_taps // 2 :][: len(samples)]


def test_frames_are_filtered_as_equations_3_and_4_say():
    samples, heatmap = noise(1600), np.random.default_rng(1).random((64, 25))
    ours = audition.filter_frames(samples, heatmap, n_bands=5, n_taps=33, frame_length=128, hop=64)
    np.testing.assert_allclose(ours, equations(samples, heatmap, 5, 33, 128, 64), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"n_bands": 1, "n_taps": 1}, {"n_bands": 7, "n_taps": 63}])
def test_an_even_heatmap_gives_a_random_signal_back(options):
    samples = noise()
    heard = audition.filter_frames(samples, np.ones((512, 50)), **options)
    assert np.abs(heard - samples).max() < 1e-6 * np.abs(samples).max()


def test_a_heatmap_lets_through_the_tone_in_its_band_at_its_time():
    t = np.arange(16000) / 16000
    samples = np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 5000 * t)
    heatmap = np.zeros((512, 50))
    heatmap[51:77, 20:30] = 1  # 800 to 1200 Hz, 0.4 to 0.6 s
    heard = audition.filter_frames(samples, heatmap)
    spectrum = np.abs(np.fft.rfft(heard))
    assert spectrum[1000] > 100 * spectrum[5000]
    assert np.abs(heard[7000:9000]).max() > 0.5
    assert np.abs(np.r_[heard[:5500], heard[10500:]]).max() < 1e-6


def test_the_weighted_inverse_of_ones_gives_the_signal_back_and_one_row_a_tone():
    samples = noise()
    np.testing.assert_allclose(
        audition.weighted_inverse(samples, np.ones((513, 50))), samples, atol=1e-6
    )
    heatmap = np.zeros((512, 50))
    heatmap[63] = 1  # 64 periods in a frame
    spectrum = np.abs(np.fft.rfft(audition.weighted_inverse(samples, heatmap))) ** 2
    assert spectrum[980:1021].sum() > 0.95 * spectrum.sum()


def test_gains_are_the_positive_part_over_its_maximum():
    gains = audition.relevance_gains(torch.tensor([[-4.0, 2.0], [1.0, 0.0]]))
    np.testing.assert_array_equal(gains, [[0, 1], [0.5, 0]])


@pytest.mark.parametrize(
    ("relevance", "message"),
    [
        (np.zeros((2, 2)), "No relevance is positive"),
        (-np.ones((2, 2)), "No relevance is positive"),
        (np.array([[np.nan, 1.0]]), "NaN"),
    ],
)
def test_relevance_that_leaves_nothing_to_hear_is_refused(relevance, message):
    with pytest.raises(ParameterError, match=message):
        audition.relevance_gains(relevance)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"heatmap": np.ones((512, 49))},
            AudioError,
            "differ in length: 49 columns every 320 samples, and 16000",
        ),
        ({"samples": np.ones(15000)}, AudioError, "differ in length"),
        ({"samples": np.ones((2, 16000))}, AudioError, "one channel"),
        ({"samples": np.full(16000, np.nan)}, AudioError, "finite"),
        ({"heatmap": -np.ones((512, 50))}, ParameterError, "not negative"),
        ({"heatmap": np.ones(50)}, ParameterError, "freq, time"),
        ({"n_taps": 128}, ParameterError, "odd n_taps"),
        ({"n_bands": 0}, ParameterError, "n_bands >= 1"),
        (
            {"heatmap": np.ones((12, 50)), "freqs_hz": np.arange(12) * 600.0},
            ParameterError,
            "cannot tell 20 bands apart",
        ),
        (
            {"heatmap": np.ones((400, 50))},
            ParameterError,
            "400 rows, and there are 512 frequencies",
        ),
    ],
)
def test_a_bank_that_cannot_reconstruct_or_a_heatmap_that_does_not_fit_is_refused(
    change, error, message
):
    given = {"samples": noise(), "heatmap": np.ones((512, 50)), **change}
    with pytest.raises(error, match=message):
        audition.filter_frames(**given)


def test_the_weighted_inverse_refuses_other_rows():
    with pytest.raises(ParameterError, match="takes 513 rows, or 512"):
        audition.weighted_inverse(noise(), np.ones((400, 50)))


def test_inputs_stay_as_they_are():
    samples, heatmap = noise(), np.random.default_rng(0).random((512, 50))
    kept = samples.copy(), heatmap.copy()
    for filtering in (audition.filter_frames, audition.weighted_inverse):
        filtering(samples, heatmap)
    assert np.array_equal(samples, kept[0]) and np.array_equal(heatmap, kept[1])
