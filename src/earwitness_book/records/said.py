"""Sentences of a page that state what it measured: their numbers come from the cells above them."""

import re

from earwitness.html import html

NOTHING = "This build has too few clips to say it in numbers."
_NO_NUMBER = re.compile(r"\bnan\b|\bNone\b")


class Said:
    """A paragraph of computed sentences; a reader cannot tell it from the prose around it."""

    def __init__(self, text: str):
        self.text = text

    def _repr_html_(self) -> str:
        return html('<p class="ew-said">{}</p>', self.text)

    def __repr__(self) -> str:
        return self.text


def say(*sentences: str) -> Said:
    """Return sentences as a paragraph of the page.

    A sentence whose number is missing in this build (NaN, None) is left out, and if none is left
    the paragraph says that; it never shows a number that is none.

    Parameters
    ----------
    *sentences : str
        Plain text, with numbers that were computed in this run.
    """
    known = [sentence for sentence in sentences if not _NO_NUMBER.search(sentence)]
    return Said(" ".join(known) or NOTHING)
