"""What networks that tell classes apart have in common: folds, cross-entropy, accuracy."""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from earwitness import corpora, models, runtime
from earwitness.models.inference import device_of
from earwitness.training.experiment import Experiment
from earwitness.training.trained import OnFold


class Classification(OnFold, Experiment):
    """A classifier and a fold of a corpus; an example is known by a number, its row in the table or
    of its frame.
    """

    @classmethod
    def n_folds(cls, corpus: corpora.Corpus, task: str, protocol: str) -> int:
        """Return how many folds the corpus has."""
        return len(corpus.folds(task, protocol))

    def check(self) -> None:
        """Raise FoldError if there is no such fold, or nothing in it to learn from or to test."""
        self.fold  # noqa: B018  a property that raises

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Return the numbers of the examples in some rows of the table."""
        return rows

    @abstractmethod
    def examples(self, numbers: np.ndarray, rng: np.random.Generator | None = None):
        """Return inputs and targets of examples, with what ``rng`` draws anew at each pass, or as
        always.
        """

    def prepare(self) -> None:
        """Deal the examples out to batches."""
        self.rows = self.within(self.fold.train)
        self.n_batches = self.n_parts = -(-len(self.rows) // self.recipe.batch_size)

    def network(self) -> nn.Module:
        """Return the untrained network."""
        return models.create(self.model, len(self.classes))

    def keys(self, epoch: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the pass and the numbers of each batch."""
        shuffled = self.rng(epoch).permutation(self.rows)
        return ((epoch, part) for part in np.array_split(shuffled, self.n_parts)[: self.n_batches])

    def draw(self, epoch: int, numbers: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and targets of a batch."""
        return self.examples(numbers, self.rng(epoch, int(numbers[0])))

    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the cross-entropy."""
        return nn.functional.cross_entropy(network(batch[0]), batch[1])

    @torch.inference_mode()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the accuracy on the validation part, computed as training computes; nothing if the
        part is empty.
        """
        numbers, device = self.within(self.fold.validation), device_of(network)
        right = []
        with runtime.autocast(device, "auto" if self.recipe.mixed_precision else False):
            for start in range(0, len(numbers), self.recipe.batch_size):
                inputs, targets = self.examples(numbers[start : start + self.recipe.batch_size])
                right.append(network(inputs.to(device)).argmax(1).cpu() == targets)
        return {"validation_accuracy": float(torch.cat(right).float().mean())} if right else {}


def confusion(targets: torch.Tensor, guessed: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Return how often each target (row) was guessed as each class (column), (n_classes, n_classes)
    int64.
    """
    return torch.bincount(targets * n_classes + guessed, minlength=n_classes**2).reshape(
        n_classes, -1
    )
