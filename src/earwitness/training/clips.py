"""Clips as examples: a second of sound each, for AlexNet and AudioNet."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from earwitness import corpora, features, models
from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_choice
from earwitness.training.classifiers import Classification, confusion
from earwitness.training.experiment import trains
from earwitness.training.recipes import Recipe
from earwitness.training.trained import TrainedClassifier


@dataclass(kw_only=True)
class TrainedOnClips(TrainedClassifier):
    """A network trained on clips.

    Attributes
    ----------
    mean : tensor
        Subtracted from the inputs: the training mean of each spectrogram point, or zero (1,) for
        waveforms.
    """

    mean: torch.Tensor

    def seconds(self, indices: Iterable[int]) -> np.ndarray:
        """Return the clips as seconds of sound (n, 8000) at 8 kHz, each always at the same place in
        its silence.
        """
        return seconds(self.corpus, indices)

    def inputs(self, indices: Iterable[int]) -> torch.Tensor:
        """Return the network's inputs for clips of its corpus, (n, 1, 8000) or (n, 1, 227, 227)."""
        return self.prepare(self.seconds(indices))

    def prepare(self, seconds: np.ndarray) -> torch.Tensor:
        """Return the network's inputs for any seconds of sound (n, 8000) at 8 kHz."""
        return represent(self.specification["model"], seconds) - self.mean

    def targets(self, indices: Iterable[int]) -> torch.Tensor:
        """Return the class index of clips of its corpus, (n,)."""
        return torch.tensor(self.corpus.targets(self.specification["task"])[np.asarray(indices)])

    def test(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Return how a network classifies the test part."""
        rows, inputs = self.fold.test, self.inputs(self.fold.test)
        guessed = models.logits(models.for_prediction(network, inputs), inputs).argmax(1)
        return {"confusion": confusion(self.targets(rows), guessed, len(self.classes))}

    def measured(self) -> dict:
        """Return what a card says of how well it does on the test part."""
        return {"accuracy_percent": round(100 * self.accuracy, 2), "n_clips": len(self.fold.test)}


def _paper(learning_rate: float, iterations: int, halve_every: int, gradient_clip: float) -> Recipe:
    return Recipe("sgd", learning_rate, iterations, "halve", halve_every, gradient_clip)


# Becker et al.'s "epochs" are iterations of their Caffe solvers: 50000 passes over 18,000 clips
# would be 9 million. Two classes need fewer: the paper stops AudioNet after a fifth (AlexNet runs
# on), ours after six tenths. Their arithmetic was float32; ours is bfloat16 where the processor has
# it, as in every recipe here, in half the time.
_ALEXNET = {
    "paper": _paper(1e-3, 10_000, 2_500, 5.0),
    "fast": Recipe("adamw", 5e-4, 200),
    "brief": Recipe("adamw", 5e-4, 100),
    "smoke": Recipe("adamw", 5e-4, 1),
    ("fast", "sex"): Recipe("adamw", 5e-4, 120),
}
_AUDIONET = {
    "paper": _paper(1e-4, 50_000, 10_000, 0.0),
    "fast": Recipe("adamw", 1e-3, 400),
    "brief": Recipe("adamw", 1e-3, 120),
    "smoke": Recipe("adamw", 1e-3, 1),
    ("paper", "sex"): _paper(1e-4, 10_000, 5_000, 0.0),
    ("fast", "sex"): Recipe("adamw", 1e-3, 240),
    ("brief", "sex"): Recipe("adamw", 1e-3, 40),
}


@trains("AlexNet", _ALEXNET)
@trains("AudioNet", _AUDIONET)
class Clips(Classification):
    """Clips, each a second at 8 kHz, set into its silence at random in training and always alike
    elsewhere.
    """

    trained = TrainedOnClips

    def check(self) -> None:
        """Raise if the fold is not there, or the task has no label for a whole clip.

        Raises
        ------
        FoldError, ParameterError
        """
        super().check()
        task = self.specification["task"]
        if task not in self.corpus.table:
            raise ParameterError(
                f"A {task} is shorter than a clip; {self.model} learns one label for each."
            )
        self.targets = torch.tensor(self.corpus.targets(task))
        rows = np.concatenate([self.fold.train, self.fold.validation, self.fold.test])
        unknown = rows[self.targets[rows] < 0]
        if len(unknown):
            raise ParameterError(
                f"{len(unknown)} clips of the fold have no {task} that is among the classes, the "
                f"first is {self.corpus.table['id'].iloc[unknown[0]]}."
            )

    def prepare(self) -> None:
        """Deal the clips out to batches, and take their mean."""
        super().prepare()
        self.mean = self._training_mean(self.fold.train)

    def _training_mean(self, rows: np.ndarray) -> torch.Tensor:
        if models.find(self.model).audio == "waveform":
            return torch.zeros(1)  # the paper centres spectrograms only; silence stays zero
        parts = np.array_split(rows, -(-len(rows) // 100))
        sums = (represent(self.model, seconds(self.corpus, part)).sum(0) for part in parts)
        return sum(sums) / len(rows)

    def initialise(self, network: nn.Module) -> None:
        """Draw AudioNet's weights as He et al. (2015) do.

        Without it its nine layers shrink the signal until nothing is learnt for many passes.
        """
        if isinstance(network, models.AudioNet):
            for layer in network.modules():
                if isinstance(layer, nn.Conv1d | nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                    nn.init.zeros_(layer.bias)

    def examples(self, numbers: np.ndarray, rng: np.random.Generator | None = None):
        """Return inputs and targets of clips, placed in their silence at random; without ``rng`` as
        always.
        """
        inputs = represent(self.model, seconds(self.corpus, numbers, rng)) - self.mean
        return inputs, self.targets[numbers]

    def kept(self) -> dict[str, torch.Tensor]:
        """Return the mean."""
        return {"mean": self.mean}


@checked
def seconds(
    corpus: corpora.Corpus, indices: Iterable[int], rng: np.random.Generator | None = None
) -> np.ndarray:
    """Return clips as seconds of sound (n, 8000) at 8 kHz.

    Without ``rng`` every clip always stands at the same place in its silence, drawn once from its
    name.
    """
    indices = np.asarray(list(indices))
    if indices.ndim != 1 or not len(indices) or indices.dtype.kind not in "iu":
        raise ParameterError("Seconds are taken of one clip or more, by their places in a corpus.")
    clips, ids = resampled(corpus), corpus.table["id"]

    def always(i: int) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(ids.iloc[i].encode()))

    return np.stack([features.pad_to_length(clips[i], rng or always(i)) for i in indices])


@checked
def represent(model: str, seconds: np.ndarray) -> torch.Tensor:
    """Return seconds of sound (n, 8000) as the network of that name wants them, mean not yet
    subtracted.
    """
    network = models.find(model)
    if own := getattr(network, "represent", None):
        return own(seconds)[:, None]
    audio = network.audio
    check_choice(audio, _REPRESENTATIONS, "input of networks trained on clips")
    return _REPRESENTATIONS[audio](seconds)[:, None]  # (n, 1, 227, 227) or (n, 1, 8000)


_REPRESENTATIONS = {
    "spectrogram": features.log_spectrogram,
    "waveform": lambda seconds: torch.from_numpy(features.waveform(seconds)),
}


@lru_cache(maxsize=4)
def resampled(corpus: corpora.Corpus) -> list[np.ndarray]:
    """Return the clips of a corpus at 8 kHz, of longer ones the loudest second."""
    return [
        features.loudest_second(features.resample(clip.samples, clip.sample_rate))
        for clip in corpus
    ]
