"""A sweep as a page of the site: small multiples, sounds, the table, and its files to download."""

import base64
import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import pandas as pd

from earwitness import cache
from earwitness.errors import ParameterError, check_choice
from earwitness.html import html, joined
from earwitness_book.runner import site, sweep
from earwitness_book.runner.execute import Executed
from earwitness_book.runner.notebooks import Notebook, toc_pages

FOLDER = "sweeps"
N_PANELS, N_ROWS, N_SOUNDS = 24, 300, 12  # that a page has room for; the files have all
_MARKERS, _LINES = "osD^vP", ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Shown:
    """What a page shows of a sweep.

    Attributes
    ----------
    notebook : Notebook
    tried : dict
        Values by parameter.
    results : list of (Job, Executed or Failure)
    rows : DataFrame
        As :func:`sweep.table` or :func:`sweep.averaged` returns.
    table : Path
        The CSV, beside which the Parquet lies.
    command : str
        That makes it again.
    """

    notebook: Notebook
    tried: dict[str, list]
    results: list
    rows: pd.DataFrame
    table: Path
    command: str


def check_name(name: str) -> str:
    """Return a page's name.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ParameterError(f"A page is named in small letters, digits and hyphens, not {name!r}.")
    return name


def write(profile: str, name: str, shown: Shown) -> str:
    """Write the page, with the sweep's files, to where the profile's site finds it, and return its
    place in the site.
    """
    from earwitness.figures import style

    style.use_style()
    folder = site.own_pages(profile) / FOLDER
    files = folder / name
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    for kind in ("csv", "parquet"):
        shutil.copyfile(shown.table.with_suffix(f".{kind}"), files / f"{name}.{kind}")
    parts = [_head(shown), *_failures(shown), _multiples(shown), *_sounds(shown)]
    parts += [_table(shown), _downloads(name)]
    cache.write_text(folder / f"{name}.md", "\n\n".join(parts) + "\n")
    return f"{FOLDER}/{name}"


def remove(profile: str, name: str) -> None:
    """Remove a page and its files; the site loses it when it is rendered next.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    folder = site.own_pages(profile) / FOLDER
    check_choice(name, sorted(path.stem for path in folder.glob("*.md")), "page of a sweep")
    (folder / f"{name}.md").unlink()
    shutil.rmtree(folder / name, ignore_errors=True)


def _head(shown: Shown) -> str:
    page, title = shown.notebook.page, shown.notebook.title()
    link = f"{{doc}}`/{page}`" if page in toc_pages() else f"`{shown.notebook.id}`"
    names = " and ".join(f"`{name}`" for name in shown.tried)
    notes = [_note(result) for _, result in shown.results if isinstance(result, Executed)]
    made = f" at commit `{notes[0]['commit']}` in profile `{notes[0]['profile']}`" if notes else ""
    return (
        f"# {title}, by {', '.join(shown.tried)}\n\n"
        f"What {link} records when {names} change{'s' if len(shown.tried) == 1 else ''}: "
        f"{len(shown.results)} runs{made}. Everything else is as on that page. Made by\n\n"
        f"```bash\n{shown.command}\n```"
    )


def _note(result: Executed) -> dict:
    return json.loads(result.content)["metadata"]["earwitness"]


def _failures(shown: Shown) -> Iterator[str]:
    failed = shown.rows[shown.rows["failure"] != ""] if "failure" in shown.rows else ()
    if len(failed):
        said = "\n".join(f"- `{text}`" for text in dict.fromkeys(failed["failure"]))
        yield f":::{{warning}}\n{len(failed)} of these runs failed.\n\n{said}\n:::"


# --- small multiples


def _multiples(shown: Shown) -> str:
    rows = shown.rows[shown.rows["id"] != ""]
    ids = list(dict.fromkeys(rows["id"]))
    if not ids:
        return "No run recorded a value."
    axis, others = _axes(shown)
    figures = [_panel(rows[rows["id"] == id], id, axis, others) for id in ids[:N_PANELS]]
    more = f" The first {N_PANELS} of {len(ids)} are drawn." if len(ids) > N_PANELS else ""
    drawn = html('<div class="ew-cards">{}</div>', joined(figures))
    return (
        f"## What changes\n\nOne picture for each value that the runs recorded, over "
        f"`{_plain(axis)}`; each has its own vertical axis. Bars are 95 % intervals, where a run, "
        "or an average, has them."
        f"{more}\n\n{drawn}"
    )


