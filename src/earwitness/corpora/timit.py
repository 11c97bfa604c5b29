"""TIMIT: read sentences with hand-checked phones, as NLTK's free sample or as the whole corpus
LDC93S1.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import catalogue
from earwitness.audio import read_audio
from earwitness.corpora.base import Corpus, Fold, file_table, utterance_folds
from earwitness.corpora.phones import PHONES_39, PHONES_61, fold
from earwitness.errors import DamagedDataError, FoldError, MissingDataError
from earwitness.folders import walk

SAMPLE_RATE = 16000
# dr1-fvmh0/sa1.wav in the sample, TRAIN/DR1/FCJF0/SA1.WAV in the corpus, SA1.WAV.wav where somebody
# made it RIFF
_FILE = re.compile(
    r"(?:.*?/)??(?:(?P<part>train|test)/)?dr(?P<dialect>[1-8])[-/](?P<speaker>[mf][a-z]{3}\d)/"
    r"(?P<sentence>s[aix]\d+)\.wav(?:\.wav)?"
)
_SAMPLE_SPEAKERS = [
    "fvmh0",
    "mcpm0",
    "faem0",
    "marc0",
    "falk0",
    "madc0",
    "falr0",
    "maeb0",
    "ftlg0",
    "mbgt0",
    "fapb0",
    "mbma1",
    "fblv0",
    "madd0",
    "fbcg1",
    "mbcg0",
]
# testset.doc, table 1: two men and a woman of each dialect region
CORE_TEST_SPEAKERS = [
    "mdab0",
    "mwbt0",
    "felc0",
    "mtas1",
    "mwew0",
    "fpas0",
    "mjmp0",
    "mlnt0",
    "fpkt0",
    "mlll0",
    "mtls0",
    "fjlm0",
    "mbpm0",
    "mklt0",
    "fnlp0",
    "mcmj0",
    "mjdh0",
    "fmgd0",
    "mgrt0",
    "mnjm0",
    "fdhc0",
    "mjln0",
    "mpam0",
    "fmld0",
]
_MOST_UNLABELLED_S = (
    0.25  # at the end of a recording; 0.175 s in dr3-madc0/si1367, 7.4 ms at most in the others
)


class Timit(Corpus):
    """Sentences at 16 kHz: 160 of 16 speakers in NLTK's sample, 6,300 of 630 speakers in the whole
    corpus.

    Parameters
    ----------
    root : path, optional
        The sample, or a tree of LDC93S1: ``TRAIN/DR1/FCJF0/SA1.WAV`` and so on, below any folders,
        in upper or lower case, as SPHERE or RIFF (also named ``SA1.WAV.wav``).

    Attributes
    ----------
    table : DataFrame
        Beside the usual columns ``dialect`` 1 to 8, ``sentence`` ("sa1"), ``kind`` ("sa": said by
        everybody, "sx", "si"), ``text``, ``n_phones``, and ``part``: "train" or "test" in the whole
        corpus, "sample" in the sample.
    excluded : DataFrame
        ``id`` and ``reason`` of recordings whose ``.phn`` is missing or does not match: it does not
        start at 0, has a gap or an overlap, names a phone that TIMIT does not have, goes on past
        the end, or ends more than 0.25 s before it. They are not in ``table``, and a warning says
        how many they are. (In the sample there is none.) A shorter rest at the end has no phone;
        154 of the sample's 160 recordings have one.
    whole : bool
        Whether this is (a part of) the whole corpus rather than the sample.
    missing_speakers : list of str
        Speakers of the sample, or of ``spkrinfo.txt`` in the whole corpus, who have no recording
        here.

    Notes
    -----
    Task ``phone`` has the 39 phones as classes and its targets are per frame: ``phones(i)``,
    ``phones.phones_at``.

    ``folds("phone")`` and ``folds("sex")`` leave the sa sentences out, as usual, because everybody
    says them. Sample: four folds, each tests two dialect regions, validates on the next one and
    trains on five. Whole corpus: one fold, train on TRAIN, test on the core test set of 24
    speakers, validate on the other speakers of TEST (who share sx sentences with the core test
    set).

    ``folds("speaker", protocol="utterance")``: ten folds, each tests one utterance of every speaker
    and trains on nine; validation is empty. Those of TRAIN in the whole corpus (462 speakers), sa
    included, as Muckenhirn et al. (2019), section 4.1; in the first fold the tested sentence is of
    kind sx.

    Source: Garofolo et al. (1993), LDC93S1. Chapter: raw-waveform.
    """

    name = "timit"
    label = "TIMIT"
    tasks = {"phone": PHONES_39, "speaker": [], "sex": ["male", "female"]}
    sample_rate = SAMPLE_RATE

    def __init__(self, root: str | Path | None = None):
        self.root = catalogue.corpus_folder("timit", root)
        files = {
            path.relative_to(self.root).as_posix().lower(): path for path in walk(self.root)[0]
        }
        found = _recordings(files)
        table = file_table(
            self.root,
            [row | {"path": files[name].relative_to(self.root).as_posix()} for name, row in found],
        )
        notes = [
            {
                kind: files.get(f"{name.removesuffix('.wav').removesuffix('.wav')}.{kind}")
                for kind in ("phn", "wrd", "txt")
            }
            for name, _ in found
        ]
        read = [
            _read_phones(note["phn"], duration_s)
            for note, duration_s in zip(notes, table["duration_s"], strict=True)
        ]
        reasons = np.array([reason for _, reason in read])
        self.excluded = pd.DataFrame({"id": table["id"], "reason": reasons})[
            reasons != ""
        ].reset_index(drop=True)
        self._tell_excluded(len(table))
        kept = np.flatnonzero(reasons == "")
        self._phones, self._words = [read[i][0] for i in kept], [notes[i]["wrd"] for i in kept]
        self.table = (
            table.iloc[kept]
            .reset_index(drop=True)
            .assign(
                text=[_text(notes[i]["txt"]) for i in kept],
                n_phones=[len(phone) for _, _, phone in self._phones],
            )
        )
        self.whole = bool((self.table["part"] != "sample").all())
        self.missing_speakers = sorted(
            _listed_speakers(files, self.whole) - set(self.table["speaker"])
        )
        trained = self.table.loc[self.table["part"] != "test", "speaker"]
        self.tasks = {
            "phone": PHONES_39,
            "speaker": sorted(trained.unique()),
            "sex": ["male", "female"],
        }

    def _tell_excluded(self, n_found: int) -> None:
        if len(self.excluded) == n_found:
            first = f"{self.excluded['id'][0]}: {self.excluded['reason'][0]}"
            raise DamagedDataError(
                f"No recording in {self.root} has a .phn that matches it ({first})."
            )
        if len(self.excluded):
            warnings.warn(
                f"{len(self.excluded)} of {n_found} recordings of timit are left out, because "
                "their .phn "
                "does not match; the corpus' attribute `excluded` says why.",
                stacklevel=3,
            )

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        return read_audio(self.root / self.table["path"].iloc[index], SAMPLE_RATE)

    def phones(self, index: int) -> pd.DataFrame:
        """Return the phones of a recording: ``start_s``, ``end_s``, ``phone`` (of 61),
        ``phone_48``, ``phone_39``.

        They follow each other without gaps from 0. ``phone_48`` and ``phone_39`` are ``""`` for the
        glottal stop q.
        """
        start, end, phone = self._phones[self._checked(index)]
        return pd.DataFrame(
            {
                "start_s": start / SAMPLE_RATE,
                "end_s": end / SAMPLE_RATE,
                "phone": phone,
                "phone_48": fold(phone, 48),
                "phone_39": fold(phone, 39),
            }
        )

    def words(self, index: int) -> pd.DataFrame:
        """Return the words of a recording: ``start_s``, ``end_s``, ``word``; words may overlap or
        leave gaps.

        Raises
        ------
        MissingDataError
            If its ``.wrd`` is not there.
        DamagedDataError
            If a line of it is not two whole numbers and a word.
        """
        path = self._words[self._checked(index)]
        if path is None:
            raise MissingDataError(
                f"Recording {self.table['id'].iloc[index]} of timit came without its .wrd file."
            )
        start, end, word = _read_labels(path)
        return pd.DataFrame(
            {"start_s": start / SAMPLE_RATE, "end_s": end / SAMPLE_RATE, "word": word}
        )

    def _checked(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} clips; there is no clip {index}.")
        return index

    def _fold_makers(self, task):
        if task == "speaker":
            return {"utterance": lambda: utterance_folds(self.table[self.table["part"] != "test"])}
        return {"speaker": self._core_test_fold if self.whole else self._dialect_folds}

    def _part(self, chosen: pd.Series) -> np.ndarray:
        return np.flatnonzero(chosen & (self.table["kind"] != "sa"))

    def _dialect_folds(self) -> list[Fold]:
        """Test two dialect regions, validate on the next, train on the other five."""
        if self.missing_speakers:
            raise FoldError(
                f"The folds of timit need all 16 speakers of the sample; {self.root} has no "
                "recordings of "
                f"{', '.join(self.missing_speakers)}. Fetch it again with `earwitness data "
                "download timit`."
            )
        dialect = self.table["dialect"]
        return [
            Fold(
                self._part(~dialect.isin([first, first + 1, after])),
                self._part(dialect == after),
                self._part(dialect.isin([first, first + 1])),
                name=f"test on dialects {first} and {first + 1}",
            )
            for first, after in [(1, 3), (3, 5), (5, 7), (7, 1)]
        ]

    def _core_test_fold(self) -> list[Fold]:
        speaker, part = self.table["speaker"], self.table["part"]
        if absent := sorted(set(CORE_TEST_SPEAKERS) - set(speaker[part == "test"])):
            raise FoldError(
                f"The core test set of timit has 24 speakers; {self.root} has no recordings of "
                f"{', '.join(absent)} in TEST."
            )
        core = speaker.isin(CORE_TEST_SPEAKERS)
        return [
            Fold(
                self._part(part == "train"),
                self._part((part == "test") & ~core),
                self._part((part == "test") & core),
                name="core test set",
            )
        ]


def _recordings(files: dict[str, Path]) -> list[tuple[str, dict]]:
    """Return name (lower case) and labels of each recording; of ``SA1.WAV`` and ``SA1.WAV.wav`` the
    first is taken.
    """
    rows = {}
    for name in files:
        if (match := _FILE.fullmatch(name)) is None:
            continue
        speaker, sentence, part = match["speaker"], match["sentence"], match["part"] or "sample"
        rows.setdefault(
            (part, match["dialect"], speaker, sentence),
            (
                name,
                {
                    "id": f"{speaker}_{sentence}",
                    "speaker": speaker,
                    "sex": "male" if speaker[0] == "m" else "female",
                    "dialect": int(match["dialect"]),
                    "sentence": sentence,
                    "kind": sentence[:2],
                    "part": part,
                },
            ),
        )
    whole = {
        key: row for key, row in rows.items() if key[0] != "sample"
    }  # where both lie, the sample is part of it
    return [row for _, row in sorted((whole or rows).items())]


def _read_phones(path: Path | None, duration_s: float) -> tuple[tuple | None, str]:
    """Return what :func:`_read_labels` does of a recording and "", or None and why its ``.phn`` is
    of no use.
    """
    if path is None:
        return None, "there is no .phn file"
    try:
        labels = _read_labels(path)
    except DamagedDataError as error:
        return None, str(error)
    reason = _mismatch(*labels, round(duration_s * SAMPLE_RATE))
    return (None if reason else labels), reason


def _mismatch(start: np.ndarray, end: np.ndarray, phone: list[str], n_samples: int) -> str:
    """Return what is wrong with the phones of a recording of ``n_samples``, or ""."""
    if not phone:
        return "the .phn file is empty"
    if unknown := sorted(set(phone) - set(PHONES_61)):
        return f"it names phones that TIMIT does not have: {', '.join(unknown)}"
    if start[0] != 0:
        return f"the first phone starts at sample {start[0]}, not 0"
    if (end <= start).any():
        return f"phone {np.argmax(end <= start)} ends where it starts or before"
    if (apart := start[1:] != end[:-1]).any():
        i = int(np.argmax(apart))
        what = "a gap" if start[i + 1] > end[i] else "an overlap"
        return f"{what} between sample {end[i]} and {start[i + 1]}"
    if end[-1] > n_samples:
        return f"the last phone ends at sample {end[-1]}, the recording at {n_samples}"
    if n_samples - end[-1] > _MOST_UNLABELLED_S * SAMPLE_RATE:
        return (
            f"the last phone ends at sample {end[-1]}, long before the recording does "
            f"at {n_samples}"
        )
    return ""


def _read_labels(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the first sample, the sample after the last, and the label of each line."""
    rows = [
        line.split() for line in path.read_text(encoding="latin-1").splitlines() if line.strip()
    ]
    if wrong := [row for row in rows if len(row) != 3 or not all(map(_is_sample_number, row[:2]))]:
        raise DamagedDataError(
            f"{path.name} has the line {' '.join(wrong[0])[:60]!r} instead of two numbers and a "
            "label"
        )
    return (
        np.array([int(row[0]) for row in rows]),
        np.array([int(row[1]) for row in rows]),
        [row[2] for row in rows],
    )


def _is_sample_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 16


def _text(path: Path | None) -> str:
    """Return the sentence, which stands in the ``.txt`` after two sample numbers; "" if there is no
    such file.
    """
    fields = path.read_text(encoding="latin-1").split(maxsplit=2) if path else []
    return fields[2].strip() if len(fields) == 3 else ""


def _listed_speakers(files: dict[str, Path], whole: bool) -> set[str]:
    """Return the speakers that should be there: of the sample, or what the whole corpus'
    ``spkrinfo.txt`` lists.
    """
    if not whole:
        return set(_SAMPLE_SPEAKERS)
    lists = [path for name, path in files.items() if name.split("/")[-1] == "spkrinfo.txt"]
    lines = lists[0].read_text(encoding="latin-1").splitlines() if lists else []
    rows = [line.split() for line in lines if not line.startswith(";")]
    return {(row[1] + row[0]).lower() for row in rows if len(row) > 2}
