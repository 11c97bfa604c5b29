"""Claims as HTML: the closing table of a notebook, the scoreboard, and the tally as a picture.

A claim is one row. In a closing table the corpora are columns, on the scoreboard they are lines of
the row. Neither needs a script; ``scoreboard.js`` filters and ``earwitness.css`` makes cards of
rows where a table would be wider than the page.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from earwitness.html import html, joined
from earwitness_book.records.board import MARKS, counted, ends, leading, plain, tally
from earwitness_book.records.numbers import missing, quantity
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
    ours = [rows for rows in claims if not rows[0]["verdict"]]
    judged = [rows for rows in claims if not rows[0]["design"] and rows[0]["verdict"]]
    measured = [rows for rows in judged if rows[0]["corpus"]]
    first = sorted(measured, key=lambda rows: not rows[0]["controlled"])[:OPEN]
    head = [rows for rows in judged if rows in first] or judged[:OPEN]
    rest = [rows for rows in judged if rows not in head]
    whose = "we expected" if all(rows[0]["ours"] for rows in judged) else "the paper says"
    caption = f"What {whose} and what came out; beside each value its control"
    return joined(
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
    return _more(f"{words} ({len(claims)})", _matrix(claims, columns, words))


def _more(words: str, table: str) -> str:
    return html('<details class="ew-more"><summary>{}</summary>{}</details>', words, table)


def _matrix(claims: list[list[dict]], columns: list, caption: str) -> str:
    asked = {(row["corpus"], row["protocol"]) for rows in claims for row in rows}
    columns = [each for each in columns if each in asked]
    second = "Asked" if all(rows[0]["ours"] for rows in claims) else "Published"
    names = ["Claim", second, *(_where(*each, columns) for each in columns)]
    above = ["", *(rows[0]["same"] or rows[0]["claim"] for rows in claims)]
    return html(
        '<div class="ew-claims ew-claims-{}"><table class="table ew-records">'
        "<caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        min(len(columns), 5),
        caption,
        _head(names),
        joined(
            _claim_row(rows, columns, names, last)
            for rows, last in zip(claims, above, strict=False)
        ),
    )


def _head(names: Iterable[str]) -> str:
    return joined(html('<th scope="col">{}</th>', name) for name in names)


def _claim_row(rows: list[dict], columns: list, names: list[str], above: str) -> str:
    """Return a claim's row; "the same" says as what, unless it is what stands ``above``."""
    first = rows[0]
    same = first["same"] if first["same"] != above else ""
    by_column = {(row["corpus"], row["protocol"]): row for row in rows}
    cells = joined(
        html('<td data-label="{}">{}</td>', name, _found(by_column[each]))
        if each in by_column
        else html('<td class="ew-none" data-empty>–</td>')
        for each, name in zip(columns, names[2:], strict=True)
    )
    return html(
        '<tr id="{}"><th scope="row">{}{}<small>{}{}</small>{}</th>'
        '<td data-label="Published">{}{}</td>{}</tr>',
        anchor(first["id"]),
        first["claim"],
        _small(f"as in: {same}") if same else "",
        first["source"],
        _asks(first),
        _changes(first),
        _published(first),
        "" if first["corpus"] else _small(_verdict(first)),
        cells,
    )


def _where(corpus: str, protocol: str, columns: Iterable) -> str:
    """Return corpus, and protocol where the corpus alone does not tell two columns apart."""
    name = "generated voices" if corpus == GENERATED else corpus
    alike = [each for each in columns if each[0] == corpus]
    return name if len(alike) < 2 else f"{name}, {protocol.replace('_', ' ')}"


def _found(row: Mapping) -> str:
    """Return what came out on one corpus: value, control, interval and n, verdict."""
    verdict = _verdict(row) if row["verdict"] else ""
    beside = filter(None, (_control(row), _ends(row), verdict, _made(row)))
    return html("<strong>{}</strong>{}", _value(row), joined(map(_small, beside)))


def _small(words: str) -> str:
    return html("<small>{}</small>", words)


