"""AudioMNIST: 30,000 spoken digits of 60 speakers, the corpus of Becker et al. (2018)."""

import json
import re
from pathlib import Path

import numpy as np

from earwitness import catalogue
from earwitness.corpora.base import Corpus, Fold, file_table, rotate, sound_files
from earwitness.errors import DamagedDataError, FoldError, MissingDataError, ParameterError

_FILE = re.compile(r"(?P<digit>\d)_(?P<speaker>\d\d)_(?P<repetition>\d+)\.wav", re.IGNORECASE)
_AGES = range(1, 120)

# the authors' splits: speakers by group; a fold trains on consecutive groups, validates on the
# next, tests on the last
DIGIT_GROUPS = [
    [28, 56, 7, 19, 35, 1, 6, 16, 23, 34, 46, 53],
    [36, 57, 9, 24, 37, 2, 8, 17, 29, 39, 48, 54],
    [43, 58, 14, 25, 38, 3, 10, 20, 30, 40, 49, 55],
    [12, 47, 59, 15, 27, 41, 4, 11, 21, 31, 44, 50],
    [26, 52, 60, 18, 32, 42, 5, 13, 22, 33, 45, 51],
]
SEX_GROUPS = [
    [36, 47, 56, 2, 44, 50],
    [26, 12, 57, 25, 37, 45],
    [43, 28, 52, 48, 53, 41],
    [58, 59, 60, 7, 23, 38],
]


class AudioMnist(Corpus):
    """Spoken digits at 48 kHz of 60 speakers, 12 of them female, in the layout of the authors'
    repository.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``data/01`` to ``data/60`` and ``data/audioMNIST_meta.txt``, or that
        ``data`` itself.
    repetitions : int, optional
        Keep only the first so many of each speaker's 50 repetitions of each digit.

    Attributes
    ----------
    table : DataFrame
        Beside the usual columns ``digit``, ``repetition``, ``accent`` (first letter capital, as
        most of them are), ``native_speaker``, ``origin``, ``room``, ``age`` in years, NaN where the
        metadata have none that can be true, and ``age_note``, which then quotes them.

    Notes
    -----
    ``folds("digit")``: five folds of 36, 12 and 12 speakers; ``folds("sex")``: four folds of 12, 6
    and 6 of the 24 speakers of that task. Both are the authors' own
    (github.com/soerenab/AudioMNIST, audiomnist/train/splits.py).
    """

    name = "audiomnist"
    label = "AudioMNIST"
    sample_rate = 48000
    tasks = {"digit": list(range(10)), "sex": ["male", "female"]}
    compared = (("digit", "speaker"), ("sex", "speaker"))

    def __init__(self, root: str | Path | None = None, repetitions: int | None = None):
        if repetitions is not None and (
            not isinstance(repetitions, int) or not 1 <= repetitions <= 50
        ):
            raise ParameterError(
                "repetitions of audiomnist must be a whole number from 1 to 50, got "
                f"{repetitions!r}."
            )
        self.root = catalogue.corpus_folder("audiomnist", root)
        if (self.root / "data").is_dir():
            self.root = self.root / "data"
        rows = [
            row
            for row in recordings(self.root)
            if repetitions is None or row["repetition"] < repetitions
        ]
        people = _read_metadata(
            self.root / "audioMNIST_meta.txt", sorted({row["speaker"] for row in rows})
        )
        self.table = file_table(self.root, [{**row, **people[row["speaker"]]} for row in rows])

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip; in the task ``sex`` -1 for the 36 speakers that
        have no part in it.
        """
        targets = super().targets(task)
        if task != "sex":
            return targets
        return np.where(self.table["speaker"].isin(_names(sum(SEX_GROUPS, []))), targets, -1)

    def _fold_makers(self, task):
        groups, n_train = (SEX_GROUPS, 2) if task == "sex" else (DIGIT_GROUPS, 3)
        return {
            "speaker": lambda: self._published_folds([_names(group) for group in groups], n_train)
        }

    def _published_folds(self, groups: list[list[str]], n_train: int) -> list[Fold]:
        if absent := sorted(set(sum(groups, [])) - set(self.table["speaker"])):
            raise FoldError(
                f"The published folds of audiomnist need speakers that {self.root} does not have: "
                f"{', '.join(absent)}. "
                "Fetch the corpus again with `earwitness data download audiomnist`."
            )
        return rotate(groups, n_train, self._rows)


def recordings(folder: Path) -> list[dict]:
    """Return id, speaker, digit, repetition and path of each recording in AudioMNIST's layout.

    Raises
    ------
    DamagedDataError
        If a sound file in a speaker's folder is not named after the layout.
    """
    found = [
        path
        for path in sound_files(folder, [".wav"])
        if path.parent.parent == folder and re.fullmatch(r"\d\d", path.parent.name)
    ]
    return [_labels(path) for path in found]


def _names(numbers: list[int]) -> list[str]:
    return [f"{number:02d}" for number in numbers]


def _labels(path: Path) -> dict:
    match = _FILE.fullmatch(path.name)
    if match is None or match["speaker"] != path.parent.name:
        raise DamagedDataError(
            f"{path} is not named as in AudioMNIST: NN/DIGIT_NN_REPETITION.wav, NN the speaker."
        )
    return {
        "id": path.stem,
        "speaker": match["speaker"],
        "digit": int(match["digit"]),
        "repetition": int(match["repetition"]),
        "path": f"{path.parent.name}/{path.name}",
    }


def _read_metadata(path: Path, speakers: list[str]) -> dict[str, dict]:
    """Return speaker -> columns of the table, for those who have recordings."""
    if not path.is_file():
        raise MissingDataError(
            f"There is no {path}; the recordings of AudioMNIST are of no use without it."
        )
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedDataError(f"{path} is damaged: it is not JSON ({error}).") from None
    if not isinstance(known, dict) or not all(isinstance(entry, dict) for entry in known.values()):
        raise DamagedDataError(
            f"{path} is damaged: it is no table of speakers, each with what is known of them."
        )
    if absent := [speaker for speaker in speakers if speaker not in known]:
        raise FoldError(
            f"{path} says nothing of speaker {', '.join(absent)}, whose recordings are there."
        )
    return {speaker: _person(speaker, known[speaker]) for speaker in speakers}


def _person(speaker: str, entry: dict) -> dict:
    if entry.get("gender") not in ("male", "female"):
        raise FoldError(
            f"The metadata of AudioMNIST give speaker {speaker} the gender "
            f"{entry.get('gender')!r}; "
            "folds need 'male' or 'female'."
        )
    age, age_note = _age(entry.get("age"))
    accent = str(entry.get("accent", "")).strip()
    return {
        "sex": entry["gender"],
        "accent": accent[:1].upper() + accent[1:],
        "age": age,
        "age_note": age_note,
        "native_speaker": entry.get("native speaker") == "yes",
        "origin": str(entry.get("origin", "")),
        "room": str(entry.get("recordingroom", "")).lower(),
    }


def _age(given: object) -> tuple[float, str]:
    """Return the age in years and "", or NaN and why: ages are numbers or strings, and one is
    "1234".
    """
    text = str(given).strip()
    if text.isdecimal() and len(text) < 4 and int(text) in _AGES:
        return float(text), ""
    return float("nan"), f"the metadata say {given!r}"
