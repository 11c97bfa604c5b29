"""One notebook with every combination of some parameters' values, and a table of what each run
recorded.
"""

import io
import itertools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from earwitness import cache
from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book import project
from earwitness_book.runner import parameters
from earwitness_book.runner.execute import Executed, Failure, Job
from earwitness_book.runner.notebooks import Notebook

_MEASURED = ("id", "value", "low", "high", "unit", "n", "corpus", "protocol")
_RUN = ("seconds", "failure", "folder")
_ASIDE = ("corpus", "protocol", *_RUN)  # in the file, not on the terminal


def values(notebook: Notebook, typed: Mapping[str, str]) -> dict[str, list]:
    """Return the values to try for each parameter: typed as ``1,2,3``, or ``a,b;a`` where a value
    is itself a list.

    Raises
    ------
    ParameterError
        As :func:`parameters.check`; also if a parameter is given no value or the same one twice.
    """
    return {name: _several(notebook, name, words) for name, words in typed.items()}


def _several(notebook: Notebook, name: str, words: str) -> list:
    declared = notebook.parameters.get(name)
    separator = ";" if declared and declared.is_list else ","
    parts = [part.strip() for part in words.split(separator) if part.strip()]
    found = [parameters.convert(notebook, {name: part})[name] for part in parts]
    if not found or any(found.count(value) > 1 for value in found):
        raise ParameterError(
            f"{name} needs one or more different values, separated by {separator!r}; got {words!r}."
        )
    return found


def combinations(tried: Mapping[str, list]) -> list[dict]:
    """Return every combination, the last parameter changing fastest."""
    return [
        dict(zip(tried, combination, strict=True))
        for combination in itertools.product(*tried.values())
    ]


def label(combination: Mapping) -> str:
    """Return a name for a combination that a file system takes."""
    text = ",".join(f"{name}={_words(value)}" for name, value in combination.items())
    safe = "".join(letter if letter.isalnum() or letter in "=,.+-_" else "-" for letter in text)
    return safe if len(safe) <= 120 else f"{safe[:100]}-{cache.digest(dict(combination))[:8]}"


def _words(value):
    """Return a list as one word, anything else as it is."""
    return "+".join(map(str, value)) if isinstance(value, list) else value


def table(
    names: Iterable[str], results: Iterable[tuple[Job, Executed | Failure]], folder: Path
) -> pd.DataFrame:
    """Return a row for each value that a run recorded, and one for a run that recorded nothing.

    Parameters
    ----------
    names : iterable of str
        Of the parameters that were tried; each is a column, ``parameter_corpus`` where a column of
        what was recorded has its name.
    results : iterable of (Job, Executed or Failure)
    folder : Path
        In which each run has its own, named by its :func:`label`.

    Returns
    -------
    DataFrame
        Parameters, then ``id``, ``value``, ``low`` and ``high`` (95 %), ``unit``, ``n``,
        ``corpus``, ``protocol``, ``seconds``, ``failure`` (empty if it passed), ``folder``.
    """
    names, rows = list(names), []
    columns = {name: column(name) for name in names}
    for job, result in results:
        tried = {name: job.values[name] for name in names}
        failure = result if isinstance(result, Failure) else result.failure
        run = {
            "seconds": np.nan if isinstance(result, Failure) else round(result.seconds, 1),
            "failure": str(failure or ""),
            "folder": str(folder / label(tried)),
        }
        typed = {columns[name]: _words(value) for name, value in tried.items()}
        found = [] if isinstance(result, Failure) else _records(result)
        rows += [typed | measured | run for measured in found or [dict.fromkeys(_MEASURED, "")]]
    return pd.DataFrame(rows, columns=[*columns.values(), *_MEASURED, *_RUN])


def column(name: str) -> str:
    """Return the name of a parameter's column."""
    return f"parameter_{name}" if name in (*_MEASURED, *_RUN) else name


