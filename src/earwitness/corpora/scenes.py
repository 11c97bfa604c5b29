"""Rooms recorded in Ambisonics: one second of speech, its reverberation and babble from all
around, kept apart.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.format import open_memmap
from scipy import fft

from earwitness import cache
from earwitness.acoustics import sphere
from earwitness.acoustics.rooms import Room, reverberation
from earwitness.acoustics.sphere import directions, nearest
from earwitness.corpora import base
from earwitness.errors import AudioError, ParameterError, check_choice

SAMPLE_RATE = 16000
LENGTH = 16000
LEVEL = 0.05  # root mean square of every mixture's channel W
N_TALKERS = 48
VERSION = 1  # raise it when scenes change: no cache hands out old ones

_SPLITS = {"train": 0, "validation": 1, "test": 2}
_SOURCES = {"voices": {"words": "sentences", "n_speakers": 12, "repetitions": 4}, "timit": {}}
_SIZE_M = np.array([[4.0, 4.0, 2.5], [10.0, 8.0, 4.5]])  # smallest and largest room
_WALL_TO_RECEIVER_M, _WALL_TO_SOURCE_M, _DISTANCE_M = 1.0, 0.3, (0.6, 4.0)


@dataclass(frozen=True)
class Scene:
    """One second in a room and what it is made of; all sounds (channels, 16000) float32, ACN and
    N3D.

    Attributes
    ----------
    direct, reverberation, noise : ndarray
        Their sum is :attr:`mixture`. The clock starts when the direct sound arrives.
    dry : ndarray, shape (16000,)
        What is said; ``direct`` is this in the direction's gains.
    direction : tuple of float
        Azimuth and elevation of the source in radians.
    class_index : int
        Of :func:`directions`.
    snr_db : float
        Energy of direct sound and reverberation over that of the noise, in channel W.
    t60_s : float
    room : Room
    """

    direct: np.ndarray
    reverberation: np.ndarray
    noise: np.ndarray
    dry: np.ndarray
    direction: tuple[float, float]
    class_index: int
    snr_db: float
    t60_s: float
    room: Room

    @property
    def mixture(self) -> np.ndarray:
        """What the array records, (channels, 16000)."""
        return self.direct + self.reverberation + self.noise


class Scenes(base.Corpus):
    """Simulated ambisonic recordings of one talker among babble; every row of the table is a scene.

    Parameters
    ----------
    root : path, optional
        Taken for the sake of ``corpora.load`` and not used: scenes are computed when they are asked
        for.
    source : str
        Who speaks: ``"voices"`` (generated sentences) or ``"timit"``.
    n_scenes : int
        A longer corpus begins with the same scenes.
    order : int
        Of Ambisonics, 1 to 4; 4, 9, 16 or 25 channels. A lower order is the first channels of a
        higher one.
    seed : int
    split : str
        ``"train"``, ``"validation"`` or ``"test"``: speakers (those of the source's first fold by
        sex) and rooms of one are not in another.
    directions : str
        ``"random"``: uniform over the sphere; ``"axes"``: +x, +y, -x, -y in turn, at the centre of
        their class.
    signal : str
        What sounds at the source: ``"speech"``; or, in the same rooms and babble, ``"bursts"`` of
        white noise or a melody of harmonic ``"tones"``, by which a network that looks for speech
        can be told from one that looks for any sound of one direction.
    snr_db, t60_s : pair of float
        Least and most, drawn uniformly; equal for a fixed value.
    source_root : path, optional
        Folder of the source corpus.
    source_options : mapping, optional
        Passed to ``corpora.load`` for the source.

    Notes
    -----
    Rooms of 4 x 4 x 2.5 m to 10 x 8 x 4.5 m; the array at least 1 m from every wall; the source at
    0.6 to 4 m, at least 0.3 m from the walls. Heights are drawn as often near the ceiling as near
    the floor, so that a scene turned about z or mirrored is as likely as the scene itself. Speech
    is a stretch of a sentence at least half as loud as the whole. Babble: 48 talkers spread evenly
    over the sphere, far away and outside the room.

    Kiyan et al., Experimental Setup, after Poschadel et al. (2021), whose ranges the paper does not
    print: these are ours. Chapter: sound-direction.
    """

    name = "scenes"
    label = "Ambisonic scenes"
    audio_type = "ambisonics"
    tasks = {"class_index": list(range(len(directions())))}
    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        root: str | Path | None = None,
        source: str = "voices",
        n_scenes: int = 100,
        order: int = 1,
        seed: int = 0,
        split: str = "test",
        directions: str = "random",
        snr_db: tuple[float, float] = (0.0, 30.0),
        t60_s: tuple[float, float] = (0.2, 0.8),
        source_root: str | Path | None = None,
        source_options: Mapping | None = None,
        signal: str = "speech",
    ):
        self.n_channels, self.order = sphere.n_channels(order), int(order)
        if isinstance(n_scenes, bool) or not isinstance(n_scenes, int | np.integer) or n_scenes < 1:
            raise ParameterError(f"n_scenes must be a whole number from 1, got {n_scenes!r}.")
        low, high = _range(t60_s, "t60_s")
        if low <= 0:
            raise ParameterError(f"A reverberation time is positive, t60_s is {t60_s}.")
        options = _SOURCES[check_choice(source, _SOURCES, "source of scenes")] | dict(
            source_options or {}
        )
        self.signal = check_choice(signal, ("speech", *_OTHER_SIGNALS), "signal of scenes")
        self._draw = _DIRECTIONS[check_choice(directions, _DIRECTIONS, "choice of directions")]
        self.source, self.seed, self.split = (
            source,
            int(seed),
            check_choice(split, _SPLITS, "split of scenes"),
        )
        self._speech = _speech(source, source_root, split, tuple(sorted(options.items())))
        rows = [self._plan(i, _range(snr_db, "snr_db"), (low, high)) for i in range(n_scenes)]
        self.table = pd.DataFrame(rows)
        self.tasks = {"class_index": list(range(len(sphere.directions())))}
        self.root = Path(root or ".")

    def _rng(self, index: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, _SPLITS[self.split], index, purpose])

    def _plan(self, index: int, snr_db: tuple, t60_s: tuple) -> dict:
        rng = self._rng(index, 0)
        direction = self._draw(index, rng)
        size = rng.uniform(*_SIZE_M)
        receiver = rng.uniform(_WALL_TO_RECEIVER_M, size - _WALL_TO_RECEIVER_M)
        distance = rng.uniform(
            _DISTANCE_M[0], min(_DISTANCE_M[1], _way_to_wall(size, receiver, direction))
        )
        source = receiver + distance * direction
        azimuth, elevation = sphere.angles(direction)
        talk = self._speech.pick(rng)
        return {
            "id": f"{self.split}_{self.seed}_{index:05d}",
            "speaker": talk["speaker"],
            "sex": talk["sex"],
            "clip": talk["clip"],
            "clip_start": talk["start"],
            "azimuth_deg": float(np.rad2deg(azimuth)),
            "elevation_deg": float(np.rad2deg(elevation)),
            "class_index": int(nearest(direction)),
            "snr_db": rng.uniform(*snr_db),
            "t60_s": rng.uniform(*t60_s),
            "distance_m": distance,
            **{
                f"{what}_{axis}_m": float(value)
                for what, point in [("size", size), ("receiver", receiver), ("source", source)]
                for axis, value in zip("xyz", point, strict=True)
            },
            "duration_s": LENGTH / SAMPLE_RATE,
            "longer_than_1s": False,
        }

    def room(self, index: int) -> Room:
        """Return the room of a scene with its source and receiver."""
        row = self.table.iloc[self._checked(index)]
        size, source, receiver = (
            tuple(float(row[f"{what}_{axis}_m"]) for axis in "xyz")
            for what in ("size", "source", "receiver")
        )
        return Room(size, source, receiver, float(row["t60_s"]))

    def _checked(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"scenes has {len(self)} scenes; there is no scene {index}.")
        return int(index) % len(self)

    def parts(self, index: int) -> Scene:
        """Return a scene with its direct sound, reverberation and noise apart."""
        index = self._checked(index)
        row, room = self.table.iloc[index], self.room(index)
        dry = self._dry(index)
        direct = sphere.harmonics(room.direction, self.order).astype(np.float32)[:, None] * dry
        reverberant = convolve(
            dry, reverberation(room, self.order, SAMPLE_RATE, self._rng(index, 1))
        )
        noise = babble(self._speech.samples, self.order, self._rng(index, 2))
        noise *= np.sqrt(
            _energy(direct[0] + reverberant[0]) / _energy(noise[0]) / 10 ** (row["snr_db"] / 10)
        )
        scale = np.float32(LEVEL / np.sqrt(_energy(direct[0] + reverberant[0] + noise[0]) / LENGTH))
        azimuth, elevation = sphere.angles(room.direction)
        return Scene(
            direct * scale,
            reverberant * scale,
            noise * scale,
            dry * scale,
            (float(azimuth), float(elevation)),
            int(row["class_index"]),
            float(row["snr_db"]),
            float(row["t60_s"]),
            room,
        )

    def _dry(self, index: int) -> np.ndarray:
        """Return what sounds at the source, (16000,), root mean square about 1."""
        if self.signal == "speech":
            return self._speech.segment(self.table["clip_start"].iloc[index])
        return _OTHER_SIGNALS[self.signal](self._rng(index, 3))

    def _samples(self, index: int) -> tuple[np.ndarray, int]:
        return self.parts(index).mixture, SAMPLE_RATE

    def mixtures(self, indices: Iterable[int], n_workers: int = 1) -> np.ndarray:
        """Return the mixtures (n, channels, 16000) of some scenes, by ``n_workers`` threads at a
        time.
        """
        with ThreadPoolExecutor(n_workers) as pool:
            return np.stack([*pool.map(lambda i: self.parts(i).mixture, indices)])

    @cached_property
    def pool(self) -> np.ndarray:
        """Speech in its room and babble of all scenes, (n, 2, channels, 16000) float16, kept in the
        cache.
        """
        specification = {"fingerprint": self.fingerprint()}
        return np.load(
            cache.stored("scenes", specification, ".npy", self._write_pool), mmap_mode="r"
        )

    def fingerprint(self) -> str:
        """Return hex digits that change when anything changes that scenes are computed from."""
        rows = pd.util.hash_pandas_object(self.table.astype(str), index=False)
        other = {} if self.signal == "speech" else {"signal": self.signal}
        return cache.digest(
            other
            | {
                "version": VERSION,
                "rows": [f"{row:x}" for row in rows],
                "order": self.order,
                "speech": self._speech.fingerprint,
                "seed": self.seed,
                "split": self.split,
            }
        )[:16]

    def _write_pool(self, path: Path) -> None:
        file = open_memmap(path, "w+", np.float16, (len(self), 2, self.n_channels, LENGTH))

        def write(i):
            scene = self.parts(i)
            file[i, 0], file[i, 1] = scene.direct + scene.reverberation, scene.noise

        with ThreadPoolExecutor(2) as workers:
            for _ in workers.map(write, range(len(self))):
                pass
        file.flush()

    def unit_vectors(self) -> np.ndarray:
        """Return the true directions, (n, 3)."""
        return sphere.unit_vector(
            *np.deg2rad(self.table[["azimuth_deg", "elevation_deg"]].to_numpy().T)
        )

    def _fold_makers(self, task):
        return {}


def convolve(dry: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return ``dry`` (T,) convolved with every channel of ``response`` (channels, L), cut to T
    samples, float32.
    """
    size = fft.next_fast_len(len(dry) + response.shape[1] - 1, real=True)
    spectrum = fft.rfft(response.astype(np.float32, copy=False), size)
    spectrum *= fft.rfft(dry.astype(np.float32, copy=False), size)
    return fft.irfft(spectrum, size)[:, : len(dry)]


