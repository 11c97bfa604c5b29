"""Speakers are drawn anew, each with everything that he or she said: intervals of medians and other
statistics of clips, where :func:`earwitness_book.records.from_clips` has those of means.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from earwitness_book import records

N_RESAMPLES = 2000


def speaker_weights(
    speakers: Sequence, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Return how often each clip counts, first once each, then in each draw of speakers.

    Parameters
    ----------
    speakers : sequence, length n_clips
        Who speaks in each clip.
    n_resamples, seed : int

    Returns
    -------
    ndarray of int, shape (1 + n_resamples, n_clips)
        All clips of a speaker count alike. The same speakers and seed give the same draws.
    """
    names, members = np.unique(np.asarray(speakers), return_inverse=True)
    return drawn_counts(len(names), n_resamples, seed)[:, members]


def drawn_counts(n: int, n_resamples: int = N_RESAMPLES, seed: int = 0) -> np.ndarray:
    """Return how often each of ``n`` things is drawn, (1 + n_resamples, n): first all of them once,
    then as :func:`earwitness_book.records.drawn` draws.
    """
    rows = records.drawn(n, n_resamples, seed)
    flat = (np.arange(len(rows))[:, None] * n + rows).ravel()
    return np.bincount(flat, minlength=len(rows) * n).reshape(-1, n)


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean of what was drawn, (n_draws,), of values (n,) with weights (n_draws, n).

    A value that is NaN does not count; NaN where nothing is left. Of values (n_networks, n) it is
    (n_networks, n_draws).
    """
    if np.ndim(values) == 2:
        return np.stack([weighted_mean(each, weights) for each in values])
    values, weights = _known(values, weights)
    with np.errstate(invalid="ignore"):
        return np.divide(weights @ values, weights.sum(1))


def weighted_median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the median of what was drawn; arguments and result as for :func:`weighted_mean`.

    It is that of a list in which each value stands as often as it was drawn.
    """
    values, weights = _known(values, weights)
    if not len(values):
        return np.full(len(weights), np.nan)
    order = np.argsort(values)
    reached = np.cumsum(weights[:, order], axis=1)  # (n_draws, n)
    total = reached[:, -1:]
    below, above = (
        values[order][(reached > position).argmax(1)] for position in ((total - 1) // 2, total // 2)
    )
    return np.where(total[:, 0] > 0, (below + above) / 2, np.nan)


def _known(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, float)
    known = np.isfinite(values)
    return values[known], weights[:, known]


def from_speakers(
    values: Mapping[str, np.ndarray],
    speakers: Sequence,
    against: Sequence[tuple[str, str]] = (),
    chapter: str = "raw-waveform",
) -> dict[str, dict]:
    """Return what to record of statistics of drawn speakers, by id.

    Parameters
    ----------
    values : mapping from id, after the chapter's name, to ndarray, shape (1 + n_resamples,)
        Of all clips, then of each draw of :func:`speaker_weights`; of several networks
        (n_networks, 1 + n_resamples).
    speakers : sequence
        Who was drawn from; what is counted is how many they are.
    against : sequence of pairs of id
        Which statistic is compared with which.
    chapter : str

    Returns
    -------
    dict
        As :func:`earwitness_book.records.from_draws` returns it.
    """
    named = {f"{chapter}/{id}": each for id, each in values.items()}
    pairs = [(f"{chapter}/{id}", f"{chapter}/{other}") for id, other in against]
    return records.from_draws(named, len(set(speakers)), "speakers", pairs)


def median_records(
    columns: Mapping[str, Sequence[float]],
    speakers: Sequence,
    against: Sequence[tuple[str, str]] = (),
) -> dict[str, dict]:
    """Return what to record of medians over clips, by id.

    Parameters
    ----------
    columns : mapping from id to array_like, shape (n_clips,)
    speakers : sequence, length n_clips
    against : sequence of pairs of id
        As for :func:`from_speakers`.
    """
    weights = speaker_weights(speakers)
    values = {id: weighted_median(each, weights) for id, each in columns.items()}
    return from_speakers(values, speakers, against)
