"""AudioMNIST_AZ: ten digits in Azerbaijani of 59 speakers, in the layout of AudioMNIST."""

from pathlib import Path

import numpy as np

from earwitness import catalogue
from earwitness.corpora.audiomnist import recordings
from earwitness.corpora.base import Corpus, balanced_groups, file_table, rotate
from earwitness.errors import DamagedDataError, FoldError, MissingDataError

_SEX = {"M": "male", "F": "female"}


class AudioMnistAz(Corpus):
    """Spoken digits at 16 kHz of 40 men and 19 women, about five of each digit and speaker.

    No licence is stated: nothing of it is shown, played or passed on.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``data/01`` to ``data/59`` and ``metadata.txt``.

    Notes
    -----
    ``folds("digit")``: five folds of all speakers, women and men shared out (train on three groups,
    validate on one, test on one). ``folds("sex")``: four folds (two, one, one) of the women and as
    many men, as Becker et al. (2018) have it for AudioMNIST. No speaker is in two parts.
    Source: github.com/Natavan-A/AudioMNIST_AZ. Chapter: audiomnist.
    """

    name = "audiomnist_az"
    label = "AudioMNIST in Azerbaijani"
    tasks = {"digit": list(range(10)), "sex": ["male", "female"]}
    sample_rate = 16000
    compared = (("digit", "speaker"), ("sex", "speaker"))

    def __init__(self, root: str | Path | None = None):
        self.root = catalogue.corpus_folder("audiomnist_az", root)
        rows = recordings(self.root / "data")
        sex = _read_metadata(self.root / "metadata.txt")
        if absent := sorted({row["speaker"] for row in rows} - set(sex)):
            raise FoldError(
                f"{self.root}/metadata.txt says nothing of speaker {', '.join(absent)}, whose "
                "recordings are there."
            )
        self.table = file_table(
            self.root,
            [row | {"sex": sex[row["speaker"]], "path": f"data/{row['path']}"} for row in rows],
        )

    def targets(self, task: str) -> np.ndarray:
        """Return the class index of every clip; -1 in the task ``sex`` for men without
        counterpart."""
        targets = super().targets(task)
        if task != "sex":
            return targets
        return np.where(self.table["speaker"].isin(sum(self._people(equal=True), [])), targets, -1)

    def _people(self, equal: bool) -> list[list[str]]:
        """Return women and men in an order drawn once; ``equal``: as many men as women."""
        first = self.table.drop_duplicates("speaker")
        people = [first.loc[first["sex"] == sex, "speaker"] for sex in ("female", "male")]
        drawn = [balanced_groups([sorted(who)], 1)[0] if len(who) else [] for who in people]
        n = min(map(len, drawn)) if equal else None
        return [who[:n] for who in drawn]

    def _fold_makers(self, task: str) -> dict:
        n_groups, n_train = (4, 2) if task == "sex" else (5, 3)
        people = self._people(equal=task == "sex")
        return {"speaker": lambda: rotate(balanced_groups(people, n_groups), n_train, self._rows)}


def _read_metadata(path: Path) -> dict[str, str]:
    """Return speaker -> sex."""
    if not path.is_file():
        raise MissingDataError(f"There is no {path}; the recordings are of no use without it.")
    header, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    rows = [line.split(",") for line in lines if line.strip()]
    n = len(header.split(","))
    for number, row in enumerate(rows, 2):
        if (
            len(row) != n
            or not row[0].isdecimal()
            or len(row[0]) > 4
            or row[-1].strip() not in _SEX
        ):
            raise DamagedDataError(
                f"{path}, line {number}, is not a speaker, {n - 2} counts, and M or F."
            )
    return {f"{int(row[0]):02d}": _SEX[row[-1].strip()] for row in rows}
