"""F0, F1 and F2 of a vowel around one moment of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_finite, resample
from earwitness.errors import AudioError, ParameterError, check_number
from earwitness.features import phonetics


class SteadyState(NamedTuple):
    """Hz, NaN where nothing was measured; how many frames F1 and F2 are the mean of; whether all
    samples are zero.
    """

    f0_hz: float
    f1_hz: float
    f2_hz: float
    n_f1: int
    n_f2: int
    silent: bool


@checked
def steady_state(
    signal: np.ndarray,
    time_s: float,
    *,
    sample_rate: int,
    lp_order: int = 16,
    lp_rate_hz: int = 16000,
    n_frames: int = 10,
    max_bandwidth_hz: float = 700.0,
) -> SteadyState:
    """Return F0, F1 and F2 of a signal around a moment.

    Parameters
    ----------
    signal : ndarray, shape (T,)
        A recording or a relevance signal: its scale does not matter.
    time_s : float
        In seconds.
    sample_rate : int
        In Hz.
    lp_order : int
        Poles of linear prediction at ``lp_rate_hz``, even.
    lp_rate_hz : int
        Sample rate at which formants are computed, 2000 to 16000.
    n_frames : int
        F1 and F2 are the mean over this many frames (40 ms long, every 5 ms) nearest to the moment.
    max_bandwidth_hz : float
        Broader poles are no formants, see :func:`earwitness.features.formants`; ``inf`` keeps all.

    Returns
    -------
    SteadyState
        F0 by Praat, 75 to 500 Hz, in the frame nearest to the moment, NaN if that is unvoiced. F1
        and F2 are means over the frames that have them, NaN if fewer than half of ``n_frames`` do.
        All are NaN for a silent signal.

    Raises
    ------
    AudioError
        If the signal is not finite, not one channel or shorter than 40 ms.
    ParameterError
        If the moment lies outside the signal, or an option is out of range.

    Notes
    -----
    Muckenhirn et al. (2019), section 4.2.2: 16th-order linear prediction, mean over 10 frames
    around the centre of the steady state; length and hop of the frames, and the sample rate, are
    ours. Chapter: raw-waveform.
    """
    check_number("n_frames", n_frames, 1, 100_000, whole=True)
    check_number("lp_order", lp_order, 2, 40)
    if not 2000 <= lp_rate_hz <= phonetics.LP_RATE_HZ:
        raise ParameterError(f"lp_rate_hz must be 2000 to 16000, got {lp_rate_hz}.")
    signal = _loud(signal)
    if not 0 <= time_s <= len(signal) / sample_rate:
        raise ParameterError(
            f"The signal lasts {len(signal) / sample_rate:.3f} s; there is no {time_s:.3f} s in it."
        )
    if not signal.any():
        return SteadyState(np.nan, np.nan, np.nan, 0, 0, True)
    f0_hz = phonetics.f0_at(signal, sample_rate, [time_s])[0]
    if lp_rate_hz < sample_rate:
        signal, sample_rate = resample(signal, sample_rate, lp_rate_hz), lp_rate_hz
    order_at_16k = 2 * round(lp_order * phonetics.LP_RATE_HZ / lp_rate_hz / 2)
    tracks = phonetics.formants(signal, sample_rate, order_at_16k, max_bandwidth_hz)
    nearest = np.argsort(np.abs(tracks["time_s"].to_numpy() - time_s), kind="stable")[:n_frames]
    means, counts = zip(
        *(_mean(tracks[name].to_numpy()[nearest], n_frames) for name in ("F1", "F2")), strict=True
    )
    return SteadyState(float(f0_hz), *means, *counts, False)


def each(measure: Callable, work: list[tuple[int, np.ndarray, float]]) -> list[SteadyState]:
    """Return ``measure(signal, time_s)`` for a list of (number, signal, time_s); errors name the
    number.

    Here, and not where it is used, because a worker process imports this room and no more.
    """
    found = []
    for number, signal, time_s in work:
        try:
            found.append(measure(signal, time_s))
        except (AudioError, ParameterError) as error:
            raise type(error)(f"Signal {number}: {error}") from None
    return found


def _loud(signal: np.ndarray) -> np.ndarray:
    """Return the signal with its largest magnitude at 1: relevance may be as small as 1e-20; Praat
    expects sound.
    """
    check_finite(signal, "The signal")
    signal = np.asarray(signal, float)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise AudioError(
            f"A signal must be one channel of finite samples (T,), got shape {signal.shape}."
        )
    largest = np.abs(signal).max(initial=0.0)
    return (signal / largest).astype(np.float32) if largest > 0 else signal


def _mean(values: np.ndarray, n_frames: int) -> tuple[float, int]:
    """Return the mean of what is there, NaN if that is less than half of ``n_frames``, and how many
    are there.
    """
    found = values[np.isfinite(values)]
    return (float(found.mean()) if 2 * len(found) >= n_frames else np.nan), len(found)
