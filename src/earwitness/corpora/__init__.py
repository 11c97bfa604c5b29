"""Where sound comes from: one module per corpus, all with the same table, clips and folds."""

from importlib import import_module
from pathlib import Path

from earwitness.corpora.base import Clip, Corpus, Fold
from earwitness.errors import check_choice

_CLASSES = {"aev": "Aev", "audiomnist": "AudioMnist", "fsdd": "Fsdd", "scenes": "Scenes", "timit": "Timit",
            "transmission": "Transmission", "voices": "Voices"}


def names() -> list[str]:
    """Return the names that :func:`load` knows."""
    return sorted(_CLASSES)


def load(name: str, root: str | Path | None = None, **options) -> Corpus:
    """Return a corpus by name.

    Parameters
    ----------
    name : str
        One of :func:`names`.
    root : path, optional
        Folder of that corpus. Default: ``EARWITNESS_DATA/<name>``, then the user's cache.
    **options
        What the corpus itself takes (``voices`` only: number of speakers, repetitions, ...).

    Raises
    ------
    UnknownNameError
        If there is no corpus of that name.
    MissingDataError
        If its files are not on this machine; the message says how to get them.
    """
    check_choice(name, _CLASSES, "corpus")
    corpus_class = getattr(import_module(f"earwitness.corpora.{name}"), _CLASSES[name])
    return corpus_class(root=root, **options)


__all__ = ["Clip", "Corpus", "Fold", "load", "names"]
