"""Networks that find directions, trained on simulated scenes that are turned, mirrored and mixed anew each time."""

import shutil
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from earwitness import cache, catalogue, corpora, features, models, runtime
from earwitness.acoustics import sphere
from earwitness.corpora import scenes
from earwitness.errors import ParameterError, check_choice
from earwitness.evaluation import scenes as directions
from earwitness.training.exporting import made, weights_entry, write_card, write_rounded

VERSION = 2  # raise it when a change here or in scenes and features changes what is learnt
INPUTS = {"intensity": (1, 6), "order1": (1, 8), "order2": (2, 18), "order3": (3, 32), "order4": (4, 50)}
_PASS = 500  # iterations in a pass: from one look at the validation scenes, and checkpoint, to the next


@dataclass(frozen=True)
class DirectionRecipe:
    """How a network learns directions: AdamW under a one-cycle schedule, batches of scenes made on the fly.

    Attributes
    ----------
    iterations : int
        Batches, in whole passes of 500: what is left over is not done. Fewer than 500 are one pass.
    n_scenes : int
        Rooms with speech in them that are simulated once; each is met many times, turned and mirrored, in other babble.
    snr_db : pair of float
        Range from which each mixture's ratio is drawn.
    frames_early, share_early : int, float
        During the first share of the iterations the network sees scenes of so few frames, later all 50.
    smoothing_deg : float
        Width of the target: class k has the weight exp((cos(angle) - 1) / smoothing²). In the last share of the
        iterations, when all frames are seen, the target is the nearest class alone.
    warm_up : float
        Share of the iterations in which the learning rate rises.
    """

    iterations: int
    n_scenes: int = 8000
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    snr_db: tuple[float, float] = (0.0, 30.0)
    frames_early: int = 20
    share_early: float = 0.85
    smoothing_deg: float = 6.0
    mixed_precision: bool = True
    warm_up: float = 0.15

    optimiser: ClassVar[str] = "adamw"
    schedule: ClassVar[str] = "one-cycle"


DIRECTION_RECIPES = {
    "fast": DirectionRecipe(10_000),
    "paper": DirectionRecipe(100_000, n_scenes=40_000),
    "smoke": DirectionRecipe(2, n_scenes=4, batch_size=4, frames_early=5),
}


