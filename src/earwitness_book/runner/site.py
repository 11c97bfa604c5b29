"""The book as a folder of HTML that needs no network: ``_build/<profile>/html``."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from earwitness import cache
from earwitness.errors import DamagedDataError, NotebookError, check_choice
from earwitness.html import html, joined
from earwitness_book import described, licences, project
from earwitness_book.runner import cards, needs, notebooks, pages, profiles, reference
from earwitness_book.runner.notebooks import Notebook

PATIENCE_S = 1800  # for another process that renders the same profile
_KEPT = (
    "html",
    ".doctrees",
    "jupyter_execute",
)  # what a render leaves: the site, and what the next starts from
MARK, PICTURE = "<!-- scoreboard -->", "<!-- picture -->"
_TALLY = re.compile(r"<!-- tally ?([\w-]*) -->")
_CARDS = re.compile(r"<!-- cards ([\w/ -]+) -->")  # of chapters, each by a notebook of it
_FINDING = re.compile(r"<!-- finding (\S+) -->")  # of a notebook: three sentences, picture, sound
_CELL = re.compile(
    r"<!-- cell (\S+) of (\S+) -->"
)  # of a page: what the cell with this tag of a notebook shows
NEEDS = "<!-- needs -->"  # what each notebook took in this build
_NETWORK = re.compile(r"<!-- network (\S+) -->")  # of a page: where it runs
_EXPLORER = re.compile(r"<!-- explorer (\S+) -->")  # of a page: where a chapter's maps are explored
_CARD = re.compile(r"<!-- card (\S+) -->")  # of such a network: what it learnt, how well it does


def folder(profile: str) -> Path:
    """Return where a profile's build lies."""
    return project.root() / "_build" / profile


def chapters() -> list[Notebook]:
    """Return the notebooks that are pages of the book.

    Raises
    ------
    NotebookError
        If ``_toc.yml`` lists a page that is neither prose nor a notebook.
    """
    found = {notebook.page: notebook for notebook in notebooks.every()}
    explorers = {notebook.page for notebook in notebooks.explorers()}
    for page in notebooks.toc_pages():
        known = page in found or page in explorers
        if not known and not (project.root() / "book" / f"{page}.md").exists():
            raise NotebookError(
                f"book/_toc.yml lists {page}, but there is neither book/{page}.md nor a notebook."
            )
    return [found[page] for page in notebooks.toc_pages() if page in found]


def contents(only: Collection[str] | None = None) -> list[str]:
    """Return the pages of the book, or, of some chapters, theirs and those that belong to no
    chapter.

    Raises
    ------
    UnknownNameError
        If there is no such chapter.
    """
    listed = notebooks.toc_pages()
    known = list(dict.fromkeys(notebook.chapter for notebook in chapters()))
    if only is None:
        return listed
    left_out = set(known) - {check_choice(name, known, "chapter") for name in only}
    return [page for page in listed if page.partition("/")[0] not in left_out]


def own_pages(profile: str) -> Path:
    """Return where pages lie that were made for this profile's site, and stand in no checkout."""
    return folder(profile) / "pages"


def _own(profile: str) -> list[str]:
    base = own_pages(profile)
    return sorted(path.relative_to(base).with_suffix("").as_posix() for path in base.rglob("*.md"))


