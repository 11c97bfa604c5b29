"""Which notebooks there are, in the order of the book, and which one a reader means."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import yaml

from earwitness.errors import NotebookError, UnknownNameError
from earwitness_book import project


@dataclass(frozen=True, order=True)
class Notebook:
    """A notebook of the book, ``notebooks/<chapter>/NN-name.ipynb``."""

    path: Path

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

    def content(self) -> dict:
        """Return the notebook as its JSON.

        Raises
        ------
        NotebookError
            If the file is no notebook.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise NotebookError(f"{self.path} is no notebook: {error}.") from None
        if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
            raise NotebookError(f"{self.path} is no notebook: it has no cells.")
        return content

    def title(self) -> str:
        """Return its first heading."""
        for cell in self.content()["cells"]:
            if heading := re.search(r"^#\s+(.+)$", text(cell), re.MULTILINE):
                return heading[1].strip()
        return self.id


def text(cell: dict) -> str:
    """Return a cell's source as one string, however the file splits it."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict) -> list[str]:
    """Return a cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


def every() -> list[Notebook]:
    """Return all notebooks, chapters in the book's order."""
    found = sorted(Notebook(path) for path in (project.root() / "notebooks").glob("*/[0-9]*-*.ipynb"))
    chapters = list(dict.fromkeys(page.split("/")[0] for page in toc_pages()))
    place = {chapter: number for number, chapter in enumerate(chapters)}
    return sorted(found, key=lambda notebook: (place.get(notebook.chapter, len(place)), notebook.page))


def find(name: str) -> Notebook:
    """Return the notebook of that id, file name, or of which ``name`` is a unique part.

    Raises
    ------
    UnknownNameError
        If there is none, or more than one.
    """
    known = every()
    wanted = name.removesuffix(".ipynb").removeprefix("notebooks/")
    exact = [notebook for notebook in known if wanted in (notebook.id, notebook.page)]
    some = exact or [notebook for notebook in known if wanted in notebook.id or wanted in notebook.page]
    if len(some) == 1:
        return some[0]
    ids = [notebook.id for notebook in known]
    if some:
        raise UnknownNameError(f"{name!r} could be {' or '.join(notebook.id for notebook in some)}; say more of it.")
    names = {part: id for id in ids for part in (id, id.split("/")[1])}
    near = get_close_matches(wanted, names, n=1)
    hint = f" Did you mean {names[near[0]]!r}?" if near else ""
    raise UnknownNameError(f"There is no notebook {name!r}.{hint} Known: {', '.join(ids)}.")


def toc_pages() -> list[str]:
    """Return every page that ``book/_toc.yml`` lists, in its order, without endings."""
    path = project.root() / "book" / "_toc.yml"
    return list(_files(yaml.safe_load(path.read_text(encoding="utf-8")))) if path.exists() else []


def _files(part) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            yield from _files(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("root", "file"):
                yield re.sub(r"\.(md|ipynb)$", "", value)
            else:
                yield from _files(value)