class DirectionExamples:
    """Scenes to learn from: speech in its room from one scene, babble from another, both turned at random."""

    def __init__(self, corpus: scenes.Scenes, kind: str, snr_db: tuple[float, float]):
        self.pool, self.directions = corpus.pool, corpus.unit_vectors()
        self.kind, self.order, self.snr_db = kind, INPUTS[kind][0], snr_db
        self.energy = np.array([np.square(scene[:, 0].astype(np.float32)).sum(-1) for scene in self.pool])  # of W

    def draw(self, rng: np.random.Generator, n: int, n_frames: int) -> tuple[torch.Tensor, np.ndarray]:
        """Return network inputs (n, channels, n_frames, 512) and unit vectors to the sources (n, 3)."""
        mixtures, truth = zip(*(self._mixture(rng, n_frames) for _ in range(n)), strict=True)
        return features.network_input(torch.from_numpy(np.stack(mixtures)), self.kind), np.stack(truth)

    def _mixture(self, rng: np.random.Generator, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
        speech, noise = rng.integers(len(self.pool), size=2)
        power, noise_power = self.energy[speech, 0], self.energy[noise, 1]
        ratio = 10 ** (rng.uniform(*self.snr_db) / 10)
        level = scenes.LEVEL / np.sqrt(power * (1 + 1 / ratio) / scenes.LENGTH)
        start = features.ambisonics.N_HOP * int(rng.integers(features.ambisonics.N_FRAMES - n_frames + 1))
        part = slice(start, start + n_frames * features.ambisonics.N_HOP)
        turn, other_turn = ((rng.uniform(-np.pi, np.pi), *(rng.random(2) < 0.5)) for _ in range(2))
        mixture = self._turned(speech, 0, part, turn, level)
        mixture += self._turned(noise, 1, part, other_turn, level * np.sqrt(power / noise_power / ratio))
        return mixture, sphere.rotate(self.directions[speech], *turn)

    def _turned(self, scene: int, sound: int, part: slice, turn: tuple, scale: float) -> np.ndarray:
        samples = self.pool[scene, sound, : sphere.n_channels(self.order), part].astype(np.float32)
        return (sphere.rotation_matrix(self.order, *turn) * scale).astype(np.float32) @ samples


def targets(truth: np.ndarray, smoothing_deg: float) -> torch.Tensor:
    """Return a distribution over the classes (n, 425) for each direction (n, 3); without smoothing one class."""
    if smoothing_deg == 0:
        return nn.functional.one_hot(torch.from_numpy(sphere.nearest(truth)), len(sphere.directions())).float()
    closeness = torch.from_numpy(truth @ sphere.directions().T).float()
    return (closeness / np.deg2rad(smoothing_deg) ** 2).softmax(-1)


def quick_logits(network: models.DoaCRNN, inputs: torch.Tensor) -> torch.Tensor:
    """Return ``network(inputs)``, pooling before ELU, which grows monotonically: the same result for less work."""
    maps = network.normalisation(inputs).contiguous(memory_format=torch.channels_last)
    for conv, norm, elu, pool in zip(*[iter(network.convolutions())] * 4, strict=True):
        maps = elu(pool(norm(conv(maps))))
    sequence, _ = network.lstm1(network.frames(maps).float())
    sequence, _ = network.lstm2(sequence)
    return network.fc2(network.elu4(network.fc1(sequence)))


def normalise(network: models.DoaCRNN, inputs: torch.Tensor, kind: str) -> None:
    """Set mean and standard deviation from training inputs: one pair for magnitudes, one for phases; none else.

    Notes
    -----
    Kiyan et al., Experimental Setup; Table 1: "HOA only". Intensities lie between -1 and 1 already.
    """
    if kind == "intensity":
        return
    n = inputs.shape[1] // 2
    for part in (slice(0, n), slice(n, None)):
        network.normalisation.mean[part] = inputs[:, part].mean()
        network.normalisation.std[part] = inputs[:, part].std()


def fit_directions(kind: str, source: str = "timit", recipe: str = "fast", seed: int = 0, source_root=None,
                   progress: bool = True, device: str = "auto") -> tuple[models.DoaCRNN, dict]:
    """Return a network that finds directions and how its training went: from the cache, or trained now.

    A killed run goes on where its last checkpoint was written.

    Parameters
    ----------
    kind : str
        ``"intensity"``, or ``"order1"`` to ``"order4"``.
    source : str
        Who speaks in the scenes.
    recipe : str
        One of ``DIRECTION_RECIPES``.
    seed : int
        Of scenes, initial weights and order.
    source_root : path, optional
    progress : bool
        Show a progress bar.
    device : str
        ``"auto"`` takes a GPU where there is one.

    Returns
    -------
    network : DoaCRNN
        In evaluation mode, on the CPU.
    training : dict
        ``"specification"``: everything that determined it; ``"history"``: for each pass its number (``epoch``), mean
        ``loss``, and how well directions of the validation scenes are found after it: ``within_10_deg`` (share of
        scenes) and ``median_error_deg``.

    Raises
    ------
    UnknownNameError
        If there is no such input, source or recipe.
    """
    plan = DIRECTION_RECIPES[check_choice(recipe, DIRECTION_RECIPES, "recipe for directions")]
    specification = {"version": VERSION, "scenes": scenes.VERSION, "kind": check_choice(kind, INPUTS, "input"),
                     "source": source, "seed": seed, "recipe": asdict(plan)}
    path = cache.stored("models", specification, ".pt",
                        lambda path: _train(specification, plan, source_root, progress, runtime.device(device), path))
    stored = torch.load(path, weights_only=True)
    network = models.DoaCRNN(INPUTS[kind][1])
    network.load_state_dict(stored["state"])
    return network.eval(), {"specification": specification, "history": stored["history"]}


def _train(specification: dict, plan: DirectionRecipe, source_root, progress: bool, device, path: Path) -> None:
    runtime.tune()
    kind, source, seed = (specification[key] for key in ("kind", "source", "seed"))
    order, n_channels = INPUTS[kind]
    options = {"source": source, "source_root": source_root, "seed": seed, "snr_db": plan.snr_db}
    pool_order = max(order, 2)  # intensity, order 1 and order 2 share their scenes: a lower order is the first channels
    examples = DirectionExamples(corpora.load("scenes", n_scenes=plan.n_scenes, order=pool_order, split="train",
                                              **options), kind, plan.snr_db)
    held_back = corpora.load("scenes", n_scenes=min(100, plan.n_scenes), order=order, split="validation", **options)
    validation = held_back.mixtures(range(len(held_back))), held_back.unit_vectors()
    runtime.seed(seed)
    network = models.DoaCRNN(n_channels)
    normalise(network, examples.draw(np.random.default_rng([seed, 1]), 4 * plan.batch_size, 50)[0], kind)
    folder = cache.directory("unfinished") / cache.digest(specification)
    state, history = _learn(network, examples, validation, plan, seed, kind, device, folder, progress)
    torch.save({"state": state, "history": history}, path)
    shutil.rmtree(folder, ignore_errors=True)


def _learn(network, examples, validation, plan: DirectionRecipe, seed: int, kind: str, device, folder: Path,
           progress: bool) -> tuple[dict, list[dict]]:
    from earwitness.training import (
        loop,  # Lightning takes seconds to import; only training needs it
    )

    n_batches = min(_PASS, plan.iterations)
    n_passes = plan.iterations // n_batches
    plan = replace(plan, iterations=n_passes * n_batches)  # shares are shares of what is done
    learner = loop.Learner(network.train().to(memory_format=torch.channels_last), plan, seed, n_batches,
                                       n_passes, _loss, partial(_look, validation, kind))
    loader = loop.batches(
        partial(_batch, examples, plan, seed), lambda epoch: ((epoch * n_batches + i,) for i in range(n_batches)),
        n_batches)
    return loop.train(learner, loader, device, progress, folder, every=1)


def _batch(examples, plan: DirectionRecipe, seed: int, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return network inputs and targets (batch, 425); they depend on seed and iteration alone."""
    early = iteration < plan.share_early * plan.iterations
    n_frames = plan.frames_early if early else features.ambisonics.N_FRAMES
    inputs, truth = examples.draw(np.random.default_rng([seed, 2, iteration]), plan.batch_size, n_frames)
    return inputs, targets(truth, plan.smoothing_deg if early else 0.0)


def _loss(network: models.DoaCRNN, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    inputs, wanted = batch
    logits = quick_logits(network, inputs).float().transpose(1, 2)  # (batch, 425, n_frames)
    return nn.functional.cross_entropy(logits, wanted[:, :, None].expand(-1, -1, logits.shape[2]))


def _look(validation, kind: str, network: models.DoaCRNN) -> dict[str, float]:
    mixtures, truth = validation
    error_deg = np.rad2deg(sphere.angle_between(models.locate(network, mixtures, kind), truth))
    return {"within_10_deg": float(np.mean(error_deg <= 10)), "median_error_deg": float(np.median(error_deg))}


def export(network: models.DoaCRNN, training: dict, path: str | Path, command: str = "", source_root=None,
           n_test: int = 1000) -> dict:
    """Write weights rounded to float16 to ``path`` and beside it the card that describes and measures them.

    Parameters
    ----------
    network, training
        As :func:`fit_directions` returns them.
    path : path
        ``data/weights/doa-order2.pt``; the card is ``data/weights/doa-order2.md``.
    command : str
        That makes them again.
    source_root : path, optional
        Where the recordings of who speaks are.
    n_test : int
        Scenes that are measured.

    Returns
    -------
    dict
        The head of the card. ``measured`` holds for the rounded weights, on rooms and speakers never met in training,
        beside the classical estimate from the intensity vector on the same scenes.

    Raises
    ------
    ParameterError
        If ``path`` does not end in ``.pt``.
    """
    path, specification = Path(path), training["specification"]
    if path.suffix != ".pt":
        raise ParameterError(f"Weights are exported to a file that ends in .pt, not to {path.name!r}.")
    origin = made(command)  # before anything is written: a tracked file that differs marks the commit
    rounded = write_rounded(network, path)
    kind, source = specification["kind"], specification["source"]
    grid = np.rad2deg(sphere.angles(sphere.directions())).T
    card = {
        "name": path.stem, "network": "DoaCRNN", "input": kind, "n_channels": network.n_channels,
        "sample_rate_hz": scenes.SAMPLE_RATE, "convention": "ACN, N3D; azimuth from x to y, elevation, degrees",
        "corpus": "scenes", "source": source, "seed": specification["seed"],
        "licence": catalogue.corpora()[source]["licence"], "recipe": specification["recipe"],
        "measured": measure(rounded, kind, source, source_root, n_test),
        "weights": weights_entry(rounded, path),
        "made": origin, "history": training["history"][-1:],
        "classes": [[round(float(azimuth), 2), round(float(elevation), 2)] for azimuth, elevation in grid],
    }
    write_card(path.with_suffix(".md"), card)
    return card


def measure(network: models.DoaCRNN, kind: str, source: str, source_root=None, n_test: int = 1000) -> dict:
    """Return how well a network and the classical estimate find directions in unseen rooms, overall and by condition.

    Accuracies are per cent of scenes within 10 degrees, errors medians in degrees.
    """
    corpus = corpora.load("scenes", source=source, n_scenes=n_test, order=INPUTS[kind][0], split="test", seed=0,
                          source_root=source_root)
    found = {"network": [], "pseudo_intensity": []}
    for rows in np.array_split(np.arange(n_test), -(-n_test // 50)):
        mixtures = corpus.mixtures(rows)
        found["network"].append(models.locate(network, mixtures, kind))
        found["pseudo_intensity"].append(features.pseudo_intensity_direction(features.ambisonic_stft(mixtures)))
    truth, measured = corpus.unit_vectors(), {"n_scenes": n_test}
    conditions = {"snr_db": (0, 10, 20, 30), "t60_s": (0.2, 0.4, 0.6, 0.8)}
    for name, estimates in found.items():
        errors = directions.angular_error_deg(np.concatenate(estimates), truth)
        measured[name] = {key: round(value, 2) for key, value in directions.summary(errors).items() if key != "n"}
        for condition, edges in conditions.items():
            rows = directions.by_condition(errors, corpus.table[condition], edges)
            measured[name][f"by_{condition}"] = [
                {"from": row.low, "to": row.high, "within_percent": round(row.within_percent, 1),
                 "median_deg": round(row.median_deg, 1), "n": row.n} for row in rows.itertuples()]
    return measured
