"""A trained network with what it was trained on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from torch import nn

from earwitness import corpora
from earwitness.errors import FoldError


@dataclass(kw_only=True)
class Trained:
    """A trained network with what it was trained on.

    Attributes
    ----------
    model : Module
        In evaluation mode, on the CPU.
    specification : dict
        Everything that determined it.
    confusion : ndarray, shape (n_classes, n_classes), int
        Test examples by true (row) and predicted (column) class.
    history : DataFrame
        A row per pass over the training part: epoch, loss, and validation accuracy where it was measured.
    """

    model: nn.Module
    specification: dict
    confusion: np.ndarray
    history: pd.DataFrame
    corpus: corpora.Corpus = field(repr=False)

    @property
    def classes(self) -> list:
        """The classes in the order of the outputs."""
        return self.corpus.classes(self.specification["task"])

    @property
    def accuracy(self) -> float:
        """Share of test examples that are classified correctly: clips, or frames of utterances."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @cached_property
    def fold(self) -> corpora.Fold:
        """The fold it was trained on, rows of the corpus' table."""
        return find_fold(self.corpus, *(self.specification[key] for key in ("task", "protocol", "fold")))

    def test_rows(self, n_clips: int = 0) -> np.ndarray:
        """Return the rows of the test part, or ``n_clips`` of them evenly spread over it; 0 takes all."""
        rows = self.fold.test
        if not 0 < n_clips < len(rows):
            return rows
        return rows[np.linspace(0, len(rows) - 1, n_clips).round().astype(int)]

    def more(self) -> dict:
        """Return what :func:`summary` shows beside the accuracy."""
        return {}


def find_fold(corpus: corpora.Corpus, task: str, protocol: str, number: int) -> corpora.Fold:
    """Return a fold by its number.

    Raises
    ------
    FoldError
        If there is none of that number.
    """
    folds = corpus.folds(task, protocol)
    if not 0 <= number < len(folds):
        raise FoldError(f"{corpus.name} has {len(folds)} folds for {task} by {protocol}, from 0; there is no {number}.")
    return folds[number]
