"""A folder of sound files looked at: what it holds, what its names say, what cannot be used."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from earwitness import audio, cache, runtime
from earwitness.corpora.base import file_table, sound_files
from earwitness.corpora.folder import labelled
from earwitness.errors import AudioError, MissingDataError, ParameterError

_SEPARATORS = "_-. "


@dataclass(frozen=True)
class Survey:
    """What is known of a folder of recordings.

    Attributes
    ----------
    root : Path
    table : DataFrame
        A row per recording that can be used: ``id``, ``path``, ``duration_s``, and its labels.
    pattern : str or None
        How names were read, if they were.
    unusable : dict
        Files that cannot be read, with the reason.
    """

    root: Path
    table: pd.DataFrame
    pattern: str | None
    unusable: dict[str, str]

    def labels(self) -> list[str]:
        """Return the columns that say what a recording is."""
        known = ("id", "path", "duration_s", "longer_than_1s")
        return [name for name in self.table if name not in known]


def survey(root: str | Path, pattern: str | None = None, channel: str | None = None) -> Survey:
    """Read every recording of a folder, and find out what its names say.

    Parameters
    ----------
    root : path
    pattern : str, optional
        How files are named, ``"{digit}_{speaker}_{take}"``. Default: ``labels.csv``, else the
        folders in which they lie, else :func:`guess`.
    channel : {"left", "right", "mean"}, optional

    Raises
    ------
    MissingDataError
        If there is no such folder, no recording that can be used, or nothing says what they are.
    DamagedDataError
        If names or table do not fit the files.
    """
    root, usable, unusable = Path(root).expanduser(), [], {}
    for path in runtime.progress(sound_files(root), "recordings"):
        name = path.relative_to(root)
        try:
            audio.read_audio(path, channel=channel)
        except (AudioError, OSError) as error:
            unusable[name.as_posix()] = str(error).replace(str(path), name.as_posix())
        else:
            usable.append(name)
    if not usable:
        why = f"; of {next(iter(unusable.values()))}" if unusable else ""
        raise MissingDataError(f"{root} holds no recording that can be used{why}")
    flat = all(len(path.parts) == 1 for path in usable)
    if pattern is None and flat and not (root / "labels.csv").exists():
        pattern = guess([path.stem for path in usable])
    return Survey(root, file_table(root, labelled(root, usable, pattern)), pattern, unusable)


def guess(names: list[str]) -> str | None:
    """Return how names seem to be built, or None: parts between the same letter, as many in each.

    The last part is a take if it is a number and without it names repeat. Of what is left a number,
    or else the first part, is the label, and the other part the speaker.

    Parameters
    ----------
    names : list of str
        Without endings.
    """
    for separator in _SEPARATORS:
        parts = [name.split(separator) for name in names]
        if (
            len({len(of_one) for of_one in parts}) == 1
            and len(parts[0]) > 1
            and all(part for of_one in parts for part in of_one)
        ):
            fields = [f"{{{field}}}" for field in _fields([*map(list, zip(*parts, strict=True))])]
            return separator.join(fields)
    return None


def _fields(columns: list[list[str]]) -> list[str]:
    numbers = [all(value.isdigit() for value in column) for column in columns]
    before = list(zip(*columns[:-1], strict=True))
    takes = numbers[-1] and len(set(before)) < len(before)
    names = [f"part{number}" for number in range(1, len(columns) + 1)]
    if takes:
        names[-1] = "take"
    left = [i for i in range(len(columns) - takes) if len(set(columns[i])) > 1]
    if left:
        label = next((i for i in left if numbers[i]), left[0])
        names[label] = "label"
        others = [i for i in left if i != label]
        if len(others) == 1:
            names[others[0]] = "speaker"
    return names


def write(found: Survey) -> Path:
    """Write what is known as ``labels.csv`` into the folder, which then is a corpus, and return its
    path. Files that cannot be used are left out there, and stay.

    Raises
    ------
    ParameterError
        If there is such a table.
    """
    path = found.root / "labels.csv"
    if path.exists():
        raise ParameterError(f"{path} is there already, and is not overwritten.")
    text, names = io.StringIO(), found.labels()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", *names])
    writer.writerows(found.table[["path", *names]].to_numpy())
    writer.writerows([f"# {name}"] for name in found.unusable)
    cache.write_text(path, text.getvalue())
    return path
