"""Speech that was transmitted badly, in 54 conditions, with the truth about what went wrong, when
and where.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import cache
from earwitness.acoustics.degradations import Disturbance, active_level, degrade
from earwitness.acoustics.perceived_quality import pesq_wideband
from earwitness.corpora.base import LONG_CLIP_S, Clip, Corpus
from earwitness.corpora.timit import Timit
from earwitness.corpora.voices import Voices
from earwitness.errors import ParameterError, check_choice

SAMPLE_RATE = 16000
LEVEL_DB = -26.0  # of the active speech, re full scale: what ITU-T P.800 plays
SILENCE_S = 0.3  # before and after every sentence
N_TALKERS = 6
_VERSION = 1  # raise it whenever clips change: no cache hands out old ones
_PAUSE_S = 0.15  # shorter silences between phones (closures) count as speech
_MOST_SAMPLES, _MOST_SENTENCES = 50, 8


@dataclass(frozen=True)
class Condition:
    """A way of being transmitted: ``steps`` are names of degradations and their options, one after
    the other.
    """

    name: str
    kind: str
    steps: tuple = ()


def _condition(name: str, kind: str, *steps: tuple) -> Condition:
    return Condition(name, kind, steps)


# 54, as many as in the paper's test set, whose own are not published; at 16 kHz "clean" is the
# widest band there is
CONDITIONS = (
    _condition("clean", "clean"),
    _condition("level-20", "level", ("level", {"gain_db": -20.0})),
    _condition("level-10", "level", ("level", {"gain_db": -10.0})),
    _condition("level+3", "level", ("level", {"gain_db": 3.0})),
    _condition("level-drop", "level", ("level", {"gain_db": -20.0, "part": 0.4})),
    *[
        _condition(f"white-{snr}", "white noise", ("noise", {"snr_db": float(snr)}))
        for snr in (30, 20, 10, 0)
    ],
    *[
        _condition(f"babble-{snr}", "babble", ("noise", {"snr_db": float(snr), "colour": "babble"}))
        for snr in (30, 20, 10, 0)
    ],
    *[_condition(f"mnru-{q}", "mnru", ("mnru", {"q_db": float(q)})) for q in (30, 20, 10, 5)],
    *[
        _condition(
            f"band-{low}-{high}",
            "band-pass",
            ("band", {"low_hz": float(low), "high_hz": float(high)}),
        )
        for low, high in ((50, 7000), (100, 5000), (300, 3400), (500, 2500), (1000, 8000))
    ],
    *[
        _condition(f"clip-{share}", "clipping", ("clipping", {"share": share / 100}))
        for share in (1, 5, 15, 30)
    ],
    *[
        _condition(
            f"gaps-{n}x{ms}", "interruption", ("interruptions", {"length_s": ms / 1000, "n": n})
        )
        for n, ms in ((1, 300), (3, 100), (8, 50))
    ],
    *[
        _condition(f"loss-{loss}", "packet loss", ("packet_loss", {"loss": loss / 100}))
        for loss in (3, 10, 25)
    ],
    *[
        _condition(
            f"plc-{loss}", "concealed loss", ("packet_loss", {"loss": loss / 100, "conceal": True})
        )
        for loss in (3, 10, 25)
    ],
    _condition(
        "plc-burst-10",
        "concealed loss",
        ("packet_loss", {"loss": 0.1, "burst": 4, "conceal": True}),
    ),
    *[
        _condition(name, "codec", ("codec", {"name": codec, "bit_rate": rate}))
        for name, codec, rate in (
            ("g711-mu", "g711-mu", 0),
            ("g721", "g721", 0),
            ("ima-adpcm", "ima-adpcm", 0),
            ("gsm", "gsm", 0),
            ("amr-12.2", "amr-nb", 12200),
            ("amr-4.75", "amr-nb", 4750),
            ("g722-64", "g722", 64000),
            ("opus-12", "opus", 12000),
            ("opus-6", "opus", 6000),
            ("mp3-16", "mp3", 16000),
        )
    ],
    *[
        _condition(f"room-{t60}", "reverberation", ("reverberation", {"t60_s": t60}))
        for t60 in (0.3, 0.6, 1.2)
    ],
    _condition(
        "narrow-white-20",
        "combination",
        ("band", {"low_hz": 300.0, "high_hz": 3400.0}),
        ("noise", {"snr_db": 20.0}),
    ),
    _condition(
        "babble-15-plc-10",
        "combination",
        ("noise", {"snr_db": 15.0, "colour": "babble"}),
        ("packet_loss", {"loss": 0.1, "conceal": True}),
    ),
    _condition(
        "room-0.5-clip-5",
        "combination",
        ("reverberation", {"t60_s": 0.5}),
        ("clipping", {"share": 0.05}),
    ),
    _condition(
        "amr-7.95-loss-5",
        "combination",
        ("codec", {"name": "amr-nb", "bit_rate": 7950}),
        ("packet_loss", {"loss": 0.05}),
    ),
    _condition(
        "white-15-gsm-gsm",
        "combination",
        ("noise", {"snr_db": 15.0}),
        ("codec", {"name": "gsm"}),
        ("codec", {"name": "gsm"}),
    ),
)
# for a quick look: one or two of each kind
FEW = (
    "clean",
    "level-drop",
    "white-20",
    "white-10",
    "babble-10",
    "mnru-10",
    "band-300-3400",
    "clip-15",
    "gaps-3x100",
    "loss-10",
    "plc-25",
    "gsm",
    "opus-6",
    "room-0.6",
)


_SILENT = ("interruption", "packet loss")  # kinds of disturbances


@dataclass(frozen=True)
class Truth:
    """What happened to a clip.

    Attributes
    ----------
    disturbances : tuple of Disturbance
        In the order in which they were applied.
    duration_s : float
    speech_s : tuple of (float, float)
        When somebody speaks: phones other than silence, pauses below 0.15 s included.
    """

    disturbances: tuple[Disturbance, ...]
    duration_s: float
    speech_s: tuple

    @property
    def intervals_s(self) -> list[tuple[float, float]]:
        """When anything was disturbed, in seconds; sorted, without overlaps."""
        return _union(interval for one in self.disturbances for interval in one.intervals_s)

    @property
    def bands_hz(self) -> list[tuple[float, float]]:
        """At which frequencies anything was disturbed, in Hz; sorted, without overlaps."""
        return _union(band for one in self.disturbances for band in one.bands_hz)

    @property
    def values(self) -> dict:
        """What the degradations measure themselves by: ``snr_db``, ``loss``, ``t60_s``, ..."""
        return {key: value for one in self.disturbances for key, value in one.values.items()}

    @property
    def local(self) -> "Truth":
        """The same with only those disturbances that leave a tenth of the clip's time or
        frequencies alone.
        """

        def leaves_something(one):
            time = sum(end - start for start, end in one.intervals_s) / self.duration_s
            width = sum(high - low for low, high in one.bands_hz) / (SAMPLE_RATE / 2)
            return 0 < time * width <= 0.9

        return Truth(
            tuple(filter(leaves_something, self.disturbances)), self.duration_s, self.speech_s
        )

    @property
    def silences_s(self) -> list[tuple[float, float]]:
        """When speech was cut out and nothing put in its place, in seconds: gaps, and packets that
        were lost and not concealed.
        """
        silent = [one for one in self.disturbances if one.kind in _SILENT]
        return _union(interval for one in silent for interval in one.intervals_s)

    def mask(self, n_frames: int, hop_s: float = 0.01) -> np.ndarray:
        """Return for each frame, centred on multiples of ``hop_s``, whether it was disturbed,
        (n_frames,) bool.
        """
        return frames_in(self.intervals_s, n_frames, hop_s)

    def speech_mask(self, n_frames: int, hop_s: float = 0.01) -> np.ndarray:
        """Return for each frame whether somebody speaks, (n_frames,) bool."""
        return frames_in(self.speech_s, n_frames, hop_s)

    def map(self, n_frames: int, frequencies_hz: np.ndarray, hop_s: float = 0.01) -> np.ndarray:
        """Return for each frequency and frame whether it was disturbed, (n_frequencies, n_frames)
        bool.
        """
        found = np.zeros((len(frequencies_hz), n_frames), bool)
        for one in self.disturbances:
            rows = np.any(
                [(frequencies_hz >= low) & (frequencies_hz <= high) for low, high in one.bands_hz],
                axis=0,
            )
            found |= rows[:, None] & frames_in(one.intervals_s, n_frames, hop_s)
        return found


def frames_in(intervals_s, n_frames: int, hop_s: float = 0.01) -> np.ndarray:
    """Return for each frame whether an interval covers any of the ``hop_s`` around its centre,
    (n_frames,) bool.
    """
    centre = np.arange(n_frames) * hop_s
    inside = [
        (start < centre + hop_s / 2) & (end > centre - hop_s / 2) for start, end in intervals_s
    ]
    return np.any(inside, axis=0) if inside else np.zeros(n_frames, bool)


def _union(intervals, join: float = 0.0) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1] + join:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class Transmission(Corpus):
    """Sentences in 54 conditions at 16 kHz, aligned with the sentence as it was sent.

    Parameters
    ----------
    root : path, optional
        Taken for the sake of ``corpora.load`` and not used: clips are made, and kept in the cache.
    source : str
        Whose sentences: ``"voices"`` (generated) or ``"timit"`` (recorded; the speakers of the
        first fold's test part).
    n_samples : int
        Clips of each condition, each by another speaker while there are any; 4 gives 216.
    seed : int
        Draws noise, gaps, lost packets and rooms.
    conditions : sequence of str, optional
        Names of some conditions only; their clips are the same as in the whole corpus.
    source_root : path, optional
        Folder of the source corpus.
    n_sentences : int
        Sentences of a clip, all by its speaker, one after the other; 4 of TIMIT make about the 13 s
        of the paper's clips. The first is that of the corpus with one.
    floor_db : float, optional
        Level of steady noise of a room in the sentence as it is sent, re full scale; by default
        pauses of generated voices, and the silence at either end, are digital zero.

    Attributes
    ----------
    table : DataFrame
        Beside the usual columns ``condition``, ``kind``, ``sample`` and ``source_id``.

    Notes
    -----
    Each sentence is set to -26 dB of active speech re full scale and has 0.3 s of digital silence
    at either end. What exceeds full scale is clipped, as in any sound file (single samples of
    mnru-5).

    The structure (54 conditions, 4 clips each) is that of SwissQual P.OLQA SWB 503, which Tilkorn
    et al. use and which is not public; the conditions are ours. Chapter: speech-quality.
    """

    name = "transmission"
    label = "Transmitted speech"
    tasks = {
        "condition": [condition.name for condition in CONDITIONS],
        "kind": list(dict.fromkeys(condition.kind for condition in CONDITIONS)),
    }
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        root: str | Path | None = None,
        source: str = "voices",
        n_samples: int = 4,
        seed: int = 0,
        conditions: Sequence[str] | None = None,
        source_root: str | Path | None = None,
        n_sentences: int = 1,
        floor_db: float | None = None,
    ):
        load_source = SOURCES[check_choice(source, SOURCES, "source of transmission")]
        if isinstance(n_samples, bool) or not 1 <= n_samples <= _MOST_SAMPLES:
            raise ParameterError(
                f"n_samples of transmission must be from 1 to {_MOST_SAMPLES}, got {n_samples!r}."
            )
        if isinstance(n_sentences, bool) or not 1 <= n_sentences <= _MOST_SENTENCES:
            raise ParameterError(
                f"n_sentences of transmission must be from 1 to {_MOST_SENTENCES}, got "
                f"{n_sentences!r}."
            )
        if floor_db is not None and not -120 <= floor_db <= -30:
            raise ParameterError(f"A floor lies between -120 and -30 dB, got {floor_db!r}.")
        by_name = {condition.name: condition for condition in CONDITIONS}
        chosen = [
            by_name[check_choice(name, by_name, "condition of transmission")]
            for name in conditions or by_name
        ]
        self.source, self._speech = source, load_source(source_root)
        self._plan = _plan(self._speech, chosen, n_samples)
        self._specification = {
            "version": _VERSION,
            "source": source,
            "source_clips": self._speech.corpus.fingerprint(),
            "seed": seed,
            "conditions": [asdict(condition) for condition in chosen],
            "n_samples": n_samples,
        }
        longer = {"n_sentences": n_sentences} if n_sentences > 1 else {}
        floor = {"floor_db": float(floor_db)} if floor_db is not None else {}
        self._specification |= longer | floor
        self.root = cache.stored(
            "transmission",
            self._specification,
            ".npz",
            lambda path: _make(self._speech, self._plan, seed, path, n_sentences, floor_db),
        )
        with np.load(self.root) as file:
            self._sent, self._received, lengths = file["sent"], file["received"], file["lengths"]
            self._truths = json.loads(str(file["truths"]))
        self._ends = np.cumsum(lengths)
        self.table = pd.DataFrame([row for _, _, row in self._plan])
        self.table["duration_s"] = lengths / SAMPLE_RATE
        self.table["longer_than_1s"] = self.table["duration_s"] > LONG_CLIP_S
        self.tasks = {
            "condition": [condition.name for condition in chosen],
            "kind": list(dict.fromkeys(condition.kind for condition in chosen)),
        }

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        return self._stretch(self._received, index), SAMPLE_RATE

    def _stretch(self, stored: np.ndarray, index: int) -> np.ndarray:
        return (
            stored[self._ends[index - 1] if index else 0 : self._ends[index]].astype(np.float32)
            / 32768
        )

    def reference(self, index: int) -> Clip:
        """Return the sentence of clip ``index`` as it was sent."""
        clip = self[index]
        return Clip(
            f"{clip.id}-sent",
            self._stretch(self._sent, index % len(self)),
            SAMPLE_RATE,
            clip.labels,
        )

    def truth(self, index: int) -> Truth:
        """Return what happened to clip ``index``."""
        row = self._truths[range(len(self))[index]]
        happened = tuple(
            Disturbance(
                one["kind"], _pairs(one["intervals_s"]), _pairs(one["bands_hz"]), one["values"]
            )
            for one in row["disturbances"]
        )
        return Truth(happened, self.table["duration_s"].iloc[index], _pairs(row["speech_s"]))

    def pesq(self) -> np.ndarray:
        """Return the PESQ of every clip against its reference, (len(self),): :func:`pesq_wideband`;
        cached.
        """

        def measure(path: Path) -> None:
            values = [
                pesq_wideband(self.reference(i).samples, self[i].samples) for i in range(len(self))
            ]
            with open(path, "wb") as file:
                np.save(file, np.array(values))

        return np.load(cache.stored("pesq", self._specification, ".npy", measure))

    def fingerprint(self) -> str:
        """Return hex digits that change when any sample changes."""
        return cache.file_digest(self.root)[:16]


def _pairs(listed: list) -> tuple:
    return tuple(tuple(pair) for pair in listed)


@dataclass(frozen=True)
class Speech:
    """Sentences to send: a corpus with phones, rows of who speaks, rows of who talks in the
    background.
    """

    corpus: Corpus
    foreground: dict[str, list[int]]
    background: list[int]

    def sentence(self, row: int) -> tuple[np.ndarray, tuple]:
        """Return a sentence at -26 dB between silences, (T,), and its intervals of speech in
        seconds.
        """
        samples = self.corpus[row].samples
        pause = np.zeros(int(SILENCE_S * SAMPLE_RATE), np.float32)
        gain = 10 ** (LEVEL_DB / 20) / active_level(samples, SAMPLE_RATE)
        phones = self.corpus.phones(row)
        spoken = phones[phones["phone_39"] != "sil"]
        times = _union(
            zip(spoken["start_s"] + SILENCE_S, spoken["end_s"] + SILENCE_S, strict=True), _PAUSE_S
        )
        return np.concatenate([pause, gain * samples, pause]), tuple(times)

    def sentences(self, row: int, n: int) -> tuple[np.ndarray, tuple]:
        """Return ``n`` sentences of the speaker of a row, from that row on in turn, as
        :meth:`sentence` returns one.
        """
        own = next(rows for rows in self.foreground.values() if row in rows)
        first, parts, times, before = own.index(row), [], [], 0.0
        for k in range(n):
            samples, spoken = self.sentence(own[(first + k) % len(own)])
            parts.append(samples)
            times += [(start + before, end + before) for start, end in spoken]
            before += len(samples) / SAMPLE_RATE
        return np.concatenate(parts), tuple(times)

    def babble(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``n`` samples of six background talkers at once, each at the same level and from a
        point at random.
        """
        rows = rng.choice(self.background, N_TALKERS, replace=len(self.background) < N_TALKERS)
        talkers = [
            self.corpus[row].samples / active_level(self.corpus[row].samples, SAMPLE_RATE)
            for row in rows
        ]
        return sum(
            np.resize(np.roll(talker, -int(rng.integers(len(talker)))), n) for talker in talkers
        )


def _voices(root) -> Speech:
    return speech(Voices(words="sentences", n_speakers=10, repetitions=7), ["01", "02", "03", "04"])


def _timit(root) -> Speech:
    corpus = Timit(root)
    table = corpus.table.iloc[corpus.folds("phone")[0].test]
    women, men = (table.loc[table["sex"] == sex, "speaker"].unique() for sex in ("female", "male"))
    return speech(corpus, [speaker for pair in zip(women, men, strict=False) for speaker in pair])


SOURCES = {"timit": _timit, "voices": _voices}


def speech(corpus: Corpus, speakers: list[str]) -> Speech:
    """Return the sentences of some speakers, but not those that everybody says; all others talk in
    the background.
    """
    table = corpus.table
    own = table["kind"] != "sa"
    foreground = {
        speaker: np.flatnonzero(own & (table["speaker"] == speaker)).tolist()
        for speaker in speakers
    }
    return Speech(
        corpus, foreground, np.flatnonzero(own & ~table["speaker"].isin(speakers)).tolist()
    )


def _plan(
    speech: Speech, conditions: list[Condition], n_samples: int
) -> list[tuple[Condition, int, dict]]:
    """Return condition, row of the source and labels of each clip: every sample by another speaker,
    in turn.
    """
    order = {condition.name: i for i, condition in enumerate(CONDITIONS)}
    speakers, table = list(speech.foreground), speech.corpus.table
    plan = []
    for condition in conditions:
        for sample in range(n_samples):
            rows = speech.foreground[speakers[sample % len(speakers)]]
            row = rows[(order[condition.name] + sample // len(speakers)) % len(rows)]
            source = table.iloc[row]
            plan.append(
                (
                    condition,
                    row,
                    {
                        "id": f"{condition.name}_{sample}",
                        "condition": condition.name,
                        "kind": condition.kind,
                        "sample": sample,
                        "source_id": source["id"],
                        "speaker": source["speaker"],
                        "sex": source["sex"],
                    },
                )
            )
    return plan


def _make(speech: Speech, plan, seed: int, path: Path, n_sentences: int, floor_db) -> None:
    sent, received, truths = [], [], []
    order = {condition.name: i for i, condition in enumerate(CONDITIONS)}
    for condition, row, labels in plan:
        rng = np.random.default_rng([seed, order[condition.name], labels["sample"]])
        samples, spoken = speech.sentences(row, n_sentences)
        if floor_db is not None:
            noise = np.random.default_rng([seed, order[condition.name], labels["sample"], 1])
            samples = samples + _floor(len(samples), floor_db, noise)
        degraded, disturbances = degrade(samples, SAMPLE_RATE, condition.steps, rng, speech.babble)
        sent.append(_whole(samples))
        received.append(_whole(degraded))
        truths.append({"disturbances": [asdict(one) for one in disturbances], "speech_s": spoken})
    with open(path, "wb") as file:
        np.savez(
            file,
            sent=np.concatenate(sent),
            received=np.concatenate(received),
            lengths=np.array([len(part) for part in sent]),
            truths=json.dumps(truths),
        )


def _floor(n: int, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """Return steady noise (n,) of a room, as strong in each octave, at a level re full scale."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n)
    return (noise * 10 ** (level_db / 20) / np.sqrt(np.mean(noise**2))).astype(np.float32)


def _whole(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


__all__ = [
    "CONDITIONS",
    "FEW",
    "LEVEL_DB",
    "SAMPLE_RATE",
    "SILENCE_S",
    "SOURCES",
    "Condition",
    "Speech",
    "Transmission",
    "Truth",
    "frames_in",
    "pesq_wideband",
    "speech",
]
