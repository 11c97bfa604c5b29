"""Fit a network to a fold of a corpus (Lightning), once: the result is cached under everything that determines it."""

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import cache, corpora, features, models, runtime
from earwitness.errors import EarwitnessError, FoldError, choose
from earwitness.models import layout

# Raise when a change here or in features/ and models/ changes what is learnt: it retires every cached network.
VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """How to train: batches of 100, ``iterations`` of them (rounded to whole passes over the fold).

    ``schedule``: ``"halve"`` (learning rate times 0.5 every ``halve_every`` iterations) or ``"one-cycle"``.
    ``gradient_clip``: largest Euclidean norm of the gradient, 0 for none.
    """

    optimiser: str
    learning_rate: float
    iterations: int
    schedule: str = "one-cycle"
    halve_every: int = 0
    gradient_clip: float = 5.0
    batch_size: int = 100
    mixed_precision: bool = True


def _paper(learning_rate: float, iterations: int, halve_every: int, gradient_clip: float) -> Recipe:
    return Recipe("sgd", learning_rate, iterations, "halve", halve_every, gradient_clip, mixed_precision=False)


# The paper's "epochs" are iterations of the authors' Caffe solvers: 50000 passes over 18,000 clips would be 9 million.
RECIPES: dict[str, dict[str, Recipe]] = {
    "paper": {"AlexNet": _paper(1e-3, 10_000, 2_500, 5.0), "AudioNet": _paper(1e-4, 50_000, 10_000, 0.0)},
    "fast": {"AlexNet": Recipe("adamw", 5e-4, 200), "AudioNet": Recipe("adamw", 1e-3, 400)},
    "brief": {"AlexNet": Recipe("adamw", 5e-4, 100), "AudioNet": Recipe("adamw", 1e-3, 120)},
    "smoke": {"AlexNet": Recipe("adamw", 5e-4, 2), "AudioNet": Recipe("adamw", 1e-3, 2)},
}
# Two classes need fewer: the paper stops AudioNet after a fifth (AlexNet runs on), ours after six tenths.
_SEX = {
    "paper": {"AudioNet": _paper(1e-4, 10_000, 5_000, 0.0)},
    "fast": {"AlexNet": Recipe("adamw", 5e-4, 120), "AudioNet": Recipe("adamw", 1e-3, 240)},
}


def recipe_for(recipe: str, model: str, task: str) -> Recipe:
    """Return the recipe of that name for a network and task.

    Notes
    -----
    ``"paper"``: Becker et al. (2018), section 2.2: SGD with momentum 0.9. The others are ours: AdamW with a one-cycle
    schedule (Smith and Topin 2019) reaches its accuracy in a hundredth of the iterations.
    """
    plans = RECIPES[choose(recipe, RECIPES, "recipe")] | (_SEX.get(recipe, {}) if task == "sex" else {})
    return plans[choose(model, plans, "model")]


class Task(NamedTuple):
    """What is learnt on what, and how speakers are kept apart."""

    corpus: str
    task: str
    protocol: str = "speaker"

    @property
    def family(self) -> str:
        """``"sex"``, or ``"digits"`` for the task of many classes: ten digits, or twelve words on ``aev``."""
        return "sex" if self.task == "sex" else "digits"

    def __str__(self) -> str:
        unseen = {"speaker": "unseen speakers", "repetition": "unseen repetitions"}[self.protocol]
        return f"{self.task} ({self.corpus}, {unseen})"


def tasks(corpus: str) -> list[Task]:
    """Return the tasks that the chapter audiomnist trains on a corpus, or on several joined by ``+``.

    The many-class task comes first. ``fsdd`` has one sex and two protocols; its six speakers are too few to generalise
    to a seventh, so the split by repetition comes first there.
    """
    return [task for name in corpus.split("+") for task in _TASKS[choose(name, _TASKS, "corpus with tasks")]]


