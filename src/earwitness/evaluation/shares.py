"""Where relevance lies: on which part of a signal, below which frequency, on which harmonics, on
which sounds.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from earwitness.arguments import checked
from earwitness.errors import ParameterError


@checked
def share_on(relevance: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """Return the share of the absolute relevance that lies where ``mask`` is true, (batch,), 0 to
    1.

    Parameters
    ----------
    relevance : Tensor, shape (batch, ...)
    mask : BoolTensor, shape of ``relevance``

    Raises
    ------
    ParameterError
        If the shapes differ, or a clip has no relevance at all.
    """
    if relevance.shape != mask.shape:
        raise ParameterError(
            f"relevance {tuple(relevance.shape)} and mask {tuple(mask.shape)} differ in shape."
        )
    magnitude = relevance.abs().double().flatten(1)  # (batch, value)
    total = magnitude.sum(1)
    if (total == 0).any():
        raise ParameterError(
            f"Clip(s) {(total == 0).nonzero().flatten().tolist()} have no relevance to share out."
        )
    return ((magnitude * mask.flatten(1)).sum(1) / total).numpy()


@checked
def largest_values(inputs: torch.Tensor, fraction: float = 0.25) -> torch.Tensor:
    """Return a mask of the non-zero values of largest magnitude, a ``fraction`` of them in each
    clip.

    Parameters
    ----------
    inputs : Tensor, shape (batch, ...)
    fraction : float
        Of the non-zero values, 0 to 1; the count is rounded down.
    """
    magnitude = inputs.abs().flatten(1)  # (batch, value)
    ranks = magnitude.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    counts = ((magnitude > 0).sum(1) * fraction).long()
    return (ranks < counts[:, None]).view(inputs.shape)


@checked
def share_needed(relevance: torch.Tensor, inputs: torch.Tensor, held: float = 0.5) -> np.ndarray:
    """Return how few values hold a part of the positive relevance, as a share of the non-zero
    values, (batch,).

    Parameters
    ----------
    relevance, inputs : Tensor, shape (batch, ...)
    held : float
        The part of the positive relevance to be held, above 0 and at most 1.

    Raises
    ------
    ParameterError
        If ``held`` is outside its range, or a clip has no positive relevance.
    """
    if relevance.shape != inputs.shape or not len(inputs):
        raise ParameterError(
            f"Relevance {tuple(relevance.shape)} and inputs {tuple(inputs.shape)} must have one "
            "shape, with a clip or more."
        )
    if not 0 < held <= 1:
        raise ParameterError(f"held must lie above 0 and be at most 1, got {held}.")
    positive = (
        relevance.clamp_min(0).double().flatten(1).sort(1, descending=True).values
    )  # (batch, value)
    total = positive.sum(1, keepdim=True)
    if (total == 0).any():
        raise ParameterError("A clip without positive relevance has nothing to hold.")
    n_needed = (positive.cumsum(1) < held * total * (1 - 1e-12)).sum(1) + 1
    return (n_needed / (inputs != 0).flatten(1).sum(1)).numpy()


class Share(NamedTuple):
    """Share of positive relevance on a part of the time-frequency plane, and that part's share of
    the plane.

    Attributes
    ----------
    relevance : ndarray, shape (batch,)
        0 to 1; NaN for a clip without positive relevance.
    area : ndarray, shape (batch,)
        What a map that is the same everywhere would give: the control.
    """

    relevance: np.ndarray
    area: np.ndarray


@checked
def relevance_share_below(
    relevance_map: np.ndarray, freqs_hz: np.ndarray, cutoff_hz: float
) -> Share:
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


@checked
def relevance_share_on_harmonics(
    relevance_map: np.ndarray,
    freqs_hz: np.ndarray,
    f0_hz_per_frame: np.ndarray,
    n_harmonics: int = 2,
    width_hz: float = 40.0,
) -> Share:
    """Return the share of positive relevance on F0 and its multiples.

    Parameters
    ----------
    relevance_map : array, shape (batch, freq, time)
    freqs_hz : array, shape (freq,)
        Centre of each row, Hz.
    f0_hz_per_frame : array, shape (batch, time)
        Fundamental frequency of each frame, Hz; NaN where unvoiced: such frames have no harmonics,
        and their relevance counts as lying elsewhere.
    n_harmonics : int
        How many multiples of F0, F0 itself being the first.
    width_hz : float
        A row belongs to a harmonic if its centre is at most half of this away; not much narrower
        than the rows are.
    """
    values, freqs = _check_map(relevance_map, freqs_hz)
    f0 = np.asarray(f0_hz_per_frame, dtype=float)
    if f0.shape != (values.shape[0], values.shape[2]):
        raise ParameterError(
            f"F0 must be (batch, time) = {(values.shape[0], values.shape[2])}, got {f0.shape}."
        )
    if n_harmonics < 1 or width_hz <= 0:
        raise ParameterError(
            f"n_harmonics and width_hz must be positive, got {n_harmonics!r} and {width_hz!r}."
        )
    mask = np.zeros(values.shape, dtype=bool)
    for multiple in range(1, n_harmonics + 1):
        mask |= (
            np.abs(freqs[None, :, None] - multiple * f0[:, None, :]) <= width_hz / 2
        )  # False where F0 is NaN
    return _share(values, mask)


@checked
def share_by_segment(
    weights: np.ndarray,
    segments: Sequence[pd.DataFrame],
    sample_rate: int,
    start_s: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return which part of each clip's weight lies on each of its labelled segments.

    Parameters
    ----------
    weights : array_like, shape (batch, n_samples)
        Not negative: positive relevance, energy, or ones for the duration.
    segments : sequence of DataFrame
        For each clip ``start_s``, ``end_s`` and ``phone``, as ``corpus.phones(i)`` returns them.
    sample_rate : int
        Of the weights, Hz.
    start_s : sequence of float, optional
        Where each clip begins in its row of weights, seconds: :func:`start_in_second`. Default: at
        the first sample.

    Returns
    -------
    DataFrame
        A row per clip and segment with a name: ``clip``, ``position`` (1 for the first that is no
        pause), ``phone``, ``share`` of the weight on all of them, 0 to 1. Pauses (no name, or
        ``"sil"``) are left out.

    Raises
    ------
    ParameterError
        If there is no table for each clip, or a clip has no weight on its segments.
    """
    weights = np.asarray(
        weights.detach().cpu() if hasattr(weights, "detach") else weights, np.float64
    )
    begins = np.zeros(len(segments)) if start_s is None else np.asarray(start_s)
    if weights.ndim != 2 or len(weights) != len(segments) or len(begins) != len(segments):
        raise ParameterError(
            f"Each clip of (batch, n_samples) needs its segments and start, got {weights.shape}, "
            f"{len(segments)} and {len(begins)}."
        )
    if (weights < 0).any():
        raise ParameterError("Weights must not be negative; take the positive part of a relevance.")
    times_s = (np.arange(weights.shape[1]) + 0.5) / sample_rate  # the middle of each sample
    rows = []
    for clip, (weight, table, begin) in enumerate(zip(weights, segments, begins, strict=True)):
        named = table[~table["phone"].isin(["", "sil"])]
        sums = [
            weight[(times_s >= begin + row.start_s) & (times_s < begin + row.end_s)].sum()
            for row in named.itertuples()
        ]
        if not sum(sums) > 0:
            raise ParameterError(f"Clip {clip} has no weight on any of its segments.")
        rows += [
            {"clip": clip, "position": position, "phone": phone, "share": value / sum(sums)}
            for position, (phone, value) in enumerate(
                zip(named["phone"], sums, strict=True), start=1
            )
        ]
    return pd.DataFrame(rows)


