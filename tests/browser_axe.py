"""Accessibility by axe-core, as a Python package carries it: what it finds on a page, in words."""

from importlib.resources import files
from importlib.util import find_spec

PACKAGE = "axe_core_python"
RUN = """axe.run(%s, { resultTypes: ['violations'] }).then(({ violations }) =>
  violations.map(({ id, nodes }) => [id, nodes.length, nodes[0].target.join(' ')]))"""


def here() -> bool:
    """Tell whether axe is installed."""
    return find_spec(PACKAGE) is not None


async def found(tab, part: str = "document") -> list[str]:
    """Return what axe finds on the page of a tab, a rule each; nothing if axe is not installed.

    Parameters
    ----------
    tab : browser.Tab
    part : str
        A script for what is looked at; without the whole document, what every page must have (a
        title, a language, landmarks) is not asked for.
    """
    if not here():
        return []
    await tab.evaluate((files(PACKAGE) / "axe.min.js").read_text(encoding="utf-8") + ";0")
    rules = await tab.evaluate(RUN % part)
    return [f"axe: {name} ({number}, first {place})" for name, number, place in rules]
