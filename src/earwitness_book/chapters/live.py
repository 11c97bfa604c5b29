"""What each chapter's notebook ``explore`` lets a reader choose: sounds, and networks with a
control of random weights. A network is made when it is chosen first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from earwitness import audio, corpora, evaluation, explaining, features, models, runtime, training
from earwitness.acoustics.degradations import degrade
from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_choice
from earwitness.explaining import Network
from earwitness.explaining.live import QUICK, Live, explore
from earwitness.explaining.networks import Prepared
from earwitness.features import ambisonics, compact, mel, spectrogram
from earwitness_book.chapters import everyday_networks as everyday
from earwitness_book.chapters.explorer import SPOILT

SEED = 3  # of sounds that no shipped network has met
_LRP = tuple(name for name in QUICK if name.startswith("lrp-"))


@checked
def of(chapter: str, sound: str = "", trained: bool = False, seed: int = SEED) -> Live:
    """Return the explorer of a chapter.

    Parameters
    ----------
    chapter : str
    sound : str
        A file of the reader's, offered first.
    trained : bool
        For audiomnist: also AlexNet and AudioNet as the book trains them on generated voices, from
        the cache or trained when they are chosen, which takes minutes.
    seed : int
        Of the generated sounds and of the random weights.

    Raises
    ------
    UnknownNameError
        If there is no such chapter.
    ParameterError
        If the chapter takes no sound of a reader's, or trains nothing.
    """
    make = CHAPTERS[check_choice(chapter, CHAPTERS, "chapter with an explorer")]
    if sound and chapter == "sound-direction":
        raise ParameterError(
            "A direction needs four channels of ambisonics; another seed makes other scenes."
        )
    if trained and chapter != "audiomnist":
        raise ParameterError(f"The networks of {chapter} are trained already; say trained=False.")
    clips, networks, methods = make(runtime.check_seed(seed))
    if trained:
        makers = {name: _fitted(name) for name in ("AudioNet", "AlexNet")}
        networks |= _with_controls(makers, seed)
    own = {Path(sound).name: audio.read_audio(Path(sound).expanduser())} if sound else {}
    return explore(own | clips, networks, methods)


def _with_controls(makers: Mapping[str, Callable], seed: int) -> dict[str, Callable]:
    """Return each network by name, and behind it the same with random weights."""

    def control(make: Callable[[], Network]) -> Network:
        found = make()
        return replace(found, model=evaluation.randomised(found.model, seed))

    found = {}
    for name, make in makers.items():
        trained = cache(make)
        untrained = cache(lambda trained=trained: control(trained))
        found[name] = lambda _, made=trained, name=name: replace(made(), name=name)
        other = f"{name}, random weights"
        found[other] = lambda _, made=untrained, name=other: replace(made(), name=name)
    return found


def _digits(seed: int):
    voices = corpora.load("voices", n_speakers=2, repetitions=1, seed=seed)
    rows = voices.table
    clips = {f"“{row.word}”, {row.sex} voice": (voices[i].samples, voices.sample_rate)
             for i, row in enumerate(rows.itertuples())}  # fmt: skip
    makers = {"the page's own network": lambda: _own_voice(_words(voices))}
    return clips, _with_controls(makers, seed), QUICK


def _own_voice(words: Mapping) -> Network:
    found = models.pretrained("own-voice")
    centres = mel.mel_edges_hz(compact.N_BANDS, 4000)[1:-1]

    def bands(samples: torch.Tensor):
        inputs = found.model.represent(samples.numpy()[None])[:, None]  # (1, 1, band, frame)
        return inputs, np.arange(inputs.shape[-1]) * 100 / 8000, centres

    names = [words.get(name, name) for name in found.classes]
    return Network(found.model, "", 8000, bands, 8000, names)


def _words(voices: corpora.Corpus) -> dict:
    return dict(zip(voices.table["digit"], voices.table["word"], strict=True))


def _fitted(name: str) -> Callable[[], Network]:
    def make() -> Network:
        voices = {"n_speakers": 60, "repetitions": 2}  # as the notebooks of the chapter
        found = training.fit(name, "voices", "digit", recipe="brief", corpus_options=voices)
        words = _words(found.corpus)
        places = (spectrogram.frame_times_s(), spectrogram.frequencies_hz())

        def inputs(samples: torch.Tensor):
            made = found.prepare(samples.numpy()[None])
            return made if models.find(name).audio == "waveform" else (made, *places)

        names = [words.get(label, label) for label in found.classes]
        return Network(found.model, name, 8000, inputs, 8000, names)

    return make


def _phones(seed: int):
    words = corpora.load("voices", words="hvd", n_speakers=2, repetitions=1, seed=seed)
    clips = {f"“{row.word}”, {row.sex} voice": (words[i].samples, words.sample_rate)
             for i, row in enumerate(words.table.itertuples())}  # fmt: skip
    shipped = ("phone-cnn", "speaker-cnn")
    return clips, _with_controls({name: _shipped(name) for name in shipped}, seed), QUICK


def _shipped(name: str) -> Callable[[], Network]:
    return lambda: explaining.find(name)


def _marks(seed: int):
    spoken = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1, seed=seed)
    rate = spoken.sample_rate
    sent = spoken[0].samples[: 2 * rate]
    clips = {
        f"a sentence {words}": (
            degrade(sent, rate, spoilt, np.random.default_rng(seed))[0] if spoilt else sent, rate
        )
        for words, spoilt in SPOILT.items()
    }  # fmt: skip
    methods = tuple(name for name in QUICK if name != "deeplift")
    return clips, _with_controls({"the quality network": lambda: _quality(rate)}, seed), methods


def _quality(rate: int) -> Network:
    network = models.nisqa.load("quality")
    settings = network.settings
    centres = features.mel_edges_hz(settings.n_mels, settings.fmax_hz)[1:-1]

    def bands(samples: torch.Tensor):
        made = network.spectrogram(samples.numpy(), rate)[None]  # (1, mel, frame)
        return made, np.arange(made.shape[-1]) * settings.hop_s, centres

    return Network(network, "", rate, bands, classes=["the mark"])


class _Turned(nn.Module):
    """A network of (batch, channel, time, freq) that takes (batch, channel, freq, time)."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.network(inputs.transpose(-1, -2))


