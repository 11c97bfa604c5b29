"""Exercises of a notebook as its text holds them: MyST's ``exercise`` and ``solution`` blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from earwitness.errors import NotebookError
from earwitness_book.runner.notebooks import Notebook, text

_BLOCK = re.compile(
    r"^(?P<fence>`{3,})\{(?P<kind>exercise|solution|solution-start|solution-end)\} ?"
    r"(?P<words>.*)\n(?P<body>(?:.*\n)*?)(?P=fence) *$",
    re.M,
)
_LABEL = re.compile(r"^:label: *(\S+) *$", re.M)
_OPTION = re.compile(r"^:\w+:.*\n", re.M)
_MARK = re.compile(r" *\((?P<dots>●+)○*, (?P<minutes>[0-9]+) min\)$")
_ROLE = re.compile(r"\{[a-z:]+\}`([^`<]*?)(?: *<[^`]*>)?`")


@dataclass
class Exercise:
    """An exercise and its solution.

    Attributes
    ----------
    label, title, asked : str
    difficulty : int
        Dots of its mark, from 1.
    minutes : int
        It takes; 0 where the notebook does not say.
    code : list of str
        Cells of the solution.
    words : str
        Text of the solution.
    """

    label: str
    title: str
    asked: str
    difficulty: int = 1
    minutes: int = 0
    code: list[str] = field(default_factory=list)
    words: str = ""


def parts(notebook: Notebook) -> Iterator[dict | Exercise]:
    """Yield a notebook's cells, and in the place of its exercises what they ask and answer.

    Raises
    ------
    NotebookError
        If a solution belongs to no exercise above it, or does not end.
    """
    exercises: dict[str, Exercise] = {}
    solving: Exercise | None = None
    for cell in notebook.content()["cells"]:
        if cell["cell_type"] != "markdown":
            if solving is None:
                yield cell
            else:
                solving.code.append(text(cell))
            continue
        for piece in _pieces(text(cell)):
            if isinstance(piece, str):
                if solving is None:
                    yield cell | {"source": plain(piece)}
                else:
                    solving.words = f"{solving.words}\n\n{plain(piece)}".strip()
                continue
            kind, label = piece["kind"], piece["label"]
            if kind == "exercise":
                exercises[label] = _exercise(piece)
                yield exercises[label]
            elif kind == "solution-end":
                solving = None
            elif label not in exercises:
                raise NotebookError(f"{notebook.id}: {label!r} is solved and was never asked.")
            elif kind == "solution-start":
                solving = exercises[label]
            else:
                exercises[label].words = plain(piece["body"])
    if solving is not None:
        raise NotebookError(f"{notebook.id}: the solution of {solving.label!r} does not end.")


def plain(words: str) -> str:
    """Return text without MyST's roles: of a reference its words are left."""
    return _ROLE.sub(r"\1", words).strip()


def _pieces(words: str) -> Iterator[str | dict[str, str]]:
    """Yield text and blocks of a cell as they follow each other."""
    end = 0
    for block in _BLOCK.finditer(words):
        if between := words[end : block.start()].strip():
            yield between
        end = block.end()
        label = _LABEL.search(block["body"])
        yield {
            "kind": block["kind"],
            "words": block["words"].strip(),
            "label": label[1] if label else block["words"].strip(),
            "body": _OPTION.sub("", block["body"]).strip(),
        }
    if rest := words[end:].strip():
        yield rest


def _exercise(block: dict[str, str]) -> Exercise:
    mark, title = _MARK.search(block["words"]), _MARK.sub("", block["words"])
    known = {"difficulty": len(mark["dots"]), "minutes": int(mark["minutes"])} if mark else {}
    return Exercise(block["label"], title, plain(block["body"]), **known)
