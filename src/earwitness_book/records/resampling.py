"""From one value for each clip to what is recorded of it: mean, intervals, and how many stand
behind them.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from earwitness_book.records.claims import chapters, published

_OF_NETWORKS = 2**20  # where the seeds for drawing networks begin


def from_clips(
    values: Mapping[str, Sequence[float]], groups: Sequence | None = None, of: str = ""
) -> dict[str, dict]:
    """Return what to record of measurements of the same clips: each with its interval and its
    lead over every other.

    Parameters
    ----------
    values : mapping from id to array_like, shape (n_clips,) or (n_networks, n_clips)
        In the declared unit: what was right or wrong counts 100 or 0 where that is per cent. Of
        several networks, such as those with random weights, the mean is recorded.
    groups : sequence, length n_clips, optional
        The speaker of each clip: speakers are drawn, with all their clips. By default clips are.
    of : str, optional
        What is drawn. Default: ``"speakers"`` with groups, else ``"clips"``.

    Returns
    -------
    dict
        By id ``value``, ``interval``, ``against``, ``n`` and ``of``, as :func:`record_many` takes
        them; where values are (n_networks, n_clips) ``seeds`` and their ``std``, too.

    Notes
    -----
    Several networks are drawn with the clips, for their own interval and for any lead
    (:func:`earwitness.evaluation.statistics.lead_over_networks`).

    Of one speaker alone there is no interval: the verdict is then left open. Draws of what was
    right everywhere, or nowhere, know no doubt: its interval is Wilson's. Values that are 0 or 100
    throughout are taken to be such shares; where nothing is above zero, if declared in per cent.
    """
    from earwitness.evaluation import statistics  # and with it torch: to record needs none

    networks = {id: np.atleast_2d(np.asarray(each, float)) for id, each in values.items()}
    arrays = {id: each.mean(0) for id, each in networks.items()}  # (n_clips,)
    of = of or ("clips" if groups is None else "speakers")
    groups = np.arange(len(next(iter(arrays.values())))) if groups is None else groups
    n = len(np.unique(groups))
    found = {id: {"value": each.mean(), "n": n, "of": of} for id, each in arrays.items()}
    for id, each in values.items():
        found[id] |= _of_networks(networks[id].mean(1)) if np.ndim(each) == 2 else {}
    for id, other in combinations(arrays, 2) if n > 1 else ():
        if len(networks[id]) == len(networks[other]) == 1:
            lead = statistics.paired_bootstrap(arrays[id], arrays[other], groups)
        else:
            lead = statistics.lead_over_networks(networks[id], networks[other], groups)
        both = _in_per_cent(id) and _in_per_cent(other)
        ends = _within(lead.ends, -100, 100) if both else lead.ends
        found[id].setdefault("against", {})[other] = ends
    are_shares = all(np.isin(each, (0, 100)).all() for each in networks.values())
    some = any(map(np.any, networks.values()))  # zeros alone may be anything
    for id, each in networks.items() if n > 1 else ():
        is_share = _in_per_cent(id) or (are_shares and some)
        if is_share and np.ptp(each) == 0 and each.flat[0] in (0, 100):
            found[id]["interval"] = _wilson(each.flat[0], n)
        elif len(each) == 1:
            found[id]["interval"] = statistics.bootstrap(each[0], groups).ends
        else:
            nothing = np.zeros((1, each.shape[1]))
            ends = statistics.lead_over_networks(each, nothing, groups).ends
            found[id]["interval"] = _possible(ends, each, is_share)
    return found


def _in_per_cent(id: str) -> bool:
    chapter = id.partition("/")[0]
    claim = published(chapter).get(id) if chapter in chapters() else None
    return claim is not None and claim.unit == "%"


def drawn(n: int, n_resamples: int, seed: int) -> np.ndarray:
    """Return which of ``n`` things are drawn, (1 + n_resamples, n): first all of them once, then
    with replacement.
    """
    again = np.random.default_rng(seed).integers(n, size=(n_resamples, n))
    return np.vstack([np.arange(n), again])


def from_draws(
    values: Mapping[str, np.ndarray], n: int, of: str, against: Sequence[tuple[str, str]] = ()
) -> dict[str, dict]:
    """Return what to record of statistics that are no means: ratios, correlations, areas.

    Parameters
    ----------
    values : mapping from id to array_like, shape (1 + n_resamples,)
        The statistic of everything, then of each draw; the same draws for all (:func:`drawn`). A
        draw in which it is not defined is NaN and left out. Of several networks, such as those with
        random weights, (n_networks, 1 + n_resamples): their mean is recorded, and they are drawn;
        one for which it is not defined is left out, and not counted.
    n : int
        How many were there to draw from.
    of : str
        What they are, in the plural.
    against : sequence of pairs of id
        Which statistic is compared with which.

    Returns
    -------
    dict
        By id ``value``, ``interval`` (95 %), ``against``, ``n`` and ``of``; of networks ``seeds``
        and their standard deviation ``std``, too. What is not defined for everything together is
        left out; what no draw defines has no interval, nor has what was found of one alone.

    Notes
    -----
    Where draws lie aside of what everything gives, as those of a rank correlation near 1 or of a
    small count do, an interval is widened until it holds that. Values and leads of few networks are
    as wide as so few leave them. A share in per cent that is 0 or 100 in all draws has Wilson's
    interval.
    """
    networks = {id: _defined(np.atleast_2d(np.asarray(each, float))) for id, each in values.items()}
    known = {id: over_networks(each, seed=i) for i, (id, each) in enumerate(networks.items())}
    known = {id: each for id, each in known.items() if np.isfinite(each[0])}
    found = {id: {"value": float(each[0]), "n": n, "of": of} for id, each in known.items()}
    for id in known:
        found[id] |= _of_networks(networks[id][:, 0]) if np.ndim(values[id]) == 2 else {}
    if n < 2:
        return found
    from earwitness.evaluation.statistics import ends, widened  # and torch: to record needs none

    wide = {
        id: widened(each, networks[id].mean(0), len(networks[id])) for id, each in known.items()
    }
    for id, each in wide.items():
        drawn_values = each[1:][np.isfinite(each[1:])]
        if not len(drawn_values):
            continue
        is_share = _in_per_cent(id)
        if is_share and each[0] in (0, 100) and (drawn_values == each[0]).all():
            found[id]["interval"] = _wilson(each[0], n)
        else:
            held = _holding(ends(each[1:], n), each[0])
            found[id]["interval"] = _possible(held, networks[id], is_share)
    for id, other in against:
        if id in wide and other in wide:
            leads = wide[id] - wide[other]
            if np.isfinite(leads[1:]).any():
                lead = _holding(ends(leads[1:], n, value=leads[0]), leads[0])
                found[id].setdefault("against", {})[other] = lead
    return found


def over_networks(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the mean over networks: of all of them, then of as many drawn anew for each draw.

    Parameters
    ----------
    values : ndarray, shape (n_networks, 1 + n_resamples)
        Of everything, then of each draw.
    seed : int
        Of the draws of networks, none of which follows those of clips with the same seed.

    Returns
    -------
    ndarray, shape (1 + n_resamples,)
    """
    n_networks, n_draws = values.shape
    which = drawn(n_networks, n_draws - 1, _OF_NETWORKS + seed)  # (draw, network)
    return np.take_along_axis(values.T, which, axis=1).mean(1)


