"""What do the outputs of a network's hidden part respond to? Held against what is known of each
moment.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number
from earwitness.evaluation.statistics import roc_area

ACTIVE = 0.05  # of a unit's range: less is not called a response
CONSTANT = 0.001  # of the widest range: a unit that moves less never responds


class Best(NamedTuple):
    """The unit that tells two kinds of moments apart best."""

    unit: int
    direction: int
    """1: it responds more where the truth holds; -1: lower."""
    area: float
    """Area under the ROC curve on moments that had no say in choosing it."""


@checked
def roc_areas(outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each unit, (n_units,):
    :func:`earwitness.evaluation.roc_area`.

    Parameters
    ----------
    outputs : array_like, shape (n, n_units)
    truth : array_like of bool, shape (n,)

    Returns
    -------
    ndarray, shape (n_units,)
        0 to 1, 0.5 is chance; NaN if the truth holds everywhere or nowhere.
    """
    outputs, truth = np.asarray(outputs, float), np.asarray(truth)
    if outputs.ndim != 2 or truth.dtype != bool or truth.shape != outputs.shape[:1]:
        raise ParameterError(
            f"Outputs must be (n, n_units) with a bool truth for each of n, got {outputs.shape} "
            "and "
            f"{truth.dtype} {truth.shape}."
        )
    if truth.all() or not truth.any():
        return np.full(outputs.shape[1], np.nan)
    return np.array([roc_area(unit, truth) for unit in outputs.T])


@checked
def best_unit(
    outputs: np.ndarray, truth: np.ndarray, chosen_on: np.ndarray, rising: bool = False
) -> Best:
    """Return the unit that tells truth from the rest best on some moments, and how well it does on
    all others.

    Parameters
    ----------
    outputs : array_like, shape (n, n_units)
    truth : array_like of bool, shape (n,)
    chosen_on : array_like of bool, shape (n,)
        Moments that decide which unit, and in which direction. The best of many looks good where it
        was chosen.
    rising : bool
        Only units that respond more where the truth holds.
    """
    outputs, truth, chosen_on = np.asarray(outputs), np.asarray(truth), np.asarray(chosen_on)
    if outputs.ndim != 2 or not truth.shape == chosen_on.shape == outputs.shape[:1]:
        raise ParameterError(
            f"Outputs must be (n, n_units), truth and chosen_on (n,), got {outputs.shape}, "
            f"{truth.shape} and {chosen_on.shape}."
        )
    areas = roc_areas(outputs[chosen_on], truth[chosen_on])
    if np.isnan(areas).any():
        raise ParameterError(
            "The truth must hold somewhere and not everywhere among the moments to choose on."
        )
    unit = int((areas if rising else np.abs(areas - 0.5)).argmax())
    direction = 1 if areas[unit] >= 0.5 else -1
    others = direction * outputs[~chosen_on][:, [unit]]
    return Best(unit, direction, float(roc_areas(others, truth[~chosen_on])[0]))


@checked
def drawn_areas(
    output: np.ndarray, truth: np.ndarray, clips: Sequence, n_resamples: int = 2000, seed: int = 0
) -> np.ndarray:
    """Return the area under the ROC curve of a unit when whole clips are drawn anew,
    (n_resamples,).

    Parameters
    ----------
    output : array_like, shape (n,)
    truth : array_like of bool, shape (n,)
    clips : sequence, length n
        The clip of each moment: moments of one clip are not independent. The same clips and seed
        give the same draws, so that units of several networks can be compared draw by draw.
    n_resamples : int
    seed : int

    Returns
    -------
    ndarray, shape (n_resamples,)
        NaN where a draw holds the truth everywhere or nowhere.
    """
    output, truth = np.asarray(output, float), np.asarray(truth)
    members = np.unique(np.asarray(clips), return_inverse=True)[1]
    if output.ndim != 1 or truth.dtype != bool or not output.shape == truth.shape == members.shape:
        raise ParameterError(
            "A unit's outputs, a bool truth and the clip of each moment must be as many, got "
            f"{output.shape}, {truth.dtype} {truth.shape} and {members.shape}."
        )
    for name, number, low in (("n_resamples", n_resamples, 1), ("seed", seed, 0)):
        check_number(name, number, low, 2**31, whole=True)
    n_clips = int(members.max()) + 1
    n_held, n_others = (np.bincount(members[kind], minlength=n_clips) for kind in (truth, ~truth))
    drawn = np.random.default_rng(seed).multinomial(
        n_clips, np.full(n_clips, 1 / n_clips), n_resamples
    )
    pairs = (drawn @ n_held) * (drawn @ n_others)
    won = ((drawn @ _wins(output, truth, members, n_clips)) * drawn).sum(axis=1)
    return np.where(pairs > 0, won / np.maximum(pairs, 1), np.nan)


def _wins(output: np.ndarray, truth: np.ndarray, members: np.ndarray, n_clips: int) -> np.ndarray:
    """Return in how many pairs a moment of one clip at which the truth holds is above one of
    another at which it does not, a half for equal ones, (n_clips, n_clips).
    """
    held, of = output[truth], members[truth]
    wins = np.zeros((n_clips, n_clips))
    for clip in range(n_clips):
        others = np.sort(output[(members == clip) & ~truth])
        below = np.searchsorted(others, held, "left") + np.searchsorted(others, held, "right")
        wins[:, clip] = np.bincount(of, below / 2, n_clips)
    return wins


