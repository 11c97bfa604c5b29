"""What the notebook learned-features asks of the features of a convolutional part, and what it
records: clips are drawn, with all their segments, and networks with random weights where several
stand behind a value.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from earwitness.evaluation import statistics, units
from earwitness_book import records

N_RESAMPLES = 1000


def census_records(
    networks: Sequence[tuple[Sequence[np.ndarray], np.ndarray]], drawn: np.ndarray
) -> dict[str, dict]:
    """Return how many features react always, rarely, never, of the model and of random weights.

    Parameters
    ----------
    networks : sequence of pair
        The model and then networks with random weights: outputs for each clip, (n_segments,
        n_units), and for silence, (n_units,).
    drawn : ndarray of int, shape (n_draws, n_clips)
        Which clips, of :func:`earwitness_book.records.drawn`.

    Notes
    -----
    What never reacts is counted over all clips: with fewer it can only become more, so draws of
    clips would make an interval above the number that it is of. It has none; its lead is that over
    networks drawn anew, and of a single one there is none either.
    """
    counted = [census(outputs, quiet, drawn) for outputs, quiet in networks]
    words = {word: [each[word] for each in counted] for word in counted[0]}
    found = beside_untrained(words, drawn)
    own, control = (
        f"speech-quality/{id}" for id in ("features/never", "ours/never-random-weights")
    )
    found[own].pop("interval", None)
    if len(networks) == 2:
        found[own].pop("against", None)
        found[control].pop("interval", None)
    return found


def census(
    outputs: Sequence[np.ndarray], quiet: np.ndarray, drawn: np.ndarray
) -> dict[str, np.ndarray]:
    """Return how many features react in nearly all and in few of the clips of each draw, and in
    none of all clips, (n_draws,) each.
    """
    present = drawn_presence(outputs, quiet, drawn)
    high, low = (np.stack([end(clip, axis=0) for clip in outputs]) for end in (np.max, np.min))
    span = high.max(0) - low.min(0)
    return {
        "always": (present >= 0.9).sum(0),
        "rare": ((present > 0) & (present <= 0.25)).sum(0),
        "never": np.full(len(drawn), (span <= units.CONSTANT * span.max()).sum()),
    }


def drawn_presence(
    outputs: Sequence[np.ndarray], quiet: np.ndarray, drawn: np.ndarray, level: float = units.ACTIVE
) -> np.ndarray:
    """Return the share of the clips of each draw in which each unit reacts somewhere, (n_units,
    n_draws): :func:`earwitness.evaluation.units.presence`.

    Notes
    -----
    The range that a reaction is measured by stays that of all clips: the range of those drawn is
    smaller, and would make reactions of all sizes more frequent.
    """
    span = np.max([clip.max(0) for clip in outputs], 0) - np.min(
        [clip.min(0) for clip in outputs], 0
    )
    away = np.stack([np.abs(clip - quiet).max(0) for clip in outputs])  # (clip, unit)
    present = (away > level * span) & (span > 0)
    return (_times(drawn) @ present).T / drawn.shape[1]


def drawn_doubles(outputs: Sequence[np.ndarray], drawn: np.ndarray) -> np.ndarray:
    """Return how many features have a near double in each draw of clips, (n_draws,): a correlation
    of 0.9 or more in magnitude with another one, over all segments.
    """
    start = np.asarray(outputs[0][0], float)  # of a unit that never moves nothing is left
    moved = [clip - start for clip in outputs]  # (n_segments, unit) each
    times = _times(drawn)
    n = times @ [len(clip) for clip in moved]
    means = times @ np.stack([clip.sum(0) for clip in moved]) / n[:, None]  # (draw, unit)
    products = np.stack([clip.T @ clip for clip in moved])  # (clip, unit, unit)
    covariances = np.tensordot(times, products, 1) / n[:, None, None]
    covariances -= means[:, :, None] * means[:, None, :]  # (draw, unit, unit)
    varied = np.einsum("ruu->ru", covariances)
    size = np.sqrt(np.where(varied > 1e-12 * (varied + means**2), varied, 0))  # else rounding
    sizes = size[:, :, None] * size[:, None, :]
    alike = np.abs(covariances) >= 0.9 * np.where(sizes > 0, sizes, np.inf)
    return (alike & ~np.eye(len(start), dtype=bool)).any(2).sum(1)


def drawn_focus(shares: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return how many features look at the same third of the bands in three quarters of the clips
    or more, for each draw of clips, (n_draws,).

    Parameters
    ----------
    shares : ndarray, shape (n_clips, n_units, 3)
    drawn : ndarray of int, shape (n_draws, n_clips)
    """
    wins = shares.argmax(2)[:, :, None] == np.arange(3)  # (clip, unit, third)
    share = np.tensordot(_times(drawn), wins.astype(float), 1) / drawn.shape[1]
    return (share.max(2) >= 0.75).sum(1)


