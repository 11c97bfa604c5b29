"""An executed notebook as a page of the book: parameters as a table, what made it, errors in their
place.
"""

import json
import re

from earwitness.html import html, joined
from earwitness_book import project, records
from earwitness_book.runner import parameters
from earwitness_book.runner.execute import ANSI, LEFT_OUT
from earwitness_book.runner.notebooks import Notebook, tags, text

_WIDGET = "application/vnd.jupyter.widget-view+json"
_TRAINED_ON = 1  # training.fitting.N_THREADS, whose module takes seconds to import
_INSTALL = """\
# Colab, Binder, a new environment: a kernel without this book gets it, at the commit of this page.
import os
import subprocess
import sys
from importlib.util import find_spec

if find_spec("earwitness_book") is None:
    home = os.path.abspath("earwitness")
    if not os.path.isdir(home):
        subprocess.run(["git", "clone", "--quiet", {address!r}, home], check=True)
    subprocess.run(["git", "-C", home, "checkout", "--quiet", {commit!r}], check=True)
    packages = [sys.executable, "-m", "pip", "install", "--quiet", "--editable", f"{{home}}[book]"]
    subprocess.run(packages, check=True)
    sys.path.insert(0, os.path.join(home, "src"))  # this kernel began before"""
_HEADINGS = ("Parameter", "Value", "Meaning", "Default")


def page(notebook: Notebook, executed: dict | None) -> str:
    """Return the notebook that jupyter-book renders.

    Parameters
    ----------
    executed : dict, optional
        The executed notebook; without one the page shows the source and says that nothing was
        executed.
    """
    content = json.loads(json.dumps(executed or notebook.content()))
    note = content["metadata"].pop("earwitness", None)
    measured = note["records"] if note else {}
    cells = [cell for cell in content["cells"] if "injected-parameters" not in tags(cell)]
    content["cells"] = [*_beginning(notebook, cells, note), *_after_beginning(cells, measured)]
    cells = content["cells"]
    if not any(
        _WIDGET in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])
    ):
        content["metadata"].pop("widgets", None)  # their scripts weigh megabytes
    return json.dumps(content, indent=1, ensure_ascii=False)


def bare(notebook: Notebook, address: str) -> str:
    """Return the notebook that a reader downloads: as it is, or, where the book can be cloned from
    an address, with a first cell that gets it at this commit into a kernel that lacks it.
    """
    if not address:
        return notebook.source
    content = json.loads(notebook.source)
    lines = _INSTALL.format(address=address, commit=project.commit().rstrip("+"))
    first = {"cell_type": "code", "id": "ew-install", "metadata": {"tags": ["hide-cell"]}}
    content["cells"].insert(0, first | {"execution_count": None, "outputs": [], "source": lines})
    return json.dumps(content, indent=1, ensure_ascii=False)


def _beginning(notebook: Notebook, cells: list[dict], note: dict | None) -> list[dict]:
    """Return the first cells of a page: title and question, the finding, and one folded box."""
    head, status = _split_table(text(cells[0]))
    parts = [status, *(_unheaded(text(cell)) for cell in cells[1:] if _is_overview(cell))]
    table = parameter_table(notebook, note["parameters"] if note else {})
    made = [_made(note) if note else "", *_said_by_setup(cells)]
    about = "\n\n".join(filter(None, [*parts, table, *made]))
    box = f"::::::{{admonition}} About this page\n:class: note dropdown\n\n{about}\n::::::"
    first = [_text_cell(head, "head")] if cells[0]["cell_type"] == "markdown" else [cells[0]]
    said = [_finding(notebook, note), _wrong(note)]
    return [*first, *(_text_cell(each, f"said-{n}") for n, each in enumerate(said) if each),
            _text_cell(box, "about")]  # fmt: skip


def _after_beginning(cells: list[dict], measured: dict) -> list[dict]:
    for cell in _setup(cells):  # what it says stands in the box
        cell["outputs"] = [each for each in cell["outputs"] if not _html(each)]
    for cell in _before_sections(cells):  # section 1 begins on the first screen
        cell["metadata"]["tags"] = [*dict.fromkeys([*tags(cell), "hide-input"])]
    kept = [cell for cell in cells[1:] if not _is_overview(cell) and "parameters" not in tags(cell)]
    return _named_once([_clean(cell, measured) for cell in kept])


def _named_once(cells: list[dict]) -> list[dict]:
    """Let only the last table with a claim name the claim's place: an id is there once on a page.

    Others may stand in the middle of a page; the scoreboard's links lead to the closing table.
    """
    known = set()

    def once(found: re.Match) -> str:
        name, fresh = found[1], found[1] not in known
        known.add(name)
        return found[0] if fresh else ""

    for cell in reversed(cells):
        for output in reversed(cell.get("outputs", [])):
            if "text/html" in (data := output.get("data", {})):
                html = "".join(data["text/html"])
                output["data"] = {**data, "text/html": re.sub(r' id="(claim-[^"]+)"', once, html)}
    return cells


def _before_sections(cells: list[dict]) -> list[dict]:
    """Return the cells of code before the first section."""
    heads = [n for n, cell in enumerate(cells) if n and text(cell).startswith("## ")]
    heads = [n for n in heads if not _is_overview(cells[n])]
    return [cell for cell in cells[: heads[0] if heads else 0] if cell["cell_type"] == "code"]


