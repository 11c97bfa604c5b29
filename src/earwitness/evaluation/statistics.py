"""Is a difference more than chance, and does a score tell two kinds apart? Intervals and tests over
speakers or clips, never over frames.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number


class Interval(NamedTuple):
    """A value, the ends of its interval, and how many speakers or clips were resampled."""

    value: float
    low: float
    high: float
    n: int

    @property
    def ends(self) -> tuple[float, float]:
        """The interval alone, as ``records.record(interval=...)`` takes it."""
        return self.low, self.high

    def excludes(self, value: float = 0.0) -> bool:
        """Tell whether a value lies outside the interval."""
        return not self.low <= value <= self.high


FEW = 10  # fewer draws reach no further than the extremes of what there is


@checked
def ends(
    draws: Sequence[float], n: int, *, level: float = 0.95, value: float | None = None
) -> tuple[float, float]:
    """Return the ends of the interval that draws of ``n`` things make: expanded percentiles.

    Parameters
    ----------
    draws : array_like, shape (n_resamples,)
        The statistic of each draw; a draw in which it is not defined is NaN and left out.
    n : int
        How many speakers or clips were there to draw from, at least two.
    level : float
        Of the interval, 0 to 1.
    value : float, optional
        The statistic of everything. With it, and with fewer than ten to draw from, the interval
        reaches on either side at least as far as Student's t: for differences, which have no limit
        that it could pass. Where all of them are alike, t knows no spread: then it reaches as far
        as if the opposite held for the share of all that so few can miss.

    Notes
    -----
    Plain percentiles are too narrow for few: draws of n vary by a factor of sqrt((n - 1) / n) too
    little, and as if their spread were known. Hesterberg (2015), The American Statistician 69,
    371-386, section 5.3, takes the quantiles at which a t interval of a mean would lie. And no draw
    of four goes beyond the most extreme of the four, which agree by luck in one case of eight. A
    share of up to 1 - ((1 - level) / 2) ** (1 / n) can be missed by n: Clopper and Pearson (1934),
    Biometrika 26, 404-413. So five that are alike decide nothing, and six do.
    """
    check_number("n", n, 2, 2**31, whole=True)
    check_number("level", level, 0, 1)
    draws = np.asarray(draws, float)
    if draws.ndim != 1 or np.isinf(draws).any() or np.isnan(draws).all():
        raise ParameterError(
            "An interval needs draws (n_resamples,) in which the statistic is defined, NaN where "
            f"it is not and nowhere infinite; got shape {draws.shape}."
        )
    width = float(np.sqrt(n / (n - 1)) * scipy.stats.t.isf((1 - level) / 2, n - 1))
    tail = float(scipy.stats.norm.sf(width))
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    if value is not None and n < FEW:
        reach = width * float(np.nanstd(draws))
        opposite = 1 - ((1 - level) / 2) ** (1 / n)
        far = value * (1 - 2 * opposite) if _alike(draws) else value
        low, high = min(low, value - reach, far), max(high, value + reach, far)
    return float(low), float(high)


@checked
def widened(
    draws: Sequence[float], fixed: Sequence[float], n: int, *, level: float = 0.95
) -> np.ndarray:
    """Return draws in which the part of a few networks is as wide as so few leave it.

    Parameters
    ----------
    draws : array_like, shape (n_resamples,)
        The statistic of drawn clips and, of these, of drawn networks.
    fixed : array_like, shape (n_resamples,)
        Of the same clips, and of all networks.
    n : int
        How many networks there are; of a single one nothing was drawn, and nothing is widened.
    level : float
        Of the interval that is taken of the draws, 0 to 1.

    Notes
    -----
    As :func:`ends` does for clips: by sqrt(n / (n - 1)), and from the normal distribution to
    Student's t. There are many clips and few networks, so each part needs a factor of its own.
    """
    check_number("n", n, 1, 2**31, whole=True)
    check_number("level", level, 0, 1)
    draws, fixed = np.asarray(draws, float), np.asarray(fixed, float)
    if n == 1:
        return draws
    tail = (1 - level) / 2
    wider = np.sqrt(n / (n - 1)) * scipy.stats.t.isf(tail, n - 1) / scipy.stats.norm.isf(tail)
    return fixed + wider * (draws - fixed)


@checked
def lead_over_networks(
    values: np.ndarray,
    others: np.ndarray,
    groups: Sequence,
    *,
    level: float = 0.95,
    n_resamples: int = 4000,
    seed: int = 0,
) -> Interval:
    """Return how far the mean of networks leads that of others, of the same clips.

    Parameters
    ----------
    values : array_like, shape (n_clips,) or (n_networks, n_clips)
        Of one network, or of the same network trained from several seeds.
    others : array_like, shape (n_others, n_clips)
        Of networks with random weights, or of others that are led.
    groups : sequence, length n_clips
        The speaker of each clip: speakers are drawn with all their clips, and networks with all
        that they were asked. Few networks make the interval as wide as so few leave it
        (:func:`widened`).
    level : float
    n_resamples : int
    seed : int

    Returns
    -------
    Interval
        ``n`` counts groups; of a single one nothing is known, and the interval is infinite.
    """
    members = np.unique(groups, return_inverse=True)[1]
    n_groups, rng = int(members.max()) + 1, np.random.default_rng(seed)
    drawn = rng.integers(n_groups, size=(n_resamples, n_groups))
    place = np.arange(n_resamples)[:, None] * n_groups + drawn
    times = np.bincount(place.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)
    sizes, means = times @ np.bincount(members), []
    for each in (np.atleast_2d(np.asarray(those, float)) for those in (others, values)):
        sums = np.stack([each[:, members == m].sum(axis=1) for m in range(n_groups)])
        by_net = times @ sums / sizes[:, None]  # (resample, network)
        nets = rng.integers(len(each), size=(n_resamples, len(each)))
        anew = np.take_along_axis(by_net, nets, axis=1).mean(axis=1)
        means.append(widened(anew, by_net.mean(axis=1), len(each), level=level))
    lead = float(np.mean(values) - np.mean(others))
    if n_groups == 1:
        return Interval(lead, -np.inf, np.inf, 1)
    return Interval(lead, *ends(means[1] - means[0], n_groups, level=level, value=lead), n_groups)


@checked
def bootstrap(
    values: Sequence[float],
    groups: Sequence | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    statistic: Callable | None = None,
) -> Interval:
    """Return the mean of values and its bootstrap interval: :func:`ends`.

    Parameters
    ----------
    values : array_like, shape (n,)
        One for each clip.
    groups : sequence, length n, optional
        What belongs together, for instance the speaker of each clip: whole groups are drawn,
        because the clips of one speaker are not independent. By default every clip is its own.
    level : float
        Of the interval, 0 to 1.
    n_resamples : int
    seed : int
        Of the draws.
    statistic : callable, optional
        From values (..., n) to (...), over the last axis; without ``groups`` only. Default: the
        mean.

    Returns
    -------
    Interval
        Its ``n`` is the number of groups.

    Raises
    ------
    ParameterError
        If values are not finite, fewer than two groups are left to draw, or lengths differ.

    Notes
    -----
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    point, draws, n = _drawn(values, groups, level, n_resamples, seed, statistic)
    return Interval(point, *ends(draws, n, level=level), n)


