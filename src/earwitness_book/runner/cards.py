"""A notebook in little, for other pages: one picture, one sound, and what it found."""

import base64
import io
import re

from markupsafe import Markup
from PIL import Image

from earwitness.html import html
from earwitness_book import records
from earwitness_book.runner import pages
from earwitness_book.runner.notebooks import Notebook, tags

_WIDTH = 640  # pixels of a picture
_HEAVIEST = 400_000  # characters of a sound as HTML
_HIDDEN = {"remove-cell", "remove-output"}


def card(notebook: Notebook, executed: dict | None, title: str, address: str) -> str:
    """Return a chapter as a card that links to it: picture, finding, sound, as HTML."""
    return html(
        '<div class="ew-card"><p class="ew-card-title"><a href="{}">{}</a></p>{}'
        '<p class="ew-card-finding">{}</p>{}</div>',
        address,
        title,
        picture(executed),
        _sentence(notebook, executed),
        sound(executed),
    )


def finding(notebook: Notebook, executed: dict | None) -> str:
    """Return what a notebook found in three sentences, with its picture and a sound, as HTML."""
    said = records.three_html(_rows(notebook, executed))
    return html('<div class="ew-finding">{}{}{}</div>', said, picture(executed), sound(executed))


def picture(executed: dict | None) -> str:
    """Return the figure of the cell tagged ``cover``, or else the first that a notebook shows, as
    an image; nothing without one.
    """
    for cell, output in sorted(_outputs(executed), key=lambda each: "cover" not in tags(each[0])):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
        data = output.get("data", {})
        if alt and "image/png" in data:
            address = _smaller(base64.b64decode("".join(data["image/png"])))
            return html('<img class="dark-light" alt="{}" src="{}">', alt, address)
    return ""


def sound(executed: dict | None) -> str:
    """Return the first player that a notebook shows and that is not too heavy; nothing if none."""
    for _, output in _outputs(executed):
        shown = "".join(output.get("data", {}).get("text/html", ""))
        if 'class="ew-compare"' in shown and len(shown) < _HEAVIEST:
            return Markup(shown)  # as its cell made it: a notebook's own page shows it so, too
        one = re.search(r'<figure class="ew-player">.*?</figure>', shown, re.DOTALL)
        if one and len(one[0]) < _HEAVIEST:
            return Markup(one[0])
    return ""


def _outputs(executed: dict | None):
    for cell in (executed or {"cells": []})["cells"]:
        if not _HIDDEN & set(tags(cell)):
            yield from ((cell, output) for output in cell.get("outputs", []))


def _rows(notebook: Notebook, executed: dict | None):
    entries = executed["metadata"]["earwitness"]["records"].values() if executed else []
    return records.rows(pages.closing_prefixes(notebook.content()), entries)


def _sentence(notebook: Notebook, executed: dict | None) -> str:
    row = records.finding(_rows(notebook, executed))
    if row is None:
        return "Nothing that the paper claims was measured in this build."
    _, found, control = records.three(row)
    return html("{} {} {}", row["claim"], found, control)


def _smaller(png: bytes) -> str:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((_WIDTH, _WIDTH))
    stream = io.BytesIO()
    image.quantize(64).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
