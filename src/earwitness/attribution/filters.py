"""What the first convolution of a raw-waveform network selects, by its filters alone."""

import numpy as np

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number

MAX_N_FFT = 1 << 20


@checked
def cumulative_response(filters: np.ndarray, n_fft: int = 1024) -> np.ndarray:
    """Return the sum of the filters' magnitude spectra, each over its own norm: which frequencies
    the layer covers.

    Parameters
    ----------
    filters : array, shape (n_filters, width)
        The layer's kernels; a filter of zeros adds nothing.
    n_fft : int
        Length of the transform, at least ``width``; the filters are filled up with zeros, which
        draws the curve finer and resolves nothing more.

    Returns
    -------
    ndarray, shape (n_fft // 2 + 1,)
        The norm is taken over these frequencies. Biases, and what later layers make of a filter, do
        not enter.

    Raises
    ------
    ParameterError
        If filters are not (n_filters, width) and finite, or ``n_fft`` is shorter than they are.

    Notes
    -----
    Muckenhirn et al. (2019), equation (1); Palaz et al. (2019). Chapter: raw-waveform.
    """
    magnitudes = np.abs(np.fft.rfft(_check(filters, n_fft), n_fft))  # (n_filters, n_freq)
    norms = np.linalg.norm(magnitudes, axis=1, keepdims=True)
    return np.divide(magnitudes, norms, out=np.zeros_like(magnitudes), where=norms > 0).sum(0)


@checked
def dictionary_response(filters: np.ndarray, frame: np.ndarray, n_fft: int = 1024) -> np.ndarray:
    """Return the magnitude spectrum of a frame as the filters build it: the sum of the filters,
    each times its output.

    Parameters
    ----------
    filters : array, shape (n_filters, width)
        The layer's kernels.
    frame : array, shape (width,)
        As many samples as a filter is wide.
    n_fft : int
        As for :func:`cumulative_response`.

    Returns
    -------
    ndarray, shape (n_fft // 2 + 1,)
        In the unit of the frame times the filters' squared. Filters that are an orthonormal basis
        give the frame's own magnitude spectrum.

    Raises
    ------
    ParameterError
        As :func:`cumulative_response`, or if the frame has another length than the filters.

    Notes
    -----
    Muckenhirn et al. (2019), equation (2); Palaz et al. (2019). Chapter: raw-waveform.
    """
    filters, frame = _check(filters, n_fft), np.asarray(frame, float)
    if not _finite(frame):
        raise ParameterError("The frame holds NaN, infinite values, or beyond 3.4e38.")
    if frame.shape != filters.shape[1:]:
        raise ParameterError(
            f"A frame for filters of {filters.shape[1]} samples must have as many, got "
            f"{frame.shape}."
        )
    return np.abs(np.fft.rfft((filters @ frame) @ filters, n_fft))


def _finite(values: np.ndarray) -> bool:
    return bool((np.abs(values) <= np.finfo(np.float32).max).all())


def _check(filters: np.ndarray, n_fft: int) -> np.ndarray:
    filters = np.asarray(filters, float)
    if filters.ndim != 2 or filters.size == 0 or not _finite(filters):
        raise ParameterError(
            f"Filters must be finite numbers (n_filters, width), got shape {filters.shape}."
        )
    check_number("n_fft", n_fft, filters.shape[1], MAX_N_FFT, whole=True)
    return filters