def _setup(cells: list[dict]) -> list[dict]:
    """Return those of them that are folded and say something."""
    before = _before_sections(cells)
    return [cell for cell in before if "hide-input" in tags(cell) and cell.get("outputs")]


def _said_by_setup(cells: list[dict]) -> list[str]:
    return [_html(each) for cell in _setup(cells) for each in cell["outputs"] if _html(each)]


def _html(output: dict) -> str:
    return "".join(output.get("data", {}).get("text/html", ""))


def _is_overview(cell: dict) -> bool:
    return cell["cell_type"] == "markdown" and text(cell).startswith("## Overview")


def _unheaded(overview: str) -> str:
    """Return the overview without its heading: a box has none."""
    return overview.partition("\n")[2].strip()


def _split_table(head: str) -> tuple[str, str]:
    """Return what stands before the table of a notebook's first cell, and from the table on."""
    before, bar, after = head.partition("\n| | |\n")
    return (before, f"| | |\n{after}") if bar else (head, "")


def _finding(notebook: Notebook, note: dict | None) -> str:
    """Return what the paper says, what came out and what the control says, from this run."""
    prefixes = closing_prefixes(notebook.content())
    if note is None or note["failure"] or not prefixes:
        return ""
    return records.three_html(records.rows(prefixes, note["records"].values()))


def closing_prefixes(content: dict) -> list[str]:
    """Return the beginnings of ids that a notebook's closing tables show."""
    calls = [
        call[1]
        for cell in content["cells"]
        for call in re.finditer(r"records\.table\(([^)]*)\)", text(cell))
    ]
    return [prefix for call in calls for prefix in re.findall(r"[\"']([^\"']+)[\"']", call)]


def parameter_table(notebook: Notebook, values: dict) -> str:
    """Return an HTML table of name, value in this build, default if another, and meaning."""
    rows = joined(
        _row(parameter, values.get(name, parameter.default))
        for name, parameter in parameters.declared(notebook).items()
    )
    return html(
        '<div class="ew-scroll"><table class="table ew-parameters"><caption>Parameters of this '
        "page. Change them with <code>earwitness run {} -p NAME VALUE</code>.</caption>"
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        notebook.id,
        joined(html('<th scope="col">{}</th>', name) for name in _HEADINGS),
        rows,
    )


def _row(parameter: parameters.Parameter, value) -> str:
    changed = value != parameter.default
    return html(
        "<tr{}><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
        html(" class=ew-changed") if changed else "",
        parameter.name,
        _shown(value),
        parameter.meaning,
        html("{} <em>(changed)</em>", _shown(parameter.default)) if changed else "same",
    )


def _shown(value) -> str:
    """Return a value as a reader types it."""
    words = ", ".join(map(str, value)) if isinstance(value, list) else value
    return html("<code>{}</code>", words)


def _made(note: dict) -> str:
    return (
        f"Made by profile `{note['profile']}`, commit `{note['commit']}`, executed "
        f"{note['date'][:10]} in {note['seconds']:.0f} s with Python {note['python']} on "
        f"{note['hardware']}, threads: {note['threads']} for the page, {_TRAINED_ON} for networks "
        "that are trained; on another number of threads weights differ."
    )


def _wrong(note: dict | None) -> str:
    """Return that a notebook was not executed, or where it failed; nothing if all is well."""
    if note is None:
        return (
            ":::{warning}\nThis notebook was not executed in this build: figures, sounds and "
            "numbers are missing. "
            "`earwitness build` executes it.\n:::"
        )
    if not (failure := note["failure"]):
        return ""
    if failure["error"] == LEFT_OUT:
        return (
            ":::{note}\nWhat this page explains could not be had when the book was built, so "
            f"figures, sounds and numbers are missing. {failure['message']}\n:::"
        )
    where = f"in cell {failure['cell']}" if failure["cell"] else "before its first cell"
    said = f"``````text\n{failure['error']}: {failure['message']}\n``````"
    return (
        f":::{{error}}\nThis notebook failed {where}. The error stands in its place below; "
        f"nothing after it was executed.\n\n{said}\n:::"
    )


def _text_cell(source: str, name: str) -> dict:
    return {"cell_type": "markdown", "id": f"ew-{name}", "metadata": {}, "source": source}


def _clean(cell: dict, measured: dict) -> dict:
    """Return a cell whose printed text is as a terminal would leave it, its closing table as of
    today. What went to standard error is for who ran it, and stays in the executed notebook.
    """
    if "outputs" in cell:
        kept = [output for output in cell["outputs"] if output.get("name") != "stderr"]
        cell["outputs"] = [records.redrawn(output, measured) for output in kept]
    for output in cell.get("outputs", []):
        if output["output_type"] == "stream":
            output["text"] = _settled("".join(output["text"]))
        elif output["output_type"] == "error":
            output["traceback"] = [_settled(line) for line in output["traceback"]]
            output["evalue"] = _settled(output["evalue"])
    return cell


def _settled(printed: str) -> str:
    """Return text without ANSI codes; of a line that was overwritten (a progress bar), only its
    last state.
    """
    lines = ANSI.sub("", printed).replace("\r\n", "\n").split("\n")
    shown = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in lines]
    return "\n".join(shown).replace(f"{project.root()}/", "")
