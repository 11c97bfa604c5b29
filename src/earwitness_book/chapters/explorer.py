"""Maps to explore in a page, a chapter each: every clip by every class and method, from the
trained network and from an untrained one, as bytes in a script file that a page loads when asked.

The networks are those that travel with the book, the clips generated ones, so every copy of the
site can show and play them.
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from markupsafe import Markup
from matplotlib import rc_context
from torch import nn

from earwitness import (
    attribution,
    cache,
    corpora,
    evaluation,
    features,
    figures,
    folders,
    looks,
    models,
)
from earwitness.acoustics import sphere
from earwitness.acoustics.degradations import degrade
from earwitness.attribution import dft_lrp
from earwitness.errors import UnreachableError, check_choice
from earwitness.features import compact, mel
from earwitness.html import html
from earwitness_book.chapters import everyday_networks as everyday
from earwitness_book.chapters.page_networks import FOLDER, packed, script

SEED = 3  # of the voices, which no network has met, and of the untrained networks
FULL = 0.995  # the share of points below full colour, as in the book's figures
SCRIPTS = ("sound", "draw", "listen")  # what the page's code needs beside its own


@dataclass(frozen=True)
class Clip:
    """A sound, what may be asked about it, and the maps that show it.

    Attributes
    ----------
    words, said : str
        What the clip is, and what the trained network predicts.
    samples : ndarray, shape (T,)
    questions : sequence of str
        What is explained, for instance a class, or one class against another.
    maps : ndarray, shape (question, method, network, rows, frames)
        Relevance; of the networks the first is trained, the second is not.
    """

    words: str
    said: str
    samples: np.ndarray
    questions: Sequence[str]
    maps: np.ndarray


@dataclass(frozen=True)
class Grid:
    """What the points of a chapter's maps stand for: rows of these frequencies in Hz, a frame every
    ``hop`` samples, of which there are ``rate`` a second.
    """

    rate: int
    hop: int
    centres_hz: np.ndarray

    def resampled(self, maps: np.ndarray, times_s: np.ndarray, n_samples: int) -> np.ndarray:
        """Return maps (..., frames) at the grid's own frames, each the nearest in time."""
        wanted = np.arange(n_samples // self.hop + 1) * self.hop / self.rate
        return maps[..., np.abs(times_s[None] - wanted[:, None]).argmin(1)]


def scripts(chapter: str) -> dict[str, bytes]:
    """Return the script file with a chapter's maps, by its path in the book's sources; none where
    its network comes from a package that no registry delivers.

    Raises
    ------
    UnknownNameError
        If the chapter has nothing to explore.
    """
    make = CHAPTERS[check_choice(chapter, CHAPTERS, "chapter with an explorer")]
    library, here = Path(attribution.__file__).parents[1], Path(__file__)
    specification = {
        "chapter": chapter,
        "code": [folders.tree_fingerprint(library), cache.file_digest(here)],
        "weights": folders.tree_fingerprint(models.weights.folder()),
    }
    name = f"explore-{chapter}"
    try:
        path = cache.stored(
            "explorer",
            specification,
            ".js",
            lambda path: path.write_bytes(script(name, content(*make()))),
        )
    except UnreachableError:
        return {}
    return {f"{FOLDER}/{name}.js": path.read_bytes()}


def place(chapter: str, up: str = "") -> Markup:
    """Return the HTML in which a chapter's maps can be explored once a reader starts it; ``up``
    leads to the site's first page.
    """
    if not (made := scripts(chapter)):
        return html("<p>What is explored here could not be had when the book was built.</p>")
    (data,) = made.values()
    name = f"explore-{chapter}"
    return html(
        '<div class="ew-net" data-name="{}" data-scripts="{}" data-size="{} MB">{}'
        "<p>The maps can be explored with scripts switched on.</p></div>\n"
        '<script src="{}networks/start.js"></script>',
        name,
        " ".join(f"{each}.js" for each in (*SCRIPTS, name, "explore")),
        f"{len(data) / 1e6:.1f}",
        first_map(data),
        up,
    )


def first_map(data: bytes) -> Markup:
    """Return the map that the explorer shows first as a picture, for whoever has not started it."""
    shown = json.loads(data.decode().partition("] = ")[2].strip().rstrip(";"))
    clip, words = shown["clips"][0], shown["methods"][0]
    path = cache.stored(
        "explorer", {"picture of": hashlib.sha256(data).hexdigest()}, ".png",
        lambda path: path.write_bytes(_drawn(shown)),
    )  # fmt: skip
    said = (
        f"{clip['words']}, {clip['questions'][0]}, by {words}: red speaks for it, blue against it"
    )
    return html(
        '<figure><img class="dark-light" alt="Relevance over time and frequency for {}." '
        'src="data:image/png;base64,{}"><figcaption>{}.</figcaption></figure>',
        said, base64.b64encode(path.read_bytes()).decode(), f"{said[0].upper()}{said[1:]}",
    )  # fmt: skip


def _drawn(shown: dict) -> bytes:
    clip, centres = shown["clips"][0], np.array(shown["centres"])
    maps = np.frombuffer(base64.b64decode(clip["maps"]), np.int8)
    first = maps.reshape(len(clip["limits"]), len(centres), -1)[0] * clip["limits"][0] / 127
    times_s = np.arange(first.shape[1]) * shown["hop"] / shown["rate"]
    stream = io.BytesIO()
    with rc_context():
        figures.use_style()
        figure, ax = figures.panels(height=2.8)
        mesh = figures.relevance_map(ax, first, times_s, centres, limit=clip["limits"][0])
        figures.relevance_bar(mesh, ax, "Relevance", clipped=True)
        figure.savefig(stream, format="png", dpi=80, metadata={"Software": None})
    return stream.getvalue()


def content(grid: Grid, methods: Sequence[str], clips: Sequence[Clip]) -> dict:
    """Return what ``explore.js`` shows: maps as signed bytes, each with the relevance that 127
    stands for.
    """
    limits = [[_limit(each) for each in clip.maps.reshape(-1, *clip.maps.shape[3:])]
              for clip in clips]  # fmt: skip
    scaled = [
        np.clip(
            np.rint(127 * clip.maps.reshape(len(full), -1) / np.array(full)[:, None]), -127, 127
        )
        for clip, full in zip(clips, limits, strict=True)
    ]
    return {
        "rate": grid.rate,
        "hop": grid.hop,
        "centres": np.round(grid.centres_hz, 1).tolist(),
        "methods": [looks.find(method).label for method in methods],
        "clips": [
            {
                "words": clip.words,
                "said": clip.said,
                "samples": packed(clip.samples),
                "questions": list(clip.questions),
                "limits": [float(f"{each:.4g}") for each in full],
                "maps": base64.b64encode(bytes_.astype(np.int8).tobytes()).decode(),
            }
            for clip, full, bytes_ in zip(clips, limits, scaled, strict=True)
        ],
    }


def _limit(relevance: np.ndarray) -> float:
    return float(np.quantile(np.abs(relevance), FULL)) or float(np.abs(relevance).max()) or 1.0


def _asked(
    network: nn.Module, inputs: torch.Tensor, targets: Sequence, methods: dict[str, dict]
) -> np.ndarray:
    """Return the maps of one input, (question, method, network, *input without its channel)."""
    every = [network, evaluation.randomised(network, SEED)]
    return np.stack(
        [
            [
                [attribution.attribute(net, inputs, target, method, **options)[0].numpy()
                 for net in every]
                for method, options in methods.items()
            ]
            for target in targets
        ]
    )  # fmt: skip


def _digits(words: Sequence[str], questions: Callable, methods: dict[str, dict]):
    """Return the maps of the page's own network for spoken digits."""
    found = models.pretrained("own-voice")
    voices = corpora.load("voices", n_speakers=2, repetitions=1, seed=SEED)
    names = dict(zip(voices.table["digit"], voices.table["word"], strict=True))
    rows = [int(voices.table.index[voices.table["word"] == word][n % 2]) for n, word in
            enumerate(words)]  # fmt: skip
    clips = []
    for row in rows:
        second = features.fit_to_second(voices[row].samples, voices.sample_rate)
        inputs = found.model.represent(second[None])[:, None]
        predicted = found.classes[int(models.logits(found.model, inputs).argmax())]
        labels, targets = questions(names, found.classes, voices.table["digit"].iloc[row])
        maps = _asked(found.model, inputs, targets, methods)[:, :, :, 0]
        what = f"“{voices.table['word'].iloc[row]}”, {voices.table['sex'].iloc[row]} voice"
        said = f"The trained network predicts “{names[predicted]}”."
        clips.append(Clip(f"{what} (generated)", said, second, labels, maps))
    centres = mel.mel_edges_hz(compact.N_BANDS, 4000)[1:-1]
    return Grid(8000, 100, centres), list(methods), clips


def _audiomnist():
    """Every digit asked about: a spoken five is explained as a five, a nine, a zero."""

    def each(names, classes, _):
        return [f"why “{names[c]}”" for c in classes], list(range(len(classes)))

    methods = {
        "lrp-gamma": {},
        "lrp-epsilon": {},
        "gradient-x-input": {},
        "integrated-gradients": {"n_steps": 20},
    }
    return _digits(("zero", "three", "five", "seven", "nine"), each, methods)


def _audible():
    """One class against another: what tells a nine from a five?"""
    pairs = ((9, 5), (5, 9), (9, 1), (5, 4))

    def against(names, classes, _):
        places = [(classes.index(a), classes.index(b)) for a, b in pairs]
        return [f"why “{names[a]}” and not “{names[b]}”" for a, b in pairs], places

    methods = {
        "lrp-gamma": {},
        "lrp-epsilon": {},
        "gradient-x-input": {},
        "integrated-gradients": {"n_steps": 20},
    }
    return _digits(("nine", "nine", "five", "five"), against, methods)


def _phones():
    """Vowels in words, and the score of each of four vowels, for the network on raw samples."""
    asked = {"iy": "ee of heed", "ah": "u of hud", "ae": "a of had", "uw": "oo of who'd"}
    methods = {"lrp-epsilon": {}, "lrp-epsilon-plus": {}, "gradient-x-input": {}}
    found, width, hop = models.pretrained("phone-cnn"), 128, 64
    words = corpora.load("voices", words="hvd", n_speakers=2, repetitions=1, seed=SEED)
    networks = (found.model, evaluation.randomised(found.model, SEED))
    clips = []
    grid = Grid(16000, 2 * hop, np.arange(width // 2 + 1) * 16000 / width)
    for n, word in enumerate(("heed", "hud", "had", "who'd")):
        row = int(words.table.index[words.table["word"] == word][n % 2])
        samples = words[row].samples

        def picture(net, target, method, samples=samples):
            signal = attribution.relevance_signals(net, [samples], target, method=method)[0]
            maps, _, times_s = dft_lrp.short_time_map(
                signal, samples, grid.rate, width=width, hop=hop
            )
            return grid.resampled(maps, times_s, len(samples))

        targets = [found.classes.index(phone) for phone in asked]
        maps = [[[picture(net, t, method) for net in networks] for method in methods]
                for t in targets]  # fmt: skip
        logits = models.frame_logits(found.model, samples).numpy()
        middle = found.classes[int(logits[len(logits) // 2].argmax())]
        said = f"In the middle of the word the trained network predicts /{middle}/."
        what = f"“{word}”, {words.table['sex'].iloc[row]} voice (generated)"
        clips.append(
            Clip(what, said, samples, [f"why {w}" for w in asked.values()], np.array(maps))
        )
    return grid, list(methods), clips


SPOILT = {  # ways of sending a sentence, and the degradations of each
    "as it was sent": (),
    "in noise, 15 dB below it": (("noise", {"snr_db": 15.0}),),
    "over a telephone line": (("band", {"low_hz": 300.0, "high_hz": 3400.0}),),
}


def _marks():
    """A sentence as it was sent and spoilt in two ways, and the mark of the quality network;
    of what was spoilt also what differs from the sentence as it was sent, and what that cost.
    """
    network = models.nisqa.load("quality")
    spoken = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1, seed=1)
    rate = spoken.sample_rate
    sent = spoken[0].samples[: 2 * rate]
    methods = {"lrp-epsilon": {}, "gradient-x-input": {}, "integrated-gradients": {"n_steps": 8}}
    as_sent = network.spectrogram(sent, rate)[None]
    clips = []
    for words, spoilt in SPOILT.items():
        samples = degrade(sent, rate, spoilt, np.random.default_rng(0))[0] if spoilt else sent
        spectrogram = network.spectrogram(samples, rate)
        maps, questions = _asked(network, spectrogram[None], [0], methods), ["why this mark"]
        if spoilt:
            counted = attribution.relative_to(network, as_sent)
            lost = _asked(counted, spectrogram[None] - as_sent, [0], methods)
            maps = np.concatenate([maps, lost])
            questions.append("why not the mark of the sentence as it was sent")
        with torch.inference_mode():
            mark = float(network(spectrogram[None])[0, 0])
        said = f"The trained network gives it {mark:.1f}, of 1 to 4.6."
        clips.append(Clip(f"a sentence {words} (generated)", said, samples, questions, maps))
    settings = network.settings
    centres = features.mel_edges_hz(settings.n_mels, settings.fmax_hz)[1:-1]
    return Grid(rate, round(settings.hop_s * rate), centres), list(methods), clips


def _directions():
    """A talker in a room, and the directions that a network may have named instead."""
    pooled = 8  # bins in a row of the map
    methods = {"lrp-kiyan2022": {}, "gradient-x-input": {}}
    network = models.pretrained("doa-intensity").model
    scenes = corpora.load("scenes", source="voices", n_scenes=3, order=1, seed=SEED)
    grid = Grid(16000, 320, (np.arange(64) * pooled + pooled / 2 + 0.5) * 16000 / 1024)
    places = sphere.directions()
    clips = []
    for number in range(len(scenes)):
        parts = scenes.parts(number)
        inputs = features.network_input(torch.from_numpy(parts.mixture)[None], "intensity").float()
        named = int(network.scores(inputs).argmax())
        opposite = int((places @ -places[named]).argmax())
        off = float(np.rad2deg(sphere.angle_between(places[named], places[parts.class_index])))
        maps = _asked(network, inputs, [named, opposite], methods).sum(3)  # over the channels
        maps = np.moveaxis(maps, -1, -2)  # (..., bins, frames)
        maps = maps.reshape(*maps.shape[:3], 64, pooled, -1).sum(4)
        times_s = (np.arange(maps.shape[-1]) * grid.hop + 512) / grid.rate
        samples = parts.mixture[0]
        clips.append(
            Clip(
                f"a talker {parts.snr_db:.0f} dB over babble, T60 {parts.t60_s:.1f} s (generated)",
                f"The trained network is {off:.0f}° off the talker's direction.",
                samples,
                ["why the direction it named", "why the opposite direction"],
                grid.resampled(maps, times_s, len(samples)),
            )
        )
    return grid, list(methods), clips


def _everyday():
    """Sounds with speech and without, and what makes Silero VAD say that somebody speaks."""
    network, width, hop = models.pretrained("silero-vad").model, 512, 256
    methods = {"lrp-epsilon": {}, "lrp-gamma": {}, "gradient-x-input": {}}
    spoken = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1, seed=SEED)
    rate, rng = spoken.sample_rate, np.random.default_rng(SEED)
    said = spoken[0].samples[: int(1.5 * rate)]
    others = everyday.not_speech(1, 1.5, rng).set_index("kind")["samples"]
    sounds = {
        "a sentence (generated)": said,
        "the same in noise of 0 dB": everyday.with_noise(said, 0.0, rng),
        **{f"{kind}, no speech": others[kind] for kind in ("complex in a rhythm", "white noise")},
    }
    networks = (network, evaluation.randomised(network, SEED))
    grid = Grid(rate, hop, np.arange(width // 2 + 1) * rate / width)
    clips = []
    for words, samples in sounds.items():
        inputs = torch.from_numpy(np.float32(samples))[None, None]

        def picture(net, method, inputs=inputs):
            signal = attribution.attribute(net, inputs, 0, method)[0, 0].numpy()
            maps, _, times_s = dft_lrp.short_time_map(
                signal, inputs[0, 0].numpy(), rate, width=width, hop=hop
            )
            return grid.resampled(maps, times_s, len(signal))

        maps = [[[picture(net, method) for net in networks] for method in methods]]
        share = 100 * (everyday.odds(network, samples) > 0.5).mean()
        found = f"The trained network takes {share:.0f} % of it for speech."
        clips.append(Clip(words, found, samples, ["why speech"], np.array(maps)))
    return grid, list(methods), clips


CHAPTERS = {
    "audiomnist": _audiomnist,
    "audible-explanations": _audible,
    "raw-waveform": _phones,
    "speech-quality": _marks,
    "sound-direction": _directions,
    "everyday-networks": _everyday,
}