def _axes(shown: Shown) -> tuple[str, list[str]]:
    """Return the column that is drawn from left to right, and those that make curves."""
    several = [name for name, values in shown.tried.items() if len(values) > 1]
    columns = [sweep.column(name) for name in several or shown.tried]
    columns = [name for name in columns if name in shown.rows] or [shown.rows.columns[0]]
    return columns[0], columns[1:]


def _panel(rows: pd.DataFrame, id: str, axis: str, others: list[str]) -> str:
    """Return a picture of one recorded value as HTML, its numbers in the alternative text."""
    from matplotlib.figure import Figure  # takes a second

    figure = Figure(figsize=(3.2, 2.3), layout="constrained")
    ax = figure.subplots()
    curves = rows.groupby(others, sort=False) if others else [((), rows)]
    for (values, curve), marker, line in zip(curves, cycle(_MARKERS), cycle(_LINES), strict=False):
        _curve(ax, curve, axis, marker, line, ", ".join(map(str, values)))
    unit = rows["unit"].iloc[0]
    ax.set(xlabel=_plain(axis), ylabel=f"({unit})" if unit not in ("", "1") else "")
    if others:
        ax.legend(title=", ".join(map(_plain, others)), fontsize="small")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=110)
    name = id.partition("/")[2] or id
    said = "; ".join(
        f"{', '.join(str(row[column]) for column in (axis, *others))}: {row['value']}"
        for row in sweep.shown(rows)
    )
    return html(
        '<figure class="ew-card"><img src="data:image/png;base64,{}" alt="{}">'
        "<figcaption>{}</figcaption></figure>",
        base64.b64encode(drawn.getvalue()).decode(), f"{name} by {_plain(axis)}: {said}", name,
    )  # fmt: skip


def _plain(column: str) -> str:
    """Return the parameter of a column."""
    return column.removeprefix("parameter_")


def _curve(ax, rows: pd.DataFrame, axis: str, marker: str, line: str, label: str) -> None:
    numbers = pd.to_numeric(rows[axis], errors="coerce")
    at = numbers if numbers.notna().all() else rows[axis].astype(str)
    value, low, high = (pd.to_numeric(rows[name]) for name in ("value", "low", "high"))
    order = at.sort_values(kind="stable").index if at is numbers else rows.index
    (drawn,) = ax.plot(at[order], value[order], marker=marker, linestyle=line, label=label)
    ax.vlines(at, low, high, color=drawn.get_color(), lw=1)
    if at is numbers and (numbers > 0).all() and numbers.max() >= 100 * numbers.min():
        ax.set_xscale("log")


# --- sounds, table, files


def _sounds(shown: Shown) -> Iterator[str]:
    """Yield the sounds of each run that no other run has; of all alike, those of the first."""
    sounds = {
        sweep.label({name: job.values[name] for name in shown.tried}): _players(result)
        for job, result in shown.results
        if isinstance(result, Executed)
    }
    everywhere = set.intersection(*map(set, sounds.values())) if len(sounds) > 1 else set()
    own = {run: [each for each in all if each not in everywhere] for run, all in sounds.items()}
    own, left = {run: all for run, all in own.items() if all}, N_SOUNDS
    if not own:
        return
    share = max(1, left // len(own))
    parts = ["## Sounds\n\nThose that differ between the runs; the others are on the page."]
    for run, all in list(own.items())[:N_SOUNDS]:
        parts.append(f"`{run}`\n\n" + "\n".join(all[:share]))
    yield "\n\n".join(parts)


def _players(result: Executed) -> list[str]:
    cells = json.loads(result.content)["cells"]
    found = [
        "".join(output["data"]["text/html"])
        for cell in cells
        for output in cell.get("outputs", [])
        if "<audio" in "".join(output.get("data", {}).get("text/html", ""))
    ]
    return [re.sub(r"\n\s*\n", "\n", each) for each in found]  # Markdown ends HTML at a blank line


def _table(shown: Shown) -> str:
    rows = sweep.shown(shown.rows)
    head = joined(html('<th scope="col">{}</th>', name) for name in rows[0])
    body = joined(
        html("<tr>{}</tr>", joined(html("<td>{}</td>", value) for value in row.values()))
        for row in rows[:N_ROWS]
    )
    more = f" The first {N_ROWS} of {len(rows)} rows." if len(rows) > N_ROWS else ""
    made = html(
        '<div class="ew-scroll"><table class="table"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        head,
        body,
    )
    return f"## Every value\n\nValues with their 95 % interval.{more}\n\n{made}"


def _downloads(name: str) -> str:
    return (
        f"All columns, and the rows of earlier sweeps in the same folder: "
        f"{{download}}`{name}.csv <{name}/{name}.csv>`, "
        f"{{download}}`{name}.parquet <{name}/{name}.parquet>`."
    )