def executed(profile: str, notebook: Notebook) -> dict | None:
    """Return the notebook as this profile executed it, or ``None``; clips that no licence allows to
    show are left out.

    Raises
    ------
    DamagedDataError
        If the file is not what an execution left there.
    """
    path = folder(profile) / "executed" / f"{notebook.page}.ipynb"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(content["cells"], list) and isinstance(
            content["metadata"]["earwitness"], dict
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise DamagedDataError(
            f"{path} is damaged; `earwitness build --profile {profile}` makes it again."
        )
    return licences.shown(described.told(content))


def build(profile: str, chapters: Collection[str] | None = None) -> Path:
    """Render what this profile executed; return the path of ``index.html``.

    Parameters
    ----------
    profile : str
    chapters : collection of str, optional
        Render these, and the pages that belong to no chapter; what names others becomes plain text.

    Raises
    ------
    NotebookError
        If jupyter-book warns or fails; the message ends in what it said.
    """
    target, pages = folder(profile), [*contents(chapters), *_own(profile)]
    target.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(target / ".lock", timeout=PATIENCE_S):
            _forget_removed(target / "executed")
            return _render(profile, target, pages)
    except Timeout:
        raise NotebookError(
            f"Another process has been rendering into {target} for {PATIENCE_S // 60} minutes; "
            f"end it, or wait for it."
        ) from None


def _render(profile: str, target: Path, listed: list[str]) -> Path:
    """Render into a folder beside the site and put it in its place when it is whole."""
    made, html, stamp = target / "html.new", target / "html", target / "rendered"
    settings = yaml.safe_dump(
        _config(profile, listed), allow_unicode=True, sort_keys=False
    )  # scripts load in order
    sources = assemble(profile, target / "source", listed)
    state = cache.digest({"source": sources, "settings": settings, "packages": _packages()})
    known = _stamp(stamp)
    whole = known.get("files") == digests(target)
    if whole and known["state"] == state:
        return html / "index.html"
    stamp.unlink(missing_ok=True)
    for name in ("html.new", "html.old") if whole else ("html.new", "html.old", *_KEPT[1:]):
        shutil.rmtree(target / name, ignore_errors=True)
    (target / "_config.yml").write_text(settings, encoding="utf-8")
    _sphinx(target / "source", made, target / "_config.yml", target / "render.log")
    # the download button gives the notebook that a reader can run
    for notebook in [*chapters(), *notebooks.explorers()]:
        if notebook.page in listed:
            (made / "_sources" / f"{notebook.page}.ipynb").write_text(
                pages.bare(notebook, repository()), encoding="utf-8"
            )
    if html.exists():
        html.rename(target / "html.old")
    made.rename(html)
    shutil.rmtree(target / "html.old", ignore_errors=True)
    cache.write_text(stamp, json.dumps({"state": state, "pages": listed, "files": digests(target)}))
    return html / "index.html"


def _sphinx(source: Path, html: Path, config: Path, log: Path) -> None:
    """Run jupyter-book in a process that ends with this one: it reads a pipe that only this one
    holds open.
    """
    command = [
        sys.executable,
        "-m",
        "earwitness_book.runner.render",
        str(source),
        str(html),
        str(config),
    ]
    with (
        log.open("w", encoding="utf-8") as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUTF8": "1"},
        ) as process,
    ):
        try:
            warned = process.stderr.read().decode(errors="replace")
        except BaseException:
            process.kill()
            raise
        said.write(warned)
    if process.returncode:
        last = "\n".join(warned.strip().splitlines()[-20:])
        raise NotebookError(
            f"jupyter-book did not render the book without warnings ({log}):\n{last}"
        )


def _stamp(path: Path) -> dict:
    """Return what the last render noted: its ingredients, pages, and the digest of each file; empty
    if it did not.
    """
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) and {"state", "pages", "files"} <= set(noted) else {}


def rendered(profile: str) -> list[str]:
    """Return the pages that the site of a profile was rendered from, the whole table of contents if
    it never was.
    """
    return _stamp(folder(profile) / "rendered").get("pages") or notebooks.toc_pages()


def digests(target: Path) -> dict[str, str]:
    """Return the digest of every file that a render leaves: nothing of it is trusted by its name or
    time.
    """
    paths = sorted(path for name in _KEPT for path in (target / name).rglob("*") if path.is_file())
    return {path.relative_to(target).as_posix(): cache.file_digest(path) for path in paths}


def _forget_removed(executed: Path) -> None:
    """Remove what notebooks measured that are no longer there; the scoreboard would still count it.

    Those that ``_toc.yml`` leaves out stay: they took long, and may come back.
    """
    known = {notebook.page for notebook in notebooks.every()}
    for path in executed.glob("*/*.ipynb"):
        if path.relative_to(executed).with_suffix("").as_posix() not in known:
            path.unlink()


def _packages() -> dict[str, str]:
    return {
        name: version(name) for name in ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb")
    }


def assemble(profile: str, source: Path, listed: Collection[str] | None = None) -> dict[str, str]:
    """Make ``source`` the folder that jupyter-book renders, of all pages or those listed; return
    the digests.

    Files that would not change are left alone.
    """
    book = project.root() / "book"
    listed = notebooks.toc_pages() if listed is None else listed
    wanted = {path.relative_to(book).as_posix(): path.read_bytes() for path in _prose(book)}
    for path in filter(Path.is_file, own_pages(profile).rglob("*")):
        wanted[path.relative_to(own_pages(profile)).as_posix()] = path.read_bytes()
    own = [page for page in _own(profile) if page in listed]
    wanted["_toc.yml"] = _toc(book / "_toc.yml", listed, own)
    for notebook in chapters():
        if notebook.page in listed:
            wanted[f"{notebook.page}.ipynb"] = pages.page(
                notebook, executed(profile, notebook)
            ).encode()
    texts = {name: content.decode() for name, content in wanted.items() if name.endswith(".md")}
    for name, text in texts.items():
        wanted[name] = _filled(profile, name, text, listed).encode()
        for page in _NETWORK.findall(text):
            wanted |= _networks().scripts(page)
        for chapter in _EXPLORER.findall(text):
            wanted |= _explorer().scripts(chapter)
    for notebook in (each for each in notebooks.explorers() if each.page in listed):
        wanted[f"{notebook.page}.ipynb"] = _explored(profile, notebook, listed)
        wanted |= _explorer().scripts(notebook.chapter)
    for name, content in wanted.items():
        _write(source / name, content)
    for path in _prose(source):
        if path.relative_to(source).as_posix() not in wanted:
            path.unlink()
    return {name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()}


