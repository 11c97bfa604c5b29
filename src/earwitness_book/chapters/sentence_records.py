"""What is recorded of sentences and their relevance signals: values with intervals for which
speakers are drawn, the same for a value and its control.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from earwitness import features, models, training
from earwitness_book import records
from earwitness_book.chapters import speaker_draws

_CHAPTER = "raw-waveform"
_MEDIANS = ("envelope", "harmonics")  # of vowels; their formants agree or do not
_VOWELS = {  # id: signal, and what of its vowels
    "figure5/envelope": ("phone network", "envelope"),
    "ours/envelope-random-weights": ("phone, random weights", "envelope"),
    "ours/envelope-speaker": ("speaker network", "envelope"),
    "ours/envelope-noise": ("white noise", "envelope"),
    "figure5/harmonics": ("phone network", "harmonics"),
    "ours/harmonics-random-weights": ("phone, random weights", "harmonics"),
    "ours/harmonics-speaker": ("speaker network", "harmonics"),
    "figure5/f1": ("phone network", "F1"),
    "ours/figure5-f1-random-weights": ("phone, random weights", "F1"),
    "figure5/f2": ("phone network", "F2"),
    "ours/figure5-f2-random-weights": ("phone, random weights", "F2"),
}
_OTHERS = {  # id: signal, with the envelope of another vowel
    "ours/envelope-other-vowel": "phone network",
    "ours/envelope-other-vowel-random-weights": "phone, random weights",
}
_VOWEL_PAIRS = (
    ("figure5/envelope", "ours/envelope-other-vowel"),
    ("figure5/envelope", "ours/envelope-random-weights"),
    ("ours/envelope-random-weights", "ours/envelope-other-vowel-random-weights"),
    ("figure5/harmonics", "ours/harmonics-random-weights"),
    ("figure5/f1", "ours/figure5-f1-random-weights"),
    ("figure5/f2", "ours/figure5-f2-random-weights"),
)

_OF_ONE = (  # of the one speaker network, or of none
    "figure3/",
    "figure6/",
    "section4-3/networks-differ",
    "ours/envelope-speaker",
    "ours/harmonics-speaker",
    "ours/stoi-speaker",
    "ours/f0-contour-constant",
    "ours/f0-contour-noise",
    "ours/period-noise",
    "ours/stoi-noise",
)


def mean_records(columns: Mapping[str, Sequence[float]], speakers: Sequence) -> dict[str, dict]:
    """Return what is recorded of means over sentences, by id.

    Parameters
    ----------
    columns : mapping from id (after the chapter's name) to array_like, shape (n_sentences,)
        NaN in a sentence without voice, which is left out of all of them.
    speakers : sequence, length n_sentences
    """
    table = pd.DataFrame({id: np.asarray(column, float) for id, column in columns.items()})
    kept = table.notna().all(axis=1).to_numpy()
    values = {f"{_CHAPTER}/{id}": column[kept] for id, column in table.items()}
    return records.from_clips(values, groups=np.asarray(speakers)[kept])


def of_networks(made: Mapping[str, dict], n_networks: int) -> dict[str, dict]:
    """Return records with how many networks were asked, where they are not of the one speaker
    network.

    Parameters
    ----------
    made : mapping from id to record
    n_networks : int
        Phone networks, one a fold, each asked about people it was not trained on; and as many
        with random weights of either kind.
    """
    of_one = tuple(f"{_CHAPTER}/{id}" for id in _OF_ONE)
    return {
        id: each if id.startswith(of_one) else each | {"seeds": n_networks}
        for id, each in made.items()
    }


def vowel_records(
    vowels: Mapping[str, pd.DataFrame],
    others: Mapping[str, Sequence[np.ndarray]],
    n_vowels: Sequence[int],
    speakers: Sequence,
) -> dict[str, dict]:
    """Return what is recorded of the vowels of Figure 5, by id.

    Parameters
    ----------
    vowels : mapping from name of a signal to DataFrame
        Rows as :func:`raw_waveform.vowel_correlations` returns them, sentence by sentence.
    others : mapping from name of a signal to sequence of ndarray
        As :func:`raw_waveform.other_vowels` returns them, one for each sentence.
    n_vowels : sequence of int, length n_sentences
        How many rows belong to each sentence; who has no vowel in any is not drawn.
    speakers : sequence, length n_sentences
    """
    n_vowels, spoken = np.asarray(n_vowels), np.flatnonzero(n_vowels)
    kept = np.asarray(speakers)[spoken]
    weights = speaker_draws.speaker_weights(kept)  # (n_draws, n_sentences with vowels)
    by_vowel = np.repeat(weights, n_vowels[spoken], axis=1)
    values = {}
    for id, (signal, what) in _VOWELS.items():
        if what in _MEDIANS:
            values[id] = speaker_draws.weighted_median(vowels[signal][what], by_vowel)
        else:
            values[id] = 100 * speaker_draws.weighted_mean(vowels[signal][what], by_vowel)
    for id, signal in _OTHERS.items():
        parts = [others[signal][i] for i in spoken]
        by_pair = np.repeat(weights, [len(part) for part in parts], axis=1)
        values[id] = speaker_draws.weighted_median(np.concatenate(parts), by_pair)
    return speaker_draws.from_speakers(values, kept, _VOWEL_PAIRS)


def frame_mistakes(network, speech, rows: Sequence[int]) -> pd.DataFrame:
    """Return how many frames of sentences a phone network names wrongly, a row for each.

    Parameters
    ----------
    network : Module
    speech : Corpus
        With phones.
    rows : sequence of int

    Returns
    -------
    DataFrame
        ``speaker``, ``frames`` (those that are labelled), ``wrong`` (of these).
    """
    noise = torch.randn(1, 1, features.windowing.LENGTH, generator=torch.Generator().manual_seed(0))
    predicting = models.for_prediction(network, noise)
    return _mistakes(
        speech,
        rows,
        lambda row: models.frame_logits(predicting, speech[row].samples).argmax(1).numpy(),
    )


def frequent_mistakes(speech, rows: Sequence[int]) -> pd.DataFrame:
    """Return the same for always naming the phone that most frames of these sentences have."""
    labels = np.concatenate([training.frame_targets(speech, "phone", int(row)) for row in rows])
    frequent = np.bincount(labels[labels >= 0]).argmax()
    return _mistakes(speech, rows, lambda row: frequent)


def _mistakes(speech, rows, predicted) -> pd.DataFrame:
    found = []
    for row in map(int, rows):
        labels = training.frame_targets(speech, "phone", row)
        wrong = (predicted(row) != labels)[labels >= 0]
        found.append((speech.table["speaker"].iloc[row], len(wrong), int(wrong.sum())))
    return pd.DataFrame(found, columns=["speaker", "frames", "wrong"])


def frame_error(mistakes: pd.DataFrame) -> float:
    """Return the share (%) of all frames of :func:`frame_mistakes` that are wrong."""
    return 100 * mistakes["wrong"].sum() / mistakes["frames"].sum()


def frame_error_records(
    tested: Sequence[pd.DataFrame], validated: pd.DataFrame, frequent: Sequence[pd.DataFrame]
) -> dict[str, dict]:
    """Return what is recorded of frames that are named wrongly, by id.

    Parameters
    ----------
    tested : sequence of DataFrame
        :func:`frame_mistakes` on each fold's test speakers by the fold's network; the value is the
        mean of the folds' errors, over the folds of which a speaker is drawn.
    validated : DataFrame
        The same on validation speakers.
    frequent : sequence of DataFrame
        :func:`frequent_mistakes` on the same speakers, in the same order.
    """
    everyone = pd.concat(tested, ignore_index=True)
    weights = speaker_draws.speaker_weights(everyone["speaker"])
    ends = np.cumsum([len(each) for each in tested])[:-1]
    parts = np.split(weights, ends, axis=1)
    values = {
        id: np.nanmean([_drawn_error(*each) for each in zip(those, parts, strict=True)], axis=0)
        for id, those in {
            "ours/frame-error-test": tested,
            "ours/chance-phone-error": frequent,
        }.items()
    }
    pair = ("ours/frame-error-test", "ours/chance-phone-error")
    found = speaker_draws.from_speakers(values, everyone["speaker"], [pair])
    weights = speaker_draws.speaker_weights(validated["speaker"])
    on_validation = {"ours/frame-error-dev": _drawn_error(validated, weights)}
    return found | speaker_draws.from_speakers(on_validation, validated["speaker"], [])


def _drawn_error(mistakes: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """Return the share (%) of wrong frames in each draw, NaN where no sentence was drawn."""
    wrong, frames = (weights @ mistakes[name].to_numpy() for name in ("wrong", "frames"))
    with np.errstate(invalid="ignore"):
        return 100 * np.divide(wrong, frames)
