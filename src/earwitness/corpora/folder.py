"""A reader's own recordings: sound files, labelled by a table, by their folders or by names."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from earwitness.audio import CHANNELS
from earwitness.corpora.base import Corpus, Fold, balanced_groups, file_table, rotate, sound_files
from earwitness.errors import DamagedDataError, FoldError, MissingDataError, check_choice

_N_GROUPS = 5
_NO_TASK = {"id", "path", "speaker", "take", "repetition", "index"}


class FolderCorpus(Corpus):
    """Any folder of sound files.

    Parameters
    ----------
    root : path
    pattern : str, optional
        How files are named, for instance ``"{digit}_{speaker}_{take}"``, without their ending.
    labels : path, optional
        A CSV with a header, a row per recording, its file in the column ``path``; a row ``# FILE``
        leaves that file out. Default: ``labels.csv`` in the folder, if there is one.
    channel : {"left", "right", "mean"}, optional
        Which to take of recordings with two channels.

    Attributes
    ----------
    table : DataFrame
        Beside the usual columns those of the table or pattern; without either ``label``, the name
        of the folder in which a recording lies.

    Notes
    -----
    Every column is a task, but ``id``, ``path``, ``speaker``, ``take``, ``repetition`` and
    ``index``; its classes are its values, sorted. ``folds(task)`` keeps speakers apart and needs
    the column ``speaker``, with three speakers or more; ``folds(task, protocol="clip")`` deals out
    clips, whoever speaks.
    """

    label = "Own recordings"

    def __init__(
        self,
        root: str | Path,
        pattern: str | None = None,
        labels: str | Path | None = None,
        channel: str | None = None,
    ):
        self.root = Path(root).expanduser()
        self.channel = None if channel is None else check_choice(channel, CHANNELS, "channel")
        files = [path.relative_to(self.root) for path in sound_files(self.root)]
        rows = labelled(self.root, files, pattern, labels)
        self.table = file_table(self.root, rows)
        named = [column for column in rows[0] if column not in _NO_TASK]
        self.tasks = {column: sorted(self.table[column].unique()) for column in named}
        self.name = self.root.resolve().name

    def _fold_makers(self, task: str) -> dict[str, Callable]:
        return {"speaker": self._speaker_folds, "clip": lambda: self._clip_folds(task)}

    def _speaker_folds(self) -> list[Fold]:
        if "speaker" not in self.table:
            raise FoldError(
                f"{self.name} does not say who speaks, so no fold can keep speakers apart: name "
                'them in a column or field "speaker", or take protocol="clip" and say so.'
            )
        speakers = self.table["speaker"].unique()
        n = min(_N_GROUPS, len(speakers))
        return rotate(balanced_groups([speakers], n), n - 2, self._rows)

    def _clip_folds(self, task: str) -> list[Fold]:
        clips = [np.flatnonzero(self.table[task] == label) for label in self.classes(task)]
        n = min(_N_GROUPS, *map(len, clips))
        if n < 3:
            raise FoldError(
                f"A class of {task} in {self.name} has {n} clips; folds need 3 or more."
            )
        return rotate(balanced_groups(clips, n), n - 2, lambda rows: rows)


def labelled(
    root: Path, files: list[Path], pattern: str | None = None, labels: str | Path | None = None
) -> list[dict]:
    """Return a row per file of a folder: ``id``, ``path``, and what the pattern, the table or the
    folder in which it lies says of it.

    Raises
    ------
    MissingDataError, DamagedDataError
        If nothing says what the files are, or something says it of none or of others.
    """
    table = Path(labels).expanduser() if labels else root / "labels.csv"
    if pattern is not None:
        return _from_names(files, pattern)
    if labels or table.is_file():
        return _from_table(files, table)
    if strays := [path for path in files if len(path.parts) == 1]:
        raise MissingDataError(
            f"{root / strays[0]} lies in no folder that names a class. Say how files are named, "
            'e.g. pattern="{digit}_{speaker}_{take}", or write labels.csv with a row per file: '
            "path and labels (`earwitness new-corpus` does)."
        )
    return [_row(path, {"label": path.parts[0]}) for path in files]


def _row(path: Path, labels: dict) -> dict:
    return {"id": path.with_suffix("").as_posix(), "path": path.as_posix(), **labels}


def _from_names(files: list[Path], pattern: str) -> list[dict]:
    """Return rows whose labels stand in the names, as ``pattern`` says."""
    fields = re.split(r"\{(\w+)\}", pattern)
    if len(fields) < 3 or len(set(fields[1::2])) < len(fields[1::2]):
        raise MissingDataError(
            f'The pattern {pattern!r} names no field, or one twice, e.g. "{{digit}}_{{speaker}}".'
        )
    parts = [re.escape(t) if i % 2 == 0 else f"(?P<{t}>[^/]+?)" for i, t in enumerate(fields)]
    form = re.compile("".join(parts))
    rows, others = [], []
    for path in files:
        target = path.with_suffix("").as_posix() if "/" in pattern else path.stem
        match = form.fullmatch(target)
        others += [] if match else [path]
        rows += [_row(path, match.groupdict())] if match else []
    if others:
        raise DamagedDataError(
            f"{len(others)} of {len(files)} files are not named like {pattern!r}, the first is "
            f"{others[0]}; rename them or move them away."
        )
    return rows


def _from_table(files: list[Path], table: Path) -> list[dict]:
    """Return rows of a CSV, each checked for its file and its number of values."""
    if not table.is_file():
        raise MissingDataError(f"There is no table {table}.")
    try:
        lines = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DamagedDataError(f"{table} is no CSV in UTF-8 ({error}).") from None
    header = [name.strip() for name in lines[0]] if lines else []
    if "path" not in header or len(header) < 2 or len(set(header)) < len(header):
        raise DamagedDataError(f"{table} needs a header with path and labels, got {header}.")
    there = {path.as_posix(): path for path in files}
    rows, left_out = {}, set()
    for number, values in enumerate(lines[1:], 2):
        if not values:
            continue
        if values[0].startswith("# "):
            left_out.add(values[0].removeprefix("# ").strip())
            continue
        row = dict(zip(header, (value.strip() for value in values), strict=False))
        if len(values) != len(header) or not all(row.values()):
            raise DamagedDataError(
                f"{table}, row {number}, has {len([v for v in values if v])} values, not "
                f"{len(header)}; is it cut off?"
            )
        if (path := row.pop("path")) not in there or path in rows:
            what = "names twice" if path in rows else "names, but the folder has not,"
            raise DamagedDataError(f"{table}, row {number}, {what} the file {path!r}.")
        rows[path] = _row(there[path], row)
    if absent := sorted(set(there) - set(rows) - left_out):
        raise DamagedDataError(
            f"{table} says nothing of {len(absent)} of {len(there)} files, the first is "
            f"{absent[0]}."
        )
    return list(rows.values())