def _defined(networks: np.ndarray) -> np.ndarray:
    """Return those networks (n_networks, 1 + n_resamples) whose value is known; all, if none's."""
    known = np.isfinite(networks[:, 0])
    return networks[known] if known.any() else networks


def _wilson(value: float, n: int) -> tuple[float, float]:
    """Return the interval of a share of 0 or 100 % of ``n``."""
    from earwitness.evaluation.statistics import share

    low, high = share(round(n * value / 100), n).ends
    return 100 * low, 100 * high


def _possible(
    ends: tuple[float, float], networks: np.ndarray, is_share: bool
) -> tuple[float, float]:
    """Return an interval within the limits of what is measured: few networks widen it past them."""
    low = -np.inf if np.nanmin(networks) < 0 else 0
    return _within(ends, low, 100 if is_share else np.inf)


def _within(ends: tuple[float, float], low: float, high: float) -> tuple[float, float]:
    return max(ends[0], float(low)), min(ends[1], float(high))


def _of_networks(values: np.ndarray) -> dict:
    """Return what is recorded of how many networks there were and how far they differ."""
    n = len(values)
    return {"seeds": n} | ({"std": float(np.std(values, ddof=1))} if n > 1 else {})


def _holding(ends: tuple[float, float], value: float) -> tuple[float, float]:
    return min(ends[0], float(value)), max(ends[1], float(value))
