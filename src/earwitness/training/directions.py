"""Networks that find directions, trained on simulated scenes that are turned, mirrored and mixed
anew each time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from earwitness import catalogue, corpora, features, models
from earwitness.acoustics import sphere
from earwitness.corpora import scenes
from earwitness.errors import ParameterError
from earwitness.features.ambisonics import N_FRAMES, N_HOP
from earwitness.training.experiment import Experiment, trains
from earwitness.training.recipes import Recipe
from earwitness.training.trained import Trained

INPUTS = {
    "intensity": (1, 6),
    "order1": (1, 8),
    "order2": (2, 18),
    "order3": (3, 32),
    "order4": (4, 50),
}
N_TEST = 1000  # scenes that a card is measured on
_PASS = 500  # iterations in a pass: from one validation, and checkpoint, to the next
# of the scenes; all else the recipe says
_OPTIONS = ("source", "source_root", "source_options", "t60_s")


@dataclass(frozen=True)
class DirectionRecipe(Recipe):
    """How a network learns directions: batches of scenes made on the fly.

    Attributes
    ----------
    iterations : int
        Batches, in whole passes of 500: what is left over is not done. Fewer than 500 are one pass.
    n_scenes : int
        Rooms with speech in them that are simulated once; each is met many times, turned and
        mirrored, in other babble.
    snr_db : pair of float
        Range from which each mixture's ratio is drawn.
    frames_early, share_early : int, float
        During the first share of the iterations the network trains on scenes of so few frames,
        later all 50.
    smoothing_deg : float
        Width of the target: class k has the weight exp((cos(angle) - 1) / smoothing²). In the last
        share of the iterations, when all frames are seen, the target is the nearest class alone.
    """

    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    iterations: int = 10_000
    batch_size: int = 32
    gradient_clip: float = 1.0
    warm_up: float = 0.15
    n_scenes: int = 8000
    snr_db: tuple[float, float] = (0.0, 30.0)
    frames_early: int = 20
    share_early: float = 0.85
    smoothing_deg: float = 6.0


class SceneMixer:
    """Scenes to learn from: speech in its room from one scene, babble from another, both turned at
    random.
    """

    def __init__(self, corpus: scenes.Scenes, kind: str, snr_db: tuple[float, float]):
        self.pool, self.directions = corpus.pool, corpus.unit_vectors()
        self.kind, self.order, self.snr_db = kind, INPUTS[kind][0], snr_db
        # of W
        self.energy = np.array(
            [np.square(scene[:, 0].astype(np.float32)).sum(-1) for scene in self.pool]
        )

    def draw(
        self, rng: np.random.Generator, n: int, n_frames: int
    ) -> tuple[torch.Tensor, np.ndarray]:
        """Return network inputs (n, channels, n_frames, 512) and unit vectors to the sources (n,
        3).
        """
        mixtures, truth = zip(*(self._mixture(rng, n_frames) for _ in range(n)), strict=True)
        inputs = features.network_input(torch.from_numpy(np.stack(mixtures)), self.kind)
        return inputs, np.stack(truth)

    def _mixture(self, rng: np.random.Generator, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
        speech, noise = rng.integers(len(self.pool), size=2)
        power, noise_power = self.energy[speech, 0], self.energy[noise, 1]
        ratio = 10 ** (rng.uniform(*self.snr_db) / 10)
        level = scenes.LEVEL / np.sqrt(power * (1 + 1 / ratio) / scenes.LENGTH)
        start = int(rng.integers(N_FRAMES - n_frames + 1))
        part = slice(start * N_HOP, (start + n_frames) * N_HOP)
        turn, other_turn = ((rng.uniform(-np.pi, np.pi), *(rng.random(2) < 0.5)) for _ in range(2))
        noise_level = level * np.sqrt(power / noise_power / ratio)
        mixture = self._turned(speech, 0, part, turn, level)
        mixture += self._turned(noise, 1, part, other_turn, noise_level)
        return mixture, sphere.rotate(self.directions[speech], *turn)

    def _turned(self, scene: int, sound: int, part: slice, turn: tuple, scale: float) -> np.ndarray:
        samples = self.pool[scene, sound, : sphere.n_channels(self.order), part].astype(np.float32)
        return (sphere.rotation_matrix(self.order, *turn) * scale).astype(np.float32) @ samples


def targets(truth: np.ndarray, smoothing_deg: float) -> torch.Tensor:
    """Return a distribution over the classes (n, 425) for each direction (n, 3); without smoothing
    one class.
    """
    if smoothing_deg == 0:
        nearest = torch.from_numpy(sphere.nearest(truth))
        return nn.functional.one_hot(nearest, len(sphere.directions())).float()
    closeness = torch.from_numpy(truth @ sphere.directions().T).float()
    return (closeness / np.deg2rad(smoothing_deg) ** 2).softmax(-1)


def quick_logits(network: models.DoaCRNN, inputs: torch.Tensor) -> torch.Tensor:
    """Return ``network(inputs)``, pooling before ELU, which grows monotonically: the same result
    for less work.
    """
    maps = network.normalisation(inputs).contiguous(memory_format=torch.channels_last)
    for conv, norm, elu, pool in zip(*[iter(network.convolutions())] * 4, strict=True):
        maps = elu(pool(norm(conv(maps))))
    sequence, _ = network.lstm1(network.frames(maps).float())
    sequence, _ = network.lstm2(sequence)
    return network.fc2(network.elu4(network.fc1(sequence)))


def normalise(network: models.DoaCRNN, inputs: torch.Tensor, kind: str) -> None:
    """Set mean and standard deviation from training inputs: one pair for magnitudes, one for
    phases; none else.

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