_TASKS = {name: [Task(name, many), Task(name, "sex")] for name, many in
          {"audiomnist": "digit", "voices": "digit", "aev": "word"}.items()}
_TASKS["fsdd"] = [Task("fsdd", "digit", "repetition"), Task("fsdd", "digit", "speaker")]


@dataclass
class Trained:
    """A trained network with what it was trained on.

    Attributes
    ----------
    model : Module
        In evaluation mode, on the CPU.
    specification : dict
        Everything that determined it.
    mean : tensor
        Subtracted from the inputs: the training mean of each spectrogram point, or zero (1,) for waveforms.
    confusion : ndarray, shape (n_classes, n_classes), int
        Test clips by true (row) and predicted (column) class.
    history : DataFrame
        A row per pass over the training part: epoch, loss, and validation accuracy where it was measured.
    """

    model: nn.Module
    specification: dict
    mean: torch.Tensor
    confusion: np.ndarray
    history: pd.DataFrame
    corpus: corpora.Corpus = field(repr=False)

    @property
    def classes(self) -> list:
        """The classes in the order of the outputs."""
        return self.corpus.classes(self.specification["task"])

    @property
    def accuracy(self) -> float:
        """Share of test clips that are classified correctly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @cached_property
    def fold(self) -> corpora.Fold:
        """The fold it was trained on."""
        return _fold(self.corpus, *(self.specification[key] for key in ("task", "protocol", "fold")))

    def test_rows(self, n_clips: int = 0) -> np.ndarray:
        """Return the rows of the test part, or ``n_clips`` of them evenly spread over it; 0 takes all."""
        rows = self.fold.test
        if not 0 < n_clips < len(rows):
            return rows
        return rows[np.linspace(0, len(rows) - 1, n_clips).round().astype(int)]

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
        Of initial weights, order, positions in the silence and dropout.
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
    EarwitnessError
        If the loss stops being a number.
    """
    plan = recipe_for(recipe, model, task)
    data = _load(corpus, tuple(sorted((corpus_options or {}).items())))
    _fold(data, task, protocol, fold)
    specification = {
        "version": VERSION, "model": model, "corpus": corpus, "corpus_options": dict(corpus_options or {}),
        "fingerprint": data.fingerprint(), "task": task, "protocol": protocol, "fold": fold,
        "recipe": asdict(plan), "seed": seed,
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
    """Return a row per network: model, corpus, task, protocol, fold, n_test, accuracy_percent."""
    keys = ("model", "corpus", "task", "protocol", "fold")
    return pd.DataFrame([
        {key: t.specification[key] for key in keys}
        | {"n_test": int(t.confusion.sum()), "accuracy_percent": 100 * t.accuracy}
        for t in trained
    ])


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
    return _REPRESENTATIONS[choose(model, _REPRESENTATIONS, "model")](seconds)


_REPRESENTATIONS = {
    "AlexNet": lambda seconds: features.log_spectrogram(seconds)[:, None],  # (n, 1, 227, 227)
    "AudioNet": lambda seconds: torch.from_numpy(features.waveform(seconds))[:, None],  # (n, 1, 8000)
}


@lru_cache(maxsize=4)
def _load(corpus: str, options: tuple) -> corpora.Corpus:
    return corpora.load(corpus, **dict(options))


@lru_cache(maxsize=4)
def _resampled(corpus: corpora.Corpus) -> list[np.ndarray]:
    return [features.loudest_second(features.resample(clip.samples, clip.sample_rate)) for clip in corpus]


def _fold(corpus: corpora.Corpus, task: str, protocol: str, number: int) -> corpora.Fold:
    folds = corpus.folds(task, protocol)
    if not 0 <= number < len(folds):
        raise FoldError(f"{corpus.name} has {len(folds)} folds for {task} by {protocol}, from 0; there is no {number}.")
    return folds[number]


class _Batches(torch.utils.data.Dataset):
    """Batches of a fold's training part; a batch is asked for by its epoch and rows, and drawn from those alone."""

    def __init__(self, corpus, specification, mean):
        self.corpus, self.specification, self.mean = corpus, specification, mean
        self.targets = torch.tensor(corpus.targets(specification["task"]))

    def __getitem__(self, key: tuple[int, np.ndarray]):
        epoch, rows = key
        rng = np.random.default_rng([self.specification["seed"], epoch, int(rows[0])])
        placed = seconds(self.corpus, rows, rng)
        return represent(self.specification["model"], placed) - self.mean, self.targets[rows]


class _Order(torch.utils.data.Sampler):
    """The rows of each batch; the order depends on seed and epoch alone, so that a resumed run repeats it."""

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int):
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        shuffled = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        return ((self.epoch, part) for part in np.array_split(shuffled, len(self)))


