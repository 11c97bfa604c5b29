"""American English Vowels (Hillenbrand et al. 1995): hVd words of men, women and children, with
measured formants.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import catalogue
from earwitness.corpora.base import Corpus, balanced_groups, file_table, rotate, sound_files
from earwitness.errors import DamagedDataError, MissingDataError

WORDS = {
    "ae": "had",
    "ah": "hod",
    "aw": "hawed",
    "eh": "head",
    "ei": "hayed",
    "er": "heard",
    "ih": "hid",
    "iy": "heed",
    "oa": "hoed",
    "oo": "hood",
    "uh": "hud",
    "uw": "who'd",
}
_GROUPS = {
    "m": ("men", "male"),
    "w": ("women", "female"),
    "b": ("boys", "male"),
    "g": ("girls", "female"),
}
_FILE = re.compile(rf"(?P<speaker>(?P<group>[mwbg])\d\d)(?P<vowel>{'|'.join(WORDS)})")
_VOWDATA = ["vowel_duration_ms", "f0_hz", "f1_hz", "f2_hz", "f3_hz", "f4_hz"]
_TIMEDATA = ["vowel_start_s", "vowel_end_s", "steady_1_s", "steady_2_s"]


class Aev(Corpus):
    """1,668 hVd words at 16 kHz of 45 men, 48 women, 27 boys and 19 girls.

    Table columns beside the usual: ``group``, ``vowel``, ``word``; from the corpus' own tables, at
    the steady state, ``vowel_duration_ms``, ``f0_hz``, ``f1_hz`` ... ``f4_hz`` (NaN: not
    measurable), ``vowel_start_s``, ``vowel_end_s`` and the two judges' steady-state times
    ``steady_1_s``, ``steady_2_s``.

    Notes
    -----
    ``folds("word")``: 12 words, all 139 talkers, five speaker-disjoint folds balanced over the four
    groups (train on three groups of speakers, validate on one, test on one). ``folds("sex")``: the
    93 adults, four speaker-disjoint folds (two, one, one), as in Becker et al. (2018), section
    2.2.1. Source: Hillenbrand, Getty, Clark and Wheeler (1995), J. Acoust. Soc. Am. 97(5).
    """

    name = "aev"
    label = "American English Vowels"
    sample_rate = 16000
    tasks = {"word": list(WORDS.values()), "vowel": list(WORDS), "sex": ["male", "female"]}
    compared = (("word", "speaker"), ("sex", "speaker"))

    def __init__(self, root: str | Path | None = None):
        self.root = catalogue.corpus_folder("aev", root)
        found = [
            (path, match)
            for path in sound_files(self.root, [".wav"])
            if path.parent.parent == self.root and (match := _FILE.fullmatch(path.stem.lower()))
        ]
        table = file_table(
            self.root,
            [
                {
                    "id": path.stem.lower(),
                    "speaker": m["speaker"],
                    "group": _GROUPS[m["group"]][0],
                    "sex": _GROUPS[m["group"]][1],
                    "vowel": m["vowel"],
                    "word": WORDS[m["vowel"]],
                    "path": path.relative_to(self.root).as_posix(),
                }
                for path, m in found
            ],
        )
        measured = _read_measurements(self.root / "vowdata.dat", _VOWDATA, table["id"]).replace(
            0, np.nan
        )
        times = (
            _read_measurements(self.root / "timedata.dat", _TIMEDATA, table["id"]) / 1000
        )  # ms -> s
        self.table = table.join(measured, on="id").join(times, on="id")

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip; -1 for children in the task ``sex``."""
        children = self.table["group"].isin(["boys", "girls"]).to_numpy()
        return np.where(children & (task == "sex"), -1, super().targets(task))

    def _fold_makers(self, task):
        adults, everyone = ["men", "women"], ["men", "women", "boys", "girls"]
        kept, n_groups, n_train = (adults, 4, 2) if task == "sex" else (everyone, 5, 3)
        members = [
            self.table.loc[self.table["group"] == group, "speaker"].unique() for group in kept
        ]
        return {"speaker": lambda: rotate(balanced_groups(members, n_groups), n_train, self._rows)}


def _read_measurements(path: Path, columns: list[str], ids: pd.Series) -> pd.DataFrame:
    """Return the leading columns of one of the corpus' tables, indexed by clip; text before the
    rows is skipped.

    Raises
    ------
    MissingDataError
        If there is no such table.
    DamagedDataError
        If it lacks one of the clips ``ids``, has one twice, or rows of different length.
    """
    if not path.is_file():
        raise MissingDataError(
            f"There is no {path.name} in {path.parent}; the recordings came without their tables."
        )
    lines = [line.split() for line in path.read_text(encoding="latin-1").splitlines()]
    rows = {number: row for number, row in enumerate(lines, 1) if row and _FILE.fullmatch(row[0])}
    _check_rows(path, rows, ids, len(columns))
    try:
        values = [[float(value) for value in row[1 : 1 + len(columns)]] for row in rows.values()]
    except ValueError as error:
        raise DamagedDataError(f"{path} is damaged: {error}.") from None
    return pd.DataFrame(values, columns=columns, index=[row[0] for row in rows.values()])


def _check_rows(path: Path, rows: dict[int, list[str]], ids: pd.Series, n_columns: int) -> None:
    found = [row[0] for row in rows.values()]
    if absent := sorted(set(ids) - set(found)):
        raise DamagedDataError(
            f"{path} has no row for {len(absent)} of {len(ids)} recordings, the first is "
            f"{absent[0]}; is it the table of this corpus? Fetch it again."
        )
    if (
        double := sorted({name for name in found if found.count(name) > 1})
        if len(set(found)) < len(found)
        else []
    ):
        raise DamagedDataError(
            f"{path} has two rows for {double[0]}; which is right cannot be told."
        )
    widths = {len(row) for row in rows.values()}
    short = [number for number, row in rows.items() if len(row) < max(widths)]
    if short or max(widths) <= n_columns:
        number = (short or [min(rows)])[0]
        raise DamagedDataError(
            f"{path}, line {number}, has {len(rows[number])} values, fewer than the others; it is "
            "cut off. Fetch it again."
        )