def beside_untrained(
    values: Mapping[str, Sequence[np.ndarray]], drawn: np.ndarray
) -> dict[str, dict]:
    """Return what is recorded of counts of features, by id: of the model, and the mean of networks
    with random weights, which are drawn, too.

    Parameters
    ----------
    values : mapping from the end of an id to sequence of array_like, shape (n_draws,)
        Of the model, then of each network with random weights.
    drawn : ndarray of int, shape (n_draws, n_clips)
    """
    found = {}
    for word, (own, *untrained) in values.items():
        ids = f"speech-quality/features/{word}", f"speech-quality/ours/{word}-random-weights"
        found |= _recorded({ids: (own, np.stack(untrained))}, drawn.shape[1])
    return found


def method_records(cosine, other, lift, gradients, drawn: np.ndarray) -> dict[str, dict]:
    """Return how far DeepLIFT and integrated gradients agree, and how far each misses its sum.

    Parameters
    ----------
    cosine, other : array_like, shape (n_units, n_clips)
        Of the two methods' maps of a segment of each clip: of the same feature, and of two.
    lift, gradients : Completeness
        Of the same segments.
    drawn : ndarray of int, shape (n_draws, n_clips)
    """
    same, another = (
        np.quantile(np.asarray(each)[:, drawn], 0.5, axis=(0, 2), method="lower")
        for each in (cosine, other)
    )
    ids = "speech-quality/features/methods-agree", "speech-quality/ours/methods-agree-other-feature"
    counted = {"n": drawn.shape[1], "of": "clips"}
    sums = {
        "ours/deeplift-completeness": {"value": float(lift.relative.max()), **counted},
        "ours/ig-completeness": {"value": float(gradients.relative.median()), **counted},
    }
    return _recorded({ids: (same, another)}, drawn.shape[1]) | {
        f"speech-quality/{id}": entry for id, entry in sums.items()
    }


def rarity_records(strong: np.ndarray, gap: int, n_clips: int) -> dict[str, dict]:
    """Return how rarely the feature of gaps reacts, beside the median one, by id.

    Parameters
    ----------
    strong : ndarray, shape (n_units, n_draws)
        Share of the clips of each draw with a strong reaction, 0 to 1.
    gap, n_clips : int
    """
    ids = "speech-quality/features/interruption-is-rare", "speech-quality/ours/presence-median"
    return _recorded({ids: (100 * strong[gap], np.median(100 * strong, axis=0))}, n_clips)


def quality_records(
    peaks: np.ndarray, quality: np.ndarray, gap: int, drawn: np.ndarray
) -> dict[str, dict]:
    """Return what the feature of gaps has to do with quality, beside the median feature, by id.

    Parameters
    ----------
    peaks : ndarray, shape (n_clips, n_units)
        The strongest output of each unit.
    quality : ndarray, shape (n_clips,)
        The estimate.
    gap : int
    drawn : ndarray of int, shape (n_draws, n_clips)
    """
    found = drawn_rank_correlations(peaks, quality, drawn)  # (draw, unit)
    ids = (
        "speech-quality/features/interruption-means-low-quality",
        "speech-quality/ours/features-against-quality-median",
    )
    return _recorded({ids: (found[:, gap], np.median(found, axis=1))}, drawn.shape[1])


