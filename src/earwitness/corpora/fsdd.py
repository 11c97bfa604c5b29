"""Free Spoken Digit Dataset: 3,000 real digits of six speakers, all male."""

import re
from pathlib import Path

import numpy as np

from earwitness import catalogue
from earwitness.corpora.base import Corpus, Fold, file_table, sound_files
from earwitness.errors import DamagedDataError

_FILE = re.compile(r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<repetition>\d+)\.wav", re.IGNORECASE)
_HELD_OUT_REPETITIONS = 5


class Fsdd(Corpus):
    """Spoken digits at 8 kHz; table columns beside the usual: ``digit``, ``repetition``.

    Notes
    -----
    ``folds("digit")``: six folds, each tests one speaker and trains on the five others; of those
    five, repetitions 0-4 validate: the voices of validation are those of training, that of the
    test is in neither.
    ``folds("digit", protocol="repetition")``: the corpus' own split, repetitions 0-4 of every
    speaker test (speakers overlap), 5-9 validate.
    Source: github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
    """

    name = "fsdd"
    label = "Free Spoken Digit Dataset"
    sample_rate = 8000
    tasks = {"digit": list(range(10))}
    # one sex only; six speakers are too few to generalise to a seventh, so the split by repetition
    # comes first
    compared = (("digit", "repetition"), ("digit", "speaker"))

    def __init__(self, root: str | Path | None = None):
        self.root = catalogue.corpus_folder("fsdd", root)
        folder = self.root / "recordings" if (self.root / "recordings").is_dir() else self.root
        found = [
            (path, match)
            for path in sound_files(folder, [".wav"])
            if path.parent == folder and (match := _FILE.fullmatch(path.name))
        ]
        rows = [
            {
                "id": path.stem,
                "speaker": match["speaker"].lower(),
                "sex": "male",
                "digit": int(match["digit"]),
                "repetition": int(match["repetition"]),
                "path": path.relative_to(self.root).as_posix(),
            }
            for path, match in found
        ]
        _check_strays(rows)
        self.table = file_table(self.root, rows)

    def _fold_makers(self, task):
        return {"speaker": self._leave_one_speaker_out, "repetition": self._by_repetition}

    def _leave_one_speaker_out(self) -> list[Fold]:
        held_out = self.table["repetition"].to_numpy() < _HELD_OUT_REPETITIONS
        speakers = self.table["speaker"].to_numpy()
        return [
            Fold(
                train=np.flatnonzero((speakers != s) & ~held_out),
                validation=np.flatnonzero((speakers != s) & held_out),
                test=np.flatnonzero(speakers == s),
                name=f"test on {s}",
            )
            for s in sorted(set(speakers))
        ]

    def _by_repetition(self) -> list[Fold]:
        repetition = self.table["repetition"].to_numpy()
        n = _HELD_OUT_REPETITIONS
        return [
            Fold(
                train=np.flatnonzero(repetition >= 2 * n),
                validation=np.flatnonzero((repetition >= n) & (repetition < 2 * n)),
                test=np.flatnonzero(repetition < n),
                name=f"test on repetitions 0-{n - 1}",
            )
        ]


def _check_strays(rows: list[dict]) -> None:
    """Refuse who does not say every digit that is there: a stray file is no speaker."""
    said: dict[str, set] = {}
    for row in rows:
        said.setdefault(row["speaker"], set()).add(row["digit"])
    every = set().union(*said.values())
    if strays := sorted(speaker for speaker, digits in said.items() if digits != every):
        of_stray = next(row["path"] for row in rows if row["speaker"] == strays[0])
        raise DamagedDataError(
            f"In fsdd every speaker says every digit, {strays[0]!r} does not ({of_stray}): a "
            "stray file or a "
            "download that is not complete. Move the file away, or fetch the corpus again."
        )
