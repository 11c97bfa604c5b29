"""A notebook in little, for other pages: one picture, one sound, and what it found."""

import base64
import io
import re
from html import escape

from PIL import Image

from earwitness_book import records
from earwitness_book.runner import pages
from earwitness_book.runner.notebooks import Notebook, tags

_WIDTH = 640  # pixels of a picture
_HEAVIEST = 400_000  # characters of a sound as HTML
_HIDDEN = {"remove-cell", "remove-output"}


def card(notebook: Notebook, executed: dict | None, title: str, address: str) -> str:
    """Return a chapter as a card that links to it: picture, finding, sound, as HTML."""
    link = f'<a href="{address}">{escape(title)}</a>'
    said = f'<p class="ew-card-finding">{_sentence(notebook, executed)}</p>'
    return (
        f'<div class="ew-card"><p class="ew-card-title">{link}</p>{picture(executed)}{said}'
        f"{sound(executed)}</div>"
    )


def finding(notebook: Notebook, executed: dict | None) -> str:
    """Return what a notebook found in three sentences, with its picture and a sound, as HTML."""
    said = records.three_html(_rows(notebook, executed))
    return f'<div class="ew-finding">{said}{picture(executed)}{sound(executed)}</div>'


def picture(executed: dict | None) -> str:
    """Return the first figure that a notebook shows, as an image; nothing without one."""
    for cell, output in _outputs(executed):
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
        data = output.get("data", {})
        if alt and "image/png" in data:
            address = _smaller(base64.b64decode("".join(data["image/png"])))
            return f'<img class="dark-light" alt="{escape(alt)}" src="{address}">'
    return ""


def sound(executed: dict | None) -> str:
    """Return the first player that a notebook shows and that is not too heavy; nothing if none."""
    for _, output in _outputs(executed):
        html = "".join(output.get("data", {}).get("text/html", ""))
        if 'class="ew-compare"' in html and len(html) < _HEAVIEST:
            return html
        one = re.search(r'<figure class="ew-player">.*?</figure>', html, re.DOTALL)
        if one and len(one[0]) < _HEAVIEST:
            return one[0]
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
    return f"{escape(row['claim'])} {found} {control}"


def _smaller(png: bytes) -> str:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.thumbnail((_WIDTH, _WIDTH))
    stream = io.BytesIO()
    image.quantize(64).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
