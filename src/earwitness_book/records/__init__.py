"""Claims of the papers, what is measured beside them, and a verdict that a machine can give.

``data/published/<chapter>.yaml`` declares what a paper says, with source, criterion and control
(:mod:`claims`). Notebooks :func:`record` what they measured; full runs are kept, with what made
them, in ``data/recorded/<chapter>.yaml`` (:mod:`measurements`). How a verdict comes about:
:mod:`verdicts`.

What only judges and draws is loaded when it is asked for: a notebook that records depends neither
on how a number is written nor on how a verdict is given, and the site draws closing tables anew.
"""

from importlib import import_module

from earwitness_book.records.claims import Claim, chapters, published
from earwitness_book.records.closing import redrawn, table
from earwitness_book.records.measurements import (
    PROVENANCE,
    forget,
    measured,
    record,
    record_many,
    recorded,
    write_recorded,
)
from earwitness_book.records.resampling import drawn, from_clips, from_draws, over_networks
from earwitness_book.records.said import say

_DRAWN = {
    ".board": (
        "KEYS",
        "MARKS",
        "leading",
        "readable",
        "rows",
        "scoreboard",
        "tally",
        "to_json",
    ),
    ".sentences": ("finding", "three", "three_html"),
    ".tables": ("anchor", "closing_html", "picture", "tally_html", "to_html"),
    ".verdicts": ("RESULTS", "VERDICTS", "Judgement", "judge", "judgement"),
    ".numbers": ("number", "quantity"),
}
_HOME = {name: module for module, names in _DRAWN.items() for name in names}

__all__ = [
    "PROVENANCE", "Claim", "chapters", "drawn", "forget", "from_clips", "from_draws", "measured",
    "over_networks", "published", "record", "record_many", "recorded", "redrawn", "say", "table",
    "write_recorded",
    *_HOME,
]  # fmt: skip


def __getattr__(name: str):
    """Return what judges or draws, from its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name], __name__), name)