@checked
def paired_bootstrap(
    values: Sequence[float],
    controls: Sequence[float],
    groups: Sequence | None = None,
    *,
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> Interval:
    """Return how much values are above their controls on average, with its interval.

    Parameters
    ----------
    values, controls : array_like, shape (n,)
        Of the same clips in the same order.
    groups, level, n_resamples, seed
        As for :func:`bootstrap`.

    Returns
    -------
    Interval
        Of the difference: the control is beaten where it excludes zero.
    """
    values, controls = np.asarray(values, float), np.asarray(controls, float)
    if values.shape != controls.shape:
        raise ParameterError(
            f"Pairs need a control for each value, got {values.shape} and {controls.shape}."
        )
    point, draws, n = _drawn(values - controls, groups, level, n_resamples, seed)
    return Interval(point, *ends(draws, n, level=level, value=point), n)


@checked
def share(count: int, n: int, level: float = 0.95) -> Interval:
    """Return a share of n independent speakers or clips with its Wilson interval, 0 to 1.

    Notes
    -----
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    _check_counts(count=count, n=n)
    if not 0 <= count <= n or n == 0:
        raise ParameterError(f"A share needs 0 <= count <= n and n above 0, got {count} of {n}.")
    check_number("level", level, 0, 1)
    ends = scipy.stats.binomtest(count, n).proportion_ci(level, method="wilson")
    return Interval(count / n, float(ends.low), float(ends.high), n)


@checked
def mcnemar(values: Sequence[bool], controls: Sequence[bool]) -> float:
    """Return the exact two-sided p-value that two shares of the same clips differ.

    Parameters
    ----------
    values, controls : array_like of bool, shape (n,)
        What was right, or found, for each clip; only clips in which the two differ decide.

    Notes
    -----
    McNemar (1947), Psychometrika 12, 153-157, by the binomial distribution instead of chi-square.
    """
    values, controls = np.asarray(values), np.asarray(controls)
    if values.dtype != bool or controls.dtype != bool or values.shape != controls.shape:
        raise ParameterError(
            "McNemar's test compares two lists of true and false of one length, got "
            f"{values.dtype} {values.shape} and {controls.dtype} {controls.shape}."
        )
    gained, lost = int((values & ~controls).sum()), int((controls & ~values).sum())
    return float(scipy.stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


@checked
def fisher(count: int, n: int, other_count: int, other_n: int) -> float:
    """Return the exact two-sided p-value that shares of different speakers or clips differ.

    Notes
    -----
    Fisher (1935), The Design of Experiments, section 21.
    """
    _check_counts(count=count, n=n, other_count=other_count, other_n=other_n)
    if not (0 <= count <= n and 0 <= other_count <= other_n):
        raise ParameterError(
            f"A count lies between 0 and its n, got {count} of {n} and {other_count} of {other_n}."
        )
    table = [[count, n - count], [other_count, other_n - other_count]]
    return float(scipy.stats.fisher_exact(table).pvalue)


@checked
def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values corrected for their number, in their order: Holm's step-down method.

    Notes
    -----
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.
    """
    p_values = np.asarray(p_values, float)
    if p_values.ndim != 1 or not ((p_values >= 0) & (p_values <= 1)).all():
        raise ParameterError(f"p-values lie between 0 and 1, got {p_values.tolist()}.")
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(stepped, 1)
    return corrected


@checked
def critical_difference(n_methods: int, n_blocks: int, level: float = 0.95) -> float:
    """Return by how much the mean ranks of two methods must differ to be more than chance, among
    all pairs (Nemenyi's test).

    Parameters
    ----------
    n_methods : int
        How many are ranked, 2 or more.
    n_blocks : int
        In how many blocks (networks, data sets) they are ranked.
    level : float
        0.95: by chance one of twenty sets has a pair that differs by more.

    Notes
    -----
    Demsar (2006), Journal of Machine Learning Research 7, 1-30, Eq. (8) and Table 5 (a); after
    Friedman's test (``scipy.stats.friedmanchisquare``). Chapter: known-answers.
    """
    check_number("n_methods", n_methods, 2, 1000, whole=True)
    check_number("n_blocks", n_blocks, 2, 10**6, whole=True)
    check_number("level", level, 0, 1)
    quantile = scipy.stats.studentized_range.ppf(level, n_methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks)))


