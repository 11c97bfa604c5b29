"""What the chapter raw-waveform measures on sentences, networks and their relevance signals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from earwitness import evaluation
from earwitness.arguments import checked
from earwitness.audio import check_finite, check_rate
from earwitness.errors import ParameterError

_LINE_HZ = 16000 / 30  # three steps of a first convolution with stride 10, pooled by 3


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


def other_vowels(
    sounds, relevances, times_s, other_times_s, sample_rate: float
) -> list[np.ndarray]:
    """Return how far envelopes correlate when relevance comes from another vowel of the sentence.

    Parameters
    ----------
    sounds, relevances, times_s, sample_rate
        As for :func:`vowel_correlations`.
    other_times_s : sequence of sequences of float
        Centres of the vowels that relevance is taken from.

    Returns
    -------
    list of ndarray, shape (n_vowels * n_others,)
        For each sentence the correlation of each of its vowels with each of the others.
    """
    at_s = 0.0125
    start = round(at_s * sample_rate)
    found = []
    for sound, relevance, times, others in zip(
        sounds, relevances, times_s, other_times_s, strict=True
    ):
        alike = [
            evaluation.speech.envelope_correlation(
                np.roll(sound, start - int(sample_rate * time)),
                np.roll(relevance, start - int(sample_rate * other)),
                sample_rate,
                at_s,
            )
            for time in times
            for other in others
        ]
        found.append(np.array(alike))
    return found


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


@checked
def grid_share(relevance: np.ndarray, sample_rate: int = 16000, width_hz: float = 60.0) -> float:
    """Return the share of a signal's magnitude spectrum that lies on the lines of the network's own
    steps.

    A convolution that moves by 10 samples and a pooling by 3 treat every 30th sample alike:
    whatever they do unevenly within these 30 samples appears in a relevance signal as lines at the
    multiples of 533 Hz, speech or not.

    Parameters
    ----------
    relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz, 16000 for the networks of the chapter raw-waveform.
    width_hz : float
        Width of a line.

    Returns
    -------
    float
        0 to 1, of the frequencies from 300 to 7700 Hz. A flat spectrum gives the lines' share of
        them, 0.114.
    """
    relevance = np.asarray(relevance, float)
    check_finite(relevance, "The relevance")
    check_rate(sample_rate)
    if relevance.ndim != 1 or not len(relevance):
        raise ParameterError(
            f"Relevance must be (T,), with a value or more, got {relevance.shape}."
        )
    spectrum = np.abs(np.fft.rfft(relevance * np.hanning(len(relevance))))
    freqs_hz = np.fft.rfftfreq(len(relevance), 1 / sample_rate)
    kept = (freqs_hz >= 300) & (freqs_hz <= 7700)
    lines = np.abs(freqs_hz - _LINE_HZ * np.round(freqs_hz / _LINE_HZ)) <= width_hz / 2
    total = spectrum[kept].sum()
    return float(spectrum[kept & lines].sum() / total) if total > 0 else 0.0
