"""A trained network with what it was trained on."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import catalogue, corpora
from earwitness.errors import FoldError, ParameterError


@dataclass(kw_only=True)
class Trained:
    """A trained network with what it was trained on.

    Attributes
    ----------
    model : Module
        In evaluation mode, on the CPU.
    specification : dict
        Everything that determined it.
    history : DataFrame
        A row per pass over the examples: epoch, loss, and the metrics of the validation where it
        was made.
    corpus : Corpus
    options : dict
        Of the corpus, places of recordings included.
    """

    model: nn.Module
    specification: dict
    history: pd.DataFrame
    corpus: corpora.Corpus = field(repr=False)
    options: dict = field(default_factory=dict)

    @property
    def sample_rate(self) -> int:
        """Of the sound that its inputs are made from, in Hz."""
        return self.model.sample_rate

    def results(self) -> dict:
        """Return what :func:`summary` shows of it: the metrics of the last validation."""
        return self.history.drop(columns=["epoch", "loss"]).dropna().iloc[-1].to_dict()

    def test(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Return what a network predicts of the test part: what is kept of it, by attribute."""
        return {}

    def card(self, rounded: nn.Module) -> dict:
        """Return what a card says of it, measured on a copy with the rounded weights that are
        written.

        Raises
        ------
        ParameterError
            If its class does not say.
        """
        raise ParameterError(f"{type(self).__name__} has no card(): write what its card says.")

    def origin(self) -> dict:
        """Return what every card says of it."""
        keys = ("corpus", "corpus_options", "fingerprint", "task", "seed")
        known = catalogue.corpora().get(self.specification["corpus"], {})
        return {
            "network": self.specification["model"],
            "sample_rate_hz": self.sample_rate,
            **{key: self.specification[key] for key in keys},
            **({"devices": n} if (n := self.specification.get("devices")) else {}),
            "licence": known.get("licence", "that of the recordings"),
            "recipe": self.specification["recipe"],
        }


class OnFold:
    """What is learnt on a fold of a corpus."""

    corpus: corpora.Corpus
    specification: dict

    @property
    def classes(self) -> list:
        """The classes in the order of the outputs."""
        return self.corpus.classes(self.specification["task"])

    @cached_property
    def fold(self) -> corpora.Fold:
        """The fold that is learnt from, rows of the corpus' table.

        Raises
        ------
        FoldError
            If there is none of that number, or nothing in it to learn from or to test.
        """
        task, protocol, number = (self.specification[key] for key in ("task", "protocol", "fold"))
        folds = self.corpus.folds(task, protocol)
        if not 0 <= number < len(folds):
            raise FoldError(
                f"{self.corpus.name} has {len(folds)} folds for {task} by {protocol}, from 0; "
                f"there is no {number}."
            )
        return folds[number]


@dataclass(kw_only=True)
class TrainedClassifier(OnFold, Trained):
    """A network trained on a fold of a corpus.

    Attributes
    ----------
    confusion : ndarray, shape (n_classes, n_classes), int
        Test examples by true (row) and predicted (column) class.
    """

    confusion: np.ndarray = field(default=None)

    def __post_init__(self):
        self.confusion = None if self.confusion is None else np.asarray(self.confusion)

    @property
    def accuracy(self) -> float:
        """Share of test examples that are classified correctly: clips, or frames of utterances."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    def test_rows(self, n_clips: int = 0) -> np.ndarray:
        """Return the rows of the test part, or ``n_clips`` of them evenly spread over it; 0 takes
        all.
        """
        rows = self.fold.test
        if not 0 < n_clips < len(rows):
            return rows
        return rows[np.linspace(0, len(rows) - 1, n_clips).round().astype(int)]

    def results(self) -> dict:
        """Return the number of test examples and the accuracy on them in per cent."""
        return {"n_test": int(self.confusion.sum()), "accuracy_percent": 100 * self.accuracy}

    def measured(self) -> dict:
        """Return what a card says of how well it does on the test part.

        Raises
        ------
        ParameterError
            If its class does not say.
        """
        raise ParameterError(f"{type(self).__name__} has no measured(): write how well it does.")

    def card(self, rounded: nn.Module) -> dict:
        """Return what a card says of it, measured on the test part."""
        there = replace(self, model=rounded, **self.test(rounded))
        return self.origin() | {"measured": there.measured()}

    def origin(self) -> dict:
        """Return what every card says of it, and who was met in training and who was not."""
        table, fold = self.corpus.table, self.fold
        ids, speakers = table["id"].to_numpy(), table["speaker"].to_numpy()
        return super().origin() | {
            "classes": list(self.classes),
            "protocol": self.specification["protocol"],
            "fold": self.specification["fold"],
            "trained_on": sorted(set(ids[fold.train].tolist())),
            "validated_on": sorted(ids[fold.validation].tolist()),
            "held_out": sorted(ids[fold.test].tolist()),
            "held_out_speakers": sorted(
                set(speakers[fold.test].tolist()) - set(speakers[fold.train].tolist())
            ),
        }