@checked
def roc_area(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve: how likely a true value scores above a false one; 0.5 is
    chance.

    Parameters
    ----------
    scores : array_like
        Higher for what is taken to be true; equal scores count half.
    truth : array_like of bool, shape of ``scores``

    Raises
    ------
    ParameterError
        If shapes differ, scores are not finite, or all of the truth is the same.
    """
    scores, truth = _array(scores).ravel(), np.asarray(truth, bool).ravel()
    if scores.shape != truth.shape or not np.isfinite(scores).all():
        raise ParameterError(
            f"A ROC curve needs a finite score for each of {truth.size} values, got {scores.size}."
        )
    n_true = int(truth.sum())
    if n_true in (0, truth.size):
        raise ParameterError("A ROC curve needs true and false values; here all are the same.")
    ranks = scipy.stats.rankdata(scores)
    return float(
        (ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * (truth.size - n_true))
    )


def _alike(draws: np.ndarray) -> bool:
    """Tell whether draws are all the same but for rounding."""
    low, high = np.nanmin(draws), np.nanmax(draws)
    return bool(high - low <= 1e-9 * max(abs(low), abs(high)))


def _array(values) -> np.ndarray:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, np.float64)


def _drawn(
    values, groups, level, n_resamples, seed, statistic=None
) -> tuple[float, np.ndarray, int]:
    """Return the statistic of everything and of each draw, and how many groups were drawn from."""
    values, members = _checked(values, groups, level)
    check_number("n_resamples", n_resamples, 1, 10**7, whole=True)
    check_number("seed", seed, 0, 2**128, whole=True)
    n_groups = int(members.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.integers(n_groups, size=(n_resamples, n_groups))
    if statistic is None:
        sums, sizes = np.bincount(members, values), np.bincount(members)
        found = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
        return float(values.mean()), found, n_groups
    if groups is not None:
        raise ParameterError("A statistic of its own is for values without groups.")
    return float(statistic(values)), statistic(values[drawn]), n_groups


def _checked(values, groups, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return values and the number of each one's group."""
    values = np.asarray(values, float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ParameterError(f"A bootstrap needs finite values (n,), got shape {values.shape}.")
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, got {level!r}.")
    names = np.arange(len(values)) if groups is None else np.asarray(groups)
    if names.shape != values.shape:
        raise ParameterError(
            f"groups must name the group of each of {len(values)} clips, got {names.shape}."
        )
    members = np.unique(names, return_inverse=True)[1]
    if len(values) == 0 or members.max() < 1:
        raise ParameterError("A bootstrap needs at least two speakers or clips to draw from.")
    return values, members


def _check_counts(**given: int) -> None:
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value >= 2**53:
            raise ParameterError(f"{name} must be a whole number, got {value!r}.")
