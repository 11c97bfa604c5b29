"""A small network that predicts PESQ from degraded speech alone, of the architecture that Tilkorn et al. explain.

``python -m earwitness.training.quality data/weights/quality.pt`` makes the weights that the repository ships, and their
card.
"""

import shutil
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import cache, catalogue, corpora, features, runtime
from earwitness.acoustics.degradations import degrade
from earwitness.corpora import transmission
from earwitness.corpora.transmission import SAMPLE_RATE, Speech
from earwitness.corpora.voices import Voices
from earwitness.errors import AudioError
from earwitness.models import nisqa
from earwitness.training import exporting

VERSION = 2  # raise it when a change here or in what it uses changes what is learnt
SETTINGS = nisqa.Settings(segment_hop=4, max_segments=1500)
# conditions of the 54 whose kind training never draws: the codec, the band or the combination is new
HELD_OUT = ("level-drop", "band-1000-8000", "plc-burst-10", "g721", "ima-adpcm", "mp3-16", "room-0.5-clip-5",
            "white-15-gsm-gsm")
DURATIONS_S = (2.0, 2.6, 3.2)
_SHARD = 100
_AMR_RATES = (4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200)


@dataclass(frozen=True)
class QualityRecipe:
    """How it learns: AdamW, one-cycle, squared error.

    Attributes
    ----------
    n_clips, n_validation : int
        Degraded clips of 80 voices to learn from; of eight others, to look at after each pass.
    passes : int
        Over all clips.
    early_hop, share_early : int, float
        During the first share of the passes segments are ``early_hop`` frames apart, then as in use.
    warm_up : float
        Share of all iterations in which the learning rate rises.
    mixed_precision : bool
        Convolutions in bfloat16 where the processor is fast at it.
    """

    n_clips: int = 10_000
    n_validation: int = 200
    passes: int = 12
    batch_size: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    early_hop: int = 8
    share_early: float = 0.7
    warm_up: float = 0.15
    mixed_precision: bool = True

    optimiser: ClassVar[str] = "adamw"
    schedule: ClassVar[str] = "one-cycle"


def random_steps(rng: np.random.Generator) -> tuple:
    """Draw a degradation, or two at once, with parameters that vary continuously."""
    def white():
        return "noise", {"snr_db": rng.uniform(0, 45)}

    def babble():
        return "noise", {"snr_db": rng.uniform(0, 45), "colour": "babble"}

    def mnru():
        return "mnru", {"q_db": rng.uniform(5, 40)}

    def band():
        return "band", {"low_hz": rng.choice([0.0, rng.uniform(50, 700)]), "high_hz": rng.uniform(2000, 7900)}

    def clipping():
        return "clipping", {"share": 10 ** rng.uniform(-3, -0.4)}

    def gaps():
        n = int(rng.integers(1, 9))
        return "interruptions", {"length_s": rng.uniform(0.02, min(0.4, 0.6 / n)), "n": n}

    def loss():
        return "packet_loss", {"loss": 10 ** rng.uniform(-2, -0.5), "conceal": bool(rng.random() < 0.5)}

    def codec():
        name = str(rng.choice(["g711-mu", "g711-a", "gsm", "amr-nb", "g722", "opus", "opus"]))
        rate = {"amr-nb": int(rng.choice(_AMR_RATES)), "opus": 500 * int(rng.integers(12, 65)), "g722": 64000}
        return "codec", {"name": name, "bit_rate": rate.get(name, 0)}

    def room():
        return "reverberation", {"t60_s": rng.uniform(0.15, 1.3), "direct_db": rng.uniform(0, 20)}

    single = (white, babble, mnru, band, clipping, gaps, loss, codec, room)
    n_steps = rng.choice([0, 1, 2], p=[0.06, 0.7, 0.24])
    chosen = rng.choice(len(single) - (n_steps == 2), n_steps, replace=False)  # rooms come alone
    return tuple(single[i]() for i in chosen)


def source(part: str) -> Speech:
    """Return who speaks, and babbles, in ``"train"`` or ``"validation"``: voices of which the 54 conditions have none.

    Generated voices alone, so that the weights carry nobody's licence.
    """
    corpus = Voices(words="sentences", n_speakers=100, repetitions=8)
    own = transmission.speech(corpus, [str(i) for i in (range(13, 93) if part == "train" else range(93, 101))])
    return Speech(corpus, own.foreground, [row for rows in own.foreground.values() for row in rows])


def example(speech: Speech, rng: np.random.Generator) -> tuple[np.ndarray, float, str]:
    """Return the mel spectrogram (48, n_frames) of a degraded clip, its PESQ, and what was done to it."""
    rows = speech.foreground[str(rng.choice(list(speech.foreground)))]
    sent, _ = speech.sentence(int(rng.choice(rows)))
    n = int(SAMPLE_RATE * rng.choice(DURATIONS_S))
    start = int(rng.integers(max(len(sent) - n, 0) + 1))
    sent = np.pad(sent, (0, max(n - len(sent), 0)))[start : start + n]
    steps = random_steps(rng)
    received, _ = degrade(sent, SAMPLE_RATE, steps, rng, speech.babble)
    quality = transmission.pesq_wideband(sent, received)
    spectrogram = features.mel_spectrogram(np.clip(received, -1, 1), SAMPLE_RATE, fmax_hz=SETTINGS.fmax_hz)
    return spectrogram.numpy(), quality, "+".join(name for name, _ in steps)


