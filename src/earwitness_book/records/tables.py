"""Claims as HTML: the closing table of a notebook, the scoreboard, and the tally as a picture.

A claim is one row. In a closing table the corpora are columns, on the scoreboard they are lines of
the row. Neither needs a script; ``scoreboard.js`` filters and ``earwitness.css`` makes cards of
rows where a table would be wider than the page.
"""

from collections.abc import Iterable, Mapping
from html import escape

import pandas as pd

from earwitness_book.records.board import MARKS, leading, plain, tally
from earwitness_book.records.numbers import interval, missing, quantity
from earwitness_book.records.verdicts import GENERATED, RESULTS

OPEN = 5  # claims of a closing table that are not folded


def anchor(id: str) -> str:
    """Return the name of a claim's place on a page."""
    return f"claim-{id.replace('/', '-')}"


# --- the closing table of a notebook


def closing_html(board: pd.DataFrame) -> str:
    """Return the rows of a closing table: headline claims open, the rest and constants folded.

    Headlines are the first claims that something was measured for, those with a control first.
    """
    claims = _claims(board)
    columns = _columns(board)
    constants = [rows for rows in claims if rows[0]["design"]]
    ours = [rows for rows in claims if rows[0]["ours"]]
    judged = [rows for rows in claims if not rows[0]["design"] and not rows[0]["ours"]]
    measured = [rows for rows in judged if rows[0]["corpus"]]
    first = sorted(measured, key=lambda rows: not rows[0]["controlled"])[:OPEN]
    head = [rows for rows in judged if rows in first] or judged[:OPEN]
    rest = [rows for rows in judged if rows not in head]
    caption = "What the paper says and what came out; beside each value its control"
    return "".join(
        [
            _matrix(head, columns, caption) if head else "",
            _folded("More claims", rest, columns),
            _folded("Measured beside them, without a published value", ours, columns),
            _folded("Constants of the design and the corpus", constants, columns),
        ]
    )


