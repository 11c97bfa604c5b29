"""The closing table of a notebook: drawn when it is shown, so that executing needs no board."""

from collections.abc import Mapping

from earwitness.errors import check_choice
from earwitness_book.records.claims import published
from earwitness_book.records.measurements import measured

MIME = "application/vnd.earwitness.records+json"


class Table:
    """Published | recorded | this build | verdict of some ids, as a page shows them.

    A site draws the table anew from what the notebook recorded (:func:`redrawn`): another way to
    write a number, another criterion or a new full run needs no execution.
    """

    def __init__(self, prefixes: tuple[str, ...]):
        self.prefixes = prefixes
        self._entries = measured()

    @property
    def data(self):
        """The rows as a DataFrame of words."""
        from earwitness_book import records

        return records.readable(records.rows(self.prefixes, self._entries.values()))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {"text/html": self._repr_html_(), MIME: {"prefixes": list(self.prefixes)}}

    def _repr_html_(self) -> str:
        from earwitness_book import records

        return records.closing_html(records.rows(self.prefixes, self._entries.values()))


def table(*prefixes: str) -> Table:
    """Return the closing table of a notebook: published | recorded | this build | verdict.

    Parameters
    ----------
    *prefixes : str
        Beginnings of the ids to show, for instance ``"audiomnist/flipping"``. "This build" is what
        this process recorded so far; recorded values on other corpora stand in rows of their own.

    Raises
    ------
    UnknownNameError
        If no declared id begins with a prefix.
    """
    for prefix in prefixes:
        ids = published(prefix.split("/")[0])
        if not any(id.startswith(prefix) for id in ids):
            beginnings = {id.rpartition("/")[0] for id in ids}
            check_choice(prefix, beginnings, "beginning of a record id")
    return Table(prefixes)


def redrawn(output: Mapping, entries: Mapping[str, Mapping]) -> Mapping:
    """Return the output of a cell with its closing table, if it is one, drawn as of today.

    Parameters
    ----------
    output : mapping
        Of an executed notebook.
    entries : mapping
        What that notebook recorded, by key.
    """
    from earwitness_book import records

    data = dict(output.get("data", {}))
    if (asked := data.pop(MIME, None)) is None:
        return output
    rows = records.rows(asked["prefixes"], entries.values())
    fresh = {"text/html": records.closing_html(rows)} if len(rows) else {}  # ids may be gone
    return {**output, "data": data | fresh}
