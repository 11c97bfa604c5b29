"""The book as its sources say: notebooks in the order of the table of contents, each read once."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path

from earwitness.errors import DamagedDataError, NotebookError, UnknownNameError
from earwitness_book import project
from earwitness_book.runner import parameters

EXPLORER = "explore.ipynb"


@dataclass(frozen=True, order=True)
class Notebook:
    """A notebook of the book, ``notebooks/<chapter>/NN-name.ipynb``, with its source as it was
    read.
    """

    path: Path
    source: str = field(compare=False, default="")

    @property
    def chapter(self) -> str:
        """Return the folder it lies in."""
        return self.path.parent.name

    @property
    def id(self) -> str:
        """Return ``<chapter>/<name>``, the name a reader types."""
        return f"{self.chapter}/{re.sub(r'^[0-9]+-', '', self.path.stem)}"

    @property
    def page(self) -> str:
        """Return ``<chapter>/NN-name``, the name ``_toc.yml`` uses."""
        return f"{self.chapter}/{self.path.stem}"

    @cached_property
    def _content(self) -> dict:
        return _parse(self.path, self.source)

    def content(self) -> dict:
        """Return the notebook as its JSON, which is not to be changed.

        Raises
        ------
        NotebookError
            If the file is no notebook; the message names the file, the line or cell, and what is
            wrong.
        """
        return self._content

    @cached_property
    def parameters(self) -> dict[str, parameters.Parameter]:
        """Return what a reader can change, by name, in the order of the ``parameters`` cell.

        Raises
        ------
        NotebookError
            If there is no such cell, more than one, or a line in it that declares nothing.
        """
        cells = [cell for cell in self.content()["cells"] if "parameters" in tags(cell)]
        if len(cells) != 1:
            raise NotebookError(
                f"{self.id} needs exactly one cell tagged 'parameters', it has {len(cells)}."
            )
        return parameters.parse(text(cells[0]), self.id)

    def title(self) -> str:
        """Return its first heading."""
        for cell in self.content()["cells"]:
            if heading := re.search(r"^#\s+(.+)$", text(cell), re.MULTILINE):
                return heading[1].strip()
        return self.id


def _parse(path: Path, source: str) -> dict:
    try:
        content = json.loads(source)
    except json.JSONDecodeError as error:
        raise NotebookError(f"{path} is no notebook: line {error.lineno}: {error.msg}.") from None
    except RecursionError:
        raise NotebookError(f"{path} is no notebook: its lists are nested too deep.") from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotebookError(f"{path} is no notebook: it has no cells.")
    if not isinstance(content.setdefault("metadata", {}), dict):
        raise NotebookError(f"{path}: its metadata are no mapping.")
    for number, cell in enumerate(content["cells"], start=1):
        if wrong := _wrong_with(cell):
            raise NotebookError(f"{path}, cell {number}: {wrong}.")
    return content


def _wrong_with(cell) -> str:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return "this is neither a cell of code nor one of text"
    metadata, source = cell.setdefault("metadata", {}), cell.get("source", "")
    if not isinstance(metadata, dict):
        return "its metadata are no mapping"
    if not _words(metadata.get("tags", [])):
        return "its tags are no list of words"
    return "" if isinstance(source, str) or _words(source) else "its source is no text"


def _words(value) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def text(cell: dict) -> str:
    """Return a cell's source as one string, however the file splits it."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict) -> list[str]:
    """Return a cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


@dataclass(frozen=True, eq=False)
class Book:
    """What a command works on: the pages of ``_toc.yml`` and all notebooks, chapters in the book's
    order. A chapter's ``explore.ipynb`` has no number: it measures nothing, and no build executes
    it.
    """

    pages: tuple[str, ...]
    notebooks: tuple[Notebook, ...]
    explorers: tuple[Notebook, ...] = ()

    def find(self, name: str) -> Notebook:
        """Return the notebook of that id, file name, or of which ``name`` is a unique part.

        Raises
        ------
        UnknownNameError
            If there is none, or more than one.
        """
        wanted = name.removesuffix(".ipynb").removeprefix("notebooks/")
        exact = [notebook for notebook in self.notebooks if wanted in (notebook.id, notebook.page)]
        some = exact or [one for one in self.notebooks if wanted in one.id or wanted in one.page]
        if len(some) == 1:
            return some[0]
        if some and wanted:
            ids = " or ".join(notebook.id for notebook in some)
            raise UnknownNameError(f"{name!r} could be {ids}; say more of it.")
        if wanted in {notebook.page for notebook in self.explorers}:
            raise UnknownNameError(
                f"{name!r} is to explore with and measures nothing: open notebooks/{wanted}.ipynb "
                "in JupyterLab or VS Code."
            )
        ids = [notebook.id for notebook in self.notebooks]
        names = {part: id for id in ids for part in (id, id.split("/")[1])}
        near = get_close_matches(wanted, names, n=1)
        hint = f" Did you mean {names[near[0]]!r}?" if near else ""
        raise UnknownNameError(f"There is no notebook {name!r}.{hint} Known: {', '.join(ids)}.")

    def chapters(self) -> list[str]:
        """Return the chapters that have notebooks."""
        return list(dict.fromkeys(notebook.chapter for notebook in self.notebooks))


def book() -> Book:
    """Return the book of the checkout; read again only when one of its files was changed."""
    root = project.root()
    found = (root / "notebooks").glob("*/*.ipynb")
    known = [path for path in found if path.name == EXPLORER or re.match(r"[0-9].*-", path.name)]
    paths = [root / "book" / "_toc.yml", *sorted(known)]
    return _read(root, tuple((path, *_state(path)) for path in paths if path.exists()))


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@lru_cache(maxsize=4)
def _read(root: Path, states: tuple) -> Book:
    paths = [path for path, *_ in states]
    toc = root / "book" / "_toc.yml"
    pages = tuple(_toc(toc)) if toc in paths else ()
    chapters = list(dict.fromkeys(page.split("/")[0] for page in pages))
    place = {chapter: number for number, chapter in enumerate(chapters)}
    found = [Notebook(path, _source(path)) for path in paths if path != toc]
    found.sort(key=lambda notebook: (place.get(notebook.chapter, len(place)), notebook.page))
    explorers = tuple(one for one in found if one.path.name == EXPLORER)
    return Book(pages, tuple(one for one in found if one not in explorers), explorers)


def _source(path: Path) -> str:
    try:
        return project.read_text(path)
    except DamagedDataError as error:
        raise NotebookError(f"{path} is no notebook: {error}") from None


def every() -> list[Notebook]:
    """Return all notebooks, chapters in the book's order."""
    return list(book().notebooks)


def explorers() -> list[Notebook]:
    """Return the notebooks to explore with, chapters in the book's order."""
    return list(book().explorers)


def find(name: str) -> Notebook:
    """Return the notebook that a reader means, as :meth:`Book.find` says."""
    return book().find(name)


def toc_pages() -> list[str]:
    """Return every page that ``book/_toc.yml`` lists, in its order, without endings."""
    return list(book().pages)


def _toc(path: Path) -> Iterator[str]:
    content = project.read_yaml(path)
    if not isinstance(content, dict):
        raise NotebookError(f"{path} is no table of contents: it names no root and no chapters.")
    try:
        yield from _files(content, path)
    except RecursionError:
        raise NotebookError(f"{path} is no table of contents: it contains itself.") from None


def _files(part, path: Path) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _files(item, path)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key not in ("root", "file"):
                yield from _files(value, path)
            elif isinstance(value, str):
                yield re.sub(r"\.(md|ipynb)$", "", value)
            else:
                raise NotebookError(
                    f"{path}: after `{key}:` belongs the name of a page, not {value!r}."
                )
