"""Fit networks to folds, and keep them."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import cache, corpora, models, runtime
from earwitness.errors import EarwitnessError
from earwitness.models import layout
from earwitness.training.clips import ClipExamples
from earwitness.training.frames import FrameExamples
from earwitness.training.recipes import recipe_for
from earwitness.training.tasks import Task
from earwitness.training.trained import Trained, find_fold

# Raise when a change here or in features/ and models/ changes what is learnt: it retires every cached network.
VERSION = 1

_EXAMPLES = {"AlexNet": ClipExamples, "AudioNet": ClipExamples, "PhoneCNN": FrameExamples, "SpeakerCNN": FrameExamples}


def fit(
    model: str,
    corpus: str,
    task: str,
    fold: int = 0,
    protocol: str = "speaker",
    recipe: str = "fast",
    seed: int = 0,
    device: str = "auto",
    progress: bool | None = None,
    corpus_options: Mapping | None = None,
) -> Trained:
    """Return a network trained on one fold: from the cache, or trained now, going on where a killed run stopped.

    Parameters
    ----------
    model, corpus, task, protocol, recipe : str
        Names: see ``models.names()``, ``corpora.names()``, ``Corpus.folds`` and ``RECIPES``.
    fold : int
        Number of the fold, from 0.
    seed : int
        Of initial weights, order, dropout, and what each pass draws anew: positions in the silence, jitter.
    device : str
        ``"auto"`` takes a GPU where there is one.
    progress : bool, optional
        Show a progress bar. Default: unless the book is being built.
    corpus_options : mapping, optional
        Passed to ``corpora.load``.

    Raises
    ------
    UnknownNameError, FoldError, MissingDataError
        For names and folds that do not exist and corpora that are not here.
    ParameterError
        If the corpus does not say what the network learns from: the phones of its utterances, one label for a clip.
    EarwitnessError
        If the loss stops being a number.
    """
    plan = recipe_for(recipe, model, task)
    data = _load(corpus, tuple(sorted((corpus_options or {}).items())))
    find_fold(data, task, protocol, fold)
    _EXAMPLES[model].check(data, task)
    specification = {
        "version": VERSION, "model": model, "corpus": corpus, "corpus_options": dict(corpus_options or {}),
        "fingerprint": data.fingerprint(), "task": task, "protocol": protocol, "fold": fold,
        "recipe": asdict(plan), "seed": seed, **_EXAMPLES[model].specification,
    }
    show = not os.environ.get("EARWITNESS_PROFILE") if progress is None else progress
    path = cache.stored("models", specification, ".pt", lambda path: _train(data, specification, device, show, path))
    return _restore(path, specification, data)


def cross_validate(model: str, task: Task, n_folds: int = 0, voices: Mapping | None = None, **options) -> list[Trained]:
    """Return a network for each of the first ``n_folds`` folds of a task; 0 takes all folds.

    Parameters
    ----------
    model : str
    task : Task
    n_folds : int
    voices : mapping, optional
        Options for ``corpora.load`` that hold for the generated corpus ``voices`` only.
    **options
        As for :func:`fit`.
    """
    chosen = dict(voices or {}) if task.corpus == "voices" else {}
    available = len(_load(task.corpus, tuple(sorted(chosen.items()))).folds(task.task, task.protocol))
    return [
        fit(model, task.corpus, task.task, fold, protocol=task.protocol, corpus_options=chosen, **options)
        for fold in range(min(n_folds or available, available))
    ]


def summary(trained: Iterable[Trained]) -> pd.DataFrame:
    """Return a row per network: model, corpus, task, protocol, fold, n_test, accuracy_percent.

    For networks trained on frames ``n_test`` counts frames; who learnt speakers has ``utterance_accuracy_percent``.
    """
    keys = ("model", "corpus", "task", "protocol", "fold")
    return pd.DataFrame([
        {key: t.specification[key] for key in keys}
        | {"n_test": int(t.confusion.sum()), "accuracy_percent": 100 * t.accuracy} | t.more()
        for t in trained
    ])


@lru_cache(maxsize=4)
def _load(corpus: str, options: tuple) -> corpora.Corpus:
    return corpora.load(corpus, **dict(options))


def _keys(rows: np.ndarray, batch_size: int, seed: int, longest: int | None):
    """Return how many batches a pass has, and a function of the epoch that yields the epoch and the rows of each."""
    n_parts = -(-len(rows) // batch_size)
    n_batches = min(n_parts, longest or len(rows))

    def keys(epoch: int) -> Iterator[tuple[int, np.ndarray]]:
        shuffled = np.random.default_rng([seed, epoch]).permutation(rows)
        return ((epoch, part) for part in np.array_split(shuffled, n_parts)[:n_batches])

    return n_batches, keys


def _train(corpus, specification: dict, device: str, show: bool, path: Path) -> None:
    """Train and write weights, history and what the examples add to ``path``."""
    from earwitness.training import (
        loop,  # Lightning takes seconds to import; only training needs it
    )

    runtime.tune()
    runtime.seed(specification["seed"])
    fold = find_fold(corpus, *(specification[key] for key in ("task", "protocol", "fold")))
    name, n_classes = specification["model"], len(corpus.classes(specification["task"]))
    network = models.create(name, n_classes)
    _initialise(network)
    examples = _EXAMPLES[name](corpus, specification, fold.train)
    recipe = examples.recipe(**specification["recipe"])
    n_batches, keys = _keys(examples.within(fold.train), recipe.batch_size, specification["seed"], recipe.longest_pass)
    n_epochs = max(1, round(recipe.iterations / n_batches))

    def draw(epoch: int, rows: np.ndarray):
        """Draw a batch from its pass and rows alone; pass -1: not at random."""
        rng = None if epoch < 0 else np.random.default_rng([specification["seed"], epoch, int(rows[0])])
        return examples.draw(rows, rng)

    kept = examples.within(fold.validation)
    parts = [(-1, kept[start : start + recipe.batch_size]) for start in range(0, len(kept), recipe.batch_size)]
    validation = loop.batches(draw, lambda epoch: parts, len(parts)) if parts else None
    folder = cache.directory("unfinished") / cache.digest(specification)
    learner = loop.Classifier(_form(network, recipe), recipe, specification["seed"], n_batches, n_epochs)
    state, history = loop.train(learner, loop.batches(draw, keys, n_batches),
                                            runtime.device(device), show, folder, validation)
    if not all(np.isfinite(row["loss"]) for row in history):
        raise EarwitnessError(f"Training {name} diverged: the loss is no number. Lower the recipe's learning rate.")
    network.load_state_dict(layout.restored(state, network))
    outcome = examples.outcome(network, n_classes, fold.test)
    torch.save({"state": network.state_dict(), "history": history, **outcome}, path)
    shutil.rmtree(folder, ignore_errors=True)


def _initialise(network: nn.Module) -> None:
    # He et al. (2015): without it AudioNet's nine layers shrink the signal until nothing is learnt for many passes
    if isinstance(network, models.AudioNet):
        for layer in network.modules():
            if isinstance(layer, nn.Conv1d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)


def _form(network: nn.Module, recipe) -> nn.Module:
    """Return the network in its fastest layout, with what only training adds to it."""
    form = layout.channels_last(network)
    if recipe.dropout:
        for layer in form.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_pre_hook(
                    lambda layer, inputs: nn.functional.dropout(inputs[0], recipe.dropout, layer.training))
    return form


def _restore(path: Path, specification: dict, corpus: corpora.Corpus) -> Trained:
    stored = torch.load(path, weights_only=True)
    network = models.create(specification["model"], len(corpus.classes(specification["task"])))
    network.load_state_dict(stored.pop("state"))
    history, confusion = pd.DataFrame(stored.pop("history")), stored.pop("confusion").numpy()
    return _EXAMPLES[specification["model"]].trained(
        model=network.eval(), specification=specification, confusion=confusion, history=history, corpus=corpus, **stored
    )
