"""Spectral relevance against numerical Wirtinger derivatives, analytic gradients and a resynthesis;
bad input.
"""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import features
from earwitness.errors import AudioError, ParameterError, UnknownNameError

RATE = 16000


def small_net(n_samples, seed=0):
    """Return a smooth nonlinear score of (batch, n_samples) in double precision."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(n_samples, 9), nn.Tanh(), nn.Linear(9, 1), nn.Softplus()
    ).double()


def wirtinger(score, spectrum, k, step=1e-6):
    """Return (d/da - j d/db) / 2 of the score, X[k] moving by a + jb and its partner X[N-k] by the
    conjugate.
    """
    n = len(spectrum)

    def quotient(direction):
        answers = []
        for sign in (1, -1):
            moved = spectrum.copy()
            moved[k] += sign * step * direction
            if k not in (0, n - k):
                moved[n - k] += sign * step * np.conj(direction)
            signal = np.fft.ifft(moved)
            assert np.abs(signal.imag).max() < 1e-12
            answers.append(score(signal.real))
        return (answers[0] - answers[1]) / (2 * step)

    if k in (0, n - k):  # a real signal leaves these bins only the real direction
        return quotient(1.0)
    return (quotient(1.0) - 1j * quotient(1j)) / 2


@pytest.mark.parametrize("n_samples", [16, 15])
def test_spectral_relevance_is_the_numerical_wirtinger_derivative(n_samples):
    model, x = small_net(n_samples), np.random.default_rng(1).standard_normal(n_samples)

    def score(signal):
        with torch.no_grad():
            return model(torch.tensor(signal)[None]).item()

    leaf = torch.tensor(x)[None].requires_grad_()
    relevance = torch.autograd.grad(model(leaf).sum(), leaf)[0]
    found = features.spectral_relevance(relevance, RATE, window_s=None)
    expected = [wirtinger(score, np.fft.fft(x), k) for k in range(n_samples // 2 + 1)]
    assert found.shape == (1, n_samples // 2 + 1, 1)
    np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-9)
    assert np.abs(expected).max() > 1e-4


def test_a_linear_models_spectral_relevance_is_its_analytic_gradient():
    weights, n = np.random.default_rng(2).standard_normal(64), 64
    expected = [
        sum(weights[t] * np.exp(2j * np.pi * k * t / n) for t in range(n)) / n
        for k in range(n // 2 + 1)
    ]
    found = features.spectral_relevance(weights, RATE, None)[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-14)
    x = np.random.default_rng(3).standard_normal(n)
    both_sides = found * np.fft.rfft(x) * np.r_[1, np.full(n // 2 - 1, 2), 1]
    assert both_sides.sum().real == pytest.approx(
        weights @ x
    )  # what each bin adds, adds up to the score


def test_the_short_time_version_is_the_derivative_of_a_sum_of_windowed_frames():
    n_samples, n_window, hop = 40, 16, 6
    shape = torch.hann_window(n_window, periodic=True, dtype=torch.float64)
    generator, model = torch.Generator().manual_seed(4), small_net(n_samples)
    frames = torch.randn(5, n_window // 2 + 1, 2, generator=generator, dtype=torch.float64)
    frames[:, [0, -1], 1] = 0  # bins 0 and N/2 are real
    frames.requires_grad_()
    pieces = torch.fft.irfft(torch.view_as_complex(frames), n_window) * shape  # (frame, N)
    signal = sum(
        nn.functional.pad(piece, (m * hop, n_samples - n_window - m * hop))
        for m, piece in enumerate(pieces)
    )
    relevance, by_parts = torch.autograd.grad(model(signal[None]).sum(), [signal, frames])
    found = features.spectral_relevance(relevance, 1000, 0.016, 0.006)
    expected = torch.view_as_complex(by_parts).numpy().conj().T / 2  # (d/da - j d/db) / 2
    expected[[0, -1]] *= 2  # bins that have no partner
    np.testing.assert_allclose(found[1:-1], expected[1:-1], atol=1e-12)
    np.testing.assert_allclose(found[[0, -1]].real, expected[[0, -1]].real, atol=1e-12)


def test_a_tone_lands_in_its_bin_with_the_windows_own_gain():
    tone = np.cos(2 * np.pi * 1000 * np.arange(3200) / RATE)
    freqs_hz, times_s = features.spectral_axes(3200, RATE)
    for window, gain in (("rectangular", 0.5), ("hann", 0.25), ("hamming", 0.27)):
        found = np.abs(features.spectral_relevance(tone, RATE, window=window))
        assert found.shape == (len(freqs_hz), len(times_s)) == (201, 18)
        np.testing.assert_array_equal(freqs_hz[found.argmax(0)], 1000)
        np.testing.assert_allclose(found.max(0), gain, atol=1e-10)


def test_a_click_is_found_at_its_time_and_its_delay_turns_the_phase_forward():
    click = np.zeros(1600)
    click[560] = 1  # frame 3 is samples 480 to 879
    found = features.spectral_relevance(click, RATE, window="rectangular")
    _, times_s = features.spectral_axes(1600, RATE)
    np.testing.assert_allclose(
        times_s[np.abs(found[1]) > 0], [0.0325, 0.0425]
    )  # frames 2 and 3: 320 and 480 on
    np.testing.assert_allclose(
        found[:, 3], np.exp(2j * np.pi * np.arange(201) * 80 / 400) / 400, atol=1e-12
    )


def test_batches_are_kept_and_precision_follows_the_input():
    batch = np.random.default_rng(5).standard_normal((2, 3, 1000))
    found = features.spectral_relevance(batch, RATE)
    assert found.shape == (2, 3, 201, 4) and found.dtype == np.complex128
    np.testing.assert_array_equal(found[1, 2], features.spectral_relevance(batch[1, 2], RATE))
    single = features.spectral_relevance(torch.tensor(batch, dtype=torch.float32), RATE)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, found, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"relevance": np.ones(399)}, "399 samples .24.9 ms. is shorter than a frame of 25.0 ms"),
        ({"relevance": np.array([np.nan, *np.ones(500), np.inf])}, "2 values that are NaN"),
        ({"relevance": np.ones(500) * 1j}, "real numbers"),
        ({"relevance": np.float64(1)}, "real numbers"),
        ({"relevance": np.ones(1), "window_s": None}, "at least two samples"),
        ({"window_s": 0.0}, "at least two samples"),
        ({"hop_s": 0.0}, "a hop at least one"),
        ({"sample_rate": 0}, "needs a sample rate, a positive number"),
    ],
)
def test_what_cannot_be_transformed_is_told_in_a_sentence(change, said):
    given = {"relevance": np.ones(500), "sample_rate": RATE} | change
    with pytest.raises((ParameterError, AudioError), match=said):
        features.spectral_relevance(**given)


def test_an_unknown_window_is_named():
    with pytest.raises(UnknownNameError, match="hamming"):
        features.spectral_relevance(np.ones(500), RATE, window="haming")
    with pytest.raises(ParameterError, match="shorter than a frame"):
        features.spectral_axes(100, RATE)