def drawn_rank_correlations(values: np.ndarray, other: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each column with ``other`` for each draw of rows, (n_draws,
    n_columns); 0 where a column does not vary.
    """
    times = _times(drawn)
    of_other = _ranks(other, times)
    found = []
    for column in values.T:
        ranks = _ranks(column, times)
        both, own, others = (
            (times * one * two).sum(1)
            for one, two in ((ranks, of_other), (ranks, ranks), (of_other, of_other))
        )
        size = np.sqrt(own * others)
        found.append(np.where(size > 0, both / np.where(size > 0, size, 1), 0.0))
    return np.stack(found, axis=1)


def _ranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the rank of each value among those drawn, less their mean, (n_draws, n); equal ones
    share theirs.
    """
    levels, of = np.unique(values, return_inverse=True)
    order = np.argsort(values, kind="stable")
    starts = np.searchsorted(np.asarray(values)[order], levels)
    held = np.add.reduceat(times[:, order], starts, axis=1)  # (draw, level)
    return (held.cumsum(1) - held / 2)[:, of] - times.sum(1, keepdims=True) / 2


def noise_records(
    outputs: np.ndarray, noisy: np.ndarray, clips: Sequence, no_voice: int
) -> dict[str, dict]:
    """Return how well the feature of pauses tells noisy ones from clean ones, beside the median
    feature, by id.

    Parameters
    ----------
    outputs : ndarray, shape (n, n_units)
        For segments without voice.
    noisy : ndarray of bool, shape (n,)
    clips : sequence, length n
    no_voice : int
    """
    areas = _areas(outputs, noisy, clips)  # (unit, draw)
    areas = np.maximum(areas, 1 - areas)
    ids = (
        "speech-quality/features/no-voice-despite-noise",
        "speech-quality/ours/no-voice-despite-noise-median",
    )
    return _recorded({ids: (areas[no_voice], np.median(areas, axis=0))}, len(np.unique(clips)))


def further_records(
    outputs: Sequence[np.ndarray], best: Sequence[int], no_voice: np.ndarray, clips: Sequence
) -> dict[str, dict]:
    """Return how many features beside the best one react to the absence of voice, by id, and their
    mean number in networks with random weights, which are drawn, too.

    Parameters
    ----------
    outputs : sequence of ndarray, shape (n, n_units)
        Of the network, then of each network with random weights, for the moments that had no say in
        choosing.
    best : sequence of int
        The best unit of each.
    no_voice : ndarray of bool, shape (n,)
    clips : sequence, length n
    """
    counts = np.stack(
        [
            further(np.delete(values, unit, axis=1), no_voice, clips)
            for values, unit in zip(outputs, best, strict=True)
        ]
    )
    ids = (
        "speech-quality/features/no-voice-in-others",
        "speech-quality/ours/no-voice-in-others-random-weights",
    )
    return _recorded({ids: (counts[0], counts[1:])}, len(np.unique(clips)))


def further(outputs: np.ndarray, no_voice: np.ndarray, clips: Sequence) -> np.ndarray:
    """Return how many features have an area of 0.7 or more under the ROC curve for segments without
    voice: of all clips, then of each draw, (1 + n_resamples,).
    """
    areas = _areas(outputs, no_voice, clips)
    return np.where(np.isnan(areas).any(0), np.nan, (areas >= 0.7).sum(0))


def _areas(outputs: np.ndarray, truth: np.ndarray, clips: Sequence) -> np.ndarray:
    """Return each unit's area under the ROC curve: of all clips, then of each draw, (n_units, 1 +
    n_resamples).
    """
    whole = units.roc_areas(outputs, truth)
    anew = [units.drawn_areas(unit, truth, clips, N_RESAMPLES) for unit in outputs.T]
    return np.column_stack([whole, anew])


def _times(drawn: np.ndarray) -> np.ndarray:
    """Return how often each clip is in each draw, (n_draws, n_clips)."""
    n_draws, n = drawn.shape
    place = np.arange(n_draws)[:, None] * n + drawn
    return np.bincount(place.ravel(), minlength=n_draws * n).reshape(n_draws, n).astype(float)


def _recorded(pairs: Mapping[tuple[str, str], Sequence], n: int) -> dict[str, dict]:
    """Return what is recorded of values and their controls over draws of clips."""
    values = {id: each for ids, both in pairs.items() for id, each in zip(ids, both, strict=True)}
    return records.from_draws(values, n, "clips", list(pairs))


def role_records(
    claim: str, best: Sequence[units.Best], outputs: Sequence[np.ndarray], truth, clips: Sequence
) -> dict[str, dict]:
    """Return what is recorded of a role that some feature has, by id: its area, and that of the
    best features of networks with random weights, which are drawn, too.

    Parameters
    ----------
    claim : str
        The end of the id, for instance ``"interruption"``.
    best : sequence of Best
        Of the network, then of each network with random weights.
    outputs : sequence of ndarray, shape (n, n_units)
        Of the same networks, for the moments that had no say in choosing.
    truth : array_like of bool, shape (n,)
    clips : sequence, length n
        The clip of each moment: clips are drawn, with all their moments.
    """
    drawn = np.stack(
        [
            units.drawn_areas(one.direction * values[:, one.unit], truth, clips)
            for one, values in zip(best, outputs, strict=True)
        ]
    )  # (network, resample)
    areas = [one.area for one in best[1:]]
    untrained = np.column_stack([areas, drawn[1:]])  # (network, 1 + resample)
    anew = records.over_networks(untrained)
    apart = statistics.widened(anew, untrained.mean(0), len(untrained))
    mean, *floor = np.clip(apart, 0, 1)  # few networks widen it past what an area can be
    own, n_clips = drawn[0], len(np.unique(clips))
    control = f"speech-quality/ours/{claim}-random-weights"
    counted = {"n": n_clips, "of": "clips"}
    value, blank = (
        {"value": value, "interval": _around(value, draws, n_clips), **counted}
        for value, draws in ((best[0].area, own), (float(mean), floor))
    )
    if n_clips > 1:
        lead = statistics.ends(own - apart[1:], n_clips, value=best[0].area - float(mean))
        value["against"] = {control: lead}
    return {f"speech-quality/features/{claim}": value, control: blank | {"seeds": len(best) - 1}}


def horizontal_structure(maps: np.ndarray) -> float:
    """Return which share of maps' energy is the same at all times, band by band.

    Parameters
    ----------
    maps : ndarray, shape (n_features, n_segments, bands, frames)
        Explanations of stretches that are to be compared.

    Returns
    -------
    float
        1 for stripes, about 1 / (n_segments x frames) for noise; mean over the features that have
        an explanation, NaN if none has.
    """
    in_time = np.moveaxis(np.asarray(maps, float), 1, 2)  # (feature, band, segment, frame)
    in_time = in_time.reshape(*in_time.shape[:2], -1)
    if not in_time.shape[-1]:
        return np.nan
    energy = np.square(in_time).mean(-1).sum(-1)
    steady = np.square(in_time.mean(-1)).sum(-1)
    return float((steady[energy > 0] / energy[energy > 0]).mean()) if energy.any() else np.nan


def baseline_records(ratios: pd.DataFrame, stripes: pd.DataFrame) -> list[dict[str, dict]]:
    """Return what each baseline (column) leaves on pauses beside speech, and how much of it is
    stripes, by id; rows are clips, which are drawn.
    """
    found = []
    for kind, values in (("pauses", ratios), ("stripes", stripes)):
        known = values.dropna()
        ids = {
            f"speech-quality/ours/{kind}-{name.replace(' ', '-')}": known[name].to_numpy()
            for name in known
        }
        found.append(records.from_clips(ids) if len(known) else {})
    return found


def _around(value: float, drawn: np.ndarray, n_clips: int) -> tuple[float, float] | None:
    """Return the ends of an interval that holds the value, as percentiles of few clips may not; of
    a single clip there is none.
    """
    if n_clips == 1:
        return None
    low, high = statistics.ends(drawn, n_clips)
    return min(low, value), max(high, value)
