"""What relevance in time says about frequency: the derivative with respect to the Fourier transform
of the input.
"""

import numpy as np
import torch

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_choice, check_number

_WINDOWS = {"hann": 0.5, "hamming": 0.54, "rectangular": 1.0}  # a in a - (1 - a) cos


@checked
def spectral_relevance(
    relevance: np.ndarray | torch.Tensor,
    sample_rate: int,
    window_s: float | None = 0.025,
    hop_s: float = 0.01,
    *,
    window: str = "hann",
) -> np.ndarray:
    """Return the derivative of the score with respect to each bin of the (short-time) Fourier
    transform of the input.

    Parameters
    ----------
    relevance : array, shape (..., T)
        The score's derivative with respect to each sample, or what stands for it (guided
        backpropagation).
    sample_rate : int
        In Hz.
    window_s : float or None
        Length N of a frame in seconds, rounded to samples; None: one transform of the whole signal,
        without a window.
    hop_s : float
        Seconds from frame to frame, rounded to samples.
    window : {"hann", "hamming", "rectangular"}
        Multiplies each frame (periodic form). No compensation is made: neither for its sum nor for
        overlapping frames.

    Returns
    -------
    ndarray, shape (..., n_freq, n_frames), complex
        g[k] for the frequencies 0 to half the sample rate, see :func:`spectral_axes`; the others
        are their complex conjugates. Frames lie wholly inside the signal, a rest that fills none is
        left out.

    Raises
    ------
    ParameterError
        If the relevance is shorter than a frame or not finite, or another argument is out of its
        range.

    Notes
    -----
    Muckenhirn et al. (2019), equations (3) and (4): with f[n] the relevance and N the length of the
    frame, ``g[k] = 1/N sum_n f[n] exp(+2 pi j k n / N)``, the inverse transform of f. Changing X[k]
    by z, and X[N-k] by the conjugate of z so that the signal stays real, changes the score by ``2
    Re(z g[k])`` (k = 0 and N/2: ``z g[k]``).

    The short-time version multiplies f by the window before the transform. It is the exact
    derivative with respect to the frames X of a signal that is put together as the sum over frames
    of window times inverse transform of X. Chapter: raw-waveform.
    """
    values, n_window, hop = _check(relevance, sample_rate, window_s, hop_s)
    if window_s is not None:
        level = _WINDOWS[check_choice(window, _WINDOWS, "window")]
        shape = level - (1 - level) * np.cos(2 * np.pi * np.arange(n_window) / n_window)
        frames = np.lib.stride_tricks.sliding_window_view(values, n_window, -1)[..., ::hop, :]
        values = frames * shape.astype(values.dtype)  # (..., n_frames, N)
    else:
        values = values[..., None, :]  # (..., 1, T)
    spectra = (
        np.fft.rfft(values).conj() / n_window
    )  # the input is real: conjugating turns exp(-) into exp(+)
    return np.moveaxis(spectra, -1, -2).astype(np.result_type(values.dtype, np.complex64))


@checked
def spectral_axes(
    n_samples: int, sample_rate: int, window_s: float | None = 0.025, hop_s: float = 0.01
):
    """Return the frequencies and times that belong to the last two axes of
    :func:`spectral_relevance`.

    Parameters
    ----------
    n_samples : int
        T, the length of the relevance signal.
    sample_rate, window_s, hop_s
        As given to :func:`spectral_relevance`.

    Returns
    -------
    freqs_hz : ndarray, shape (n_freq,)
    times_s : ndarray, shape (n_frames,)
        Centres of the frames, in seconds from the first sample.

    Raises
    ------
    ParameterError
        As :func:`spectral_relevance`.
    """
    n_window, hop = _sizes(n_samples, sample_rate, window_s, hop_s)
    starts = np.arange(0, n_samples - n_window + 1, hop)
    return np.fft.rfftfreq(n_window, 1 / sample_rate), (starts + n_window / 2) / sample_rate


def _check(relevance, sample_rate, window_s, hop_s) -> tuple[np.ndarray, int, int]:
    values = (
        relevance.detach().cpu().numpy()
        if isinstance(relevance, torch.Tensor)
        else np.asarray(relevance)
    )
    if values.dtype.kind not in "fiu" or values.ndim == 0:
        raise ParameterError(
            f"Relevance must be real numbers (..., T), got {values.dtype} of shape {values.shape}."
        )
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    n_window, hop = _sizes(values.shape[-1], sample_rate, window_s, hop_s)
    if not np.isfinite(values).all():
        raise ParameterError(
            f"The relevance holds {np.count_nonzero(~np.isfinite(values))} values that are NaN or "
            "infinite."
        )
    return values, n_window, hop


def _sizes(
    n_samples: int, sample_rate: int, window_s: float | None, hop_s: float
) -> tuple[int, int]:
    """Return the length of a frame and the hop in samples."""
    check_number("n_samples", n_samples, 0, 2**31, whole=True)
    if not 0 < check_number("sample_rate", sample_rate, 0, 1e6):
        raise ParameterError(f"sample_rate must be positive, got {sample_rate}.")
    check_number("hop_s", hop_s, 0, 1e6)
    if window_s is not None:
        check_number("window_s", window_s, 0, 1e6)
    n_window = n_samples if window_s is None else round(window_s * sample_rate)
    hop = round(hop_s * sample_rate)
    if n_window < 2 or hop < 1:
        raise ParameterError(
            f"A frame needs at least two samples and a hop at least one; window_s={window_s} and "
            f"hop_s={hop_s} are {n_window} and {hop} samples at {sample_rate} Hz."
        )
    if n_samples < n_window:
        raise ParameterError(
            f"A relevance signal of {n_samples} samples ({1000 * n_samples / sample_rate:.1f} ms) "
            "is "
            f"shorter than a frame of {1000 * window_s:.1f} ms; take a shorter window_s, or None."
        )
    return n_window, hop