def noise_bursts(rng: np.random.Generator) -> np.ndarray:
    """Return a second (16000,) of white noise, on for 50 to 200 ms and off for as long, with root
    mean square 1.
    """
    found, at = np.zeros(LENGTH), int(rng.integers(LENGTH // 20))
    while at < LENGTH:
        n, pause = rng.integers(SAMPLE_RATE // 20, SAMPLE_RATE // 5, size=2)
        part = found[at : at + n]
        part += rng.standard_normal(len(part)) * _edges(len(part))
        at += n + pause
    return (found / np.sqrt(np.mean(found**2))).astype(np.float32)


def melody(rng: np.random.Generator) -> np.ndarray:
    """Return a second (16000,) of harmonic tones of 150 to 400 ms that fade, one after the other,
    on a scale of semitones from 196 to 784 Hz, with root mean square 1.
    """
    found, at = np.zeros(LENGTH), 0
    while at < LENGTH:
        n = int(rng.integers(3 * SAMPLE_RATE // 20, 2 * SAMPLE_RATE // 5))
        part = found[at : at + n]
        times = np.arange(len(part)) / SAMPLE_RATE
        f0 = 196 * 2 ** (int(rng.integers(25)) / 12)
        tone = sum(np.sin(2 * np.pi * k * f0 * times) / k for k in range(1, int(7500 / f0)))
        part += tone * np.exp(-times / 0.2) * _edges(len(part))
        at += n
    return (found / np.sqrt(np.mean(found**2))).astype(np.float32)


def _edges(n: int, fade: int = SAMPLE_RATE // 200) -> np.ndarray:
    """Return gains (n,) that rise and fall within 5 ms."""
    ramp = np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / fade
    return np.minimum(ramp, 1)


def babble(
    speech: np.ndarray, order: int, rng: np.random.Generator, n_talkers: int = N_TALKERS
) -> np.ndarray:
    """Return diffuse babble (channels, 16000): stretches of ``speech`` (T,), each from another
    direction.

    The directions are a Fibonacci lattice, turned at random: every part of the sphere talks alike.

    Raises
    ------
    AudioError
        If there is less than a second of speech.
    """
    if len(speech) <= LENGTH:
        raise AudioError(
            f"Babble is made of more than {LENGTH} samples of speech; there are {len(speech)}."
        )
    k = np.arange(n_talkers) + 0.5
    lattice = sphere.unit_vector(np.pi * (1 + 5**0.5) * k, np.arcsin(1 - 2 * k / n_talkers))
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    gains = sphere.harmonics(lattice @ turn, order).astype(np.float32)  # (talkers, channels)
    starts = rng.integers(len(speech) - LENGTH, size=n_talkers)
    return gains.T @ np.stack([speech[start : start + LENGTH] for start in starts])


class _Speech:
    """Sentences of one split, each with root mean square 1, end to end."""

    def __init__(self, corpus: base.Corpus, split: str):
        rows = getattr(corpus.folds("sex")[0], split)
        clips = [corpus[int(i)] for i in rows]
        self.labels = [
            {"clip": c.id, "speaker": c.labels["speaker"], "sex": c.labels["sex"]} for c in clips
        ]
        whole = [_at_least_a_second(c.samples) for c in clips]
        self.samples = np.concatenate(
            [s / np.sqrt(np.mean(s.astype(float) ** 2)) for s in whole]
        ).astype(np.float32)
        self.ends = np.cumsum([len(s) for s in whole])
        loudness = np.concatenate([[0], np.cumsum(self.samples.astype(float) ** 2)])
        self._loud = [self._loud_starts(loudness, i) for i in range(len(clips))]
        self.fingerprint = cache.digest(
            {"samples": cache.hashlib.sha256(self.samples.tobytes()).hexdigest()}
        )

    def _loud_starts(self, loudness: np.ndarray, clip: int) -> np.ndarray:
        """Return where a second may start that has at least half the sentence's power, in samples,
        every 10 ms.
        """
        first = self.ends[clip - 1] if clip else 0
        starts = np.arange(first, self.ends[clip] - LENGTH + 1, SAMPLE_RATE // 100)
        power = (loudness[starts + LENGTH] - loudness[starts]) / LENGTH
        return starts[power >= min(0.5, power.max())]

    def pick(self, rng: np.random.Generator) -> dict:
        """Return a sentence's labels and the sample at which a second of it starts."""
        clip = int(rng.integers(len(self.labels)))
        return self.labels[clip] | {"start": int(rng.choice(self._loud[clip]))}

    def segment(self, start: int) -> np.ndarray:
        """Return the second that starts there."""
        return self.samples[start : start + LENGTH]


def _at_least_a_second(samples: np.ndarray) -> np.ndarray:
    return np.pad(samples, (0, max(0, LENGTH - len(samples))))


_SPEECH: dict[tuple, _Speech] = {}  # the last few, by what the recordings are


def _speech(source: str, root: str | Path | None, split: str, options: tuple) -> _Speech:
    from earwitness import corpora  # here, because corpora imports this module by name

    corpus = corpora.load(source, root, **dict(options))
    key = source, split, corpus.fingerprint()
    if key not in _SPEECH:
        while len(_SPEECH) >= 8:
            _SPEECH.pop(next(iter(_SPEECH)))
        _SPEECH[key] = _Speech(corpus, split)
    return _SPEECH[key]


def _range(pair: tuple[float, float], name: str) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in pair)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} is a pair (least, most), got {pair!r}.") from None
    if not (np.isfinite([low, high]).all() and low <= high):
        raise ParameterError(f"{name} is a pair (least, most) of finite numbers, got {pair!r}.")
    return low, high


def _way_to_wall(size: np.ndarray, start: np.ndarray, direction: np.ndarray) -> float:
    """Return how far one can go from ``start`` until 0.3 m before a wall."""
    room = np.where(direction > 0, size - _WALL_TO_SOURCE_M - start, start - _WALL_TO_SOURCE_M)
    return float((room / np.maximum(np.abs(direction), 1e-9)).min())


def _uniform(index: int, rng: np.random.Generator) -> np.ndarray:
    return sphere.unit_vector(rng.uniform(-np.pi, np.pi), np.arcsin(rng.uniform(-1, 1)))


def _axis(index: int, rng: np.random.Generator) -> np.ndarray:
    axis = [(1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0)][index % 4]
    return directions()[nearest(np.array(axis))]


def _energy(samples: np.ndarray) -> float:
    return float(np.square(samples, dtype=np.float64).sum())


_DIRECTIONS = {"random": _uniform, "axes": _axis}
_OTHER_SIGNALS = {"bursts": noise_bursts, "tones": melody}

__all__ = [
    "LENGTH",
    "LEVEL",
    "SAMPLE_RATE",
    "Scene",
    "Scenes",
    "babble",
    "convolve",
    "directions",
    "melody",
    "nearest",
    "noise_bursts",
]
