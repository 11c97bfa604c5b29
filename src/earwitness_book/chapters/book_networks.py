"""The networks of the book, each with a few sounds to explain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import attribution, corpora, features, models, training
from earwitness.errors import check_choice
from earwitness.models import resemblyzer
from earwitness.training import clips, digits

RATE = 16000


@dataclass(frozen=True)
class Subject:
    """A network with sounds that it is asked about.

    Attributes
    ----------
    name : str
    model : Module
        In evaluation mode.
    represent : callable
        A sound -> the network's input, (1, ...).
    sounds : list of ndarray, shape (T,)
        At ``sample_rate``; of directions (4, T), first-order ambisonics.
    inputs : Tensor, shape (n, ...)
    targets : Tensor, shape (n,)
        The output that is explained of each.
    sample_rate : int
    phones : list of DataFrame
        Of each sound where they are known: ``start_s``, ``end_s``, ``phone``.
    corpus : str
    """

    name: str
    model: nn.Module = field(repr=False)
    represent: Callable
    sounds: list = field(repr=False)
    inputs: torch.Tensor = field(repr=False)
    targets: torch.Tensor = field(repr=False)
    sample_rate: int = RATE
    phones: list = field(default_factory=list, repr=False)
    corpus: str = ""


def subject(
    name: str, n: int, corpus: str = "voices", seed: int = 0, how: Mapping | None = None
) -> Subject:
    """Return a network of the book with ``n`` sounds.

    Parameters
    ----------
    name : str
        One of :data:`SUBJECTS`, whose weights are shipped or fetched, or of :data:`TRAINED`.
    n : int
    corpus : str
        Of sentences: ``"voices"``, ``"timit"``. Where these are recorded, digits come from
        ``"fsdd"``, and the words of those that are trained from ``"aev"``.
    seed : int
    how : mapping, optional
        How those of :data:`TRAINED` are trained: ``recipe``, and ``voices``, options of the
        generated corpus.
    """
    check_choice(name, (*SUBJECTS, *TRAINED), "network of the book")
    if name in TRAINED:
        return _trained(name, n, corpus, seed, **(how or {}))
    return SUBJECTS[name](n, corpus, seed)


def first(of: Subject) -> Subject:
    """Return a network with the first of its sounds alone."""
    return replace(of, sounds=of.sounds[:1], inputs=of.inputs[:1], targets=of.targets[:1])


def _asked(name, model, represent, sounds, targets="highest", **more) -> Subject:
    """Return a subject whose targets are the highest outputs, or one that is given."""
    inputs = torch.cat([represent(sound) for sound in sounds])
    if targets == "highest":
        targets = models.logits(model, inputs).argmax(1)
    elif isinstance(targets, int):
        targets = torch.full((len(inputs),), targets)
    return Subject(name, model, represent, sounds, inputs, targets, **more)


def _digits(n: int, corpus: str, seed: int) -> Subject:
    found = models.pretrained("own-voice")
    spoken, rows = digit_clips(corpus, n, seed)
    sounds = list(clips.seconds(spoken, rows))
    return _asked(
        "digits", found.model, as_digit, sounds, torch.tensor(spoken.targets("digit")[rows]),
        sample_rate=8000, corpus=spoken.name,
    )  # fmt: skip


def digit_clips(corpus: str, n: int, seed: int) -> tuple[corpora.Corpus, np.ndarray]:
    """Return spoken digits, and the rows of ``n`` clips of speakers whom the network for digits
    has not met, classes in turn.
    """
    if corpus == "voices":
        n_speakers = -(-n // 10)
        spoken = corpora.load(
            "voices", n_speakers=n_speakers, repetitions=1, seed=digits.UNMET_SEED + 10 * seed
        )
        rows = np.arange(len(spoken))
    else:
        spoken = corpora.load("fsdd")
        held_out = models.pretrained("own-voice").card["held_out"]
        rows = np.flatnonzero(spoken.table["id"].isin(held_out))
        rows = np.random.default_rng(seed).permutation(rows)
    return spoken, _in_turn(rows, spoken.targets("digit")[rows])[:n]


def _in_turn(rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return rows in an order in which their classes take turns."""
    turn = pd.Series(classes).groupby(classes).cumcount()
    return rows[np.argsort(turn.to_numpy(), kind="stable")]


