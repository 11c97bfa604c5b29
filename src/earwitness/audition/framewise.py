"""Hear what a network found relevant in a scene: filters of its own for every frame, and what is
simpler and worse.
"""

import numpy as np
import torch
from scipy.signal import oaconvolve

from earwitness.arguments import checked
from earwitness.audition.filtering import filter_bank
from earwitness.errors import AudioError, ParameterError


@checked
def relevance_gains(relevance: np.ndarray) -> np.ndarray:
    """Return the positive part of a heatmap over its maximum: gains 0 to 1, of the heatmap's shape.

    Raises
    ------
    ParameterError
        If nothing in it is positive, or it is not finite.
    """
    relevance = _array(relevance)
    if not np.isfinite(relevance).all():
        raise ParameterError("Relevance holds NaN or infinite values.")
    if not (relevance > 0).any():
        raise ParameterError(
            "No relevance is positive: nothing in the scene spoke for the direction, nothing is "
            "left "
            "to hear."
        )
    return np.maximum(relevance, 0) / relevance.max()


@checked
def filter_frames(
    samples: np.ndarray,
    heatmap: np.ndarray,
    sample_rate: int = 16000,
    *,
    n_bands: int = 20,
    n_taps: int = 129,
    frame_length: int = 1024,
    hop: int = 320,
    freqs_hz: np.ndarray | None = None,
) -> np.ndarray:
    """Return the signal with every frame filtered as its column of the heatmap says.

    Parameters
    ----------
    samples : array_like, shape (T,)
    heatmap : array_like, shape (freq, time)
        Gains, not negative; column n belongs to the frame centred at sample n ``hop``.
    sample_rate : int
        Hz.
    n_bands, n_taps : int
        Of the filter bank: bands of equal width, filters of odd length.
    frame_length, hop : int
        Of the frames, in samples.
    freqs_hz : array_like, shape (freq,), optional
        Frequencies of the rows; by default those of an FFT over the frame without its first.

    Returns
    -------
    ndarray, shape (T,), float32
        An even heatmap of ones gives the signal back, without delay.

    Raises
    ------
    AudioError
        If samples are not one channel of finite values, or heatmap and signal differ in length.
    ParameterError
        If heatmap or filter bank are not as described.

    Notes
    -----
    Kiyan et al. (2022), Eqs. (3) and (4) [kiyan2022], Hann window: each frame of the signal is
    convolved with a sum of the bank's filters, weighted by the heatmap under each filter's
    magnitude response. Two divisions are ours, without which an even heatmap would not give the
    signal back: by the sum of the response over the rows, and by the sum of the windows at each
    sample (1024 is no multiple of 320). Since all is linear, the weighted windows of a band are
    added first and each band is convolved once. Chapter: sound-direction.
    """
    samples, heatmap = _checked(samples, heatmap, hop)
    freqs_hz = _frequencies(heatmap, sample_rate, frame_length, freqs_hz)
    if n_bands > len(heatmap):
        raise ParameterError(
            f"A heatmap of {len(heatmap)} rows cannot tell {n_bands} bands apart; take fewer bands."
        )
    filters = filter_bank(n_bands, n_taps)
    response = _responses(filters, freqs_hz / sample_rate)  # (band, freq)
    gains = (response / response.sum(1, keepdims=True)) @ heatmap  # (band, time)
    weights = _windows(gains, len(samples), frame_length, hop) / _windows(
        np.ones((1, heatmap.shape[1])), len(samples), frame_length, hop
    )
    filtered = np.zeros(len(samples))
    for taps, weight in zip(filters, weights, strict=True):
        filtered += oaconvolve(weight * samples, taps, mode="full")[n_taps // 2 :][: len(samples)]
    return filtered.astype(np.float32)


@checked
def weighted_inverse(
    samples: np.ndarray, heatmap: np.ndarray, *, frame_length: int = 1024, hop: int = 320
) -> np.ndarray:
    """Return the inverse short-time Fourier transform (T,) of the signal's, weighted bin by bin by
    a heatmap.

    Parameters
    ----------
    samples, heatmap
        As :func:`filter_frames` takes them; the heatmap has the rows of the FFT, all ``frame_length
        // 2 + 1`` of them or all but the first, which then keeps nothing.

    Notes
    -----
    What Kiyan et al. (2022) warn of [kiyan2022]: gains that jump from bin to bin are long filters,
    and what they do wraps around within a frame. Chapter: sound-direction.
    """
    samples, heatmap = _checked(samples, heatmap, hop)
    n_rows = frame_length // 2 + 1
    if len(heatmap) not in (n_rows, n_rows - 1):
        raise ParameterError(
            f"An inverse transform of frames of {frame_length} samples takes {n_rows} rows, or "
            f"{n_rows - 1} without the first, got {len(heatmap)}."
        )
    gains = np.pad(heatmap, ((n_rows - len(heatmap), 0), (0, 0)))
    settings = {
        "n_fft": frame_length,
        "hop_length": hop,
        "center": True,
        "window": torch.hann_window(frame_length, dtype=torch.float64),
    }
    transform = torch.stft(
        torch.from_numpy(samples), pad_mode="constant", return_complex=True, **settings
    )
    weighted = transform[:, : gains.shape[1]] * torch.from_numpy(gains)
    return torch.istft(weighted, length=len(samples), **settings).numpy().astype(np.float32)


def _checked(samples, heatmap, hop: int) -> tuple[np.ndarray, np.ndarray]:
    samples, heatmap = _array(samples), _array(heatmap)
    if samples.ndim != 1 or samples.size == 0 or not np.isfinite(samples).all():
        raise AudioError(
            f"A filter bank takes one channel (T,) of finite samples, got shape {samples.shape}."
        )
    if (
        heatmap.ndim != 2
        or heatmap.size == 0
        or not np.isfinite(heatmap).all()
        or heatmap.min() < 0
    ):
        raise ParameterError(
            "A heatmap must be (freq, time), finite and not negative, got shape "
            f"{heatmap.shape}; audition.relevance_gains makes one of relevance."
        )
    if hop < 1 or heatmap.shape[1] != -(-len(samples) // hop):
        raise AudioError(
            f"Heatmap and signal differ in length: {heatmap.shape[1]} columns every {hop} "
            "samples, and "
            f"{len(samples)} samples."
        )
    return samples, heatmap


def _frequencies(heatmap: np.ndarray, sample_rate: int, frame_length: int, freqs_hz) -> np.ndarray:
    default = np.fft.rfftfreq(frame_length, 1 / sample_rate)[1:]
    freqs_hz = default if freqs_hz is None else _array(freqs_hz)
    if freqs_hz.shape != (len(heatmap),):
        raise ParameterError(
            f"The heatmap has {len(heatmap)} rows, and there are {freqs_hz.size} frequencies."
        )
    return freqs_hz


def _responses(filters: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return the magnitude responses (band, freq) at frequencies in cycles per sample."""
    phases = np.exp(-2j * np.pi * np.arange(filters.shape[1])[:, None] * frequencies)  # (tap, freq)
    return np.abs(filters @ phases)


def _windows(gains: np.ndarray, n_samples: int, frame_length: int, hop: int) -> np.ndarray:
    """Return the sum (band, n_samples) of Hann windows centred every ``hop`` samples, each with its
    gain.
    """
    window = np.sin(np.pi * (np.arange(frame_length) + 0.5) / frame_length) ** 2
    whole = np.zeros((len(gains), (gains.shape[1] - 1) * hop + max(frame_length, n_samples)))
    for n, column in enumerate(gains.T):
        whole[:, n * hop : n * hop + frame_length] += column[:, None] * window
    return whole[:, frame_length // 2 :][:, :n_samples]


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)
