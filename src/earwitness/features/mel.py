"""The mel spectrogram in decibels that speech-quality networks take: amplitudes in bands that widen
with frequency.
"""

import warnings
from functools import lru_cache

import numpy as np
import torch

from earwitness.arguments import checked
from earwitness.audio import check_samples
from earwitness.errors import ParameterError, check_number

FLOOR_DB = -80.0  # of an amplitude of 1e-4 or less: what silence and a band above Nyquist get
RANGE_DB = 80.0  # below the loudest point everything is cut


@checked
def mel_edges_hz(n_mels: int = 48, fmax_hz: float = 8000.0) -> np.ndarray:
    """Return the corners (n_mels + 2,) of the triangular bands in Hz: band k rises from k to k + 1,
    falls to k + 2.

    ``mel_edges_hz(n)[1:-1]`` are the centres, the frequency axis of a picture.
    """
    import librosa  # here, for it takes a second

    _check_bands(n_mels, fmax_hz)
    return librosa.mel_frequencies(n_mels + 2, fmin=0.0, fmax=fmax_hz)


@lru_cache(maxsize=16)
def mel_filters(
    sample_rate: int, n_fft: int = 4096, n_mels: int = 48, fmax_hz: float = 8000.0
) -> np.ndarray:
    """Return the weights (n_mels, n_fft // 2 + 1) of the triangular bands, each of area 1 over
    frequency in Hz.
    """
    import librosa

    with warnings.catch_warnings(
        action="ignore", category=UserWarning
    ):  # empty bands: bands_above counts them
        return librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmax=fmax_hz)


@checked
def mel_spectrogram(
    samples: np.ndarray,
    sample_rate: int,
    n_mels: int = 48,
    fmax_hz: float = 8000.0,
    n_fft: int = 4096,
    hop_s: float = 0.01,
    window_s: float = 0.02,
) -> torch.Tensor:
    """Return the mel spectrogram (n_mels, n_frames) in dB re amplitude 1, float32.

    Parameters
    ----------
    samples : ndarray, shape (T,)
        Floats in [-1, 1].
    sample_rate : int
        Hz. Hop and window are rounded down to whole samples.
    n_mels, fmax_hz
        Number of bands from 0 to ``fmax_hz``. Bands above Nyquist have nothing to weigh and are as
        silent as can be.
    n_fft : int
        Longer than the window, which is padded with zeros: spectra are interpolated, not sharper.
    hop_s, window_s : float
        Seconds. Frame i is centred on ``i * hop_s``; the ends are mirrored.

    Returns
    -------
    Tensor
        At least -80 dB and at least 80 dB below its own loudest point, so that silence is -80
        everywhere. One frame more than hops fit.

    Raises
    ------
    AudioError
        If the samples are not floats (T,), not finite, none, or longer than a minute.
    ParameterError
        If a hop or a window has no sample, or a window is longer than the transform.

    Notes
    -----
    Mittag and Moeller (2019), Mittag et al. (2021), section 3.1: magnitudes (not powers), Hann
    window of 20 ms every 10 ms, 48 bands up to 20 kHz (8 kHz in the network for synthesised
    speech). Chapter: speech-quality.
    """
    samples = check_samples(samples, sample_rate, may_be_silent=True)
    _check_bands(n_mels, fmax_hz)
    check_number("n_fft", n_fft, 1, 2**20, whole=True)
    for name, seconds in (("hop_s", hop_s), ("window_s", window_s)):
        check_number(name, seconds, 0, 60)
    hop, window = int(sample_rate * hop_s), int(sample_rate * window_s)
    if hop < 1 or not 1 <= window <= n_fft:
        raise ParameterError(
            f"At {sample_rate} samples a second a hop of {hop_s:g} s is {hop} samples and a "
            "window of "
            f"{window_s:g} s is {window}; 1 to {n_fft} are needed."
        )
    # numpy mirrors more than once, as very short clips need
    mirrored = torch.from_numpy(np.pad(samples, n_fft // 2, mode="reflect"))
    magnitudes = torch.stft(
        mirrored, n_fft, hop, window, torch.hann_window(window), center=False, return_complex=True
    ).abs()  # (n_fft // 2 + 1, n_frames)
    bands = torch.from_numpy(mel_filters(sample_rate, n_fft, n_mels, float(fmax_hz))) @ magnitudes
    decibels = 20 * torch.log10(bands.clamp_min(10 ** (FLOOR_DB / 20)))
    return decibels.clamp_min(float(decibels.max()) - RANGE_DB)


def _check_bands(n_mels: int, fmax_hz: float) -> None:
    check_number("n_mels", n_mels, 1, 10_000, whole=True)
    check_number("fmax_hz", fmax_hz, 1, 1e6)


def bands_above(sample_rate: int, n_mels: int = 48, fmax_hz: float = 8000.0) -> int:
    """Return how many of the bands begin at or above Nyquist, half of ``sample_rate``: nothing can
    be in them.
    """
    return int((mel_edges_hz(n_mels, fmax_hz)[:-2] >= sample_rate / 2).sum())