def _toc(path: Path, listed: Collection[str], own: Collection[str] = ()) -> bytes:
    """Return the table of contents without the pages that are not listed, and without parts that
    lose all theirs; the profile's own pages stand last.
    """

    def kept(part):
        if isinstance(part, list):
            return [item for item in map(kept, part) if item]
        if not isinstance(part, dict):
            return part
        if "file" in part and re.sub(r"\.(md|ipynb)$", "", part["file"]) not in listed:
            return None
        inside = {key: kept(value) for key, value in part.items()}
        filled = {
            key: value for key, value in inside.items() if value or not isinstance(value, list)
        }
        return (
            None
            if "chapters" in part and "chapters" not in filled and "root" not in part
            else filled
        )

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    made, last = kept(content), [{"file": page} for page in own]
    if own and "parts" in made:
        made["parts"].append({"caption": "Sweeps", "chapters": last})
    elif own:
        made["chapters"] = [*made.get("chapters", ()), *last]
    return yaml.safe_dump(made, allow_unicode=True, sort_keys=False).encode()


def _filled(profile: str, name: str, text: str, listed: Collection[str]) -> str:
    """Return a page with the scoreboard, tallies, findings and outputs where it asks for them."""
    up = "../" * name.count("/")
    address = f"{up}scoreboard.html"
    text = text.replace(MARK, scoreboard(profile, listed)) if MARK in text else text
    text = text.replace(NEEDS, _needs(profile, listed, up)) if NEEDS in text else text
    text = text.replace(PICTURE, picture(profile, address)) if PICTURE in text else text
    text = _TALLY.sub(lambda asked: tally(profile, asked[1], address), text)
    text = _CARDS.sub(lambda asked: _cards(profile, asked[1].split(), listed), text)
    text = _NETWORK.sub(lambda asked: _networks().place(asked[1]), text)
    text = _EXPLORER.sub(lambda asked: _explorer().place(asked[1], up), text)
    text = _CARD.sub(lambda asked: _networks().card(asked[1]), text)
    text = _FINDING.sub(lambda asked: _finding(profile, asked[1]), reference.filled(text))
    return _CELL.sub(lambda asked: _shown(profile, *asked.groups()), text)


def _explored(profile: str, notebook: Notebook, listed: Collection[str]) -> bytes:
    """Return a chapter's explorer as a page: nothing is executed, maps made before stand in it."""
    content = json.loads(notebook.source)
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            text = notebooks.text(cell)
            cell["source"] = _filled(profile, notebook.page, text, listed)
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _needs(profile: str, listed: Collection[str], up: str) -> str:
    shown = [notebook for notebook in chapters() if notebook.page in listed]
    return needs.table([(notebook, executed(profile, notebook)) for notebook in shown], up)


def _networks():
    from earwitness_book.chapters import page_networks  # here, for it takes torch

    return page_networks


def _explorer():
    from earwitness_book.chapters import explorer  # here, for it takes torch

    return explorer


def _finding(profile: str, name: str) -> str:
    notebook = notebooks.find(name)
    return cards.finding(notebook, executed(profile, notebook))


def _cards(profile: str, names: list[str], listed: Collection[str]) -> str:
    """Return a card for the chapter of each notebook that the site has."""
    made = []
    for notebook in (notebooks.find(name) for name in names):
        page = f"{notebook.chapter}/intro"
        if page in listed:
            title = _heading(project.root() / "book" / f"{page}.md")
            made.append(cards.card(notebook, executed(profile, notebook), title, f"{page}.html"))
    return html('<div class="ew-cards">{}</div>', joined(made))


def _shown(profile: str, tag: str, name: str) -> str:
    """Return the HTML that the cells of that tag show in an executed notebook, or that they were
    not executed.
    """
    content = executed(profile, notebooks.find(name)) or {"cells": []}
    found = [
        "".join(output["data"]["text/html"])
        for cell in content["cells"]
        if tag in notebooks.tags(cell)
        for output in cell.get("outputs", [])
        if "text/html" in output.get("data", {})
    ]
    missing = (
        f":::{{warning}}\nThis build did not execute {name} as far as the cell that belongs here."
        "\n:::"
    )
    return "\n".join(found) or missing