def _claims(board: pd.DataFrame) -> list[list[dict]]:
    """Return the rows of each claim, in the board's order."""
    rows = [plain(row) for row in board.to_dict("records")]
    found: dict[str, list[dict]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return list(found.values())


def _columns(board: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the corpora and protocols that a table has columns for: real recordings first."""
    where = [(row["corpus"], row["protocol"]) for row in board.to_dict("records")]
    known = list(dict.fromkeys(each for each in where if not missing(each[0])))
    return sorted(known, key=lambda each: each[0] == GENERATED)


def _folded(words: str, claims: list, columns: list) -> str:
    if not claims:
        return ""
    summary = f"<summary>{words} ({len(claims)})</summary>"
    return f'<details class="ew-more">{summary}{_matrix(claims, columns, words)}</details>'


def _matrix(claims: list[list[dict]], columns: list, caption: str) -> str:
    asked = {(row["corpus"], row["protocol"]) for rows in claims for row in rows}
    columns = [each for each in columns if each in asked]
    names = ["Claim", "Published", *(_where(*each, columns) for each in columns)]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(_claim_row(rows, columns, names) for rows in claims)
    return (
        f'<div class="ew-claims ew-claims-{min(len(columns), 5)}"><table class="table ew-records">'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        "</table></div>"
    )


def _claim_row(rows: list[dict], columns: list, names: list[str]) -> str:
    first = rows[0]
    by_column = {(row["corpus"], row["protocol"]): row for row in rows}
    cells = "".join(
        f'<td data-label="{name}">{_found(by_column[each])}</td>'
        if each in by_column
        else '<td class="ew-none" data-empty>–</td>'
        for each, name in zip(columns, names[2:], strict=True)
    )
    notrun = "" if first["corpus"] else f"<small>{_verdict(first)}</small>"
    return (
        f'<tr id="{anchor(first["id"])}"><th scope="row">{escape(first["claim"])}'
        f"<small>{escape(first['source'])}{_asks(first)}</small>{_changes(first)}</th>"
        f'<td data-label="Published">{escape(_published(first))}{notrun}</td>{cells}</tr>'
    )


def _where(corpus: str, protocol: str, columns: Iterable) -> str:
    """Return corpus, and protocol where the corpus alone does not tell two columns apart."""
    name = "generated voices" if corpus == GENERATED else corpus
    alike = [each for each in columns if each[0] == corpus]
    return escape(name if len(alike) < 2 else f"{name}, {protocol.replace('_', ' ')}")


def _found(row: Mapping) -> str:
    """Return what came out on one corpus: value, control, interval and n, verdict."""
    lines = [f"<strong>{_value(row)}</strong>"]
    lines += [f"<small>{escape(part)}</small>" for part in (_control(row), _ends(row)) if part]
    lines += [f"<small>{_verdict(row)}</small>"] if row["verdict"] else []
    lines += [f"<small>{escape(words)}</small>" for words in [_made(row)] if words]
    return "".join(lines)


def _value(row: Mapping) -> str:
    key = "measured" if row["measured"] is not None else "recorded"
    value = row[key]
    said = quantity(value, row[f"{key}_std"], row["unit"] or "")
    note = f" ({row['note']})" if isinstance(value, bool) and row["note"] else ""
    return escape(said + note)


def _control(row: Mapping) -> str:
    return f"control {row['control']}" if row["control"] else ""


def _ends(row: Mapping) -> str:
    ends = interval(row["interval"], row["unit"] or "")
    counted = f"n = {int(row['n'])} {row['of'] or ''}".strip() if row["n"] else ""
    seeds = f"{int(row['seeds'])} seeds" if row["seeds"] else ""
    return " · ".join(filter(None, (f"95 %: {ends}" if ends else "", counted, seeds)))


def _made(row: Mapping) -> str:
    """Return when a recorded run was made; of a value of this build, what was recorded before."""
    when = f"recorded {str(row['date'])[:10]}" if row["date"] else "recorded"
    if row["measured"] is None:
        return when
    if row["recorded"] is None:
        return ""
    return f"{when}: {quantity(row['recorded'], row['recorded_std'], row['unit'] or '')}"


def _verdict(row: Mapping) -> str:
    verdict = row["verdict"] or ""
    why = f": {escape(row['why'])}" if row["why"] else ""
    mark = f"{MARKS.get(verdict, '')}{verdict}"
    return f'<span class="ew-verdict" data-verdict="{verdict}">{mark}</span>{why}'


def _published(row: Mapping) -> str:
    if row["ours"]:
        return "–"
    if row["published"] is None:
        return "yes"
    return quantity(row["published"], row["published_std"], row["unit"] or "")


def _asks(row: Mapping) -> str:
    """Return the threshold that we ask for where the paper prints no number."""
    asks = row["published"] is None and row["criterion"] and not row["ours"]
    return f"; we ask {escape(row['criterion'])}" if asks else ""


def _changes(row: Mapping) -> str:
    """Return the changes of a criterion since something was measured, folded."""
    if not row["history"]:
        return ""
    items = "".join(
        f"<li>{escape(str(c['date']))}: {escape(str(c['old']))} → {escape(str(c['new']))}. "
        f"{escape(str(c['reason']))}</li>"
        for c in row["history"]
    )
    return f"<details><summary>criterion changed</summary><ul>{items}</ul></details>"


# --- the scoreboard


def to_html(
    board: pd.DataFrame,
    chapters: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
) -> str:
    """Return the scoreboard: a picture, a row for each claim, then constants of the design, folded.

    Parameters
    ----------
    chapters : mapping of str to str, optional
        Chapter and title, in the order of the book; default: as the board has them.
    places : mapping of str to str, optional
        Address of the page that shows a claim, by id.
    """
    chapters = chapters or {id.split("/")[0]: id.split("/")[0] for id in board["id"]}
    design = board["design"].astype(bool)
    results = _score_table(board[~design], chapters, places or {}, "Every claim, by chapter")
    constants = ""
    if design.any():
        words = "Constants of the designs and of the corpora: listed, not counted"
        table = _score_table(board[design], chapters, places or {}, words)
        summary = f"<summary>{words} ({board[design]['id'].nunique()})</summary>"
        constants = f'<details class="ew-more">{summary}{table}</details>'
    return picture(board, chapters) + results + constants


def _score_table(board: pd.DataFrame, chapters: Mapping, places: Mapping, caption: str) -> str:
    claims = _claims(board)
    bodies = []
    for name, title in chapters.items():
        mine = [rows for rows in claims if rows[0]["id"].split("/")[0] == name]
        if mine:
            bodies.append(
                f'<tbody class="ew-chapter" data-chapter="{name}"><tr>'
                f'<th scope="rowgroup" colspan="5">{escape(title)}</th></tr></tbody>'
            )
        bodies += [_score_rows(rows, name, places) for rows in mine]
    names = ("Claim", "Published", "On", "What came out", "Verdict")
    head = "".join(f'<th scope="col">{each}</th>' for each in names)
    return (
        f'<div class="ew-scores"><table class="table ew-scoreboard"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _score_rows(rows: list[dict], chapter: str, places: Mapping[str, str]) -> str:
    first, span = rows[0], f' rowspan="{len(rows)}"' if len(rows) > 1 else ""
    verdicts = escape("|".join(dict.fromkeys(row["verdict"] or "" for row in rows)))
    corpora = escape("|".join(dict.fromkeys(row["corpus"] or "" for row in rows)))
    claim = escape(first["claim"])
    if first["id"] in places:
        claim = f'<a href="{escape(places[first["id"]])}">{claim}</a>'
    columns = list(dict.fromkeys((row["corpus"], row["protocol"]) for row in rows))
    lead = (
        f'<th scope="row"{span}>{claim}<small>{escape(first["source"])}{_asks(first)}</small>'
        f"<small class=ew-id>{escape(first['id']).replace('/', '/<wbr>')}</small>"
        f"{_changes(first)}</th>"
        f'<td data-label="Published"{span}>{escape(_published(first))}</td>'
    )
    lines = "".join(
        f"<tr>{lead if number == 0 else ''}{_score_cells(row, columns)}</tr>"
        for number, row in enumerate(rows)
    )
    return (
        f'<tbody id="{anchor(first["id"])}" class="ew-claim" data-chapter="{chapter}" '
        f'data-verdict="{verdicts}" data-corpus="{corpora}">{lines}</tbody>'
    )


def _score_cells(row: Mapping, columns: list) -> str:
    if not row["corpus"]:
        empty = "<td data-empty>–</td>" * 2
        return f'{empty}<td data-label="Verdict">{_verdict(row)}</td>'
    beside = [escape(part) for part in (_control(row), _ends(row), _made(row)) if part]
    return (
        f'<td data-label="On">{_where(row["corpus"], row["protocol"], columns)}</td>'
        f'<td data-label="What came out"><strong>{_value(row)}</strong>'
        f"<small>{' · '.join(beside)}</small></td>"
        f'<td data-label="Verdict">{_verdict(row)}</td>'
    )


# --- the tally as a picture


def picture(board: pd.DataFrame, chapters: Mapping[str, str], address: str = "") -> str:
    """Return every claim as a mark, by chapter and verdict; each is a link to its row.

    Parameters
    ----------
    address : str
        Of the scoreboard, from the page that shows the picture.
    """
    leads = leading(board[~board["design"].astype(bool)])
    strips = []
    for name, title in chapters.items():
        rows = leads[leads["id"].str.startswith(f"{name}/")].to_dict("records")
        marks = sorted(rows, key=lambda row: RESULTS.index(row["verdict"]))
        if marks:
            links = "".join(_mark(row, address) for row in marks)
            strips.append(f"<dt>{escape(title)}</dt><dd>{links}</dd>")
    return (
        f'<div class="ew-picture"><p class="ew-tally">{_legend(board, address)}</p>'
        f"<dl>{''.join(strips)}</dl></div>"
    )


def _mark(row: Mapping, address: str) -> str:
    words = escape(f"{row['claim']} {row['verdict']}")
    return (
        f'<a href="{address}#{anchor(row["id"])}" class="ew-mark" data-verdict="{row["verdict"]}" '
        f'title="{words}" aria-label="{words}">{MARKS[row["verdict"]].strip()}</a>'
    )


def _legend(board: pd.DataFrame, address: str = "") -> str:
    """Return how many claims have which verdict, each with its mark."""
    counts = {verdict: count for verdict, count in tally(board).items() if count}
    words = (
        f'<a href="{address}#verdict={verdict.replace(" ", "+")}">'
        f'<span class="ew-mark" data-verdict="{verdict}">{MARKS[verdict].strip()}</span> '
        f"<strong>{count}</strong> {verdict}</a>"
        for verdict, count in counts.items()
    )
    return f"{sum(counts.values())} claims: {', '.join(words)}"


def tally_html(board: pd.DataFrame, chapter: str = "", address: str = "") -> str:
    """Return a line that counts the claims of the book, or of a chapter, by verdict."""
    rows = board[board["id"].str.startswith(f"{chapter}/")] if chapter else board
    return f'<p class="ew-tally">{_legend(rows, address)}</p>'