def _trained(
    name: str, n: int, corpus: str, seed: int, recipe: str = "brief", voices: Mapping | None = None
) -> Subject:
    """Return AlexNet or AudioNet of the chapter audiomnist, trained on its first fold or taken from
    where that chapter kept it, with words of speakers whom it has not met: generated digits, or the
    recorded words of aev.

    Zero stands for silence in AudioNet's input, and for the mean of all spectrograms in AlexNet's.
    """
    spoken = "voices" if corpus == "voices" else "aev"
    task, *_ = training.tasks(spoken)
    (found,) = training.cross_validate(
        TRAINED[name], task, 1, voices=voices, recipe=recipe, seed=seed
    )
    unmet = np.random.default_rng(seed).permutation(found.fold.test)
    rows = _in_turn(unmet, found.targets(unmet).numpy())[:n]

    def represent(second: np.ndarray) -> torch.Tensor:
        return found.prepare(second[None])

    return _asked(
        name, found.model, represent, list(found.seconds(rows)), found.targets(rows),
        sample_rate=8000, corpus=spoken,
    )  # fmt: skip


def to_learn(corpus: str, n: int, seed: int) -> Subject:
    """Return ``n`` spoken digits of other speakers than :func:`digit_clips` has, for a network that
    is to be trained.
    """
    if corpus == "voices":
        spoken = corpora.load("voices", n_speakers=-(-n // 10), repetitions=1, seed=1000 + seed)
        rows = np.arange(len(spoken))[:n]
    else:
        spoken = corpora.load("fsdd")
        met = np.flatnonzero(
            ~spoken.table["id"].isin(models.pretrained("own-voice").card["held_out"])
        )
        rows = np.random.default_rng(seed).permutation(met)[:n]
    sounds = list(clips.seconds(spoken, rows))
    inputs, targets = as_digit_batch(sounds), torch.tensor(spoken.targets("digit")[rows])
    return Subject(
        "digits", models.DigitNet(10), as_digit, sounds, inputs, targets, 8000, corpus=spoken.name
    )


def as_digit_batch(seconds: Sequence[np.ndarray]) -> torch.Tensor:
    """Return the small spectrograms of seconds of sound, (n, 1, 40, 81)."""
    return features.compact_spectrogram(np.float32(np.stack(seconds)))[:, None]


def as_digit(second: np.ndarray) -> torch.Tensor:
    """Return the small spectrogram of a second of sound, (1, 1, 40, 81)."""
    return features.compact_spectrogram(np.float32(second)[None])[:, None]


def sentences(corpus: str, n: int, seed: int) -> list[tuple[np.ndarray, pd.DataFrame]]:
    """Return ``n`` sentences, (T,) at 16 kHz, with their phones; speakers in turn."""
    options = corpora.options_for(corpus, words="sentences", n_speakers=n, repetitions=1, seed=seed)
    spoken = corpora.load(corpus, **options)
    each = -(-n // spoken.table["speaker"].nunique())
    rows = spoken.table.groupby("speaker", sort=False).head(each).index[:n]
    return [(spoken[int(row)].samples, spoken.phones(int(row))) for row in rows]


def stretch(
    samples: np.ndarray, phones: pd.DataFrame, n_samples: int
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the loudest part of a sentence, and the phones in it, counted from its beginning."""
    power = np.square(samples, dtype=np.float64)
    middle = int(np.convolve(power, np.ones(min(n_samples, RATE // 10)), "same").argmax())
    start = int(np.clip(middle - n_samples // 2, 0, len(samples) - n_samples))
    times = {
        name: (phones[name] - start / RATE).clip(0, n_samples / RATE)
        for name in ("start_s", "end_s")
    }
    moved = phones.assign(**times)
    return samples[start : start + n_samples], moved[moved["end_s"] - moved["start_s"] > 0.005]


def _stretches(n: int, corpus: str, seed: int, n_samples: int):
    """Return parts of sentences and the phones in them."""
    found = [
        stretch(np.pad(samples, (0, max(0, n_samples - len(samples)))), phones, n_samples)
        for samples, phones in sentences(corpus, n, seed)
    ]
    return [list(column) for column in zip(*found, strict=True)]


def _raw_wave(name: str, weights: str) -> Callable:
    def make(n: int, corpus: str, seed: int) -> Subject:
        model = models.pretrained(weights).model
        sounds, phones = _stretches(n, corpus, seed, model.n_samples)
        return _asked(name, model, as_window, sounds, phones=phones, corpus=corpus)

    return make


def as_window(samples: np.ndarray) -> torch.Tensor:
    """Return a window as the raw-waveform networks take it, (1, 1, T)."""
    return torch.from_numpy(features.normalised(np.float32(samples)[None]))[:, None]


def as_waveform(samples: np.ndarray) -> torch.Tensor:
    """Return samples as they are, (1, 1, T)."""
    return torch.from_numpy(np.float32(samples))[None, None]


def _directions(n: int, corpus: str, seed: int) -> Subject:
    model = models.pretrained("doa-order1").model
    scenes = corpora.load("scenes", source=corpus, n_scenes=n, order=1, seed=seed)
    mixtures = [scenes.parts(i).mixture for i in range(n)]
    inputs = torch.cat([as_scene(mixture) for mixture in mixtures])
    targets = model.scores(inputs).argmax(1)
    return _asked("directions", model, as_scene, mixtures, targets, corpus=corpus)


def as_scene(mixture: np.ndarray) -> torch.Tensor:
    """Return a scene (4, T) as the network for directions takes it, (1, 4, frame, freq)."""
    return features.network_input(torch.from_numpy(np.float32(mixture))[None], "order1").float()


def _quality(n: int, corpus: str, seed: int) -> Subject:
    """Return the network for quality, its spectrogram counted from the lowest level in it."""
    network = models.nisqa.load("quality")
    sounds, phones = _stretches(n, corpus, seed, RATE)
    silence_db = min(float(network.spectrogram(sound, RATE).min()) for sound in sounds)

    def represent(samples):
        return network.spectrogram(np.float32(samples), RATE)[None] - silence_db

    model = attribution.relative_to(network, silence_db).eval()
    return _asked("quality", model, represent, sounds, 0, phones=phones, corpus=corpus)


def _silero(n: int, corpus: str, seed: int) -> Subject:
    model = models.pretrained("silero-vad").model
    sounds, phones = _stretches(n, corpus, seed, RATE // 2)
    return _asked("silero", model, as_waveform, sounds, 0, phones=phones, corpus=corpus)


def as_frame(samples: np.ndarray) -> torch.Tensor:
    """Return 1024 samples as CREPE takes them, (1, 1, 1024)."""
    frame = torch.from_numpy(np.float32(samples))[None]
    return models.crepe.standardised(frame)[:, None]


def _crepe(n: int, corpus: str, seed: int) -> Subject:
    model = models.pretrained("crepe-tiny").model
    sounds, phones = _stretches(n, corpus, seed, models.crepe.N_SAMPLES)
    return _asked("crepe", model, as_frame, sounds, phones=phones, corpus=corpus)


def _dnsmos(n: int, corpus: str, seed: int) -> Subject:
    model = models.pretrained("dnsmos").model
    sounds, phones = _stretches(n, corpus, seed, RATE // 2)
    overall = models.dnsmos.OUTPUTS.index("OVRL")
    return _asked("dnsmos", model, as_waveform, sounds, overall, phones=phones, corpus=corpus)


class Nearer(nn.Module):
    """By how much a voice is nearer to one known voice than to another, (batch, 1)."""

    def __init__(self, encoder: nn.Module, known: torch.Tensor):
        super().__init__()
        self.similarity = resemblyzer.Similarity(encoder, known)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Return the difference of the cosines to both."""
        return self.similarity(waveforms)[:, :1] - self.similarity(waveforms)[:, 1:2]


def _resemblyzer(n: int, corpus: str, seed: int) -> Subject:
    """Return the encoder, asked why a voice is the first one and not the second."""
    encoder = models.pretrained("resemblyzer").model
    sounds, phones = _stretches(n + 1, corpus, seed, RATE)
    levelled = [resemblyzer.levelled(np.float32(sound)) for sound in sounds]
    with torch.no_grad():
        known = encoder(torch.from_numpy(np.stack([levelled[0], levelled[-1]]))[:, None])
    model = Nearer(encoder, known).eval()
    return _asked(
        "resemblyzer", model, as_waveform, levelled[:n], 0, phones=phones[:n], corpus=corpus
    )


SUBJECTS: dict[str, Callable] = {
    "digits": _digits,
    "phones": _raw_wave("phones", "phone-cnn"),
    "speakers": _raw_wave("speakers", "speaker-cnn"),
    "directions": _directions,
    "quality": _quality,
    "silero": _silero,
    "crepe": _crepe,
    "dnsmos": _dnsmos,
    "resemblyzer": _resemblyzer,
}
TRAINED = {"alexnet": "AlexNet", "audionet": "AudioNet"}  # here, or taken from the cache
TITLES = {
    "digits": "digits (DigitNet)",
    "phones": "phones (PhoneCNN)",
    "speakers": "speakers (SpeakerCNN)",
    "directions": "directions (CRNN)",
    "quality": "quality (NISQA's family)",
    "silero": "Silero VAD",
    "crepe": "CREPE tiny",
    "dnsmos": "DNSMOS",
    "resemblyzer": "Resemblyzer",
    "alexnet": "AlexNet",
    "audionet": "AudioNet",
}


def subjects(
    names: Sequence[str], n: int, corpus: str, seed: int, how: Mapping | None = None
) -> dict[str, Subject]:
    """Return several networks with ``n`` sounds each; the rest as :func:`subject` has it."""
    return {name: subject(name, n, corpus, seed, how) for name in names}