@checked
def in_segments(frames: np.ndarray, length: int, hop: int, how: str = "touch") -> np.ndarray:
    """Return for each segment whether a truth known for each frame holds in it.

    Parameters
    ----------
    frames : array_like of bool, shape (n_frames,)
    length, hop : int
        Frames in a segment, and from one segment to the next; the last frames may be in none.
    how : {"touch", "centre"}
        In any of its frames, or in its middle one.
    """
    frames = np.asarray(frames, bool)
    for name, number in (("length", length), ("hop", hop)):
        check_number(name, number, 1, 10**9, whole=True)
    if len(frames) < length or how not in ("touch", "centre"):
        raise ParameterError(
            f"Need at least {length} frames and 'touch' or 'centre', got {len(frames)} and {how!r}."
        )
    cut = np.lib.stride_tricks.sliding_window_view(frames, length)[::hop]  # (n_segments, length)
    return cut.any(axis=1) if how == "touch" else cut[:, length // 2].copy()


@checked
def presence(
    outputs: Sequence[np.ndarray], silent: np.ndarray, level: float = ACTIVE
) -> np.ndarray:
    """Return the share of clips in which each unit responds somewhere, (n_units,).

    Parameters
    ----------
    outputs : sequence of ndarray (n_segments, n_units), one for each clip
    silent : array_like, shape (n_units,)
        Outputs of the units for silence.
    level : float
        A unit responds where it is further from ``silent`` than this share of its own range over
        all clips.
    """
    span = _ranges(outputs)
    if np.shape(silent) != span.shape:
        raise ParameterError(
            f"silent must have a value for each unit, {span.shape}, got {np.shape(silent)}."
        )
    away = [np.abs(clip - np.asarray(silent)).max(axis=0) for clip in outputs]
    return np.mean([(distance > level * span) & (span > 0) for distance in away], axis=0)


@checked
def constant(outputs: Sequence[np.ndarray], level: float = CONSTANT) -> np.ndarray:
    """Return which units never respond, (n_units,) bool: their range over all clips is below
    ``level`` of the widest.
    """
    span = _ranges(outputs)
    return span <= level * span.max()


def _ranges(outputs: Sequence[np.ndarray]) -> np.ndarray:
    if not len(outputs) or not all(len(clip) for clip in outputs):
        raise ParameterError("There is no clip, or one without a segment.")
    highest, lowest = [clip.max(axis=0) for clip in outputs], [clip.min(axis=0) for clip in outputs]
    return np.max(highest, axis=0) - np.min(lowest, axis=0)


@checked
def redundancy(outputs: np.ndarray, level: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of all units, and groups of those that vary alike.

    Parameters
    ----------
    outputs : array_like, shape (n, n_units)
    level : float
        Groups are built by average linkage of 1 - |correlation|, cut where their mean |correlation|
        falls below this.

    Returns
    -------
    correlations : ndarray, shape (n_units, n_units)
        0 for a unit that never changes, 1 on the diagonal.
    groups : ndarray of int, shape (n_units,)
        Units of one group have the same number, counted from 1.
    """
    outputs = np.asarray(outputs, float)
    if outputs.ndim != 2 or len(outputs) < 2 or not np.isfinite(outputs).all():
        raise ParameterError(
            f"Outputs must be finite and (n, n_units), two or more of each, got {outputs.shape}."
        )
    centred = outputs - outputs.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    unit_vectors = centred / np.where(norms > 0, norms, 1)
    correlations = unit_vectors.T @ unit_vectors
    np.fill_diagonal(correlations, 1)
    distance = squareform(np.clip(1 - np.abs(correlations), 0, None), checks=False)
    return correlations, fcluster(linkage(distance, "average"), 1 - level, "distance")


@checked
def thirds(relevance: np.ndarray) -> np.ndarray:
    """Return which share of a map (..., n_bands, n_frames) lies in the bottom, centre and top
    bands, (..., 3).

    NaN for a map that is zero everywhere.
    """
    if not np.size(relevance) or not np.isfinite(relevance).all():
        raise ParameterError("Relevance must be finite, with a value or more.")
    by_band = np.abs(np.asarray(relevance, float)).sum(axis=-1)  # (..., n_bands)
    parts = np.stack([part.sum(axis=-1) for part in np.array_split(by_band, 3, axis=-1)], axis=-1)
    total = parts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, parts / np.where(total > 0, total, 1), np.nan)


@checked
def correlations(maps: np.ndarray) -> np.ndarray:
    """Return the correlations of a segment's maps, (n_maps, ...) -> (n_pairs,); maps without change
    are left out.

    Notes
    -----
    Tilkorn et al., Figure 6: maps of two filters that show the same pattern with opposite signs
    correlate negatively.
    """
    if not np.size(maps):
        raise ParameterError("There is no map to correlate.")
    flat = np.asarray(maps, float).reshape(len(maps), -1)
    flat = flat[np.ptp(flat, axis=1) > 1e-6 * np.abs(flat).max(initial=0)]
    if len(flat) < 2:
        return np.zeros(0)
    return np.corrcoef(flat)[np.triu_indices(len(flat), 1)]
