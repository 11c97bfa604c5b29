"""A finding in three sentences, computed from its row: the paper, the measurement, the control."""

from collections.abc import Mapping

import pandas as pd

from earwitness.errors import MissingDataError
from earwitness.html import html, joined
from earwitness_book.records.board import MARKS, counted, ends, leading, plain
from earwitness_book.records.numbers import missing, quantity
from earwitness_book.records.verdicts import GENERATED


def finding(board: pd.DataFrame) -> dict | None:
    """Return the row that speaks for some claims: the paper's first that was measured, a control
    beside it; without one, a measurement of our own.

    What this build measured goes before what a full run recorded; ``None`` if nothing was measured.
    """
    rows = leading(board[~board["design"].astype(bool)]).to_dict("records")
    rows = [row for row in rows if not missing(row["corpus"])]
    here = {row["id"] for row in board.to_dict("records") if not missing(row["measured"])}
    rows.sort(
        key=lambda row: (
            not row["verdict"],
            row["ours"],
            not row["controlled"],
            row["id"] not in here,
        )
    )
    if not rows:
        return None
    mine = board[(board["id"] == rows[0]["id"]) & board["measured"].notna()]
    return plain(mine.to_dict("records")[0] if len(mine) else rows[0])


def three(row: Mapping) -> tuple[str, str, str]:
    """Return what the paper says, what we found and what the control says, as HTML.

    Raises
    ------
    MissingDataError
        If a number that a sentence needs is missing.
    """
    if missing(row["measured"]) and missing(row["recorded"]):
        raise MissingDataError(f"Nothing was measured for {row['id']}, so no sentence can say it.")
    return _paper(row), _found(row), _control(row)


def three_html(board: pd.DataFrame) -> str:
    """Return the three sentences on some claims as an HTML list, or that nothing was measured."""
    row = finding(board)
    if row is None:
        return html(
            '<p class="ew-three">Nothing that the paper claims was measured in this build.</p>'
        )
    items = joined(html("<li>{}</li>", sentence) for sentence in three(row))
    return html('<ol class="ew-three" aria-label="In three sentences">{}</ol>', items)


def _paper(row: Mapping) -> str:
    if row["ours"]:
        who = "We expected" if row["verdict"] else "Beyond the paper"
        return html("<b>{}</b>: {}", who, row["claim"])
    value = quantity(row["published"], row["published_std"], row["unit"] or "")
    said = "" if missing(row["published"]) or isinstance(row["published"], bool) else f", {value}"
    return html("<b>The paper</b> ({}{}): {}", row["source"], said, row["claim"])


def _found(row: Mapping) -> str:
    here = not missing(row["measured"])
    key = "measured" if here else "recorded"
    value = row[key]
    said = quantity(value, row[f"{key}_std"], row["unit"] or "")
    said = f"{said}: {row['note']}" if isinstance(value, bool) and row["note"] else said
    who = "This build" if here else f"A full run{_when(row)}"
    where = "generated voices" if row["corpus"] == GENERATED else row["corpus"]
    n = "".join(f", {each}" for each in counted({**row, "seeds": None, "folds": None}))
    interval = "" if missing(row["interval"]) else f" (95 % interval {ends(row)})"
    asked = (
        f"; we asked {row['criterion']}" if row["criterion"] and missing(row["published"]) else ""
    )
    return html("<b>{}</b> on {}{}: {}{}{}.", who, where, n, said, interval, asked)


def _when(row: Mapping) -> str:
    return "" if missing(row["date"]) else f", recorded {row['date']},"


def _control(row: Mapping) -> str:
    verdict = f"{MARKS.get(row['verdict'], '')}{row['verdict']}"
    why = f", {row['why']}" if row["why"] else ""
    judged = html("verdict <b>{}</b>{}.", verdict, why)
    beside = html("<b>Beside it</b>: {}. ", row["control"]) if row["control"] else ""
    if row["ours"] and not row["verdict"]:
        return html("{}No verdict is given on a measurement of our own.", beside)
    if row["only_beside"] or not row["control"]:
        return html("{}<b>No control</b> was asked for; {}", beside, judged)
    return html("<b>The control</b>: {}; {}", row["control"], judged)
