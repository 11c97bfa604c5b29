"""Does the built site hold what the notebooks promised, and does it need nothing from another
host?
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from earwitness import cache
from earwitness_book import project
from earwitness_book.runner import site, theme
from earwitness_book.runner.execute import LEFT_OUT
from earwitness_book.runner.notebooks import Notebook, tags

# Attributes that hold addresses, and what a browser does not fetch by itself of them: (tag,
# attribute) of a link
_ADDRESSES = {
    "src",
    "href",
    "xlink:href",
    "data",
    "poster",
    "action",
    "formaction",
    "background",
    "manifest",
    "classid",
    "icon",
    "codebase",
    "archive",
    "lowsrc",
    "dynsrc",
    "longdesc",
    "profile",
}
_LISTS = {
    "srcset": ",",
    "imagesrcset": ",",
    "ping": None,
}  # several addresses, and what is between them
_FOLLOWED = {("a", "href"), ("area", "href"), ("a", "xlink:href")}
_NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "license", "alternate"}
_FRAMES = {"iframe", "frame", "object", "embed", "portal", "fencedframe", "applet"}
_DATA = {
    "application/json",
    "application/ld+json",
    "application/vnd.jupyter.widget-state+json",
    "application/vnd.jupyter.widget-view+json",
    "text/plain",
    "math/tex",
}  # scripts that are none
_OUTSIDE = re.compile(r"(?:\b[a-z][a-z0-9+.-]*:)?//(?!www\.w3\.org/)[\w\[]", re.IGNORECASE)
_IN_SCRIPT = re.compile(
    r"(?:\b(?:https?|wss?|ftp):|[\"'`])//(?!www\.w3\.org/)[\w\[$]", re.IGNORECASE
)
_COMMENT, _ESCAPE = (
    re.compile(r"/\*.*?\*/", re.DOTALL),
    re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.IGNORECASE),
)
_DATA_URL = re.compile(r"""url\(\s*(["']?)data:.*?\1\s*\)""", re.DOTALL | re.IGNORECASE)
_POLICY = "Content-Security-Policy"
_FILE_NAME = re.compile(r"^\S+\.(png|svg|jpe?g|gif|webp)$|^[0-9a-f_]{16,}$", re.IGNORECASE)
_INSTEAD = (
    "application/vnd.jupyter.widget-view+json",
    "application/javascript",
    "text/html",
)  # shown, not the image
# What no reader should meet: a number that is none, and what Python prints for itself.
_NO_NUMBER = re.compile(r"\b(?:(?i:nan)|NaT)\b|<NA>")
_REPR = re.compile(
    r"\b(?:np\.\w+\(|array\(\[|tensor\(|dict_(?:keys|values|items)\(|Timestamp\()"
    r"|^\s*[\[(]?\{(?:['\"][^'\"]*['\"]|\d+): ",
    re.MULTILINE,
)
_UNFILLED = re.compile(
    r"<!-- (?:scoreboard|picture|tally|cards|finding|cell|needs|explorer)\b[^>]*-->"
)
_SENTENCES = re.compile(r'(?s)class="ew-(?:three|card-finding)".*?</(?:ol|p)>')
_REMOVED = {"remove-cell", "remove-output", "remove_cell", "remove_output"}


@dataclass
class Page(HTMLParser):
    """What a page shows and loads: images as (address, alternative text), players' and all loaded
    addresses.
    """

    images: list[tuple[str, str]] = field(default_factory=list)
    players: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    policy: str = ""
    tracebacks: int = 0

    def __post_init__(self):
        super().__init__()
        self._in_player, self._within = False, ""

    def handle_starttag(self, tag: str, attributes: list) -> None:
        """Note what one tag shows and loads."""
        given = {name: value or "" for name, value in attributes}
        if tag == "img":
            self.images.append((given.get("src", ""), given.get("alt", "")))
        self._in_player = self._in_player or tag == "audio"
        if tag in ("audio", "source") and self._in_player and given.get("src"):
            self.players.append(given["src"])
        self.tracebacks += "traceback" in given.get("class", "").split()
        self._within = (
            tag
            if tag == "style" or (tag == "script" and given.get("type", "") not in _DATA)
            else ""
        )
        rel = set(given.get("rel", "").lower().split())
        unloaded = tag == "link" and rel and rel <= _NOT_LOADED
        for name, value in given.items():
            if not (unloaded and name == "href"):
                self._note(tag, name, value)
        self._refuse(tag, given)

    def _note(self, tag: str, name: str, value: str) -> None:
        """Note the addresses, styles and scripts of one attribute."""
        clean = _plain(value)
        if (tag, name) in _FOLLOWED:
            self.wrong += (
                ["a link runs a script."]
                if clean.lower().startswith(("javascript:", "data:"))
                else []
            )
        elif name in _ADDRESSES and clean and not (name == "data" and tag != "object"):
            self.loads.append(clean)
        elif name in _LISTS:
            parts = re.split(r"\s*,\s+|\s+", clean) if clean else []
            self.loads += [
                part.rstrip(",") for part in parts if not re.fullmatch(r"[\d.]+[wx],?", part)
            ]
        elif name == "style" or "url(" in value.lower():
            self._style(value)
        elif name.startswith("on"):
            self._script(value)
        elif name == "srcdoc":
            self.wrong.append("a frame holds a page of its own.")

    def _refuse(self, tag: str, given: dict) -> None:
        """Note what has no place in a page of the book, wherever it leads, and the page's
        policy.
        """
        meta = given.get("http-equiv", "").lower() if tag == "meta" else ""
        if tag == "base" or tag in _FRAMES or meta == "refresh":
            self.wrong.append(f"<{tag}> has no place in a page of the book.")
        if meta == _POLICY.lower():
            self.wrong += (
                ["its policy stands behind what it should hold."]
                if self.loads or self.policy
                else []
            )
            self.policy = given.get("content", "")
        if tag == "script" and given.get("type", "").lower() in ("importmap", "speculationrules"):
            self.wrong.append(f"a script is a list of addresses ({given['type']}).")
        if tag in ("animate", "set") and "href" in given.get("attributename", "").lower():
            self.wrong.append("an animation changes an address.")

    def handle_data(self, data: str) -> None:
        """Look at styles and scripts that stand in the page."""
        if self._within == "style":
            self._style(data)
        elif self._within == "script":
            self._script(data)

    def _style(self, text: str) -> None:
        self.wrong += (
            [f"a style loads from another host: {text.strip()[:80]}."] if style_loads(text) else []
        )

    def _script(self, text: str) -> None:
        if found := _IN_SCRIPT.search(text):
            said = text[max(0, found.start() - 30) : found.end() + 30].strip()
            self.wrong.append(f"a script names another host: {said}.")

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        """Treat ``<img/>`` as ``<img>``."""
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        """Notice where a player, a style or a script ends."""
        self._in_player, self._within = self._in_player and tag != "audio", ""


def _plain(address: str) -> str:
    """Return an address as browsers read it: no line breaks or tabs, and no backslashes."""
    return re.sub(r"[\t\r\n]", "", address).strip(" \f\x00").replace("\\", "/")


def style_loads(text: str) -> bool:
    """Return whether a style names another host, once comments, escapes and data are out of the
    way.
    """
    text = _DATA_URL.sub("", _COMMENT.sub("", text))
    text = _ESCAPE.sub(lambda sign: chr(int(sign[1], 16) % 0x110000) if sign[1] else sign[2], text)
    return bool(_OUTSIDE.search(text))


def read(html: str) -> Page:
    """Return what a page shows and loads."""
    page = Page()
    page.feed(html)
    return page


def problems(profile: str, chapters: Collection[str] | None = None) -> list[str]:
    """Return what is wrong with the site of a profile, or a part of it, a sentence each; empty if
    nothing is.

    A site in which nothing was wrong is not read again until a file of it, what its notebooks
    measured, or the runner changes.
    """
    listed = site.contents(chapters) if chapters is not None else site.rendered(profile)
    note, state = site.folder(profile) / "checked", _state(profile, listed)
    if note.exists() and note.read_text(encoding="utf-8", errors="replace") == state:
        return []
    found = _problems(profile, listed)
    if not found:
        cache.write_text(note, state)
    return found


def _state(profile: str, listed: list[str]) -> str:
    """Return the digest of all that :func:`problems` depends on."""
    target = site.folder(profile)
    ours = [*Path(__file__).parent.glob("*.py"), *(target / "executed").rglob("*.ipynb")]
    digests = {str(path): cache.file_digest(path) for path in ours}
    return cache.digest({"listed": listed, "ours": digests, "site": site.digests(target)})


def _problems(profile: str, listed: list[str]) -> list[str]:
    html = site.folder(profile) / "html"
    found: list[str] = []
    for name in [*listed, "search", "searchindex"]:
        if not (html / f"{name}.{'js' if name == 'searchindex' else 'html'}").exists():
            found.append(f"The page {name} is not in the site.")
    for path in sorted([*html.rglob("*.html"), *html.rglob("*.svg")]):
        source = path.read_text(encoding="utf-8", errors="replace")
        page = read(source)
        name = (
            path.relative_to(html).with_suffix("" if path.suffix == ".html" else ".svg").as_posix()
        )
        found += [f"{name}: {said}" for said in _self_contained(page, path, html)]
        found += [f"{name}: {said}" for said in _described(page)]
        found += [f"{name}: {left[0]} was not filled." for left in _UNFILLED.finditer(source)]
        found += [f"{name}: {said}" for said in _numberless(source)]
    for notebook in (notebook for notebook in site.chapters() if notebook.page in listed):
        path, content = html / f"{notebook.page}.html", site.executed(profile, notebook)
        if content and path.exists():
            found += [f"{notebook.page}: {said}" for said in _complete(notebook, content, path)]
    return found + _files(html)


def _files(html: Path) -> list[str]:
    """Return what is wrong with styles, and with our own scripts; those of others are held by the
    pages' policy.
    """
    found = [
        f"{path.relative_to(html)} loads a style or a font from another host."
        for path in sorted(html.rglob("*.css"))
        if style_loads(path.read_text(encoding="utf-8", errors="replace"))
    ]
    own = {path.name for path in (project.root() / "book" / "_static").rglob("*.js")}
    for path in sorted((html / "_static").rglob("*.js")):
        code = re.sub(
            r"^\s*//.*$", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.MULTILINE
        )
        if path.name in own and _IN_SCRIPT.search(code):
            found.append(f"{path.relative_to(html)} names another host.")
    return found


def _self_contained(page: Page, path: Path, html: Path) -> Iterator[str]:
    if path.suffix == ".html" and page.policy not in (theme.POLICY, theme.EVAL):
        yield "it lacks the policy that keeps a browser from loading anything else."
    for address in page.loads:
        parts = urlsplit(address)
        if parts.netloc or parts.scheme not in ("", "data", "blob"):
            yield f"it loads {address[:200]} from another host."
        elif (
            not parts.scheme
            and parts.path
            and not _lies_in(path.parent / unquote(parts.path), html)
        ):
            yield f"it loads {address[:200]}, which is not in the site."
    yield from page.wrong


def _lies_in(path: Path, html: Path) -> bool:
    return path.exists() and path.resolve().is_relative_to(html.resolve())


def _described(page: Page) -> Iterator[str]:
    for address, alternative in page.images:
        if not alternative.strip():
            yield f"the image {address[:60]} has no alternative text."
        elif _FILE_NAME.match(alternative.strip()):
            yield (
                f"the alternative text of {address[:60]} is a file name; set "
                "metadata.mystnb.image.alt of its cell."
            )


def _complete(notebook: Notebook, content: dict, path: Path) -> Iterator[str]:
    page = read(path.read_text(encoding="utf-8"))
    failure = content["metadata"]["earwitness"]["failure"]
    shown = {
        _file_digest(path.parent / unquote(address))
        for address, _ in page.images
        if "data:" not in address[:5]
    }
    cells = [
        cell for cell in content["cells"] if "injected-parameters" not in tags(cell)
    ]  # numbers as in the source
    for number, cell in enumerate(cells, start=1):
        if _REMOVED & set(tags(cell)):
            continue
        drawn = [figure for output in cell.get("outputs", []) for figure in _figures(output)]
        if len(drawn) > len(set(drawn)):
            yield (
                f"cell {number} shows the same figure twice; close it, or do not end the cell in "
                "it."
            )
        for output in cell.get("outputs", []):
            yield from (f"cell {number} {said}" for said in _readable(output))
            if (
                not failure
                and output["output_type"] == "error"
                and "raises-exception" not in tags(cell)
            ):
                yield f"cell {number} shows an error although {notebook.id} did not fail."
            yield from (
                f"the figure of cell {number} is missing." for _ in _figures(output) - shown
            )
            sounds = read("".join(output.get("data", {}).get("text/html", ""))).players
            yield from (
                f"a player of cell {number} is missing."
                for sound in sounds
                if sound not in page.players
            )
    if failure and failure["error"] != LEFT_OUT and not page.tracebacks:
        yield f"{notebook.id} failed, but the page shows no error."


def _numberless(html: str) -> Iterator[str]:
    """Yield which computed sentences of a page lack their number."""
    for computed in _SENTENCES.finditer(html):
        words = unescape(re.sub(r"<[^>]*>", " ", computed[0]))
        if found := re.search(r"\bnan\b|\bNone\b", words):
            yield f"a sentence lacks its number: {_around(words, found)}."


def _readable(output: dict) -> Iterator[str]:
    """Yield what a reader cannot make sense of in an output, as the end of a sentence."""
    words = _words(output)
    if found := _NO_NUMBER.search(words):
        yield f"shows {found[0]!r} instead of a number: {_around(words, found)}."
    if found := _REPR.search(words):
        yield f"shows Python's own way to write a value: {_around(words, found)}."


def _words(output: dict) -> str:
    """Return the text that a page shows for an output; of errors and closing tables none."""
    if output["output_type"] == "stream":
        return "".join(output["text"])
    data = output.get("data", {})
    if any(kind.startswith(("image/", "application/")) for kind in data):
        return ""
    if "text/html" in data:
        html = re.sub(r"(?s)<(script|style)\b.*?</\1>", "", "".join(data["text/html"]))
        return unescape(re.sub(r"<[^>]*>", "\n", html))
    return "".join(data.get("text/plain", ""))


def _around(text: str, found: re.Match) -> str:
    return " ".join(text[max(0, found.start() - 30) : found.end() + 30].split())


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
