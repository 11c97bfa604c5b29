"""Pages to look things up, made of what the repository states elsewhere: weights, corpora, speeds,
licences.
"""

import re
from collections.abc import Iterable, Mapping

import yaml

from earwitness import catalogue
from earwitness_book import project

_HEAD = re.compile(r"(?s)\A---\n(.*?)\n---\n(.*)\Z")
_MB = 1e6


def weights() -> str:
    """Return the card of every network whose weights travel with the book, as Markdown."""
    cards = sorted((catalogue.folder() / "weights").glob("*.md"))
    return "\n\n".join(_card(path.read_text(encoding="utf-8")) for path in cards)


def _card(text: str) -> str:
    head, body = _HEAD.match(text).groups()
    facts = yaml.safe_load(head)
    title, _, prose = body.strip().partition("\n")
    made, stored = facts.get("made", {}), facts.get("weights", {})
    counted = f", {stored['n']:,} weights" if "n" in stored else ""
    rows = {
        "network": f"`{facts['network']}`{counted}",
        "from": f"the package {facts['package']}, <{facts['home']}>" if "package" in facts else "",
        "licence of the weights": facts["licence"],
        "learnt from": facts.get("corpus", ""),
        "measured on what was kept from it": _measured(facts.get("measured", {})),
        "made by": f"`{made['command']}`" if "command" in made else "",
        "on": ", ".join(str(made[each]) for each in ("date", "hardware") if each in made),
    }
    return f"{_demoted(title)}\n{_table(rows)}\n\n{_demoted(prose.strip())}"


def _measured(values: Mapping, of: str = "") -> str:
    """Return the numbers of a card, those of each group after its name; lists stay in the card."""
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in values.items()
        if not isinstance(value, dict | list)
    )
    groups = (
        _measured(value, f"{of} {name.replace('_', ' ')}".strip())
        for name, value in values.items()
        if isinstance(value, dict)
    )
    own = f"{of}: {numbers}" if of and numbers else numbers
    return "; ".join(part for part in (own, *groups) if part)


def corpora() -> str:
    """Return what is known about every corpus of the catalogue, as Markdown."""
    return "\n\n".join(_corpus(name, about) for name, about in catalogue.corpora().items())


def _corpus(name: str, about: Mapping) -> str:
    size, clips = about.get("size_bytes"), about.get("holds", "clips") == "clips"
    shown = "yes" if catalogue.may_be_shown(name) else "no"
    rows = {
        "name for `corpora.load`" if clips else "name for `earwitness data`": f"`{name}`",
        "what": about["what"],
        "licence": about["licence"],
        "played and drawn on pages": shown if clips else "",
        "from": _home(about.get("home") or "this machine"),
        "size": f"{about['files']:,} files, {size / _MB:,.0f} MB" if size else "",
        "cite as": about.get("citation", ""),
        "note": about.get("note", ""),
    }
    return f"## {about['title']}\n{_table(rows)}"


def _home(place: str) -> str:
    """Return an address as a link, anything else as it is."""
    return f"<{place}>" if place.startswith("http") else place


def speeds() -> str:
    """Return the tables of ``make bench``, as Markdown: ratios to a lower bound, and to peers."""
    tables = sorted((project.root() / "benchmarks" / "results").glob("*.md"))
    return "\n\n".join(_demoted(path.read_text(encoding="utf-8").strip()) for path in tables)


def notice() -> str:
    """Return the licences and rights of the repository, as Markdown without its title."""
    return (project.root() / "NOTICE.md").read_text(encoding="utf-8").partition("\n")[2].strip()


def _table(rows: Mapping[str, str]) -> str:
    lines = (f"| {name} | {_cell(value)} |" for name, value in rows.items() if value)
    return "\n".join(["| | |", "|---|---|", *lines])


def _cell(value: str) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _demoted(text: str) -> str:
    """Return Markdown whose headings are one level lower."""
    return re.sub(r"(?m)^(#+ )", r"#\1", text)


PAGES: dict[str, object] = {
    "weights": weights,
    "corpora": corpora,
    "speeds": speeds,
    "notice": notice,
}


def filled(text: str, names: Iterable[str] = tuple(PAGES)) -> str:
    """Return a page with what its marks ask for: ``<!-- reference weights -->``."""
    for name in names:
        mark = f"<!-- reference {name} -->"
        text = text.replace(mark, PAGES[name]()) if mark in text else text
    return text