@dataclass(frozen=True)
class _AtScene(Network):
    """A network of directions and one scene: it takes four channels, and the player plays the
    first.
    """

    mixture: np.ndarray = field(default=None, repr=False)

    def prepare(self, samples: np.ndarray) -> Prepared:
        inputs = features.network_input(torch.from_numpy(self.mixture)[None], "intensity").float()
        first = features.ambisonic_stft(torch.from_numpy(self.mixture)[None])[0, 0]
        level = 20 * torch.log10(first.abs().clamp(min=1e-5)).T.numpy()  # (bin, frame)
        times_s = ambisonics.stft_times_s(inputs.shape[-2])
        places = times_s, ambisonics.bin_frequencies_hz()
        return Prepared(inputs.transpose(-1, -2), False, *places, level_db=level)


def _directions(seed: int):
    scenes = corpora.load("scenes", source="voices", n_scenes=3, order=1, seed=seed)
    parts = [scenes.parts(number) for number in range(len(scenes))]
    mixtures = {
        f"a talker {one.snr_db:.0f} dB over babble, T60 {one.t60_s:.1f} s": one.mixture
        for one in parts
    }
    found = models.pretrained("doa-intensity")
    names = [f"{azimuth:g}° round, {elevation:g}° up" for azimuth, elevation in found.classes]
    nets = {"the direction network": found.model,
            "random weights": evaluation.randomised(found.model, seed)}  # fmt: skip
    turned = {name: _Turned(net).eval() for name, net in nets.items()}

    def at(name: str) -> Callable[[str], Network]:
        known = dict(model=turned[name], name=name, sample_rate=scenes.sample_rate, classes=names)
        return lambda clip: _AtScene(**known, mixture=mixtures[clip])

    clips = {name: (mixture[0], scenes.sample_rate) for name, mixture in mixtures.items()}
    methods = ("lrp-kiyan2022", "lrp-epsilon", "gradient-x-input")
    return clips, {name: at(name) for name in turned}, methods


def _everyday(seed: int):
    spoken = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1, seed=seed)
    rate, rng = spoken.sample_rate, np.random.default_rng(seed)
    clips = {}
    for i in range(len(spoken)):
        part = spoken[i].samples[rate // 4 : rate]
        clips[f"a part of sentence {i + 1}"] = part, rate
        noisy = everyday.with_noise(part / 2, 0, rng)
        clips[f"sentence {i + 1} in noise of 0 dB"] = noisy / max(1, np.abs(noisy).max()), rate
    for kind in ("complex in a rhythm", "whistles", "pink noise", "clicks"):
        clips[f"{kind}, no speech"] = everyday.not_speech_of(kind, 0.75, rng), rate
    named = {"Silero VAD": "silero-vad", "CREPE, size tiny": "crepe-tiny", "DNSMOS": "dnsmos",
             "Resemblyzer": "resemblyzer"}  # fmt: skip
    makers = {said: _shipped(name) for said, name in named.items()}
    return clips, _with_controls(makers, seed), (*_LRP, "gradient", "gradient-x-input")


CHAPTERS = {
    "audiomnist": _digits,
    "audible-explanations": _digits,
    "raw-waveform": _phones,
    "speech-quality": _marks,
    "sound-direction": _directions,
    "everyday-networks": _everyday,
}
