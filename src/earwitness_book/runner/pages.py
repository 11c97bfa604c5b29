"""An executed notebook as a page of the book: parameters as a table, what made it, errors in their
place.
"""

import json
from html import escape

from earwitness_book import project, records
from earwitness_book.runner import parameters
from earwitness_book.runner.execute import ANSI
from earwitness_book.runner.notebooks import Notebook, tags

_WIDGET = "application/vnd.jupyter.widget-view+json"


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
    values, measured = (note["parameters"], note["records"]) if note else ({}, {})
    table = _text_cell(parameter_table(notebook, values), "parameters-table")
    cells = [cell for cell in content["cells"] if "injected-parameters" not in tags(cell)]
    cells = [table if "parameters" in tags(cell) else _clean(cell, measured) for cell in cells]
    content["cells"] = [*cells[:1], _text_cell(_what_made_it(note), "what-made-it"), *cells[1:]]
    if not any(
        _WIDGET in output.get("data", {}) for cell in cells for output in cell.get("outputs", [])
    ):
        content["metadata"].pop("widgets", None)  # their scripts weigh megabytes
    return json.dumps(content, indent=1, ensure_ascii=False)


def parameter_table(notebook: Notebook, values: dict) -> str:
    """Return an HTML table of name, value in this build, default if another, and meaning."""
    rows = "".join(
        _row(parameter, values.get(name, parameter.default))
        for name, parameter in parameters.declared(notebook).items()
    )
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("Parameter", "Value", "Meaning", "Default")
    )
    return (
        '<div class="ew-scroll"><table class="table ew-parameters"><caption>Parameters of this '
        "page. "
        f"Change them with <code>earwitness run {notebook.id} -p NAME VALUE</code>.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(parameter: parameters.Parameter, value) -> str:
    changed = value != parameter.default
    default = f"{_shown(parameter.default)} <em>(changed)</em>" if changed else "same"
    return (
        f"<tr{' class=ew-changed' if changed else ''}><td><code>{parameter.name}</code></td>"
        f"<td>{_shown(value)}</td><td>{escape(parameter.meaning)}</td><td>{default}</td></tr>"
    )


def _shown(value) -> str:
    """Return a value as a reader types it."""
    words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"<code>{escape(words)}</code>"


def _what_made_it(note: dict | None) -> str:
    if note is None:
        return (
            ":::{warning}\nThis notebook was not executed in this build: figures, sounds and "
            "numbers are missing. "
            "`earwitness build` executes it.\n:::"
        )
    failure, made = (
        note["failure"],
        (
            f"Profile `{note['profile']}`, commit `{note['commit']}`, executed "
            f"{note['date'][:10]} in "
            f"{note['seconds']:.0f} s with Python {note['python']} on {note['hardware']}."
        ),
    )
    made = f":::{{admonition}} What made this page\n:class: note dropdown\n{made}\n:::"
    if not failure:
        return made
    where = f"in cell {failure['cell']}" if failure["cell"] else "before its first cell"
    said = f"``````text\n{failure['error']}: {failure['message']}\n``````"
    return (
        f":::{{error}}\nThis notebook failed {where}. The error stands in its place below; "
        f"nothing after it was executed.\n\n{said}\n:::\n\n{made}"
    )


def _text_cell(source: str, name: str) -> dict:
    return {"cell_type": "markdown", "id": f"ew-{name}", "metadata": {}, "source": source}


def _clean(cell: dict, measured: dict) -> dict:
    """Return a cell whose printed text is as a terminal would leave it, its closing table as of
    today.
    """
    if "outputs" in cell:
        cell["outputs"] = [records.redrawn(output, measured) for output in cell["outputs"]]
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
