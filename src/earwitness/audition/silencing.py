"""Silence a rectangle of time and frequency, as a mask on a spectrogram hides it."""

import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from earwitness import former
from earwitness.arguments import checked
from earwitness.audio import check_rate, check_samples
from earwitness.errors import ParameterError

_WINDOW_S, _HOP_S = 0.02, 0.005


@checked
def silence_region(
    samples: np.ndarray,
    sample_rate: int,
    interval_s: tuple[float, float],
    band_hz: tuple[float, float],
) -> np.ndarray:
    """Return a clip with one rectangle of time and frequency silenced, (T,) float32.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    sample_rate : int
        Hz.
    interval_s, band_hz : (float, float)
        From and to, in seconds and hertz.

    Raises
    ------
    ParameterError
        If an end of the rectangle comes before its beginning.

    Notes
    -----
    By a short-time Fourier transform of 20 ms windows, so that the edges are soft by about as much.
    """
    sample_rate = check_rate(sample_rate)
    samples = check_samples(samples, sample_rate, may_be_silent=True)
    for name, ends in (("interval_s", interval_s), ("band_hz", band_hz)):
        if np.shape(ends) != (2,) or not np.isfinite(ends).all():
            raise ParameterError(
                f"{name} must be a pair of numbers, from and to, got {ends!r:.100}."
            )
    if interval_s[1] <= interval_s[0] or band_hz[1] <= band_hz[0]:
        raise ParameterError(
            f"A rectangle from {interval_s} s and {band_hz} Hz is empty: each end must be above "
            "its "
            "beginning."
        )
    window = hann(int(_WINDOW_S * sample_rate), sym=False)
    transform = ShortTimeFFT(window, int(_HOP_S * sample_rate), sample_rate)
    spectrum = transform.stft(np.asarray(samples, np.float64))  # (frequency, time)
    times, frequencies = transform.t(len(samples)), transform.f
    inside = (
        (frequencies[:, None] >= band_hz[0])
        & (frequencies[:, None] <= band_hz[1])
        & (times >= interval_s[0])
        & (times < interval_s[1])
    )
    return transform.istft(np.where(inside, 0, spectrum), k1=len(samples)).astype(np.float32)


__getattr__ = former.names_of(__name__)
