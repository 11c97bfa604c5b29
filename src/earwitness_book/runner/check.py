"""Does the built site hold what the notebooks promised, and does it need nothing from another host?"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from earwitness_book.runner import notebooks, site
from earwitness_book.runner.notebooks import Notebook, tags

_LOADS = {  # tag -> the attribute whose address a browser fetches by itself
    "script": "src", "img": "src", "iframe": "src", "audio": "src", "video": "src", "source": "src", "embed": "src",
    "track": "src", "object": "data", "link": "href", "use": "href",
}
_NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "license", "alternate"}
_FILE_NAME = re.compile(r"^\S+\.(png|svg|jpe?g|gif|webp)$|^[0-9a-f_]{16,}$", re.IGNORECASE)
_STYLE_LOADS = re.compile(r"""(?:url\(\s*|@import\s+)["']?(https?:)?//""", re.IGNORECASE)
_INSTEAD = ("application/vnd.jupyter.widget-view+json", "application/javascript", "text/html")   # shown, not the image
_REMOVED = {"remove-cell", "remove-output", "remove_cell", "remove_output"}


@dataclass
class Page(HTMLParser):
    """What a page shows and loads: images as (address, alternative text), players' and all loaded addresses."""

    images: list[tuple[str, str]] = field(default_factory=list)
    players: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    tracebacks: int = 0

    def __post_init__(self):
        super().__init__()
        self._in_player = False

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Note what one tag shows and loads."""
        given = {name: value or "" for name, value in attributes}
        address = given.get(_LOADS.get(tag, ""), "")
        if address and not (tag == "link" and _NOT_LOADED & set(given.get("rel", "").split())):
            self.loads.append(address)
        if tag == "img":
            self.images.append((address, given.get("alt", "")))
        if tag == "audio":
            self._in_player = True
        if address and (tag == "audio" or (tag == "source" and self._in_player)):
            self.players.append(address)
        self.tracebacks += "traceback" in given.get("class", "").split()
        self.styles += [given["style"]] if "style" in given else []

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        """Treat ``<img/>`` as ``<img>``."""
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        """Notice where a player ends."""
        self._in_player = self._in_player and tag != "audio"


def read(html: str) -> Page:
    """Return what a page shows and loads."""
    page = Page()
    page.feed(html)
    return page


def problems(profile: str) -> list[str]:
    """Return what is wrong with the site of a profile, a sentence each; empty if nothing is."""
    html = site.folder(profile) / "html"
    found: list[str] = []
    for name in [*notebooks.toc_pages(), "search", "searchindex"]:
        if not (html / f"{name}.{'js' if name == 'searchindex' else 'html'}").exists():
            found.append(f"The page {name} is not in the site.")
    for path in sorted(set(html.rglob("*.html")) - set((html / "_static").rglob("*.html"))):     # those are templates
        page = read(path.read_text(encoding="utf-8"))
        name = path.relative_to(html).with_suffix("").as_posix()
        found += [f"{name}: {said}" for said in _self_contained(page, path, html)]
        found += [f"{name}: {said}" for said in _described(page)]
    for notebook in site.chapters():
        path, content = html / f"{notebook.page}.html", site.executed(profile, notebook)
        if content and path.exists():
            found += [f"{notebook.page}: {said}" for said in _complete(notebook, content, path)]
    return found + [f"{path.relative_to(html)} loads a style or a font from another host."
                    for path in sorted(html.rglob("*.css"))
                    if _STYLE_LOADS.search(path.read_text(encoding="utf-8", errors="replace"))]


def _self_contained(page: Page, path: Path, html: Path) -> Iterator[str]:
    for address in page.loads:
        parts = urlsplit(address)
        if parts.netloc or parts.scheme in ("http", "https"):
            yield f"it loads {address} from another host."
        elif parts.scheme != "data" and parts.path and not (path.parent / unquote(parts.path)).exists():
            yield f"it loads {address}, which is not in the site."
    for style in page.styles:
        if _STYLE_LOADS.search(style):
            yield f"a style loads from another host: {style[:80]}."


def _described(page: Page) -> Iterator[str]:
    for address, alternative in page.images:
        if not alternative.strip():
            yield f"the image {address[:60]} has no alternative text."
        elif _FILE_NAME.match(alternative.strip()):
            yield f"the alternative text of {address[:60]} is a file name; set metadata.mystnb.image.alt of its cell."


def _complete(notebook: Notebook, content: dict, path: Path) -> Iterator[str]:
    page = read(path.read_text(encoding="utf-8"))
    failure = content["metadata"]["earwitness"]["failure"]
    shown = {_file_digest(path.parent / unquote(address)) for address, _ in page.images if "data:" not in address[:5]}
    cells = [cell for cell in content["cells"] if "injected-parameters" not in tags(cell)]    # numbers as in the source
    for number, cell in enumerate(cells, start=1):
        if _REMOVED & set(tags(cell)):
            continue
        drawn = [figure for output in cell.get("outputs", []) for figure in _figures(output)]
        if len(drawn) > len(set(drawn)):
            yield f"cell {number} shows the same figure twice; close it, or do not end the cell in it."
        for output in cell.get("outputs", []):
            if not failure and output["output_type"] == "error" and "raises-exception" not in tags(cell):
                yield f"cell {number} shows an error although {notebook.id} did not fail."
            yield from (f"the figure of cell {number} is missing." for _ in _figures(output) - shown)
            sounds = read("".join(output.get("data", {}).get("text/html", ""))).players
            yield from (f"a player of cell {number} is missing." for sound in sounds if sound not in page.players)
    if failure and not page.tracebacks:
        yield f"{notebook.id} failed, but the page shows no error."


def _figures(output: dict) -> set[str]:
    """Return the digests of the image that a page shows for an output."""
    data = output.get("data", {})
    if any(kind in data for kind in _INSTEAD):
        return set()
    if "image/svg+xml" in data:
        return {_digest("\n".join("".join(data["image/svg+xml"]).splitlines()).encode())}
    kinds = [kind for kind in ("image/png", "image/jpeg") if kind in data]
    return {_digest(base64.b64decode("".join(data[kind]))) for kind in kinds[:1]}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_digest(path: Path) -> str:
    return _digest(path.read_bytes()) if path.is_file() else ""
