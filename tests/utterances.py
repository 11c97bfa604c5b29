"""A tiny corpus of utterances with phones: tones and noise at 16 kHz, four speakers, three
sentences each.
"""

import numpy as np
import pandas as pd

from earwitness.corpora.base import REGISTERED, Corpus, Fold

SAMPLE_RATE = 16000
# the utterance ends 8 ms after the last phone, and q is no phone of the 39
PHONES = [
    (0.0, 0.1, "sil"),
    (0.1, 0.3, "aa"),
    (0.3, 0.35, ""),
    (0.35, 0.5, "s"),
    (0.5, 0.592, "sil"),
]
DURATION_S = 0.6


class Utterances(Corpus):
    """Speaker k says a tone of 200 + 20 k Hz as "aa" and, a little softer, noise as "s"."""

    name = "utterances"

    def __init__(self, n_speakers: int = 4):
        self.table = pd.DataFrame(
            [
                {
                    "id": f"{speaker}_{sentence}",
                    "speaker": speaker,
                    "sex": "female",
                    "sentence": sentence,
                    "duration_s": DURATION_S,
                    "longer_than_1s": False,
                }
                for speaker in "abcd"[:n_speakers]
                for sentence in range(3)
            ]
        )
        self.tasks = {
            "phone": ["aa", "b", "s", "sil"],
            "speaker": sorted(self.table["speaker"].unique()),
        }

    def _samples(self, index):
        rng = np.random.default_rng(index)
        times_s = np.arange(round(DURATION_S * SAMPLE_RATE)) / SAMPLE_RATE
        f0_hz = 200 + 20 * "abcd".index(self.table["speaker"][index])
        tone = np.sin(2 * np.pi * f0_hz * times_s + rng.uniform(0, 6)) * (
            (times_s >= 0.1) & (times_s < 0.3)
        )
        noise = 0.5 * rng.standard_normal(len(times_s)) * ((times_s >= 0.35) & (times_s < 0.5))
        return (0.3 * (tone + noise) + 0.001 * rng.standard_normal(len(times_s))).astype(
            np.float32
        ), SAMPLE_RATE

    def phones(self, index):
        """Return the phones, the same for every utterance."""
        return pd.DataFrame(PHONES, columns=["start_s", "end_s", "phone_39"])

    def _fold_makers(self, task):
        if task == "speaker":
            return {
                "utterance": lambda: [
                    Fold(
                        self._where("sentence", {0, 1, 2} - {k}),
                        np.array([], int),
                        self._where("sentence", {k}),
                    )
                    for k in range(3)
                ]
            }
        return {
            "speaker": lambda: [
                Fold(
                    self._where("speaker", "ab"),
                    self._where("speaker", "c"),
                    self._where("speaker", "d"),
                )
            ]
        }

    def _where(self, column, values):
        return np.flatnonzero(self.table[column].isin(list(values)))


REGISTERED.pop(Utterances.name)  # a stub of the tests is no corpus that can be loaded
