"""From one value for each clip to what is recorded of it: mean, intervals, and how many stand
behind them.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np


def from_clips(
    values: Mapping[str, Sequence[float]], groups: Sequence | None = None, of: str = ""
) -> dict[str, dict]:
    """Return what to record of measurements of the same clips: each with its interval and its
    lead over every other.

    Parameters
    ----------
    values : mapping from id to array_like, shape (n_clips,)
        In the declared unit: what was right or wrong counts 100 or 0 where that is per cent.
    groups : sequence, length n_clips, optional
        The speaker of each clip: speakers are drawn, with all their clips. By default clips are.
    of : str, optional
        What is drawn. Default: ``"speakers"`` with groups, else ``"clips"``.

    Returns
    -------
    dict
        By id ``value``, ``interval``, ``against``, ``n`` and ``of``, as :func:`record_many` takes
        them.

    Notes
    -----
    Of one speaker alone there is no interval: the verdict is then left open.
    """
    from earwitness.evaluation import statistics  # and with it torch: to record needs none

    arrays = {id: np.asarray(each, float) for id, each in values.items()}
    n_clips = len(next(iter(arrays.values())))
    n = len(np.unique(np.arange(n_clips) if groups is None else groups))
    counted = {"n": n, "of": of or ("clips" if groups is None else "speakers")}
    found = {id: {"value": each.mean(), **counted} for id, each in arrays.items()}
    for id, other in combinations(arrays, 2) if n > 1 else ():
        lead = statistics.paired_bootstrap(arrays[id], arrays[other], groups)
        found[id].setdefault("against", {})[other] = lead.ends
    for id, each in arrays.items() if n > 1 else ():
        found[id]["interval"] = statistics.bootstrap(each, groups).ends
    return found
