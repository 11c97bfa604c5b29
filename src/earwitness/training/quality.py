"""A small network that predicts PESQ from degraded speech alone, of the architecture that Tilkorn
et al. explain.

``earwitness train Nisqa --export data/weights/quality.pt`` makes the weights that the repository
ships, and their card.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import cache, corpora, features, runtime
from earwitness.acoustics.degradations import degrade
from earwitness.corpora import transmission
from earwitness.corpora.transmission import SAMPLE_RATE, Speech
from earwitness.corpora.voices import Voices
from earwitness.errors import AudioError, ParameterError
from earwitness.models import nisqa
from earwitness.models.inference import device_of
from earwitness.training.experiment import Experiment, trains
from earwitness.training.recipes import Recipe
from earwitness.training.trained import Trained

SETTINGS = nisqa.Settings(segment_hop=4, max_segments=1500)
# conditions of the 54 whose kind training never draws: codec, band or combination is new
HELD_OUT = (
    "level-drop",
    "band-1000-8000",
    "plc-burst-10",
    "g721",
    "ima-adpcm",
    "mp3-16",
    "room-0.5-clip-5",
    "white-15-gsm-gsm",
)
DURATIONS_S = (2.0, 2.6, 3.2)
_SHARD_VERSION = 2  # raise it when a change to how examples are made changes them
_SHARD = 100
_AMR_RATES = (4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200)


@dataclass(frozen=True)
class QualityRecipe(Recipe):
    """How it learns to predict PESQ, with squared error.

    Attributes
    ----------
    n_clips, n_validation : int
        Degraded clips of 80 voices to learn from; of eight others, to validate with after each
        pass.
    early_hop, share_early : int, float
        During the first share of the passes segments are ``early_hop`` frames apart, then as in
        use.
    """

    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    iterations: int = 7500
    batch_size: int = 16
    gradient_clip: float = 1.0
    warm_up: float = 0.15
    n_clips: int = 10_000
    n_validation: int = 200
    early_hop: int = 8
    share_early: float = 0.7


def random_steps(rng: np.random.Generator) -> tuple:
    """Draw a degradation, or two at once, with parameters that vary continuously."""

    def white():
        return "noise", {"snr_db": rng.uniform(0, 45)}

    def babble():
        return "noise", {"snr_db": rng.uniform(0, 45), "colour": "babble"}

    def mnru():
        return "mnru", {"q_db": rng.uniform(5, 40)}

    def band():
        return "band", {
            "low_hz": rng.choice([0.0, rng.uniform(50, 700)]),
            "high_hz": rng.uniform(2000, 7900),
        }

    def clipping():
        return "clipping", {"share": 10 ** rng.uniform(-3, -0.4)}

    def gaps():
        n = int(rng.integers(1, 9))
        return "interruptions", {"length_s": rng.uniform(0.02, min(0.4, 0.6 / n)), "n": n}

    def loss():
        return "packet_loss", {
            "loss": 10 ** rng.uniform(-2, -0.5),
            "conceal": bool(rng.random() < 0.5),
        }

    def codec():
        name = str(rng.choice(["g711-mu", "g711-a", "gsm", "amr-nb", "g722", "opus", "opus"]))
        rate = {
            "amr-nb": int(rng.choice(_AMR_RATES)),
            "opus": 500 * int(rng.integers(12, 65)),
            "g722": 64000,
        }
        return "codec", {"name": name, "bit_rate": rate.get(name, 0)}

    def room():
        return "reverberation", {"t60_s": rng.uniform(0.15, 1.3), "direct_db": rng.uniform(0, 20)}

    single = (white, babble, mnru, band, clipping, gaps, loss, codec, room)
    n_steps = rng.choice([0, 1, 2], p=[0.06, 0.7, 0.24])
    chosen = rng.choice(len(single) - (n_steps == 2), n_steps, replace=False)  # rooms come alone
    return tuple(single[i]() for i in chosen)


def source(part: str) -> Speech:
    """Return who speaks, and babbles, in ``"train"`` or ``"validation"``: voices of which the 54
    conditions have none.

    Generated voices alone, so that the weights carry nobody's licence.
    """
    corpus = Voices(words="sentences", n_speakers=100, repetitions=8)
    own = transmission.speech(
        corpus, [str(i) for i in (range(13, 93) if part == "train" else range(93, 101))]
    )
    return Speech(corpus, own.foreground, [row for rows in own.foreground.values() for row in rows])


def example(speech: Speech, rng: np.random.Generator) -> tuple[np.ndarray, float, str]:
    """Return the mel spectrogram (48, n_frames) of a degraded clip, its PESQ, and what was done to
    it.
    """
    rows = speech.foreground[str(rng.choice(list(speech.foreground)))]
    sent, _ = speech.sentence(int(rng.choice(rows)))
    n = int(SAMPLE_RATE * rng.choice(DURATIONS_S))
    start = int(rng.integers(max(len(sent) - n, 0) + 1))
    sent = np.pad(sent, (0, max(n - len(sent), 0)))[start : start + n]
    steps = random_steps(rng)
    received, _ = degrade(sent, SAMPLE_RATE, steps, rng, speech.babble)
    quality = transmission.pesq_wideband(sent, received)
    spectrogram = features.mel_spectrogram(
        np.clip(received, -1, 1), SAMPLE_RATE, fmax_hz=SETTINGS.fmax_hz
    )
    return spectrogram.numpy(), quality, "+".join(name for name, _ in steps)


def examples(part: str, n: int, seed: int) -> list[tuple[np.ndarray, float]]:
    """Return ``n`` examples, made a hundred at a time and cached; a killed run resumes where it
    was.
    """
    speech = source(part)
    fingerprint = speech.corpus.fingerprint()
    found = []
    for shard in range(-(-n // _SHARD)):
        specification = {
            "version": _SHARD_VERSION,
            "part": part,
            "shard": shard,
            "seed": seed,
            "corpus": fingerprint,
            "n": min(n, _SHARD),
        }
        path = cache.stored(
            "quality", specification, ".npz", partial(_make_shard, speech, specification)
        )
        with np.load(path) as file:
            starts = np.concatenate([[0], np.cumsum(file["lengths"])])
            spectrograms = file["spectrograms"]
            found += [
                (spectrograms[:, a:b], quality)
                for a, b, quality in zip(starts[:-1], starts[1:], file["pesq"], strict=True)
            ]
    return found[:n]


def _make_shard(speech: Speech, specification: dict, path: Path) -> None:
    made, number = [], 0
    while len(made) < specification["n"]:
        seed, part, shard = (specification[key] for key in ("seed", "part", "shard"))
        rng = np.random.default_rng([seed, part == "train", shard, number])
        number += 1
        try:
            made.append(example(speech, rng))
        except AudioError:  # a stretch without speech, which PESQ does not judge
            continue
    with open(path, "wb") as file:
        np.savez(
            file,
            spectrograms=np.concatenate([one[0] for one in made], axis=1).astype(np.float16),
            lengths=[one[0].shape[1] for one in made],
            pesq=[one[1] for one in made],
            kinds=[one[2] for one in made],
        )


class TrainedOnQuality(Trained):
    """A network that predicts quality."""

    def card(self, rounded: nisqa.Nisqa) -> dict:
        """Return what a card says of it, measured on the 216 clips of either source."""
        speakers = {part: list(source(part).foreground) for part in ("train", "validation")}
        return self.origin() | {
            "settings": asdict(self.model.settings),
            "target": "PESQ (ITU-T P.862.2) without the reference",
            "speakers": speakers,
            "held_out_conditions": list(HELD_OUT),
            "validation": {name: round(value, 3) for name, value in self.results().items()},
            "measured": {name: measure(rounded, name)[0] for name in transmission.SOURCES},
        }


@trains(
    "Nisqa",
    {
        "fast": QualityRecipe(),
        "smoke": QualityRecipe(iterations=4, n_clips=12, n_validation=6, batch_size=6),
    },
)
class Quality(Experiment):
    """Degraded sentences of generated voices and their PESQ."""

    recipe_class, trained = QualityRecipe, TrainedOnQuality
    version = 3
    task = "quality"
    every = 1

    @classmethod
    def load(cls, corpus: str | corpora.Corpus, options: Mapping) -> corpora.Corpus:
        """Return the generated voices that are learnt from.

        Raises
        ------
        ParameterError
            If it is another corpus, or options are given: the weights shall carry nobody's licence.
        """
        if corpus != "voices" or options:
            raise ParameterError(
                "Nisqa learns from the corpus voices, by name and without options, so that its "
                f"weights carry nobody's licence; got {corpus!r} with {sorted(options)}."
            )
        return source("train").corpus

    def prepare(self) -> None:
        """Make the examples, or take them from the cache."""
        self.train = examples("train", self.recipe.n_clips, self.seed)
        self.validation = examples("validation", self.recipe.n_validation, self.seed)
        self.n_batches = sum(1 for _ in self.keys(0))

    def network(self) -> nisqa.Nisqa:
        """Return the untrained network."""
        return nisqa.Nisqa(SETTINGS)

    def initialise(self, network: nisqa.Nisqa) -> None:
        """Start from the mean of what is to be predicted."""
        mean = float(np.mean([quality for _, quality in self.train]))
        nn.init.constant_(network.pools[0].linear.bias, mean)

    def keys(self, epoch: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield pass and numbers of the clips of each batch; all of a batch are of one length."""
        rng, size = self.rng(2, epoch), self.recipe.batch_size
        lengths = np.array([spectrogram.shape[1] for spectrogram, _ in self.train])
        shuffled = [
            rng.permutation(np.flatnonzero(lengths == length)) for length in np.unique(lengths)
        ]
        batches = [group[i : i + size] for group in shuffled for i in range(0, len(group), size)]
        return iter(
            [(epoch, batches[i]) for i in rng.permutation(len(batches)) if len(batches[i]) > 1]
        )

    def draw(self, epoch: int, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return segments (batch, n_segments, 48, 15) and PESQ (batch,) of some clips, shifted in
        level and time.
        """
        rng = self.rng(3, epoch, int(rows[0]))
        early = epoch < self.recipe.share_early * self.n_epochs
        hop = self.recipe.early_hop if early else SETTINGS.segment_hop
        spectrograms = torch.from_numpy(np.stack([self.train[row][0] for row in rows])).float()
        gains_db = torch.from_numpy(rng.uniform(-15, 5, len(rows))).float()  # PESQ ignores level
        spectrograms = (spectrograms + gains_db[:, None, None]).clamp_min(features.mel.FLOOR_DB)
        segments = spectrograms.unfold(2, SETTINGS.segment_length, hop)
        wanted = torch.tensor([self.train[row][1] for row in rows], dtype=torch.float32)
        return segments[:, :, int(rng.integers(0, 2)) :].permute(0, 2, 1, 3), wanted

    def loss(self, network: nisqa.Nisqa, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the mean squared error."""
        segments, wanted = batch
        pictures = segments.flatten(0, 1)[:, None]  # (batch * n_segments, 1, 48, 15)
        cnn_features = network.cnn(pictures.contiguous(memory_format=torch.channels_last))
        with runtime.autocast(segments.device, False):  # over time in float32
            guess = network.rate(cnn_features.float().reshape(*segments.shape[:2], -1))[:, 0]
            return nn.functional.mse_loss(guess, wanted)

    @torch.no_grad()
    def validate(self, network: nisqa.Nisqa) -> dict[str, float]:
        """Return correlation with PESQ, and error in its units, on the validation clips."""
        device = device_of(network)
        clips = (torch.from_numpy(clip).float()[None].to(device) for clip, _ in self.validation)
        guess = [float(network(clip)[0, 0]) for clip in clips]
        truth = np.array([quality for _, quality in self.validation])
        error = np.sqrt(np.mean((truth - guess) ** 2))
        return {"correlation": float(np.corrcoef(truth, guess)[0, 1]), "rmse": float(error)}


def measure(model: nisqa.Nisqa, source: str) -> tuple[dict, pd.DataFrame]:
    """Return correlation and error of predictions on all 216 clips of held-out speakers, and per
    condition.
    """
    corpus = corpora.load("transmission", source=source)
    table = corpus.table[["condition", "kind", "speaker"]].assign(
        pesq=corpus.pesq(),
        predicted=[model.predict(clip.samples, clip.sample_rate)["mos"] for clip in corpus],
    )
    new = table["condition"].isin(HELD_OUT)
    means = table.groupby("condition", sort=False)[["pesq", "predicted"]].mean()
    return {
        "all": _agreement(table),
        "held_out_conditions": _agreement(table[new]),
        "per_condition": _agreement(means),
    }, table


def _agreement(table: pd.DataFrame) -> dict:
    difference = table["predicted"] - table["pesq"]
    found = {
        "correlation": table["pesq"].corr(table["predicted"]),
        "rank_correlation": table["pesq"].corr(table["predicted"], method="spearman"),
        "rmse": np.sqrt((difference**2).mean()),
    }
    return {"n": len(table)} | {name: round(float(value), 3) for name, value in found.items()}
