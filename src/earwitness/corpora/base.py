"""What every corpus is: a table with a row per clip, clips by index, folds by task."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from earwitness.audio import read_audio
from earwitness.errors import AudioError, FoldError, MissingDataError, ParameterError, check_choice

LONG_CLIP_S = 1.0


@dataclass(frozen=True)
class Clip:
    """One recording: ``samples`` float32 (T,), ``sample_rate`` in Hz, ``labels`` from the corpus' table."""

    id: str
    samples: np.ndarray
    sample_rate: int
    labels: dict


@dataclass(frozen=True)
class Fold:
    """Row numbers of a corpus' table to train on, to choose by and to report on; the three are disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    name: str = ""


class Corpus:
    """Base of all corpora.

    Attributes
    ----------
    name : str
    tasks : dict of str to list
        For each task (a column of the table) its classes in the order of the network's outputs.
    table : DataFrame
        A row per clip: ``id``, ``speaker``, ``sex``, the labels, ``duration_s`` and ``longer_than_1s``.
    """

    name: str = ""
    tasks: dict[str, list] = {}
    root: Path
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Clip:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} clips; there is no clip {index}.")
        row = self.table.iloc[index]
        samples, rate = self._samples(int(index) % len(self))
        return Clip(row["id"], samples, rate, row.to_dict())

    def __iter__(self) -> Iterator[Clip]:
        return (self[i] for i in range(len(self)))

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        return read_audio(self.root / self.table["path"].iloc[index])

    def classes(self, task: str) -> list:
        """Return the classes of a task in the order of the network's outputs."""
        return self.tasks[check_choice(task, self.tasks, f"task of {self.name}")]

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip, (len(self),) int64; -1 where the clip has no part in the task.

        Raises
        ------
        UnknownNameError
            If there is no such task.
        ParameterError
            If the task has targets per frame, not per clip.
        """
        positions = {label: i for i, label in enumerate(self.classes(task))}
        if task not in self.table:
            raise ParameterError(f"{self.name} has no {task} per clip: its targets are per frame. Take the phones and "
                                 "times of clip i from phones(i), or phones.phones_at(phones(i), times_s).")
        return self.table[task].map(positions).fillna(-1).to_numpy(np.int64)

    def folds(self, task: str, protocol: str = "speaker") -> list[Fold]:
        """Return the folds of a task; ``"speaker"``: no speaker is in two parts of one fold."""
        self.classes(task)
        makers = self._fold_makers(task)
        return makers[check_choice(protocol, makers, f"protocol of {self.name} for {task}")]()

    def _fold_makers(self, task: str) -> dict:
        raise FoldError(f"{self.name} has no folds for {task}.")

    def fingerprint(self) -> str:
        """Return hex digits that change when clips, labels or durations change."""
        rows = pd.util.hash_pandas_object(self.table.drop(columns=["path"], errors="ignore").astype(str), index=False)
        return hashlib.sha256(rows.to_numpy().tobytes()).hexdigest()[:16]

    def _rows(self, speakers) -> np.ndarray:
        return np.flatnonzero(self.table["speaker"].isin(list(speakers)).to_numpy())


def balanced_groups(strata: Iterable[Sequence], n_groups: int, seed: int = 0) -> list[list]:
    """Deal the members of each stratum (say: women, men) out to ``n_groups`` groups, at random but reproducibly."""
    rng = np.random.default_rng(seed)
    dealt = [member for stratum in strata for member in rng.permutation(sorted(stratum)).tolist()]
    return [dealt[k::n_groups] for k in range(n_groups)]


def rotate(groups: list[list], n_train: int, rows: Callable) -> list[Fold]:
    """Return a fold per group: train on ``n_train`` consecutive groups, validate on the next, test on the one after.

    Parameters
    ----------
    groups : list of lists
        Disjoint speakers; as many as ``n_train + 2``.
    n_train : int
    rows : callable
        Speakers -> row numbers.
    """
    n = len(groups)

    def part(start: int, size: int) -> np.ndarray:
        return np.sort(rows([s for i in range(size) for s in groups[(start + i) % n]]))
    return [
        Fold(part(k, n_train), part(k + n_train, 1), part(k + n_train + 1, 1), name=f"fold {k + 1} of {n}")
        for k in range(n)
    ]


def utterance_folds(table: pd.DataFrame) -> list[Fold]:
    """Return a fold per utterance of a speaker: it tests that one of every speaker and trains on all others.

    Validation is empty. The order is sx, si, sa and then by number, so that what everybody says is tested last.

    Parameters
    ----------
    table : DataFrame
        Columns ``speaker``, ``kind`` and ``sentence`` ("sx12"); the index is the row numbers to use.
    """
    kind, number = table["kind"].map(["sx", "si", "sa"].index), table["sentence"].str[2:].astype(int)
    ordered = table.assign(kind=kind, number=number).sort_values(["kind", "number"], kind="stable")
    rank = ordered.groupby("speaker").cumcount().sort_index()
    n = int(rank.max()) + 1
    if n < 2:
        raise FoldError("Folds by utterance train on one utterance of a speaker and test another; there is one only.")
    return [
        Fold(rank.index[rank != k].to_numpy(), np.array([], np.int64), rank.index[rank == k].to_numpy(),
             name=f"test on utterance {k + 1} of {n} of every speaker")
        for k in range(n)
    ]


def file_table(root: Path, rows: list[dict]) -> pd.DataFrame:
    """Return the table of a corpus of files (column ``path``, relative to ``root``), with durations in seconds.

    Raises
    ------
    MissingDataError
        If there are no rows: the folder exists but holds none of the corpus' files.
    """
    if not rows:
        raise MissingDataError(f"{root} holds no recording of this corpus; see `earwitness data status`.")
    table = pd.DataFrame(rows)
    table["duration_s"] = _durations(root, tuple(table["path"]))
    table["longer_than_1s"] = table["duration_s"] > LONG_CLIP_S
    return table


@lru_cache(maxsize=8)
def _durations(root: Path, paths: tuple[str, ...]) -> list[float]:
    return [_duration(root / path) for path in paths]


def _duration(path: Path) -> float:
    try:
        return soundfile.info(path).duration
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{path} is not a sound file that can be read ({error.error_string.strip()}).") from None
