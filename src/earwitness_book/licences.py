"""What a licence lets a page show: clips of some corpora are neither played nor drawn."""

from collections.abc import Mapping

from earwitness import catalogue
from earwitness.html import html, joined


def withheld(corpus: str) -> str:
    """Return why clips of a corpus are neither played nor drawn, as HTML; nothing if they may be.

    Parameters
    ----------
    corpus : str
        Of the catalogue, several joined by ``+``; a folder or class of the reader's own is the
        reader's to show.
    """
    known = catalogue.corpora()
    return joined(
        html(
            '<p class="ew-withheld">Clips of {} are neither played nor drawn here: the licence '
            "({}) does not allow it. What was measured on them stands in the tables.</p>",
            known[name]["title"],
            known[name]["licence"],
        )
        for name in corpus.split("+")
        if name in known and not catalogue.may_be_shown(name)
    )


def of_run(note: Mapping | None) -> str:
    """Return the same for the corpora that an executed notebook's parameters name."""
    given = (note or {}).get("parameters", {})
    return joined(withheld(str(given[name])) for name in ("corpus", "source") if name in given)


def shown(content: dict) -> dict:
    """Return an executed notebook as pages, cards and slides may show it."""
    why = of_run(content["metadata"]["earwitness"])
    cells = content["cells"]
    return {**content, "cells": [without_clips(cell, why) for cell in cells]} if why else content


def without_clips(cell: dict, why: str) -> dict:
    """Return a cell of a notebook whose outputs that play or draw say ``why`` they do not."""
    outputs = [_silent(output, why) for output in cell.get("outputs", [])]
    return {**cell, "outputs": outputs} if "outputs" in cell else cell


def _silent(output: dict, why: str) -> dict:
    data = output.get("data", {})
    shown = "".join(data.get("text/html", ""))
    if "<audio" in shown or "<img" in shown or any(kind.startswith("image/") for kind in data):
        return {**output, "data": {"text/html": why, "text/plain": "withheld"}}
    return output