def _value(row: Mapping) -> str:
    key = "measured" if row["measured"] is not None else "recorded"
    value = row[key]
    said = quantity(value, row[f"{key}_std"], row["unit"] or "")
    note = f" ({row['note']})" if isinstance(value, bool) and row["note"] else ""
    return said + note


def _control(row: Mapping) -> str:
    words = row["control"]
    if row["published"] is True and not row["controlled"]:
        return ""  # what an order compares stands in the value
    name = "beside it" if row["only_beside"] or not row["verdict"] else "control"
    return f"{name}{':' * words[:1].isupper()} {words}" if words else ""


def _ends(row: Mapping) -> str:
    said = ends(row)
    return " · ".join([*([f"95 %: {said}"] if said else []), *counted(row)])


def _made(row: Mapping) -> str:
    """Return when a recorded run was made; of a value of this build, what was recorded before."""
    when = f"recorded {row['date']}" if row["date"] else "recorded"
    if row["measured"] is None:
        return when
    if row["recorded"] is None:
        return ""
    return f"{when}: {quantity(row['recorded'], row['recorded_std'], row['unit'] or '')}"


def _verdict(row: Mapping) -> str:
    verdict = row["verdict"] or ""
    why = f": {row['why']}" if row["why"] else ""
    mark = f"{MARKS.get(verdict, '')}{verdict}"
    return html('<span class="ew-verdict" data-verdict="{}">{}</span>{}', verdict, mark, why)


def _published(row: Mapping) -> str:
    if row["ours"]:
        return "yes" if row["published"] is True else row["criterion"] or "–"
    if row["published"] is None:
        return "yes"
    return quantity(row["published"], row["published_std"], row["unit"] or "")


def _asks(row: Mapping) -> str:
    """Return the threshold that we ask for where the paper prints no number."""
    asks = row["published"] is None and row["criterion"] and not row["ours"]
    return f"; we ask {row['criterion']}" if asks else ""


def _changes(row: Mapping) -> str:
    """Return the changes of a criterion since something was measured, folded."""
    if not row["history"]:
        return ""
    items = joined(
        html("<li>{}: {} → {}. {}</li>", *(c[key] for key in ("date", "old", "new", "reason")))
        for c in row["history"]
    )
    return html("<details><summary>criterion changed</summary><ul>{}</ul></details>", items)


# --- the scoreboard


def to_html(
    board: pd.DataFrame,
    chapters: Mapping[str, str] | None = None,
    places: Mapping[str, str] | None = None,
) -> str:
    """Return the scoreboard: a picture, a row for each claim of the papers; then what we expected
    ourselves, and the constants of the designs, folded.

    Parameters
    ----------
    chapters : mapping of str to str, optional
        Chapter and title, in the order of the book; default: as the board has them.
    places : mapping of str to str, optional
        Address of the page that shows a claim, by id.
    """
    chapters = chapters or {id.split("/")[0]: id.split("/")[0] for id in board["id"]}
    own = board[board["ours"].astype(bool) & (board["verdict"] != "")]
    board = board[~board["ours"].astype(bool)]
    design = board["design"].astype(bool)
    results = _score_table(board[~design], chapters, places or {}, "Every claim, by chapter")
    if len(own):
        words = "What we expected ourselves, criteria set beforehand unless a row says otherwise"
        table = _score_table(own, chapters, places or {}, words)
        results += _more(f"{words} ({own['id'].nunique()})", table)
    constants = ""
    if design.any():
        words = "Constants of the designs and of the corpora: listed, not counted"
        table = _score_table(board[design], chapters, places or {}, words)
        constants = _more(f"{words} ({board[design]['id'].nunique()})", table)
    return picture(board, chapters) + results + constants


def _score_table(board: pd.DataFrame, chapters: Mapping, places: Mapping, caption: str) -> str:
    claims = _claims(board)
    bodies = []
    for name, title in chapters.items():
        mine = [rows for rows in claims if rows[0]["id"].split("/")[0] == name]
        if mine:
            bodies.append(
                html(
                    '<tbody class="ew-chapter" data-chapter="{}"><tr>'
                    '<th scope="rowgroup" colspan="5">{}</th></tr></tbody>',
                    name,
                    title,
                )
            )
        bodies += [_score_rows(rows, name, places) for rows in mine]
    names = ("Claim", "Published", "On", "What came out", "Verdict")
    return html(
        '<div class="ew-scores"><table class="table ew-scoreboard"><caption>{}</caption>'
        "<thead><tr>{}</tr></thead>{}</table></div>",
        caption,
        _head(names),
        joined(bodies),
    )