class TrainedOnScenes(Trained):
    """A network that finds directions."""

    def results(self) -> dict:
        """Return its variant, and how well it finds directions of the validation scenes."""
        last = super().results()
        return {
            "variant": self.specification["variant"],
            "within_10_deg_percent": 100 * last["within_10_deg"],
            "median_error_deg": last["median_error_deg"],
        }

    def card(self, rounded: models.DoaCRNN) -> dict:
        """Return what a card says of it, measured on rooms and speakers never met in training.

        Beside it stands the classical estimate from the intensity vector on the same scenes.
        """
        source, kind = self.corpus.source, self.specification["variant"]
        grid = np.rad2deg(sphere.angles(sphere.directions())).T
        return self.origin() | {
            "input": kind,
            "n_channels": rounded.n_channels,
            "source": source,
            "convention": "ACN, N3D; azimuth from x to y, elevation, degrees",
            "licence": catalogue.about(source)["licence"],
            "measured": measure(rounded, kind, N_TEST, **self.options),
            "history": self.history.iloc[-1:].to_dict("records"),
            "classes": [
                [round(float(azimuth), 2), round(float(elevation), 2)]
                for azimuth, elevation in grid
            ],
        }


@trains(
    "DoaCRNN",
    {
        "fast": DirectionRecipe(),
        "paper": DirectionRecipe(iterations=100_000, n_scenes=40_000),
        "smoke": DirectionRecipe(iterations=2, n_scenes=4, batch_size=4, frames_early=5),
    },
)
class Directions(Experiment):
    """Scenes simulated once; a batch depends on seed and iteration alone."""

    recipe_class, trained = DirectionRecipe, TrainedOnScenes
    version = 3
    task = "class_index"
    default_corpus = "scenes"
    variants = tuple(INPUTS)
    every = 1

    @classmethod
    def load(cls, corpus: str | corpora.Corpus, options: Mapping) -> corpora.Corpus:
        """Return scenes of the source; those to learn from are simulated when they are needed.

        Raises
        ------
        ParameterError
            If it is another corpus, or an option that the recipe decides.
        """
        if corpus != "scenes" or not set(options) <= set(_OPTIONS):
            raise ParameterError(
                f"DoaCRNN learns from the corpus scenes, by name, with the options "
                f"{', '.join(_OPTIONS)}; got {corpus!r} with {sorted(options)}."
            )
        return super().load(corpus, {**options, "n_scenes": 1, "split": "train"})

    @property
    def kind(self) -> str:
        """What the network takes."""
        return self.specification["variant"]

    @property
    def n_epochs(self) -> int:
        """Whole passes."""
        return self.recipe.iterations // self.n_batches

    def prepare(self) -> None:
        """Simulate the scenes."""
        order, n = INPUTS[self.kind][0], self.recipe.n_scenes
        options = {**self.options, "seed": self.seed, "snr_db": self.recipe.snr_db}

        def load(split: str, n_scenes: int, order: int) -> scenes.Scenes:
            return corpora.load("scenes", n_scenes=n_scenes, order=order, split=split, **options)

        # intensity, order 1 and 2 share their scenes: a lower order is the first channels
        self.scenes = SceneMixer(load("train", n, max(order, 2)), self.kind, self.recipe.snr_db)
        held_back = load("validation", min(100, n), order)
        self.validation = held_back.mixtures(range(len(held_back))), held_back.unit_vectors()
        self.n_batches = min(_PASS, self.recipe.iterations)

    def network(self) -> models.DoaCRNN:
        """Return the untrained network."""
        return models.DoaCRNN(INPUTS[self.kind][1])

    def initialise(self, network: models.DoaCRNN) -> None:
        """Set the normalisation from training inputs."""
        inputs, _ = self.scenes.draw(self.rng(1), 4 * self.recipe.batch_size, N_FRAMES)
        normalise(network, inputs, self.kind)

    def keys(self, epoch: int) -> Iterator[tuple[int]]:
        """Yield the number of each iteration."""
        return ((epoch * self.n_batches + i,) for i in range(self.n_batches))

    def draw(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return network inputs and targets (batch, 425); shares are shares of the iterations that
        are done.
        """
        early = iteration < self.recipe.share_early * self.n_epochs * self.n_batches
        n_frames = self.recipe.frames_early if early else N_FRAMES
        inputs, truth = self.scenes.draw(self.rng(2, iteration), self.recipe.batch_size, n_frames)
        return inputs, targets(truth, self.recipe.smoothing_deg if early else 0.0)

    def loss(self, network: models.DoaCRNN, batch: tuple) -> torch.Tensor:
        """Return the cross-entropy, averaged over frames."""
        inputs, wanted = batch
        logits = quick_logits(network, inputs).float().transpose(1, 2)  # (batch, 425, n_frames)
        wanted = wanted[:, :, None].expand(-1, -1, logits.shape[2])
        return nn.functional.cross_entropy(logits, wanted)

    def validate(self, network: models.DoaCRNN) -> dict[str, float]:
        """Return the share of validation scenes found within 10 degrees and the median error."""
        mixtures, truth = self.validation
        found = models.locate(network, mixtures, self.kind)
        error_deg = np.rad2deg(sphere.angle_between(found, truth))
        return {
            "within_10_deg": float(np.mean(error_deg <= 10)),
            "median_error_deg": float(np.median(error_deg)),
        }


def measure(network: models.DoaCRNN, kind: str, n_test: int, **options) -> dict:
    """Return how well a network and the classical estimate find directions in unseen rooms, overall
    and by condition.

    Accuracies are per cent of scenes within 10 degrees, errors medians in degrees.
    """
    # takes seconds to import; only a card needs it
    from earwitness.evaluation.scenes import angular_error_deg, by_condition, summary

    corpus = corpora.load(
        "scenes", n_scenes=n_test, order=INPUTS[kind][0], split="test", seed=0, **options
    )
    found = {"network": [], "pseudo_intensity": []}
    for rows in np.array_split(np.arange(n_test), -(-n_test // 50)):
        mixtures = corpus.mixtures(rows)
        found["network"].append(models.locate(network, mixtures, kind))
        found["pseudo_intensity"].append(
            features.pseudo_intensity_direction(features.ambisonic_stft(mixtures))
        )
    truth, measured = corpus.unit_vectors(), {"n_scenes": n_test}
    conditions = {"snr_db": (0, 10, 20, 30), "t60_s": (0.2, 0.4, 0.6, 0.8)}
    kept = ["from", "to", "within_percent", "median_deg", "n"]
    for name, estimates in found.items():
        errors = angular_error_deg(np.concatenate(estimates), truth)
        measured[name] = {
            key: round(value, 2) for key, value in summary(errors).items() if key != "n"
        }
        for condition, edges in conditions.items():
            rows = by_condition(errors, corpus.table[condition], edges)
            rows = rows.rename(columns={"low": "from", "high": "to"}).round(1)
            measured[name][f"by_{condition}"] = rows[kept].to_dict("records")
    return measured