@checked
def start_in_second(duration_s: float) -> float:
    """Return where a clip of up to a second begins in the second that ``features.fit_to_second``
    sets it into.
    """
    if not 0 < duration_s <= 1:
        raise ParameterError(
            "Only clips of up to a second begin at a known place, this one lasts "
            f"{duration_s:.3f} s."
        )
    return (1 - duration_s) / 2


def _share(relevance_map: np.ndarray, mask: np.ndarray) -> Share:
    """Return the share of positive relevance (batch, freq, time) that lies on ``mask`` of the same
    shape.
    """
    positive = np.clip(relevance_map, 0, None)
    total = positive.sum(axis=(1, 2))
    share = np.divide(
        (positive * mask).sum(axis=(1, 2)), total, out=np.full(len(total), np.nan), where=total > 0
    )
    return Share(share, mask.mean(axis=(1, 2)))


def _check_map(relevance_map: np.ndarray, freqs_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, freqs = np.asarray(relevance_map, dtype=float), np.asarray(freqs_hz, dtype=float)
    if values.ndim != 3 or freqs.shape != values.shape[1:2] or 0 in values.shape:
        raise ParameterError(
            f"A relevance map must be (batch, freq, time) with a frequency for each row, "
            f"got {values.shape} and {freqs.shape}."
        )
    if not np.isfinite(values).all():
        raise ParameterError("The relevance map holds NaN or infinite values.")
    return values, freqs