def _train(corpus, specification: dict, device: str, show: bool, path: Path) -> None:
    """Train and write weights, mean, confusion and history to ``path``."""
    from earwitness.lightning_module import train  # Lightning takes seconds to import; only training needs it

    runtime.tune()
    runtime.seed(specification["seed"])
    recipe = Recipe(**specification["recipe"])
    fold = _fold(corpus, *(specification[key] for key in ("task", "protocol", "fold")))
    name = specification["model"]
    network = models.create(name, len(corpus.classes(specification["task"])))
    _initialise(network)
    mean = _training_mean(corpus, name, fold.train)
    order = _Order(fold.train, recipe.batch_size, specification["seed"])
    loader = torch.utils.data.DataLoader(_Batches(corpus, specification, mean), batch_size=None, sampler=order)
    trained = Trained(network, specification, mean, np.zeros((1, 1), int), pd.DataFrame(), corpus)
    validation = torch.utils.data.TensorDataset(trained.inputs(fold.validation), trained.targets(fold.validation))
    folder = cache.directory("unfinished") / cache.digest(specification)
    history = train(
        layout.channels_last(network), loader, torch.utils.data.DataLoader(validation, recipe.batch_size),
        recipe, specification["seed"], runtime.device(device), show, folder, len(loader),
    )
    state, rows = history
    if not all(np.isfinite(row["loss"]) for row in rows):
        raise EarwitnessError(f"Training {name} diverged: the loss is no number. Lower the recipe's learning rate.")
    network.load_state_dict(layout.restored(state, network))
    confusion = _confusion(trained, fold.test)
    torch.save({"state": network.state_dict(), "mean": mean, "confusion": confusion, "history": rows}, path)
    shutil.rmtree(folder, ignore_errors=True)


def _initialise(network: nn.Module) -> None:
    # He et al. (2015): without it AudioNet's nine layers shrink the signal until nothing is learnt for many passes
    if isinstance(network, models.AudioNet):
        for layer in network.modules():
            if isinstance(layer, nn.Conv1d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)


def _training_mean(corpus, model: str, rows: np.ndarray) -> torch.Tensor:
    if model == "AudioNet":  # the paper subtracts means from spectrograms only; silence stays zero in waveforms
        return torch.zeros(1)
    parts = np.array_split(rows, -(-len(rows) // 100))
    return sum(represent(model, seconds(corpus, part)).sum(0) for part in parts) / len(rows)


def _confusion(trained: Trained, rows: np.ndarray) -> torch.Tensor:
    n_classes = len(trained.classes)
    guessed = models.logits(trained.model, trained.inputs(rows)).argmax(1)
    return torch.bincount(trained.targets(rows) * n_classes + guessed, minlength=n_classes**2).reshape(n_classes, -1)


def _restore(path: Path, specification: dict, corpus: corpora.Corpus) -> Trained:
    stored = torch.load(path, weights_only=True)
    network = models.create(specification["model"], len(corpus.classes(specification["task"])))
    network.load_state_dict(stored["state"])
    history = pd.DataFrame(stored["history"])
    return Trained(network.eval(), specification, stored["mean"], stored["confusion"].numpy(), history, corpus)
