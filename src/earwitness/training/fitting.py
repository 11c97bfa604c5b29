"""Fit networks to corpora, once: the result is cached under everything that determines it."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from earwitness import cache, corpora, runtime
from earwitness.arguments import checked
from earwitness.errors import check_choice
from earwitness.training.experiment import Experiment, find
from earwitness.training.processes import Processes, checked_processes
from earwitness.training.recipes import recipe_for
from earwitness.training.tasks import Task
from earwitness.training.trained import Trained

# Raise when a change here or in features/ and models/ changes what is learnt: it retires every
# cached network.
VERSION = 2
# Of torch in every training, whatever the machine has: on another number sums round otherwise and
# weights differ. One, because trainings run beside each other: two that share two cores wait for
# each other's halves at every operation, and take five times as long.
N_THREADS = 1
_PLACES = ("root", "source_root")  # where recordings lie; what they are is in the fingerprint


@checked
def fit(
    model: str,
    corpus: str | corpora.Corpus,
    task: str | None = None,
    fold: int = 0,
    protocol: str = "speaker",
    recipe: str = "fast",
    seed: int = 0,
    device: str = "auto",
    progress: bool | None = None,
    corpus_options: Mapping | None = None,
    variant: str = "",
    devices: int = 1,
    strategy: str = "auto",
) -> Trained:
    """Return a network trained on one fold: from the cache, or trained now, resuming where a killed
    run stopped.

    Parameters
    ----------
    model, protocol, recipe : str
        Names: see ``models.names()``, ``Corpus.folds`` and ``RECIPES[model]``.
    corpus : str or Corpus
        What ``corpora.load`` knows, or a corpus.
    task : str, optional
        Default: what this network is for, else the first that the corpus compares networks on.
    fold : int
        Number of the fold, from 0.
    seed : int
        Of initial weights, order, dropout, and what each pass draws anew: positions in the silence,
        jitter, scenes.
    device : str
        ``"auto"`` takes a GPU where there is one.
    progress : bool, optional
        Show a progress bar. Default: unless the book is being built.
    corpus_options : mapping, optional
        Passed to ``corpora.load``.
    variant : str
        Of the network, where there are several: ``"intensity"`` or ``"order2"`` of DoaCRNN.
    devices : int
        GPUs, or processes on the processor, that share each batch.
    strategy : str
        How Lightning starts them: ``"auto"``, ``"ddp_spawn"``, ``"ddp_fork"``, ``"ddp_notebook"``.

    Raises
    ------
    UnknownNameError, FoldError, MissingDataError
        For names and folds that do not exist and corpora that are not here.
    ParameterError
        If the corpus does not say what the network learns from: the phones of its utterances, one
        label for a clip; for a device that is not there and a seed out of range.
    EarwitnessError
        If the loss stops being a number.

    Notes
    -----
    Torch computes on one thread during training, however many the machine has: on another number it
    adds up in another order, and the weights differ. Several trainings at once use several cores
    (``--workers``). A GPU, or a processor that multiplies in
    bfloat16, gives other weights as well; a network in the cache is taken from whatever made it.
    Several devices give the weights of one up to rounding, where the network has neither batch norm
    nor dropout; their number is part of what a network is kept under.
    """
    kind, where, seed = find(model), runtime.device(device), runtime.check_seed(seed)
    variant = check_choice(variant or kind.variants[0], kind.variants, f"variant of {model}")
    processes = checked_processes(devices, strategy, where, recipe_for(recipe, model).batch_size)
    options = dict(corpus_options or {})
    data = kind.load(corpus, options)
    task = kind.choose(data, task)
    specification = {
        "version": [VERSION, kind.version],
        "model": model,
        "variant": variant,
        "corpus": data.name,
        "corpus_options": {name: value for name, value in options.items() if name not in _PLACES},
        "fingerprint": data.fingerprint(),
        "task": task,
        "protocol": protocol,
        "fold": fold,
        "recipe": asdict(recipe_for(recipe, model, task)),
        "seed": seed,
        "threads": N_THREADS,
        **({"devices": devices} if devices > 1 else {}),
    }
    experiment = kind(data, specification, options)
    experiment.check()
    show = not os.environ.get("EARWITNESS_PROFILE") if progress is None else progress
    path = cache.stored(
        "models",
        specification,
        ".pt",
        lambda path: _train(experiment, where, show, path, processes),
    )
    return _restore(experiment, path)


@checked
def cross_validate(
    model: str, task: Task, n_folds: int = 0, voices: Mapping | None = None, **options
) -> list[Trained]:
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
    chosen |= options.pop("corpus_options", None) or {}
    kind = find(model)
    data = kind.load(task.corpus, chosen)
    what = kind.choose(data, task.task)
    available = kind.n_folds(data, what, task.protocol)
    return [
        fit(
            model, task.corpus, what, fold, protocol=task.protocol, corpus_options=chosen, **options
        )
        for fold in range(min(n_folds or available, available))
    ]


@checked
def summary(trained: Iterable[Trained]) -> pd.DataFrame:
    """Return a row per network: model, corpus, task, protocol, fold, and how well it does on what
    was held out.

    For networks trained on frames ``n_test`` counts frames; who learnt speakers has
    ``utterance_accuracy_percent``.
    """
    keys = ("model", "corpus", "task", "protocol", "fold")
    return pd.DataFrame(
        [{key: t.specification[key] for key in keys} | t.results() for t in trained]
    )


def untrained(trained: Trained, seed: int = 0) -> nn.Module:
    """Return what a network was before it was trained: its weights drawn as training draws them.

    The control of whatever is said of a trained network. ``evaluation.randomised`` draws as torch
    does, which for some networks is not where their training starts.

    Parameters
    ----------
    trained : Trained
    seed : int
        Of the draw; another than that of ``trained`` gives another network.
    """
    specification = {**trained.specification, "seed": runtime.check_seed(seed)}
    experiment = find(specification["model"])(trained.corpus, specification, {})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = experiment.network()
        experiment.initialise(network)
    return network.eval()


def _train(
    experiment: Experiment, device: torch.device, show: bool, path: Path, processes: Processes
) -> None:
    """Train and write weights, history and what else is kept to ``path``."""
    # Lightning takes seconds to import; only training needs it
    from earwitness.training import checkpoints, loop

    runtime.tune()
    unfinished = cache.directory("unfinished")
    checkpoints.remove_stale(unfinished)
    folder = unfinished / cache.digest(experiment.specification)
    with runtime.torch_threads(N_THREADS):
        experiment.prepare()
        runtime.seed(experiment.seed)
        network = experiment.network()
        experiment.initialise(network)
        history = loop.train(experiment, network, device, show, folder, processes)
        kept = experiment.kept()
        kept |= experiment.restore(network.eval(), pd.DataFrame(history), **kept).test(network)
    torch.save({"state": network.state_dict(), "history": history, **kept}, path)
    shutil.rmtree(folder, ignore_errors=True)


def _restore(experiment: Experiment, path: Path) -> Trained:
    stored = torch.load(path, weights_only=True)
    network = experiment.network()
    network.load_state_dict(stored.pop("state"))
    return experiment.restore(network.eval(), pd.DataFrame(stored.pop("history")), **stored)
