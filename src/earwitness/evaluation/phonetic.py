"""Where in the voice does relevance lie: how much of it below a frequency, on F0, on the harmonics."""

from typing import NamedTuple

import numpy as np

from earwitness.errors import ParameterError


class Share(NamedTuple):
    """Share of positive relevance on a part of the time-frequency plane, and that part's share of the plane.

    Attributes
    ----------
    relevance : ndarray, shape (batch,)
        0 to 1; NaN for a clip without positive relevance.
    area : ndarray, shape (batch,)
        What a map that is the same everywhere would give: the control.
    """

    relevance: np.ndarray
    area: np.ndarray


def _share(relevance_map: np.ndarray, mask: np.ndarray) -> Share:
    """Return the share of positive relevance (batch, freq, time) that lies on ``mask`` of the same shape."""
    positive = np.clip(relevance_map, 0, None)
    total = positive.sum(axis=(1, 2))
    share = np.divide((positive * mask).sum(axis=(1, 2)), total, out=np.full(len(total), np.nan), where=total > 0)
    return Share(share, mask.mean(axis=(1, 2)))


def _check_map(relevance_map: np.ndarray, freqs_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, freqs = np.asarray(relevance_map, dtype=float), np.asarray(freqs_hz, dtype=float)
    if values.ndim != 3 or freqs.shape != values.shape[1:2] or 0 in values.shape:
        raise ParameterError(f"A relevance map must be (batch, freq, time) with a frequency for each row, "
                             f"got {values.shape} and {freqs.shape}.")
    if not np.isfinite(values).all():
        raise ParameterError("The relevance map holds NaN or infinite values.")
    return values, freqs


def relevance_share_below(relevance_map: np.ndarray, freqs_hz: np.ndarray, cutoff_hz: float) -> Share:
    """Return the share of positive relevance below a frequency.

    Parameters
    ----------
    relevance_map : array, shape (batch, freq, time)
    freqs_hz : array, shape (freq,)
        Centre of each row, Hz.
    cutoff_hz : float
        Rows whose centre lies below it count.
    """
    values, freqs = _check_map(relevance_map, freqs_hz)
    return _share(values, np.broadcast_to((freqs < cutoff_hz)[None, :, None], values.shape))


def relevance_share_on_harmonics(
    relevance_map: np.ndarray, freqs_hz: np.ndarray, f0_hz_per_frame: np.ndarray, n_harmonics: int = 2,
    width_hz: float = 40.0,
) -> Share:
    """Return the share of positive relevance on F0 and its multiples.

    Parameters
    ----------
    relevance_map : array, shape (batch, freq, time)
    freqs_hz : array, shape (freq,)
        Centre of each row, Hz.
    f0_hz_per_frame : array, shape (batch, time)
        Fundamental frequency of each frame, Hz; NaN where unvoiced: such frames have no harmonics, and their relevance
        counts as lying elsewhere.
    n_harmonics : int
        How many multiples of F0, F0 itself being the first.
    width_hz : float
        A row belongs to a harmonic if its centre is at most half of this away; not much narrower than the rows are.
    """
    values, freqs = _check_map(relevance_map, freqs_hz)
    f0 = np.asarray(f0_hz_per_frame, dtype=float)
    if f0.shape != (values.shape[0], values.shape[2]):
        raise ParameterError(f"F0 must be (batch, time) = {(values.shape[0], values.shape[2])}, got {f0.shape}.")
    if n_harmonics < 1 or width_hz <= 0:
        raise ParameterError(f"n_harmonics and width_hz must be positive, got {n_harmonics!r} and {width_hz!r}.")
    mask = np.zeros(values.shape, dtype=bool)
    for multiple in range(1, n_harmonics + 1):
        mask |= np.abs(freqs[None, :, None] - multiple * f0[:, None, :]) <= width_hz / 2  # False where F0 is NaN
    return _share(values, mask)
