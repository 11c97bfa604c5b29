"""Hear a spectrogram network's heatmap: a bank of filters whose gains follow it through time."""

import numpy as np
from scipy.signal import oaconvolve

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError, check_number


@checked
def filter_by_relevance(
    samples: np.ndarray,
    heatmap: np.ndarray,
    sample_rate: int,
    n_bands: int = 20,
    n_taps: int = 129,
    frame_length: int | None = None,
    hop: int | None = None,
    *,
    start: int = 0,
    freqs_hz: np.ndarray | None = None,
) -> np.ndarray:
    """Return the signal with every band of frequencies weighted, moment by moment, by a heatmap.

    Parameters
    ----------
    samples : array_like, shape (T,)
    heatmap : array_like, shape (freq, time)
        Gains, not negative; 1 leaves the sound as it is. For relevance: its positive part over its
        maximum.
    sample_rate : int
        Hz.
    n_bands : int
        Bands of equal width from 0 to half the sample rate. Each takes the mean of the heatmap's
        rows inside it, or the nearest row.
    n_taps : int
        Length of the filters, odd. Neighbouring bands overlap by about 3.3 ``sample_rate /
        n_taps``.
    frame_length, hop : int, optional
        Of the heatmap's columns in samples: column m weights ``start + m hop`` to ``start + m hop +
        frame_length``, fading into its neighbours. By default the columns share the clip evenly and
        each reaches halfway into the next.
    start : int
        First sample of column 0; ``-frame_length // 2`` for centred frames.
    freqs_hz : array_like, shape (freq,), optional
        Centres of the rows, increasing; by default evenly from 0 to half the sample rate.

    Returns
    -------
    ndarray, shape (T,), float32
        A heatmap of ones gives the signal back, without delay.

    Raises
    ------
    AudioError
        If samples are not one channel of finite values.
    ParameterError
        If heatmap or options are not as described.

    Notes
    -----
    The filter bank of Kiyan et al. (2022) [kiyan2022]: 20 bands, 129 taps, linear phase, equal
    distances of the cut-off frequencies, perfect reconstruction. It reconstructs because each
    filter is the difference of two windowed sinc low-passes at neighbouring cut-offs: all of them
    add up to a pulse. Chapter: audible-explanations.
    """
    check_number("n_bands", n_bands, 1, 10_000, whole=True)
    check_number("n_taps", n_taps, 1, 2**20, whole=True)
    check_finite(samples, "The clip")
    samples, heatmap = (
        np.asarray(_array(samples), np.float64),
        np.asarray(_array(heatmap), np.float64),
    )
    if samples.ndim != 1 or samples.size == 0 or not np.isfinite(samples).all():
        raise AudioError(
            f"A filter bank takes one channel (T,) of finite samples, got shape {samples.shape}."
        )
    if (
        heatmap.ndim != 2
        or heatmap.size == 0
        or not np.isfinite(heatmap).all()
        or not 0 <= heatmap.min() <= heatmap.max() < 1e30
    ):
        raise ParameterError(
            "A heatmap must be (freq, time), finite and not negative, got shape "
            f"{heatmap.shape}; take the positive part of a relevance map over its maximum."
        )
    filters = filter_bank(n_bands, n_taps)
    n_time, n_samples = heatmap.shape[1], len(samples)
    if hop is None:
        hop, frame_length = n_samples / n_time, frame_length or 2 * n_samples / n_time
        start = start or -(frame_length - hop) / 2
    gains = _gains(
        _in_bands(heatmap, n_bands, sample_rate, freqs_hz),
        n_samples,
        frame_length or 2 * hop,
        hop,
        start,
    )
    filtered = np.zeros(n_samples)
    for taps, gain in zip(
        filters, gains, strict=True
    ):  # one band at a time: memory stays that of the signal
        filtered += gain * oaconvolve(samples, taps, mode="full")[n_taps // 2 :][:n_samples]
    return filtered.astype(np.float32)


def filter_bank(n_bands: int = 20, n_taps: int = 129) -> np.ndarray:
    """Return linear-phase filters (n_bands, n_taps) of equal width whose sum is a pulse at the
    middle tap.
    """
    if n_bands < 1 or n_taps < 1 or n_taps % 2 == 0:
        raise ParameterError(
            f"A filter bank needs n_bands >= 1 and an odd n_taps >= 1, got {n_bands!r}, {n_taps!r}."
        )
    taps = np.arange(n_taps) - n_taps // 2
    edges = np.linspace(0, 1, n_bands + 1)[:, None]  # of half the sample rate
    low_passes = edges * np.sinc(edges * taps) * np.hamming(n_taps)  # (edge, tap)
    return np.diff(low_passes, axis=0)


def _in_bands(heatmap: np.ndarray, n_bands: int, sample_rate: int, freqs_hz) -> np.ndarray:
    """Return the mean (n_bands, time) of the heatmap's rows in each band, or the row nearest to the
    band's centre.
    """
    half = sample_rate / 2
    freqs = (
        np.linspace(0, half, len(heatmap))
        if freqs_hz is None
        else np.asarray(_array(freqs_hz), np.float64)
    )
    if freqs.shape != (len(heatmap),) or (np.diff(freqs) <= 0).any():
        raise ParameterError(
            f"freqs_hz must be {len(heatmap)} increasing frequencies: one for each row."
        )
    edges = np.linspace(0, half, n_bands + 1)
    band_of_row = np.clip(np.searchsorted(edges, freqs, side="right") - 1, 0, n_bands - 1)
    nearest = np.abs(freqs[None, :] - (edges[:-1, None] + edges[1:, None]) / 2).argmin(1)
    return np.stack(
        [
            heatmap[band_of_row == band].mean(0)
            if (band_of_row == band).any()
            else heatmap[nearest[band]]
            for band in range(n_bands)
        ]
    )


def _gains(
    bands: np.ndarray, n_samples: int, frame_length: float, hop: float, start: float
) -> np.ndarray:
    """Return gains (n_bands, n_samples) that fade between columns; before the first and behind the
    last they stay.
    """
    if not 0 < hop <= frame_length:
        raise ParameterError(
            f"Columns need 0 < hop <= frame_length, got hop {hop}, frame_length {frame_length}."
        )
    total, weighted = np.zeros(n_samples), np.zeros((len(bands), n_samples))
    for column in range(bands.shape[1]):
        first = start + column * hop
        samples = np.arange(
            max(0, int(np.ceil(first))), min(n_samples, int(np.ceil(first + frame_length)))
        )
        fade = np.sin(np.pi * (samples - first + 0.5) / (frame_length + 1)) ** 2
        total[samples] += fade
        weighted[:, samples] += bands[:, column, None] * fade
    reached = np.flatnonzero(total)
    if reached.size == 0:
        raise ParameterError(
            f"No column of the heatmap lies in the {n_samples} samples: start {start}, hop {hop}."
        )
    gains = weighted[:, reached] / total[reached]
    return gains[:, np.clip(np.arange(n_samples) - reached[0], 0, len(reached) - 1)]


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
