"""What the chapter raw-waveform measures on sentences, networks and their relevance signals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from earwitness import evaluation


def vowel_correlations(
    sounds: Sequence, relevances: Sequence, times_s: Sequence, sample_rate: float
):
    """Return how far relevance has the envelope, harmonics and formants of vowels, a row per vowel.

    Parameters
    ----------
    sounds, relevances : sequences of array, shape (T,)
        A sentence each, and its relevance signal.
    times_s : sequence of sequences of float
        Centres of each sentence's vowels in seconds.
    sample_rate : float
        In Hz.

    Returns
    -------
    DataFrame
        ``envelope``, ``harmonics`` (correlations), ``F1``, ``F2`` (whether they agree).
    """
    parts = []
    for sound, relevance, times in zip(sounds, relevances, times_s, strict=True):
        formants = evaluation.speech.formant_agreement(sound, relevance, sample_rate, times)
        pair = sound, relevance, sample_rate
        parts.append(
            pd.DataFrame(
                {
                    "envelope": [
                        evaluation.speech.envelope_correlation(*pair, time) for time in times
                    ],
                    "harmonics": [
                        evaluation.speech.harmonic_correlation(*pair, time) for time in times
                    ],
                    "F1": formants[:, 0],
                    "F2": formants[:, 1],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def other_vowels(sounds, relevances, times_s, other_times_s, sample_rate: float) -> float:
    """Return the median correlation of envelopes when relevance comes from another vowel of the
    sentence.

    Parameters
    ----------
    sounds, relevances, times_s, sample_rate
        As for :func:`vowel_correlations`.
    other_times_s : sequence of sequences of float
        Centres of the vowels that relevance is taken from.
    """
    at_s = 0.0125
    start = round(at_s * sample_rate)
    found = []
    for sound, relevance, times, others in zip(
        sounds, relevances, times_s, other_times_s, strict=True
    ):
        for time in times:
            for other in others:
                here = np.roll(sound, start - int(sample_rate * time))
                there = np.roll(relevance, start - int(sample_rate * other))
                found.append(evaluation.speech.envelope_correlation(here, there, sample_rate, at_s))
    return float(np.median(found))


def correlation_summary(vowels: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row per network: medians of envelope and harmonics, per cent of formants that
    agree.
    """
    return pd.DataFrame(
        {
            name: {
                "envelope": found["envelope"].median(),
                "harmonics": found["harmonics"].median(),
                "F1 (%)": 100 * found["F1"].mean(),
                "F2 (%)": 100 * found["F2"].mean(),
            }
            for name, found in vowels.items()
        }
    ).T


def share_where(predicted: Sequence, others: Sequence, counted: Sequence, equal: bool = True):
    """Return in which share of the counted frames two labellings agree, or differ, per utterance,
    (n,).
    """
    return np.array(
        [
            np.mean(((one == other) == equal)[kept])
            for one, other, kept in zip(predicted, others, counted, strict=True)
        ]
    )
