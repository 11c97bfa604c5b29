"""What is trained: one protocol for every kind of network, and the kinds that are registered."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import corpora, models
from earwitness.errors import FoldError, ParameterError, check_choice
from earwitness.training.recipes import RECIPES, Recipe
from earwitness.training.trained import Trained

_EXPERIMENTS: dict[str, type["Experiment"]] = {}


def trains(model: str, recipes: Mapping):
    """Register the class below as the way to train a network, with its recipes: ``"fast"``, or
    ``("fast", task)``.
    """

    def note(experiment: type["Experiment"]) -> type["Experiment"]:
        _EXPERIMENTS[model], RECIPES[model] = experiment, dict(recipes)
        return experiment

    return note


def find(model: str) -> type["Experiment"]:
    """Return how a network is trained.

    Raises
    ------
    UnknownNameError
        If there is no network of that name, or none that is trained here.
    """
    models.names()  # packages of others register theirs
    return _EXPERIMENTS[check_choice(model, _EXPERIMENTS, "model that is trained here")]


class Experiment(ABC):
    """A network, what it learns from, and how one sees whether it has learnt.

    Parameters
    ----------
    corpus : Corpus
    specification : dict
        Everything that determines the outcome: what :func:`earwitness.training.fit` puts together.
    options : mapping
        Of the corpus, places of recordings included.

    Attributes
    ----------
    trained : type of Trained
        What is returned in the end.
    version : int
        Raised when a change to the examples changes what is learnt.
    task : str
        What is learnt unless the caller says otherwise; "" for the first that the corpus compares
        networks on.
    default_corpus : str
    variants : tuple of str
        Of the network; the first is the default.
    n_batches : int
        In a pass over the examples, after :meth:`prepare`.
    every : int
        Passes from one validation, and checkpoint, to the next; 0: so that there are six in all.
    """

    recipe_class: ClassVar[type[Recipe]] = Recipe
    trained: ClassVar[type[Trained]] = Trained
    version: ClassVar[int] = 1
    task: ClassVar[str] = ""
    default_corpus: ClassVar[str] = "voices"
    variants: ClassVar[tuple[str, ...]] = ("",)
    every: ClassVar[int] = 0
    n_batches: int

    def __init__(self, corpus: corpora.Corpus, specification: dict, options: Mapping):
        self.corpus, self.specification, self.options = corpus, specification, dict(options)
        self.model, self.seed = specification["model"], specification["seed"]
        self.recipe = self.recipe_class(**specification["recipe"])

    @classmethod
    def load(cls, corpus: str | corpora.Corpus, options: Mapping) -> corpora.Corpus:
        """Return the corpus that is learnt from."""
        if isinstance(corpus, corpora.Corpus):
            if options:
                raise ParameterError(
                    "corpus_options belong to a corpus by name; this one is loaded already."
                )
            return corpus
        return _load(corpus, tuple(sorted(options.items())))

    @classmethod
    def choose(cls, corpus: corpora.Corpus, task: str | None) -> str:
        """Return the task, or the default."""
        of_clips = [name for name in corpus.tasks if name in corpus.table]
        compared = [name for name, _ in corpus.compared if name in of_clips]
        return task or cls.task or next(iter(compared or of_clips), "")

    @classmethod
    def n_folds(cls, corpus: corpora.Corpus, task: str, protocol: str) -> int:
        """Return how many folds there are."""
        return 1

    @property
    def n_epochs(self) -> int:
        """Passes over the examples."""
        return max(1, round(self.recipe.iterations / self.n_batches))

    def check(self) -> None:
        """Raise if this cannot be learnt from this corpus; called before anything is computed.

        Raises
        ------
        ParameterError, FoldError
            For a task or a fold where there is one of either.
        """
        if self.specification["task"] != self.task:
            raise ParameterError(
                f"{self.model} learns the task {self.task}, not {self.specification['task']!r}."
            )
        if self.specification["fold"] != 0:
            raise FoldError(
                f"{self.corpus.name.capitalize()} have no folds: what {self.model} learns from, "
                "what validates it and what tests it are made apart."
            )

    def prepare(self) -> None:  # noqa: B027  optional
        """Make the examples; called only if the network is not cached."""

    @abstractmethod
    def network(self) -> nn.Module:
        """Return the untrained network."""

    def initialise(self, network: nn.Module) -> None:  # noqa: B027  optional
        """Set what of a network does not stay as torch draws it; torch's generator is seeded."""

    @abstractmethod
    def keys(self, epoch: int) -> Iterator[tuple]:
        """Yield what :meth:`draw` needs for each batch of a pass; it depends on seed and epoch
        alone.
        """

    @abstractmethod
    def draw(self, *key) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs and targets of a batch."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Return the number that training makes small."""

    @abstractmethod
    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return metrics on examples that are not learnt from, by name; the network is in
        evaluation mode.
        """

    def kept(self) -> dict[str, torch.Tensor]:
        """Return what is kept of the examples beside weights and history."""
        return {}

    def restore(self, model: nn.Module, history: pd.DataFrame, **kept: torch.Tensor) -> Trained:
        """Return the trained network with what is known of it."""
        known = {"specification": self.specification, "corpus": self.corpus}
        return self.trained(model=model, history=history, options=self.options, **known, **kept)

    def rng(self, *numbers: int) -> np.random.Generator:
        """Return a generator that depends on the seed and these numbers alone."""
        return np.random.default_rng([self.seed, *numbers])


@lru_cache(maxsize=4)
def _load(corpus: str, options: tuple) -> corpora.Corpus:
    return corpora.load(corpus, **dict(options))