def examples(part: str, n: int, seed: int, progress: bool = False) -> list[tuple[np.ndarray, float]]:
    """Return ``n`` examples, made a hundred at a time and cached; a killed run goes on where it was."""
    speech = source(part)
    fingerprint = speech.corpus.fingerprint()
    found = []
    for shard in range(-(-n // _SHARD)):
        specification = {"version": VERSION, "part": part, "shard": shard, "seed": seed, "corpus": fingerprint}
        path = cache.stored("quality", specification, ".npz", partial(_make_shard, speech, specification))
        with np.load(path) as file:
            starts = np.concatenate([[0], np.cumsum(file["lengths"])])
            spectrograms = file["spectrograms"]
            found += [(spectrograms[:, a:b], quality) for a, b, quality in
                      zip(starts[:-1], starts[1:], file["pesq"], strict=True)]
        if progress:
            print(f"{part}: {len(found)} of {n} clips", flush=True)
    return found[:n]


def _make_shard(speech: Speech, specification: dict, path: Path) -> None:
    made, number = [], 0
    while len(made) < _SHARD:
        rng = np.random.default_rng([specification["seed"], specification["part"] == "train", specification["shard"],
                                     number])
        number += 1
        try:
            made.append(example(speech, rng))
        except AudioError:  # a stretch without speech, which PESQ does not judge
            continue
    with open(path, "wb") as file:
        np.savez(file, spectrograms=np.concatenate([one[0] for one in made], axis=1).astype(np.float16),
                 lengths=[one[0].shape[1] for one in made], pesq=[one[1] for one in made],
                 kinds=[one[2] for one in made])


def fit_quality(recipe: QualityRecipe | None = None, seed: int = 0, progress: bool = False, device: str = "auto"):
    """Return the network and how its training went: from the cache, or trained now.

    A killed run goes on after the last whole pass, and ends as one that was not killed.

    Parameters
    ----------
    recipe : QualityRecipe, optional
    seed : int
        Of the clips, initial weights, order, dropout, and the shifts in level and time.
    progress : bool
        Say how many clips are made, and show a progress bar.
    device : str
        ``"auto"`` takes a GPU where there is one.

    Returns
    -------
    model : Nisqa
        In evaluation mode, on the CPU.
    report : dict
        ``"specification"``: everything that determined it; ``"history"``: for each pass its number (``epoch``), mean
        ``loss``, and how well the validation clips are judged after it: ``correlation``, and ``rmse`` in units of PESQ.
    """
    recipe = recipe or QualityRecipe()
    specification = {"version": VERSION, "settings": asdict(SETTINGS), "recipe": asdict(recipe), "seed": seed}
    path = cache.stored("models", specification, ".pt",
                        partial(_train, specification, recipe, seed, progress, runtime.device(device)))
    stored = torch.load(path, weights_only=True)
    model = nisqa.Nisqa(SETTINGS)
    model.load_state_dict(stored["state"])
    return model.eval(), {"specification": specification, "history": stored["history"]}


def _train(specification: dict, recipe: QualityRecipe, seed: int, progress: bool, device, path: Path) -> None:
    from earwitness.training import (
        loop,  # Lightning takes seconds to import; only training needs it
    )

    runtime.tune()
    train = examples("train", recipe.n_clips, seed, progress)
    validation = examples("validation", recipe.n_validation, seed, progress)
    runtime.seed(seed)
    model = nisqa.Nisqa(SETTINGS).to(memory_format=torch.channels_last)
    nn.init.constant_(model.pools[0].linear.bias, float(np.mean([quality for _, quality in train])))
    plan = partial(_plan, train, recipe, seed)
    n_batches = len(plan(0))
    learner = loop.Learner(model, recipe, seed, n_batches, recipe.passes, _loss, partial(_look, validation))
    loader = loop.batches(partial(_batch, train, recipe, seed), plan, n_batches)
    folder = cache.directory("unfinished") / cache.digest(specification)
    state, history = loop.train(learner, loader, device, progress, folder, every=1)
    torch.save({"state": state, "history": history}, path)
    shutil.rmtree(folder, ignore_errors=True)


def _plan(clips: list, recipe: QualityRecipe, seed: int, epoch: int) -> list[tuple[int, np.ndarray]]:
    """Return pass and numbers of the clips of each batch; all of a batch are of one length."""
    rng = np.random.default_rng([seed, 2, epoch])
    lengths = np.array([spectrogram.shape[1] for spectrogram, _ in clips])
    shuffled = [rng.permutation(np.flatnonzero(lengths == length)) for length in np.unique(lengths)]
    batches = [group[i : i + recipe.batch_size] for group in shuffled for i in range(0, len(group), recipe.batch_size)]
    return [(epoch, batches[i]) for i in rng.permutation(len(batches)) if len(batches[i]) > 1]


def _batch(clips: list, recipe: QualityRecipe, seed: int, epoch: int, rows: np.ndarray):
    """Return segments (batch, n_segments, 48, 15) and PESQ (batch,) of some clips, shifted in level and time."""
    rng = np.random.default_rng([seed, 3, epoch, int(rows[0])])
    hop = recipe.early_hop if epoch < recipe.share_early * recipe.passes else SETTINGS.segment_hop
    spectrograms = torch.from_numpy(np.stack([clips[row][0] for row in rows])).float()
    spectrograms += torch.from_numpy(rng.uniform(-15, 5, len(rows)))[:, None, None].float()  # PESQ ignores level
    segments = spectrograms.clamp_min(features.mel.FLOOR_DB).unfold(2, SETTINGS.segment_length, hop)
    wanted = torch.tensor([clips[row][1] for row in rows], dtype=torch.float32)
    return segments[:, :, int(rng.integers(0, 2)) :].permute(0, 2, 1, 3), wanted


def _loss(model: nisqa.Nisqa, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    segments, wanted = batch
    cnn_features = model.cnn(segments.flatten(0, 1)[:, None].contiguous(memory_format=torch.channels_last))
    with torch.autocast(segments.device.type, enabled=False):  # over time in float32
        guess = model.rate(cnn_features.float().reshape(*segments.shape[:2], -1))[:, 0]
        return nn.functional.mse_loss(guess, wanted)


def _look(validation: list, model: nisqa.Nisqa) -> dict[str, float]:
    truth, guess = quality_of(model, validation)
    error = np.sqrt(np.mean((truth - guess) ** 2))
    return {"correlation": float(np.corrcoef(truth, guess)[0, 1]), "rmse": float(error)}


@torch.no_grad()
def quality_of(model: nisqa.Nisqa, clips: list) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and predictions of examples, (n,) each; the model is left in evaluation mode."""
    model.eval()
    device = next(model.parameters()).device
    guess = [float(model(torch.from_numpy(clip).float()[None].to(device))[0, 0]) for clip, _ in clips]
    return np.array([quality for _, quality in clips]), np.array(guess)


def measure(model: nisqa.Nisqa, source: str) -> tuple[dict, pd.DataFrame]:
    """Return correlation and error of predictions on all 216 clips of held-out speakers, and per condition."""
    corpus = corpora.load("transmission", source=source)
    table = corpus.table[["condition", "kind", "speaker"]].assign(
        pesq=corpus.pesq(), predicted=[model.predict(clip.samples, clip.sample_rate)["mos"] for clip in corpus])
    new = table["condition"].isin(HELD_OUT)
    means = table.groupby("condition", sort=False)[["pesq", "predicted"]].mean()
    return {"all": _agreement(table), "held_out_conditions": _agreement(table[new]),
            "per_condition": _agreement(means)}, table


def _agreement(table: pd.DataFrame) -> dict:
    difference = table["predicted"] - table["pesq"]
    return {"n": len(table), "correlation": round(float(table["pesq"].corr(table["predicted"])), 3),
            "rank_correlation": round(float(table["pesq"].corr(table["predicted"], method="spearman")), 3),
            "rmse": round(float(np.sqrt((difference**2).mean())), 3)}


def export_quality(model: nisqa.Nisqa, report: dict, path: Path, command: str = "") -> dict:
    """Write the weights rounded to float16 to ``path`` (``.../quality.pt``) and their card beside it; return its head.

    What the card says under ``measured`` holds for the rounded weights.
    """
    made = exporting.made(command)  # before anything is written: a tracked file that differs marks the commit
    rounded = exporting.write_rounded(model, path)
    heard = {part: list(source(part).foreground) for part in ("train", "validation")}
    settings = {key: list(map(list, value)) if key == "pools" else list(value) if isinstance(value, tuple) else value
                for key, value in asdict(model.settings).items()}
    card = {
        "name": path.stem, "network": "Nisqa", "corpus": "voices", "settings": settings,
        "task": "PESQ (ITU-T P.862.2) without the reference",
        "licence": catalogue.corpora()["voices"]["licence"], "speakers": heard, "held_out_conditions": list(HELD_OUT),
        "recipe": report["specification"]["recipe"], "seed": report["specification"]["seed"],
        "validation": {key: round(report["history"][-1][key], 3) for key in ("correlation", "rmse")},
        "measured": {name: measure(rounded.eval(), name)[0] for name in transmission.SOURCES},
        "weights": {"sha256": cache.file_digest(path), "n": sum(weight.numel() for weight in model.parameters()),
                    "dtype": "float16"},
        "made": made,
    }
    exporting.write_card(path.with_suffix(".md"), card)
    return card


if __name__ == "__main__":
    command = f"python -m earwitness.training.quality {sys.argv[1]}"
    export_quality(*fit_quality(progress=True), Path(sys.argv[1]), command)
