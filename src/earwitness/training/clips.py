"""Clips as examples: a second of sound each, for AlexNet and AudioNet."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch

from earwitness import corpora, features, models
from earwitness.errors import ParameterError, check_choice
from earwitness.training.recipes import Recipe
from earwitness.training.trained import Trained


@dataclass(kw_only=True)
class TrainedOnClips(Trained):
    """A network trained on clips.

    Attributes
    ----------
    mean : tensor
        Subtracted from the inputs: the training mean of each spectrogram point, or zero (1,) for waveforms.
    """

    mean: torch.Tensor

    def seconds(self, indices: Iterable[int]) -> np.ndarray:
        """Return the clips as seconds of sound (n, 8000) at 8 kHz, each always at the same place in its silence."""
        return seconds(self.corpus, indices)

    def inputs(self, indices: Iterable[int]) -> torch.Tensor:
        """Return what the network eats for clips of its corpus, (n, 1, 8000) or (n, 1, 227, 227)."""
        return self.prepare(self.seconds(indices))

    def prepare(self, seconds: np.ndarray) -> torch.Tensor:
        """Return what the network eats for any seconds of sound (n, 8000) at 8 kHz."""
        return represent(self.specification["model"], seconds) - self.mean

    def targets(self, indices: Iterable[int]) -> torch.Tensor:
        """Return the class index of clips of its corpus, (n,)."""
        return torch.tensor(self.corpus.targets(self.specification["task"])[np.asarray(indices)])


class ClipExamples:
    """A corpus as clips to learn from; an example is known by its row in the corpus' table."""

    recipe, trained = Recipe, TrainedOnClips
    specification: ClassVar[dict] = {}

    def __init__(self, corpus: corpora.Corpus, specification: dict, train: np.ndarray):
        self.corpus, self.model = corpus, specification["model"]
        self.targets = torch.tensor(corpus.targets(specification["task"]))
        self.mean = self._training_mean(train)

    @staticmethod
    def check(corpus: corpora.Corpus, task: str) -> None:
        """Raise ParameterError if the task has no label for a whole clip."""
        if task not in corpus.table:
            raise ParameterError(f"A {task} is shorter than a clip; AlexNet and AudioNet learn one label for each.")

    def _training_mean(self, rows: np.ndarray) -> torch.Tensor:
        if self.model == "AudioNet":  # the paper centres spectrograms only; silence stays zero in waveforms
            return torch.zeros(1)
        parts = np.array_split(rows, -(-len(rows) // 100))
        return sum(represent(self.model, seconds(self.corpus, part)).sum(0) for part in parts) / len(rows)

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Return the examples of some rows of the table."""
        return rows

    def draw(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and targets of examples, placed in their silence at random; without ``rng`` as always."""
        return represent(self.model, seconds(self.corpus, rows, rng)) - self.mean, self.targets[rows]

    def outcome(self, network: torch.nn.Module, n_classes: int, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Return what is kept of a trained network beside its weights."""
        inputs, targets = self.draw(rows)
        guessed = models.logits(network, inputs).argmax(1)
        return {"mean": self.mean, "confusion": confusion(targets, guessed, n_classes)}


def confusion(targets: torch.Tensor, guessed: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return how often each target (row) was guessed as each class (column), (n_classes, n_classes) int64."""
    return torch.bincount(targets * n_classes + guessed, minlength=n_classes**2).reshape(n_classes, -1)


def seconds(corpus: corpora.Corpus, indices: Iterable[int], rng: np.random.Generator | None = None) -> np.ndarray:
    """Return clips as seconds of sound (n, 8000) at 8 kHz.

    Without ``rng`` every clip always stands at the same place in its silence, drawn once from its name.
    """
    clips = _resampled(corpus)
    ids = corpus.table["id"]
    return np.stack([
        features.place(clips[i], rng or np.random.default_rng(zlib.crc32(ids.iloc[i].encode()))) for i in indices
    ])


def represent(model: str, seconds: np.ndarray) -> torch.Tensor:
    """Return seconds of sound (n, 8000) as the network of that name wants them, mean not yet subtracted."""
    return _REPRESENTATIONS[check_choice(model, _REPRESENTATIONS, "model")](seconds)


_REPRESENTATIONS = {
    "AlexNet": lambda seconds: features.log_spectrogram(seconds)[:, None],  # (n, 1, 227, 227)
    "AudioNet": lambda seconds: torch.from_numpy(features.waveform(seconds))[:, None],  # (n, 1, 8000)
}


@lru_cache(maxsize=4)
def _resampled(corpus: corpora.Corpus) -> list[np.ndarray]:
    return [features.loudest_second(features.resample(clip.samples, clip.sample_rate)) for clip in corpus]
