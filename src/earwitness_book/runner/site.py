"""The book as a folder of HTML that needs no network: ``_build/<profile>/html``."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import yaml
from filelock import FileLock

from earwitness import cache
from earwitness.errors import NotebookError, ParameterError
from earwitness_book import project
from earwitness_book.runner import notebooks, pages, profiles
from earwitness_book.runner.notebooks import Notebook

MARK = "<!-- scoreboard -->"
_TALLY = re.compile(r"<!-- tally ?([\w-]*) -->")
_CELL = re.compile(r"<!-- cell (\S+) of (\S+) -->")      # of a page: what the cell with this tag of a notebook shows


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
    for page in notebooks.toc_pages():
        if page not in found and not (project.root() / "book" / f"{page}.md").exists():
            raise NotebookError(f"book/_toc.yml lists {page}, but there is neither book/{page}.md nor a notebook.")
    return [found[page] for page in notebooks.toc_pages() if page in found]


def executed(profile: str, notebook: Notebook) -> dict | None:
    """Return the notebook as this profile executed it, or ``None``."""
    path = folder(profile) / "executed" / f"{notebook.page}.ipynb"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def build(profile: str) -> Path:
    """Render what this profile executed; return the path of ``index.html``.

    Raises
    ------
    NotebookError
        If jupyter-book warns or fails; the message ends in what it said.
    """
    target = folder(profile)
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(target / ".lock"):
        _forget_renamed(target / "executed")
        return _render(profile, target, target / "source", target / "html")


def _render(profile: str, target: Path, source: Path, html: Path) -> Path:
    config, stamp = target / "_config.yml", target / "rendered"
    settings = yaml.safe_dump(_config(profile), allow_unicode=True, sort_keys=False)      # scripts load in order
    state = cache.digest({"source": assemble(profile, source), "settings": settings, "packages": _packages()})
    if (html / "index.html").exists() and stamp.exists() and stamp.read_text() == state:
        return html / "index.html"
    stamp.unlink(missing_ok=True)
    config.write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "earwitness_book.runner.render", str(source), str(html), str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (target / "render.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-20:])
        raise NotebookError(f"jupyter-book did not render the book without warnings "
                            f"({target / 'render.log'}):\n{said}")
    for notebook in chapters():      # the download button gives the notebook that a reader can run
        shutil.copyfile(notebook.path, html / "_sources" / f"{notebook.page}.ipynb")
    stamp.write_text(state)
    return html / "index.html"


def _forget_renamed(executed: Path) -> None:
    """Remove what notebooks measured that are no longer in the book; the scoreboard would still count it."""
    known = {notebook.page for notebook in chapters()}
    for path in [*executed.glob("*/*.ipynb"), *executed.glob("*/*.records.json")]:
        if path.relative_to(executed).as_posix().removesuffix(".ipynb").removesuffix(".records.json") not in known:
            path.unlink()


def _packages() -> dict[str, str]:
    return {name: version(name) for name in ("jupyter-book", "sphinx", "sphinx-book-theme", "myst-nb")}


def assemble(profile: str, source: Path) -> dict[str, str]:
    """Make ``source`` the folder that jupyter-book renders; return the digest of each file.

    Files that would not change keep their time, so that Sphinx leaves their pages alone.
    """
    book = project.root() / "book"
    wanted = {path.relative_to(book).as_posix(): path.read_bytes() for path in _prose(book)}
    for notebook in chapters():
        wanted[f"{notebook.page}.ipynb"] = pages.page(notebook, executed(profile, notebook)).encode()
    for name, content in wanted.items():
        if name.endswith(".md") and b"<!-- " in content:
            wanted[name] = _filled(profile, content.decode()).encode()
    for name, content in wanted.items():
        _write(source / name, content)
    for path in _prose(source):
        if path.relative_to(source).as_posix() not in wanted:
            path.unlink()
    return {name: hashlib.sha256(content).hexdigest() for name, content in wanted.items()}


def _filled(profile: str, text: str) -> str:
    """Return a page with the scoreboard, tallies and outputs of cells where it asks for them."""
    text = text.replace(MARK, scoreboard(profile)) if MARK in text else text
    text = _TALLY.sub(lambda asked: tally(profile, asked[1]), text)
    return _CELL.sub(lambda asked: _shown(profile, *asked.groups()), text)


def _shown(profile: str, tag: str, name: str) -> str:
    """Return the HTML that the cells of that tag show in an executed notebook, or that they were not executed."""
    content = executed(profile, notebooks.find(name)) or {"cells": []}
    found = ["".join(output["data"]["text/html"]) for cell in content["cells"] if tag in notebooks.tags(cell)
             for output in cell.get("outputs", []) if "text/html" in output.get("data", {})]
    missing = f":::{{warning}}\nThis build did not execute {name} as far as the cell that belongs here.\n:::"
    return "\n".join(found) or missing


def _prose(base: Path) -> list[Path]:
    return [Path(where, name) for where, _, names in os.walk(base, followlinks=True) for name in names
            if ".ipynb_checkpoints" not in where]


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _config(profile: str) -> dict:
    config = yaml.safe_load((project.root() / "_config.yml").read_text(encoding="utf-8"))
    own = config.setdefault("sphinx", {}).setdefault("config", {})
    own["html_context"] = own.get("html_context", {}) | {"ew_banner": banner(profile)}
    return config


def banner(profile: str) -> dict[str, str]:
    """Return what stands on every page: what made the site, and the page that tells how to make it oneself."""
    notes = [content["metadata"]["earwitness"] for notebook in chapters() if (content := executed(profile, notebook))]
    corpora = sorted({note["parameters"]["corpus"] for note in notes if "corpus" in note["parameters"]})
    parts = [
        f"Made by profile {profile}. {profiles.about(profile)}".strip(),
        f"Corpus: {', '.join(corpora)}." if corpora else "",
        f"Commit {project.commit()}{', executed ' + max(note['date'] for note in notes)[:10] if notes else ''}.",
    ]
    rerun = [page for page in notebooks.toc_pages() if page.split("/")[-1] == "rerun"]
    link = "Rerun it yourself" if profile in ("real", "paper") else "See it with real recordings"
    return {"text": " ".join(filter(None, parts)), "page": rerun[0] if rerun else "", "link": link}


# --- the scoreboard


def scoreboard(profile: str) -> str:
    """Return published, recorded and measured values of every claim as HTML tables."""
    from earwitness_book import records

    return records.to_html(records.scoreboard(folder(profile)))


def tally(profile: str, chapter: str = "") -> str:
    """Return how many results of the book, or of a chapter, have which verdict, as a line of HTML."""
    from earwitness_book import records

    return records.tally_html(records.scoreboard(folder(profile)), chapter)


def server(html: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a built site, for this machine alone.

    Raises
    ------
    ParameterError
        If the port is taken.
    """
    handler = partial(_Quiet, directory=str(html))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ParameterError(f"Port {port} is not free ({error.strerror}); choose another with --port.") from None


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        """Say nothing for each file that a page loads."""