def _records(result: Executed) -> list[dict]:
    entries = json.loads(result.content)["metadata"]["earwitness"]["records"]
    return [
        {name: entry.get(name, "") for name in _MEASURED}
        | dict(zip(("low", "high"), entry.get("interval") or ("", ""), strict=True))
        for entry in entries.values()
    ]


def averaged(rows: pd.DataFrame, over: str) -> pd.DataFrame:
    """Return a table in which the runs with different values of a parameter are one: their mean,
    with Student's 95 % interval and in ``n`` how many they are.

    Parameters
    ----------
    rows : DataFrame
        As :func:`table` returns.
    over : str
        The parameter, mostly ``seed``.

    Raises
    ------
    ParameterError
        If the sweep does not try several values of it.
    """
    over, asked = column(over), over
    if over not in rows or rows[over].nunique() < 2:
        raise ParameterError(f"An average over {asked} needs a sweep of it: -p {asked} V1,V2.")
    parameter_names = list(rows.columns[: list(rows.columns).index(_MEASURED[0])])
    same = [name for name in parameter_names if name != over]
    same += ["id", "unit", "corpus", "protocol"]
    measured = rows[rows["id"] != ""].astype({"value": float})
    means = measured.groupby(same, sort=False)["value"].agg(["mean", "std", "count"]).reset_index()
    reach = stats.t.ppf(0.975, means["count"] - 1) * means["std"] / np.sqrt(means["count"])
    means["low"], means["high"] = means["mean"] - reach, means["mean"] + reach
    named = means.rename(columns={"mean": "value", "count": "n"})
    return named[[name for name in (*same[:-4], *_MEASURED)]]


def shown(rows: pd.DataFrame) -> list[dict]:
    """Return a table as a terminal has room for: the value with its interval, n and unit."""
    some = rows.drop(columns=[name for name in _ASIDE if name in rows])
    some["id"] = some["id"].str.partition("/")[2]
    some["value"] = [
        _number(value, low, high)
        for value, low, high in zip(some["value"], some["low"], some["high"], strict=True)
    ]
    return some.drop(columns=["low", "high"]).to_dict("records")


def _number(value, low, high) -> str:
    known = [part for part in (low, high) if part != "" and part == part]
    interval = f" [{known[0]:.4g}, {known[1]:.4g}]" if len(known) == 2 else ""
    return f"{value:.4g}{interval}" if value != "" else ""


def write(rows: pd.DataFrame, names: Iterable[str], path: Path) -> None:
    """Write a table as CSV, and as Parquet beside it; what an earlier sweep left stays, except
    for the same combinations.

    Raises
    ------
    DamagedDataError
        If there is a file of that name that is no table of a sweep.
    """
    names, text = [column(name) for name in names], rows.astype(str).replace("nan", "")
    if (earlier := _earlier(path)) is not None:
        both = list(dict.fromkeys([*text, *earlier]))
        earlier, text = (part.reindex(columns=both, fill_value="") for part in (earlier, text))
        new = set(map(tuple, text[names].to_numpy()))
        stays = [tuple(row) not in new for row in earlier[names].to_numpy()]
        text = pd.concat([earlier[stays], text], ignore_index=True)
    first = [name for name in text if name not in (*_MEASURED, *_RUN)]
    text = text[[*first, *_MEASURED, *_RUN]]
    cache.write_text(path, text.to_csv(index=False, lineterminator="\n"))
    numbers = ["value", "low", "high", "n", "seconds"]
    typed = text.assign(**{name: pd.to_numeric(text[name]) for name in numbers})
    with cache.atomic(path.with_suffix(".parquet")) as part:
        typed.to_parquet(part)


def _earlier(path: Path) -> pd.DataFrame | None:
    """Return what a file holds, as words."""
    if not path.exists() or not project.read_text(path).strip():
        return None
    try:
        found = pd.read_csv(io.StringIO(project.read_text(path)), dtype=str, keep_default_na=False)
    except pd.errors.ParserError:
        found = pd.DataFrame()
    if not {*_MEASURED, *_RUN} <= set(found):
        raise DamagedDataError(
            f"{path} is no table of a sweep; move it away, or choose another folder with --out."
        )
    return found
