"""Which sounds of a word carry relevance: its share on each labelled stretch of time."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earwitness.errors import ParameterError


def share_by_segment(
    weights, segments: Sequence[pd.DataFrame], sample_rate: int, start_s: Sequence[float] | None = None
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
        Where each clip begins in its row of weights, seconds: :func:`start_in_second`. Default: at the first sample.

    Returns
    -------
    DataFrame
        A row per clip and segment with a name: ``clip``, ``position`` (1 for the first that is no pause), ``phone``,
        ``share`` of the weight on all of them, 0 to 1. Pauses (no name, or ``"sil"``) are left out.

    Raises
    ------
    ParameterError
        If there is no table for each clip, or a clip has no weight on its segments.
    """
    weights = np.asarray(weights.detach().cpu() if hasattr(weights, "detach") else weights, np.float64)
    begins = np.zeros(len(segments)) if start_s is None else np.asarray(start_s)
    if weights.ndim != 2 or len(weights) != len(segments) or len(begins) != len(segments):
        raise ParameterError(f"Each clip of (batch, n_samples) needs its segments and start, got {weights.shape}, "
                             f"{len(segments)} and {len(begins)}.")
    if (weights < 0).any():
        raise ParameterError("Weights must not be negative; take the positive part of a relevance.")
    times_s = (np.arange(weights.shape[1]) + 0.5) / sample_rate  # the middle of each sample
    rows = []
    for clip, (weight, table, begin) in enumerate(zip(weights, segments, begins, strict=True)):
        named = table[~table["phone"].isin(["", "sil"])]
        sums = [weight[(times_s >= begin + row.start_s) & (times_s < begin + row.end_s)].sum()
                for row in named.itertuples()]
        if not sum(sums) > 0:
            raise ParameterError(f"Clip {clip} has no weight on any of its segments.")
        rows += [{"clip": clip, "position": position, "phone": phone, "share": value / sum(sums)}
                 for position, (phone, value) in enumerate(zip(named["phone"], sums, strict=True), start=1)]
    return pd.DataFrame(rows)


def start_in_second(duration_s: float) -> float:
    """Return where a clip of up to a second begins in the second that ``features.fit_to_second`` sets it into."""
    if not 0 < duration_s <= 1:
        raise ParameterError(f"Only clips of up to a second begin at a known place, this one lasts {duration_s:.3f} s.")
    return (1 - duration_s) / 2