def _prose(base: Path) -> list[Path]:
    return [
        Path(where, name)
        for where, _, names in os.walk(base, followlinks=True)
        for name in names
        if ".ipynb_checkpoints" not in where
    ]


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _config(profile: str, listed: Collection[str]) -> dict:
    config = project.read_yaml(project.root() / "_config.yml")
    if not isinstance(config, dict):
        raise DamagedDataError(f"{project.root() / '_config.yml'} is no mapping of settings.")
    own = config.setdefault("sphinx", {}).setdefault("config", {})
    own["html_context"] = own.get("html_context", {}) | {"ew_banner": banner(profile, listed)}
    own["ew_outside"] = _outside(listed)
    own["ew_launch"] = {"address": repository(), "commit": project.commit()}
    if address := os.environ.get("EARWITNESS_SITE"):
        own["html_baseurl"] = address.rstrip("/") + "/"
    return config


def repository() -> str:
    """Return where the book can be cloned from: ``EARWITNESS_REPOSITORY``, or ``repository: url:``
    of ``_config.yml``; empty if nobody has said.
    """
    config = project.read_yaml(project.root() / "_config.yml")
    said = (config.get("repository") or {}).get("url") if isinstance(config, dict) else ""
    return os.environ.get("EARWITNESS_REPOSITORY") or said or ""


def _outside(listed: Collection[str]) -> dict[str, str]:
    """Return page and title of all that the checkout holds and this site does not: it can be named,
    but not linked.
    """
    book = project.root() / "book"
    prose = {
        path.relative_to(book).with_suffix("").as_posix(): path
        for path in book.rglob("*.md")
        if not path.relative_to(book).parts[0].startswith("_")
    }
    titles = {page: _heading(path) or page for page, path in prose.items() if page not in listed}
    return titles | {
        notebook.page: notebook.title()
        for notebook in [*notebooks.every(), *notebooks.explorers()]
        if notebook.page not in listed
    }


def _heading(path: Path) -> str:
    found = re.search(r"^#\s+(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1].strip() if found else ""


def banner(profile: str, listed: Collection[str]) -> dict[str, str]:
    """Return what stands on every page: what made the site, and the page that tells how to make it
    oneself.
    """
    made = [executed(profile, notebook) for notebook in chapters() if notebook.page in listed]
    notes = [content["metadata"]["earwitness"] for content in made if content]
    corpora = sorted(
        {note["parameters"]["corpus"] for note in notes if "corpus" in note["parameters"]}
    )
    when = f", {max(note['date'] for note in notes)[:10]}" if notes else ""
    parts = [
        f"Profile {profile}",
        f"corpus {', '.join(corpora)}" if corpora else "",
        f"commit {project.commit()}{when}",
    ]
    rerun = [page for page in listed if page.split("/")[-1] == "rerun"]
    people = profile in ("real", "full", "paper")
    link = "Rerun it yourself" if people else "See it with real recordings"
    return {
        "text": " · ".join(filter(None, parts)),
        "about": profiles.about(profile),
        "page": rerun[0] if rerun else "",
        "link": link,
    }


# --- the scoreboard


def scoreboard(profile: str, listed: Collection[str] | None = None) -> str:
    """Return published, recorded and measured values of every claim as HTML."""
    from earwitness_book import records

    board = records.scoreboard(folder(profile), ours=True)
    return records.to_html(board, titles(), places(listed))


def tally(profile: str, chapter: str = "", address: str = "scoreboard.html") -> str:
    """Return how many claims of the book, or of a chapter, have which verdict, as HTML.

    ``address`` leads from the page that shows it to the scoreboard.
    """
    from earwitness_book import records

    return records.tally_html(records.scoreboard(folder(profile)), chapter, address)


def picture(profile: str, address: str = "scoreboard.html") -> str:
    """Return every claim as a mark, by chapter and verdict, as HTML."""
    from earwitness_book import records

    return records.picture(records.scoreboard(folder(profile)), titles(), address)


def titles() -> dict[str, str]:
    """Return the title of each chapter that has published values, in the order of the book."""
    from earwitness_book import records

    book = project.root() / "book"
    listed = dict.fromkeys(page.partition("/")[0] for page in notebooks.toc_pages())
    known = records.chapters()
    order = [name for name in listed if name in known]
    order += [name for name in known if name not in order]
    found = {name: book / name / "intro.md" for name in order}
    return {name: (path.exists() and _heading(path)) or name for name, path in found.items()}


def places(listed: Collection[str] | None = None) -> dict[str, str]:
    """Return where the closing table of a page shows a claim, by id: ``page.html#claim-...``."""
    from earwitness_book import records

    shown = {
        prefix: notebook.page
        for notebook in chapters()
        if listed is None or notebook.page in listed
        for prefix in pages.closing_prefixes(notebook.content())
    }
    found = {}
    for id in (id for chapter in records.chapters() for id in records.published(chapter)):
        if fitting := [prefix for prefix in shown if id.startswith(prefix)]:
            found[id] = f"{shown[max(fitting, key=len)]}.html#{records.anchor(id)}"
    return found
