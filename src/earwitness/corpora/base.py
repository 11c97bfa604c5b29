"""What every corpus is: a table with a row per clip, clips by index, folds by task."""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import audio, cache, folders, former
from earwitness.audio import read_audio
from earwitness.errors import (
    DamagedDataError,
    FoldError,
    MissingDataError,
    NoSuchClipError,
    ParameterError,
    check_choice,
)

LONG_CLIP_S = 1.0
SOUND_SUFFIXES = tuple(
    f".{kind}"
    for kind in "wav wave rf64 w64 aif aiff aifc au snd caf sph nist flac ogg oga opus mp3".split()
)
REGISTERED: dict[str, type["Corpus"]] = {}  # by name; filled as classes of corpora are defined


@dataclass(frozen=True)
class Clip:
    """One recording: ``samples`` float32 (T,), ``sample_rate`` in Hz, ``labels`` of the table."""

    id: str
    samples: np.ndarray
    sample_rate: int
    labels: dict


@dataclass(frozen=True)
class Fold:
    """Row numbers of a corpus' table to train on, to choose by and to report on.

    Raises
    ------
    FoldError
        If there is nothing to train on or to test, or a row is in two parts.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    name: str = ""

    def __post_init__(self):
        for part in ("train", "test"):
            if len(getattr(self, part)) == 0:
                raise FoldError(
                    f"The {part} part of {self.name or 'a fold'} is empty: there are too few "
                    "speakers or clips."
                )
        rows = np.concatenate([self.train, self.validation, self.test])
        if len(np.unique(rows)) < len(rows):
            raise FoldError(f"A clip is in two parts of {self.name or 'a fold'}.")


class Corpus:
    """Base of all corpora; a subclass with a name is registered under it as it is defined.

    Attributes
    ----------
    name : str
    label : str
        What pages and figures call it.
    audio_type : str
        ``"speech"``, ``"ambisonics"``, ...
    tasks : dict of str to list
        For each task (a column of the table) its classes in the order of the network's outputs. Of
        the class: the tasks that its corpora may have.
    sample_rate : int, optional
        In Hz, where it is the same for all clips.
    channel : {"left", "right", "mean"}, optional
        Which to take of recordings with two channels; without it they are refused.
    compared : tuple of (str, str)
        Tasks that networks are compared on, each with its protocol; the one of most classes first.
    table : DataFrame
        A row per clip: ``id``, ``speaker``, ``sex``, the labels, ``duration_s``,
        ``longer_than_1s``.
    """

    name: str = ""
    label: str = ""
    audio_type: str = "speech"
    tasks: dict[str, list] = {}
    sample_rate: int | None = None
    channel: str | None = None
    compared: tuple[tuple[str, str], ...] = ()
    root: Path
    table: pd.DataFrame

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if name := cls.__dict__.get("name"):
            _register(name, cls)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Clip:
        if not isinstance(index, Integral) or not -len(self) <= index < len(self):
            raise NoSuchClipError(f"{self.name} has {len(self)} clips; there is no clip {index}.")
        row = self.table.iloc[index]
        samples, rate = self._samples(int(index) % len(self))
        return Clip(row["id"], samples, rate, row.to_dict())

    def __iter__(self) -> Iterator[Clip]:
        return (self[i] for i in range(len(self)))

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        return read_audio(self.root / self.table["path"].iloc[index], channel=self.channel)

    def classes(self, task: str) -> list:
        """Return the classes of a task in the order of the network's outputs."""
        return self.tasks[check_choice(task, self.tasks, f"task of {self.name}")]

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip, (len(self),) int64; -1: no part in the task.

        Raises
        ------
        UnknownNameError
            If there is no such task.
        ParameterError
            If the task has targets per frame, not per clip.
        """
        positions = {label: i for i, label in enumerate(self.classes(task))}
        if task not in self.table:
            raise ParameterError(
                f"{self.name} has no {task} per clip: its targets are per frame. Take the phones "
                "and times of clip i from phones(i), or phones.phones_at(phones(i), times_s)."
            )
        return self.table[task].map(positions).fillna(-1).to_numpy(np.int64)

    def folds(self, task: str, protocol: str = "speaker") -> list[Fold]:
        """Return the folds of a task.

        ``"speaker"``: nobody who is tested is trained on or chosen by. Whether validation shares
        speakers with training is for the corpus to say; that of fsdd does.

        Raises
        ------
        FoldError
            If the corpus has too few speakers or clips for it: no part is empty.
        """
        self.classes(task)
        makers = self._fold_makers(task)
        made = makers[check_choice(protocol, makers, f"protocol of {self.name} for {task}")]()
        if not made:
            raise FoldError(f"{self.name} is too small for folds of {task}.")
        if protocol == "speaker":
            for fold in made:
                self._check_speakers(fold)
        return made

    def _check_speakers(self, fold: Fold) -> None:
        if len(fold.validation) == 0:
            raise FoldError(
                f"The validation part of {fold.name or 'a fold'} of {self.name} is empty: there "
                "are too few speakers."
            )
        speakers = self.table["speaker"].to_numpy()
        known = set(speakers[np.concatenate([fold.train, fold.validation])])
        if shared := sorted(map(str, known & set(speakers[fold.test]))):
            raise FoldError(
                f"{fold.name or 'A fold'} of {self.name} tests speakers that it trains on or is "
                f"chosen by: {', '.join(shared[:5])}."
            )

    def _fold_makers(self, task: str) -> dict:
        raise FoldError(f"{self.name} has no folds for {task}.")

    def fingerprint(self) -> str:
        """Return hex digits that change when clips, labels or samples change.

        Recordings are hashed once, and known again by their size and times.
        """
        table = self.table.drop(columns=["path"], errors="ignore")
        rows = pd.util.hash_pandas_object(table.astype(str), index=False)
        more = [f"{row:x}" for row in rows]
        if "path" not in self.table:
            sounds = (hashlib.sha256(clip.samples.tobytes()).hexdigest() for clip in self)
            return cache.digest({"rows": more, "samples": list(sounds)})[:16]
        files = [self.root / path for path in self.table["path"]]
        return folders.content_fingerprint(self.root, files, more)[:16]

    def _rows(self, speakers) -> np.ndarray:
        return np.flatnonzero(self.table["speaker"].isin(list(speakers)).to_numpy())


def _register(name: str, corpus_class: type[Corpus]) -> None:
    other = REGISTERED.get(name)
    ours = "earwitness.corpora."
    if other and other.__module__.startswith(ours) and corpus_class.__module__ != other.__module__:
        raise ParameterError(
            f"The name {name!r} is that of a corpus of {other.__module__}; give the class "
            f"{corpus_class.__module__}.{corpus_class.__qualname__} another."
        )
    REGISTERED[name] = corpus_class


def balanced_groups(strata: Iterable[Sequence], n_groups: int, seed: int = 0) -> list[list]:
    """Deal the members of each stratum (say: women, men) out to groups, at random but reproducibly.

    Raises
    ------
    FoldError
        If there are fewer members than groups.
    """
    rng = np.random.default_rng(seed)
    dealt = [member for stratum in strata for member in rng.permutation(sorted(stratum)).tolist()]
    if len(dealt) < n_groups:
        raise FoldError(
            f"{len(dealt)} speakers are too few for {n_groups} groups: each needs one at least."
        )
    return [dealt[k::n_groups] for k in range(n_groups)]


def rotate(groups: list[list], n_train: int, rows: Callable) -> list[Fold]:
    """Return a fold per group: ``n_train`` of them train, the next validates, the next tests.

    Parameters
    ----------
    groups : list of lists
        Disjoint speakers; ``n_train + 2`` or more.
    n_train : int
    rows : callable
        Speakers -> row numbers.

    Raises
    ------
    FoldError
        If there are fewer groups, a speaker is in two of them, or one has no rows.
    """
    n = len(groups)
    members = [speaker for group in groups for speaker in group]
    if n < n_train + 2:
        raise FoldError(
            f"{n} groups of speakers are too few to train on {n_train}, validate and test."
        )
    if len(set(members)) < len(members):
        raise FoldError("A speaker is in two groups; then a fold tests who it has trained on.")

    def part(start: int, size: int) -> np.ndarray:
        chosen = [s for i in range(size) for s in groups[(start + i) % n]]
        return np.sort(np.asarray(rows(chosen), np.int64))

    for k in range(n):
        if len(part(k, 1)) == 0:
            raise FoldError(
                f"Group {k + 1} of {n} has no clip: there are too few speakers for {n} groups."
            )
    return [
        Fold(
            part(k, n_train), part(k + n_train, 1), part(k + n_train + 1, 1), f"fold {k + 1} of {n}"
        )
        for k in range(n)
    ]


def utterance_folds(table: pd.DataFrame) -> list[Fold]:
    """Return a fold per utterance: it tests that one of every speaker and trains on all others.

    Validation is empty. The order is sx, si, sa and then by number, so that what everybody says is
    tested last.

    Parameters
    ----------
    table : DataFrame
        Columns ``speaker``, ``kind`` and ``sentence`` ("sx12"); the index is the row numbers to
        use.
    """
    kind, number = (
        table["kind"].map(["sx", "si", "sa"].index),
        table["sentence"].str[2:].astype(int),
    )
    ordered = table.assign(kind=kind, number=number).sort_values(["kind", "number"], kind="stable")
    rank = ordered.groupby("speaker").cumcount().sort_index()
    n = int(rank.max()) + 1 if len(rank) else 0
    if n < 2 or rank.groupby(table["speaker"]).max().min() < 1:
        raise FoldError(
            "Folds by utterance train on one utterance of a speaker and test another; there is "
            "one only."
        )
    return [
        Fold(
            rank.index[rank != k].to_numpy(),
            np.array([], np.int64),
            rank.index[rank == k].to_numpy(),
            name=f"test on utterance {k + 1} of {n} of every speaker",
        )
        for k in range(n)
    ]


def sound_files(folder: Path, suffixes: Sequence[str] = SOUND_SUFFIXES) -> list[Path]:
    """Return the sound files below a folder, sorted: also ``.WAV``, links followed, none hidden.

    Links to nothing or in a circle are named in a warning.

    Raises
    ------
    MissingDataError
        If there is no such folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise MissingDataError(f"There is no folder {folder}.")
    files, problems = folders.walk(folder)
    for problem in problems:
        warnings.warn(problem, stacklevel=2)
    return [path for path in files if path.suffix.lower() in suffixes]


def file_table(root: Path, rows: list[dict]) -> pd.DataFrame:
    """Return the table of a corpus of files, with ``duration_s``; ``path`` is relative to ``root``.

    Raises
    ------
    MissingDataError
        If there are no rows (the folder holds none of the corpus' files), or a file is gone.
    DamagedDataError
        If two recordings have the same ``id``.
    AudioError
        If a file is no sound file or cut off.
    """
    if not rows:
        raise MissingDataError(
            f"{root} holds no recording of this corpus; see `earwitness data status`."
        )
    table = pd.DataFrame(rows)
    if (double := table["id"].duplicated(keep=False)).any():
        paths = table["path"][double].tolist()
        raise DamagedDataError(f"{root} has two recordings of one name: {paths[0]} and {paths[1]}.")
    lengths = [audio.length(root / path) for path in table["path"]]
    table["duration_s"] = [n / rate for n, rate in lengths]
    table["longer_than_1s"] = table["duration_s"] > LONG_CLIP_S
    return table


__getattr__ = former.names_of(__name__)