def _score_rows(rows: list[dict], chapter: str, places: Mapping[str, str]) -> str:
    columns = list(dict.fromkeys((row["corpus"], row["protocol"]) for row in rows))
    lines = joined(
        html("<tr>{}{}</tr>", "" if number else _lead(rows, places), _score_cells(row, columns))
        for number, row in enumerate(rows)
    )
    return html(
        '<tbody id="{}" class="ew-claim" data-chapter="{}" data-verdict="{}" data-corpus="{}">'
        "{}</tbody>",
        anchor(rows[0]["id"]),
        chapter,
        _listed(rows, "verdict"),
        _listed(rows, "corpus"),
        lines,
    )


def _listed(rows: list[dict], key: str) -> str:
    """Return what the rows of a claim hold, as the page's filter reads it."""
    return "|".join(dict.fromkeys(row[key] or "" for row in rows))


def _lead(rows: list[dict], places: Mapping[str, str]) -> str:
    """Return the first cells of a claim, which span all its rows."""
    first, span = rows[0], html(' rowspan="{}"', len(rows)) if len(rows) > 1 else ""
    place, claim = places.get(first["id"]), first["claim"]
    return html(
        '<th scope="row"{}>{}<small>{}{}</small><small class=ew-id>{}</small>{}</th>'
        '<td data-label="Published"{}>{}</td>',
        span,
        html('<a href="{}">{}</a>', place, claim) if place else claim,
        first["source"],
        _asks(first),
        joined(first["id"].split("/"), "/<wbr>"),
        _changes(first),
        span,
        _published(first),
    )


def _score_cells(row: Mapping, columns: list) -> str:
    verdict = html('<td data-label="Verdict">{}</td>', _verdict(row))
    if not row["corpus"]:
        return html("<td data-empty>–</td><td data-empty>–</td>{}", verdict)
    return html(
        '<td data-label="On">{}</td><td data-label="What came out"><strong>{}</strong>'
        "<small>{}</small></td>{}",
        _where(row["corpus"], row["protocol"], columns),
        _value(row),
        " · ".join(filter(None, (_control(row), _ends(row), _made(row)))),
        verdict,
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
            links = joined(_mark(row, address) for row in marks)
            strips.append(html("<dt>{}</dt><dd>{}</dd>", title, links))
    return html(
        '<div class="ew-picture"><p class="ew-tally">{}</p><dl>{}</dl></div>',
        _legend(board, address),
        joined(strips),
    )


def _mark(row: Mapping, address: str) -> str:
    words = f"{row['claim']} {row['verdict']}"
    return html(
        '<a href="{}#{}" class="ew-mark" data-verdict="{}" title="{}" aria-label="{}">{}</a>',
        address,
        anchor(row["id"]),
        row["verdict"],
        words,
        words,
        MARKS[row["verdict"]].strip(),
    )


def _legend(board: pd.DataFrame, address: str = "") -> str:
    """Return how many claims have which verdict, each with its mark."""
    counts = {verdict: count for verdict, count in tally(board).items() if count}
    words = (
        html(
            '<a href="{}#verdict={}"><span class="ew-mark" data-verdict="{}">{}</span> '
            "<strong>{}</strong> {}</a>",
            address,
            verdict.replace(" ", "+"),
            verdict,
            MARKS[verdict].strip(),
            count,
            verdict,
        )
        for verdict, count in counts.items()
    )
    return html(
        "{} claims, by this build, or by the recorded run where it measured nothing: {}",
        sum(counts.values()),
        joined(words, ", "),
    )


def tally_html(board: pd.DataFrame, chapter: str = "", address: str = "") -> str:
    """Return a line that counts the claims of the book, or of a chapter, by verdict."""
    rows = board[board["id"].str.startswith(f"{chapter}/")] if chapter else board
    return html('<p class="ew-tally">{}</p>', _legend(rows, address))
