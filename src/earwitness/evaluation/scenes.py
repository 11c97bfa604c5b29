"""Measures for simulated scenes, whose parts are known: angles, the direct sound, what filtering
does to it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earwitness import former
from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError, check_number
from earwitness.features import ambisonic_stft


@checked
def angular_error_deg(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the angles in degrees between estimated and true directions, unit vectors (n, 3) both.

    Raises
    ------
    ParameterError
        If the two differ in shape or are not unit vectors.
    """
    estimated, true = np.asarray(estimated, float), np.asarray(true, float)
    if estimated.shape != true.shape or estimated.shape[-1:] != (3,):
        raise ParameterError(
            f"Directions are compared one to one, both (n, 3), not {estimated.shape}, {true.shape}."
        )
    for name, vectors in [("estimated", estimated), ("true", true)]:
        if not np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-3):
            raise ParameterError(f"The {name} directions are not all unit vectors.")
    return np.rad2deg(sphere.angle_between(estimated, true))


@checked
def summary(errors_deg: np.ndarray, within_deg: float = 10.0) -> dict:
    """Return ``within_percent``, ``median_deg`` and ``n`` of angular errors (n,).

    Raises
    ------
    ParameterError
        If there is none.
    """
    errors_deg = np.asarray(errors_deg, float)
    if errors_deg.size == 0:
        raise ParameterError("There are no angular errors to summarise.")
    if not np.isfinite(errors_deg).all():
        raise ParameterError(
            "An angular error is NaN or infinite; leave that estimate out, or count it as wrong."
        )
    return {
        "within_percent": float(100 * np.mean(errors_deg <= within_deg)),
        "median_deg": float(np.median(errors_deg)),
        "n": int(errors_deg.size),
    }


@checked
def by_condition(
    errors_deg: np.ndarray, condition: np.ndarray, edges: Sequence[float], within_deg: float = 10.0
) -> pd.DataFrame:
    """Return a row per interval of a condition, for instance of SNR: where it lies and what
    :func:`summary` says.

    Parameters
    ----------
    errors_deg, condition : ndarray, shape (n,)
    edges : sequence of float
        Ends of the intervals, growing; the last interval includes its end. Intervals without a
        scene are left out.
    within_deg : float

    Returns
    -------
    DataFrame
        ``low``, ``high``, ``middle``, ``within_percent``, its standard error ``within_se``
        (binomial), ``median_deg`` and ``n``.
    """
    errors_deg, condition, edges = (
        np.asarray(values, float) for values in (errors_deg, condition, edges)
    )
    if errors_deg.shape != condition.shape:
        raise ParameterError(
            f"Each error needs its condition: {errors_deg.shape} against {condition.shape}."
        )
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ParameterError(f"The edges of intervals grow, these do not: {edges.tolist()}.")
    place = np.where(
        condition == edges[-1], len(edges) - 2, np.searchsorted(edges, condition, side="right") - 1
    )
    rows = []
    for k, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        if (here := place == k).any():
            found = summary(errors_deg[here], within_deg)
            share = found["within_percent"] / 100
            rows.append(
                {
                    "low": low,
                    "high": high,
                    "middle": (low + high) / 2,
                    **found,
                    "within_se": 100 * float(np.sqrt(share * (1 - share) / found["n"])),
                }
            )
    return pd.DataFrame(rows)


@checked
def chance(within_deg: float = 10.0) -> float:
    """Return the per cent of uniformly random estimates that lie so near: the spherical cap's share
    of the sphere.
    """
    check_number("within_deg", within_deg, 0, 180)
    return float(50 * (1 - np.cos(np.deg2rad(within_deg))))


@checked
def direct_dominated(direct: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the bins (frames, 512) in which the direct sound is stronger than all the rest: an
    ideal binary mask.

    Parameters
    ----------
    direct, rest : array_like, shape (T,)
        One channel of the direct sound, and the sum of reverberation and noise in the same channel.

    Raises
    ------
    AudioError
        If they differ in length or are not what :func:`earwitness.features.ambisonic_stft` takes.
    """
    direct, rest = np.asarray(direct), np.asarray(rest)
    if direct.ndim != 1 or direct.shape != rest.shape:
        raise AudioError(
            f"Direct sound and the rest must be one channel of one length, got {direct.shape} and "
            f"{rest.shape}."
        )
    ours, others = (ambisonic_stft(part[None])[0].abs().numpy() for part in (direct, rest))
    return ours > others


@checked
def sdr_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Return the signal-to-distortion ratio of an estimate against a reference, in dB; its scale
    does not matter.

    Raises
    ------
    AudioError
        If lengths differ, values are not finite, or one of the two is silent.

    Notes
    -----
    Le Roux, Wisdom, Erdogan and Hershey (2019), SDR - half-baked or well done?, the scale-invariant
    one. All that is not the reference counts as distortion: noise, reverberation, and what a filter
    took away.
    """
    reference, estimate = _array(reference), _array(estimate)
    if reference.ndim != 1 or reference.shape != estimate.shape:
        raise AudioError(
            f"Reference and estimate must be one channel of one length, got {reference.shape} and "
            f"{estimate.shape}."
        )
    check_finite(reference, "The reference")
    check_finite(estimate, "The estimate")
    if not (reference.any() and estimate.any()):
        raise AudioError("A ratio of signals needs sound; one of the two is silent.")
    target = (estimate @ reference) / (reference @ reference) * reference
    distortion = estimate - target
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / (distortion @ distortion)))


@checked
def musical_noise(before: np.ndarray, after: np.ndarray) -> float:
    """Return how much a treatment of noise raised the kurtosis of its power spectrum: 1 is no
    musical noise.

    Parameters
    ----------
    before, after : array_like, shape (T,)
        Noise, and what a treatment made of it. Lonely bins that are left over here and there sound
        like notes; they are outliers, which kurtosis counts.

    Raises
    ------
    AudioError
        If lengths differ or one of the two is silent.

    Notes
    -----
    Kurtosis of |X|² about zero, fourth over squared second moment, after over before: Uemura,
    Takahashi, Saruwatari, Shikano and Kondo (2008), Automatic optimization scheme of spectral
    subtraction based on musical noise assessment via higher-order statistics. Taken in each frame
    and averaged over frames that sound, so that turning a whole frame up or down does not count.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if before.shape != after.shape:
        raise AudioError(
            f"Before and after must be of one length, got {before.shape} and {after.shape}."
        )
    return _kurtosis(after) / _kurtosis(before)


def _kurtosis(samples: np.ndarray) -> float:
    power = ambisonic_stft(samples[None])[0].abs().square().numpy()  # (frame, bin)
    sounding = power.sum(1) > 1e-6 * power.sum(1).max()
    if not sounding.any():
        raise AudioError("Silence has no kurtosis.")
    power = power[sounding] / power[sounding].mean(1, keepdims=True)
    return float(np.mean((power**4).mean(1) / (power**2).mean(1) ** 2))


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)


__getattr__ = former.names_of(__name__)
