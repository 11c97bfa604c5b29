"""What a parameter's comment may say after ``one of:`` instead of a list of names.

So no list grows stale.

========================== ========================================================================
``corpora``                registered corpora, or one of the reader's: a folder, ``module:Class``
``corpora with task T``    those that have the task
``corpora, joined by +``   also several of them: ``aev+fsdd``
``methods``                attribution methods; ``LRP methods``: those that redistribute relevance
``networks``               networks; ``networks for T``: those made for ``clips``, ``frames``, ...
========================== ========================================================================
"""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

JOINED = ", joined by +"


def _corpora(task: str | None) -> list[str]:
    from earwitness import corpora

    return corpora.names() if task is None else corpora.names(task=task)


def _methods(family: str | None) -> list[str]:
    from earwitness import attribution

    return [name for name in attribution.methods() if not family or name.startswith("lrp")]


def _networks(task: str | None) -> list[str]:
    from earwitness import models

    return models.names() if task is None else models.names(task=task)


_REGISTRIES: dict[str, Callable[[str | None], list[str]]] = {
    r"corpora(?: with task ([\w-]+))?(?:, joined by \+)?": _corpora,
    r"(LRP )?methods": _methods,
    r"networks(?: for ([\w-]+))?": _networks,
}


def resolve(listed: str, ask: bool = True) -> list[str] | None:
    """Return the names that a phrase stands for, or ``None`` if it is no phrase but a list of names
    itself.

    Parameters
    ----------
    listed : str
        What a comment says after ``one of:``.
    ask : bool
        Whether to ask the registry; without, a phrase gives an empty list and nothing is imported.
    """
    for phrase, registry in _REGISTRIES.items():
        if found := re.fullmatch(phrase, listed):
            return registry(found[1]) if ask else []
    return None


def is_own(listed: str, value: str) -> bool:
    """Tell whether a phrase also allows a value that no registry knows: several joined, or the
    reader's own corpus.
    """
    if not listed.startswith("corpora") or resolve(listed, ask=False) is None:
        return False
    if listed.endswith(JOINED) and "+" in value:
        known = resolve(listed)
        return all(part in known for part in value.split("+"))
    module, colon, name = value.partition(":")
    if colon and name.isidentifier() and all(part.isidentifier() for part in module.split(".")):
        return find_spec(module.split(".")[0]) is not None
    return "/" in value and Path(value).expanduser().is_dir()


def check_present(listed: str, value: str) -> None:
    """Raise before work begins if a corpus that is named is not on this machine.

    Raises
    ------
    MissingDataError
        The message says how to get it.
    """
    if not listed.startswith("corpora") or resolve(listed, ask=False) is None:
        return
    from earwitness import catalogue

    known = catalogue.corpora()
    for name in value.split("+"):
        if name in known and not catalogue.is_generated(name):
            catalogue.corpus_folder(name)
