"""What notebooks take: minutes, memory, and the minutes of their exercises, as a table."""

from collections.abc import Iterable

from markupsafe import Markup

from earwitness.html import html, joined
from earwitness_book.course.exercises import Exercise, parts
from earwitness_book.runner.notebooks import Notebook

_HEADS = ("Notebook", "Minutes", "Processor minutes", "Memory (GB)", "Exercises", "Their minutes")


def table(executed: Iterable[tuple[Notebook, dict | None]], up: str = "") -> Markup:
    """Return a table with a row for each notebook, in HTML.

    Parameters
    ----------
    executed : iterable of (Notebook, dict or None)
        With what its execution left; without one it has no minutes.
    up : str
        From the page that shows it to the first page of the site.
    """
    rows = [_row(notebook, content, up) for notebook, content in executed]
    return html(
        '<div class="ew-scroll"><table class="table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        joined(html('<th scope="col">{}</th>', head) for head in _HEADS),
        joined(rows),
    )


def _row(notebook: Notebook, content: dict | None, up: str) -> Markup:
    asked = [part for part in parts(notebook) if isinstance(part, Exercise)]
    note = content["metadata"]["earwitness"] if content else {}
    cells = [
        html('<a href="{}{}.html">{}</a>', up, notebook.page, notebook.title()),
        _number(note.get("seconds"), 60),
        _number(sum(note.get("processor_s", {}).values()) or None, 60),
        _number(note.get("memory_mb"), 1000),
        len(asked),
        sum(each.minutes for each in asked),
    ]
    return html("<tr>{}</tr>", joined(html("<td>{}</td>", cell) for cell in cells))


def _number(value: float | None, unit: float) -> str:
    return f"{value / unit:.1f}" if value else "–"
