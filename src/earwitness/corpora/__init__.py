"""Where sound comes from: one module per corpus, all with the same table, clips and folds.

A corpus is added by writing its class, with a ``name``: that registers it. Those of other packages
join through the entry points ``earwitness.corpora``, each the name of a module or class.
"""

import inspect
import pkgutil
from functools import cache as once
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from earwitness.arguments import checked
from earwitness.corpora.base import REGISTERED, Clip, Corpus, Fold
from earwitness.errors import MissingDataError, ParameterError, UnknownNameError, check_choice


@checked
def names(task: str | None = None, audio_type: str | None = None) -> list[str]:
    """Return the names of registered corpora, sorted; only those with a task or type of audio."""
    return sorted(
        name
        for name, corpus in registered().items()
        if (task is None or task in corpus.tasks) and audio_type in (None, corpus.audio_type)
    )


def registered() -> dict[str, type[Corpus]]:
    """Return the classes of all corpora by name: label, audio type, tasks and rate are theirs."""
    _import_all()
    return REGISTERED


@once
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        import_module(module.name)
    for entry in entry_points(group="earwitness.corpora"):
        entry.load()


def load(name: str | Path, root: str | Path | None = None, **options) -> Corpus:
    """Return a corpus.

    Parameters
    ----------
    name : str or path
        One of :func:`names`; a class as ``"module:Class"``; or a folder of sound files, whose
        classes are named by their folders, a table or their names: see
        :class:`earwitness.corpora.folder.FolderCorpus`.
    root : path, optional
        Folder of that corpus. Default: ``EARWITNESS_DATA/<name>``, then the user's cache.
    **options
        What the corpus itself takes: number of speakers, repetitions, ``channel``, ...

    Raises
    ------
    UnknownNameError
        If there is no corpus, module, class or folder of that name.
    MissingDataError
        If its files are not on this machine; the message says how to get them.
    ParameterError
        If the corpus has no such option.
    """
    name = name if isinstance(name, Path) else str(name)
    if _is_folder(name):
        if root is not None:
            raise ParameterError(f"{name} is a folder already; leave root={str(root)!r} out.")
        from earwitness.corpora.folder import FolderCorpus

        return _made(FolderCorpus, name, {"root": name, **options})
    corpus_class = _of_module(name) if ":" in name else _of_name(name)
    return _made(corpus_class, name, {"root": root, **options})


@checked
def options_for(name: str | Path, **options) -> dict:
    """Return those of the options that a corpus takes: recordings have no number of speakers to
    choose.

    Parameters
    ----------
    name : str or path
        As for :func:`load`.
    **options
        What some corpora take: ``n_speakers``, ``repetitions``, ``words``, ...
    """
    if _is_folder(name):
        from earwitness.corpora.folder import FolderCorpus as corpus_class
    else:
        corpus_class = _of_module(str(name)) if ":" in str(name) else _of_name(str(name))
    taken = inspect.signature(corpus_class).parameters
    return {key: value for key, value in options.items() if key in taken}


def _is_folder(name: str | Path) -> bool:
    return isinstance(name, Path) or "/" in name or name.startswith(("~", "."))


def _of_name(name: str) -> type[Corpus]:
    if name.isidentifier() and find_spec(f"{__name__}.{name}"):
        import_module(f"{__name__}.{name}")  # only this one: others take their time
    return REGISTERED[name] if name in REGISTERED else _unless_folder(name)


def _unless_folder(name: str) -> type[Corpus]:
    known = registered()
    if name not in known and Path(name).is_dir():
        raise UnknownNameError(
            f"There is no corpus {name!r}. The folder of that name is meant? Say ./{name} then."
        )
    return known[check_choice(name, known, "corpus")]


def _of_module(name: str) -> type[Corpus]:
    module_name, _, class_name = name.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownNameError(f"There is no corpus {name!r}: {error}.") from None
    if not (isinstance(found, type) and issubclass(found, Corpus)):
        raise ParameterError(f"{name} is no class of a corpus; it must derive from corpora.Corpus.")
    return found


def _made(corpus_class: type[Corpus], name: str | Path, options: dict) -> Corpus:
    taken = inspect.signature(corpus_class).parameters
    if options.get("root", "") is None and "root" in taken:
        if taken["root"].default is inspect.Parameter.empty:
            raise MissingDataError(f"The corpus {name} needs the folder of its files: say root=...")
    if unknown := sorted(set(options) - set(taken)):
        raise ParameterError(
            f"The corpus {name} has no option {unknown[0]!r}; it has {', '.join(taken)}."
        )
    return corpus_class(**options)


__all__ = ["Clip", "Corpus", "Fold", "load", "names", "options_for", "registered"]
