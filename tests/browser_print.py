"""Print a page as Chromium does, and count the sheets."""

import base64
import re

SHEETS = 10  # at most, for a notebook or the scoreboard
_PAGE = re.compile(rb"/Type\s*/Page\b")


async def sheets(tab) -> int:
    """Return on how many sheets of US Letter, the shorter of the two usual papers, the page of a
    tab is printed.
    """
    printed = await tab.call("Page.printToPDF", paperWidth=8.5, paperHeight=11)
    return len(_PAGE.findall(base64.b64decode(printed["data"])))
