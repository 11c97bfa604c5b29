"""Published, recorded and measured values of every claim, and a verdict that a machine can give.

``data/published/<chapter>.yaml`` declares what a paper says, with source and criterion, and what we measure beside it.
Notebooks :func:`record` what they measured; full runs are kept with provenance in ``data/recorded/<chapter>.yaml``.

How a verdict comes about
-------------------------
Judged is what this build measured, or, where it measured nothing, the full run on record:

========================  ==================================================================================
``reproduced``            the claim's criterion is met
``partly``                its weaker form is met: twice the tolerance, the ``partly`` threshold, some of the steps
``not reproduced``        neither
``not run``               nothing was measured
========================  ==================================================================================

Two ceilings keep it honest: a published *value* met on another corpus than the paper's is ``partly`` at most (an
ordering or a threshold may be ``reproduced`` there: the row names the corpus), and generated voices reach ``partly``
at most. Claims marked ``anywhere`` (the size of a network's input) do not depend on recordings and have no ceiling.
"""

import json
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import pandas as pd
import yaml
from filelock import FileLock

from earwitness import cache
from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError, check_choice
from earwitness_book import project

VERDICTS = ("not reproduced", "partly", "reproduced", "not run")
KEYS = ("id", "claim", "source", "published", "recorded", "measured", "unit", "corpus", "profile", "verdict")
PROVENANCE = ("command", "commit", "device", "date", "profile")
GENERATED = "voices"
_CRITERIA = ("tolerance", "at_least", "at_most", "order")
_ENTRY_KEYS = {
    "id", "value", "std", "unit", "corpus", "protocol", "n", "control", "note", "folds", "details", "profile",
    "provenance",
}
_MARKS = {"reproduced": "✓ ", "partly": "◐ ", "not reproduced": "✗ ", "not run": "· "}


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, or (``ours``) one measurement of our own, as the published YAML declares it."""

    id: str
    claim: str
    source: str = ""
    unit: str = ""
    value: float | None = None
    std: float | None = None
    tolerance: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    partly: float | None = None
    order: str = ""
    measure: str = ""
    control: str = ""
    every_step: bool = False
    anywhere: bool = False
    corpus: str = ""
    ours: bool = False

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """Return the comparisons of ``order``: (id, ``"<"`` or ``"<="``, id)."""
        chains = [re.split(r"\s*(<=|<)\s*", chain.strip()) for chain in self.order.split("|")] if self.order else []
        return [tuple(chain[i : i + 3]) for chain in chains for i in range(0, len(chain) - 2, 2)]


# --- what is declared


def published(chapter: str) -> dict[str, Claim]:
    """Return every claim and own measurement of a chapter, by id, in the file's order.

    Raises
    ------
    UnknownNameError
        If no published YAML of that name exists.
    DamagedDataError
        If an entry lacks a source or a criterion, or says something that cannot be checked.
    """
    path = _chapter_file("published", chapter)
    return dict(_read_published(path, path.stat().st_mtime_ns))


def chapters() -> list[str]:
    """Return the chapters whose published values are declared."""
    return sorted(path.stem for path in (project.root() / "data" / "published").glob("*.yaml"))


def _chapter_file(kind: str, chapter: str) -> Path:
    return project.root() / "data" / kind / f"{check_choice(chapter, chapters(), 'chapter with published values')}.yaml"


@lru_cache(maxsize=32)
def _read_published(path: Path, _changed: int) -> dict[str, Claim]:
    content = _yaml(path)
    claims: dict[str, Claim] = {}
    for section in ("claims", "ours"):
        for number, row in enumerate(content.get(section) or [], start=1):
            claim = _claim(row, f"{path.name}, {section} {number}", content, ours=section == "ours")
            if claim.id in claims:
                raise DamagedDataError(f"{path.name} declares {claim.id} twice.")
            claims[claim.id] = claim
    for claim in claims.values():
        _check_order(claim, claims, path.name)
    return claims


def _claim(row: Mapping, where: str, content: Mapping, ours: bool) -> Claim:
    where = f"{where} ({row.get('id', 'without id')})"
    known = {field.name for field in fields(Claim)} - {"ours"}
    problems = [f"does not know {key!r}" for key in sorted(set(row) - known)]
    problems += [f"needs {key!r}" for key in ("id", "claim") if not row.get(key)]
    if not str(row.get("id", "")).startswith(f"{content.get('chapter')}/"):
        problems.append(f"needs an id that begins with '{content.get('chapter')}/'")
    problems += _own_problems(row) if ours else _claim_problems(row)
    if problems:
        raise DamagedDataError(f"{where} {'; '.join(problems)}.")
    return Claim(**{"corpus": content.get("corpus", ""), **row}, ours=ours)    # a paper may use several corpora


def _own_problems(row: Mapping) -> list[str]:
    problems = [f"is ours and cannot have {key!r}" for key in (*_CRITERIA, "value", "corpus") if key in row]
    return problems + ([] if row.get("unit") else ["needs 'unit'"])


def _claim_problems(row: Mapping) -> list[str]:
    problems = [] if row.get("source") else ["needs 'source': a table, figure or section"]
    given = [key for key in _CRITERIA if key in row]
    if len(given) != 1:
        problems.append(f"needs exactly one criterion of {', '.join(_CRITERIA)}, has {', '.join(given) or 'none'}")
    if "tolerance" in row and not _is_number(row.get("value")):
        problems.append("has a tolerance but no numeric 'value'")
    if given != ["order"] and not row.get("unit"):
        problems.append("needs 'unit' (\"1\" for pure numbers)")
    if {"at_least", "at_most"} & set(given) and not row.get("measure"):
        problems.append("needs 'measure': what the threshold is compared with")
    return problems


def _check_order(claim: Claim, claims: Mapping[str, Claim], file: str) -> None:
    if claim.order and (not claim.steps or "<" in "".join(part for step in claim.steps for part in step[::2])):
        raise DamagedDataError(f"{file}: the order of {claim.id} is not 'id < id', chained by '<', '<=' and '|'.")
    for name in {part for step in claim.steps for part in step[::2]}:
        if name not in claims or claims[name].order:
            raise DamagedDataError(f"{file}: the order of {claim.id} names {name!r}, which nothing measures.")


def _yaml(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DamagedDataError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(content, dict):
        raise DamagedDataError(f"{path} holds no mapping with 'chapter' and entries.")
    return content


# --- what is measured

_measured: dict[str, dict] = {}


def record(
    id: str, value: float, *, std: float | None = None, unit: str = "", corpus: str = "", protocol: str = "speaker",
    n: int | None = None, control: float | str | None = None, note: str = "", folds: Iterable[float] | None = None,
    details: Mapping | None = None,
) -> dict:
    """Note what was measured under a declared id, and return the entry.

    Parameters
    ----------
    id : str
        Declared in ``data/published/<chapter>.yaml``; one that an ``order`` derives from others is not measured itself.
    value : float
        In the declared unit (accuracy in per cent).
    std : float, optional
        Spread over folds or speakers, same unit.
    unit : str, optional
        Checked against the declared unit.
    corpus, protocol : str
        What it was measured on. The same id may be recorded on several; orders compare within one.
    n : int, optional
        Number of clips.
    control : float or str, optional
        What stands beside the value (same unit, or a sentence).
    folds : iterable of float, optional
        One value per fold.
    details : mapping, optional
        Anything else worth keeping as JSON, for instance a confusion matrix.

    Raises
    ------
    UnknownNameError
        If the id is not declared; the message names the nearest.
    ParameterError
        If value, unit or corpus do not fit the declaration.

    Notes
    -----
    With ``EARWITNESS_RECORDS`` set (the runner does), the file of that name always holds all entries of this process.
    """
    entry = {
        "id": id, "value": value, "std": std, "unit": unit, "corpus": corpus, "protocol": protocol, "n": n,
        "control": control, "note": note, "folds": None if folds is None else list(folds), "details": details,
        "profile": os.environ.get("EARWITNESS_PROFILE") or "interactive",
    }
    entry = _checked(entry)
    _measured[_key(entry)] = entry
    if target := os.environ.get("EARWITNESS_RECORDS"):
        cache.write_text(Path(target), json.dumps(_measured, indent=1, ensure_ascii=False))
    return dict(entry)


def measured() -> dict[str, dict]:
    """Return what this process recorded, by ``id@corpus/protocol``."""
    return {key: dict(entry) for key, entry in _measured.items()}


def forget() -> None:
    """Forget what this process recorded; files stay."""
    _measured.clear()


def _key(entry: Mapping) -> str:
    return f"{entry['id']}@{entry['corpus']}/{entry['protocol']}"


def _declared(id: str) -> Claim:
    claims = published(str(id).split("/")[0])
    if id not in claims:
        near = " or ".join(get_close_matches(id, claims, n=2)) or "nothing of a similar name"
        raise UnknownNameError(f"There is no record id {id!r}; declared is {near}. See data/published/.")
    return claims[id]


def _checked(entry: Mapping) -> dict:
    """Return the entry with plain Python numbers and the declared unit, without empty fields."""
    claim = _declared(entry["id"])
    if unknown := sorted(set(entry) - _ENTRY_KEYS):
        raise ParameterError(f"An entry of {claim.id} cannot hold {', '.join(unknown)}.")
    if claim.order:
        raise ParameterError(f"{claim.id} follows from other ids ({claim.order}); record those.")
    if (entry.get("unit") or claim.unit) != claim.unit:
        raise ParameterError(f"{claim.id} is declared in {claim.unit!r}, got a value in {entry['unit']!r}.")
    if not entry.get("corpus"):
        raise ParameterError(f"{claim.id} needs corpus=...: a number without the data it was measured on says nothing.")
    plain = {key: _plain(item, claim.id, key) for key, item in entry.items() if item is not None and item != ""}
    if not _is_number(plain.get("value")):
        raise ParameterError(f"{claim.id} needs a finite number in {claim.unit!r}, got {entry.get('value')!r}.")
    return {**plain, "unit": claim.unit, "protocol": entry.get("protocol") or "speaker"}


def _plain(item, id: str, key: str):
    item = item.tolist() if hasattr(item, "tolist") else item     # numpy and torch, scalars and arrays
    if isinstance(item, Mapping):
        return {str(name): _plain(value, id, key) for name, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_plain(value, id, key) for value in item]
    if isinstance(item, float) and not math.isfinite(item):
        raise ParameterError(f"{key} of {id} must be finite, got {item}.")
    return item


def _is_number(item) -> bool:
    return isinstance(item, (int, float)) and not isinstance(item, bool) and math.isfinite(item)


# --- what is kept of full runs


def recorded(chapter: str) -> list[dict]:
    """Return the entries of the chapter's full runs, each with its ``provenance``; empty if none was kept."""
    path = _chapter_file("recorded", chapter)
    return list(_yaml(path).get("entries") or []) if path.exists() else []


def write_recorded(chapter: str, entries: Iterable[Mapping], provenance: Mapping) -> Path:
    """Keep measured entries as the chapter's recorded values; those of the same id, corpus and protocol give way.

    Parameters
    ----------
    chapter : str
    entries : iterable of mappings
        As :func:`record` returns them, for instance ``measured().values()``.
    provenance : mapping
        ``command``, ``commit``, ``device``, ``date`` and ``profile`` of the run; corpus and protocol are the entry's.

    Raises
    ------
    ParameterError
        If provenance is incomplete, or an entry belongs to another chapter.
    """
    provenance = {key: str(item) for key, item in provenance.items() if item not in (None, "")}
    if missing := [key for key in PROVENANCE if key not in provenance]:
        raise ParameterError(f"Nothing is recorded without provenance; missing: {', '.join(missing)}.")
    new = [_with_provenance(entry, chapter, provenance) for entry in entries]
    path = _chapter_file("recorded", chapter)
    with FileLock(cache.directory("locks") / f"recorded-{chapter}.lock"):
        kept = {_key(entry): entry for entry in [*recorded(chapter), *new]}
        order = {id: position for position, id in enumerate(published(chapter))}
        rows = sorted(kept.values(), key=lambda entry: (order.get(entry["id"], len(order)), _key(entry)))
        text = yaml.safe_dump({"chapter": chapter, "entries": rows}, sort_keys=False, allow_unicode=True, width=120)
        cache.write_text(path, f"# Written by `earwitness record`: full runs, each value with what made it.\n{text}")
    return path


def _with_provenance(entry: Mapping, chapter: str, provenance: Mapping) -> dict:
    entry = _checked(entry)
    if not entry["id"].startswith(f"{chapter}/"):
        raise ParameterError(f"{entry['id']} does not belong to the chapter {chapter}.")
    where = {"corpus": entry["corpus"], "protocol": entry["protocol"]}
    entry.pop("profile", None)
    return {**entry, "provenance": {**where, **provenance, **entry.get("provenance", {})}}


# --- verdicts


def judge(claim: Claim, entry: Mapping | None) -> str:
    """Return the verdict on a claim for one measured or recorded entry (``None``: not run); ``""`` for our own ids."""
    if claim.ours:
        return ""
    if entry is None:
        return "not run"
    strength = _strength(claim, entry)
    elsewhere = claim.tolerance is not None and entry["corpus"] != claim.corpus
    ceiling = 1 if not claim.anywhere and (elsewhere or entry["corpus"] == GENERATED) else 2
    return VERDICTS[min(strength, ceiling)]


def _strength(claim: Claim, entry: Mapping) -> int:
    """Return 2 if the criterion is met, 1 if its weaker form is, else 0."""
    if claim.order:
        held, steps = entry["steps_held"], len(claim.steps)
        return 2 if held == steps else int(held > 0 and not claim.every_step)
    if claim.tolerance is not None:
        distance = abs(entry["value"] - claim.value)
        return (distance <= claim.tolerance) + (distance <= 2 * claim.tolerance)
    sign, strict = (1, claim.at_least) if claim.at_least is not None else (-1, claim.at_most)
    weak = strict if claim.partly is None else claim.partly
    return (sign * entry["value"] >= sign * strict) + (sign * entry["value"] >= sign * weak)


def _derived(claim: Claim, entries: Mapping[str, Mapping]) -> dict | None:
    """Return an entry for an ordering if every id it compares was measured (one corpus, one protocol)."""
    if any(name not in entries for step in claim.steps for name in step[::2]):
        return None
    some = entries[claim.steps[0][0]]
    compared = [(entries[a]["value"], sign, entries[b]["value"]) for a, sign, b in claim.steps]
    held = sum(a < b or (sign == "<=" and a == b) for a, sign, b in compared)
    note = "; ".join(f"{_number(a)} {sign} {_number(b)}" for a, sign, b in compared)
    return {**{key: some[key] for key in ("corpus", "protocol")}, "profile": some.get("profile"),
            "id": claim.id, "value": held == len(compared), "steps_held": held, "note": note}


# --- tables


def scoreboard(folder: Path | None = None, ours: bool = False) -> pd.DataFrame:
    """Return every claim with what was published, recorded and measured in this build, and the verdict.

    Parameters
    ----------
    folder : path, optional
        Where executed notebooks lie (``.../executed/**/*.records.json``). Default: ``_build/<profile>`` of the profile
        in ``EARWITNESS_PROFILE``, or all of ``_build``.
    ours : bool
        With our own measurements, which have no published value and get no verdict.

    Returns
    -------
    DataFrame
        A row per claim, corpus, protocol and profile: the columns :data:`KEYS`, then protocol, criterion, control,
        note, n and the standard deviations. ``measured`` is this build; orderings are true or false.
    """
    folder = Path(folder) if folder else project.root() / "_build" / os.environ.get("EARWITNESS_PROFILE", "")
    return _board(list(_built(folder)), ours)


def table(*prefixes: str):
    """Return the closing table of a notebook: published | recorded | this build | verdict, as a pandas Styler.

    Parameters
    ----------
    *prefixes : str
        Beginnings of the ids to show, for instance ``"audiomnist/flipping"``. "This build" is what this process
        recorded; recorded values on other corpora stand in rows of their own. The Styler's ``data`` is the DataFrame.

    Raises
    ------
    UnknownNameError
        If no declared id begins with a prefix.
    """
    for prefix in prefixes:
        _check_prefix(prefix)
    rows = _board(list(_measured.values()), ours=True)
    has_value = rows[["recorded", "measured"]].notna().any(axis=1)
    rows = rows[rows["id"].str.startswith(prefixes) & ((rows["verdict"] != "") | has_value)]
    return show(rows)


def show(board: pd.DataFrame):
    """Return a scoreboard, or rows of it, as a pandas Styler for a page: units, ± and verdicts in words and marks."""
    readable = pd.DataFrame([_readable(row) for row in board.to_dict("records")])
    caption = "Published, recorded by a full run, and measured in this build"
    return readable.style.hide(axis="index").set_caption(caption).set_table_attributes('class="ew-records"')


def to_json(board: pd.DataFrame) -> str:
    """Return a scoreboard as a JSON list of objects with the keys :data:`KEYS`; what is missing is null."""
    rows = board[list(KEYS)].astype(object).where(board[list(KEYS)].notna(), None)
    return json.dumps(rows.to_dict("records"), indent=1, ensure_ascii=False)


def _check_prefix(prefix: str) -> None:
    ids = published(prefix.split("/")[0])
    if not any(id.startswith(prefix) for id in ids):
        check_choice(prefix, {id.rpartition("/")[0] for id in ids}, "beginning of a record id")


def _built(folder: Path) -> Iterable[dict]:
    files = [path for path in folder.rglob("*.records.json") if "executed" in path.parts]
    for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):      # the latest measurement of a key wins
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise DamagedDataError(f"{path} is damaged ({error}); execute its notebook again.") from None
        yield from entries.values()


def _board(entries: list[dict], ours: bool) -> pd.DataFrame:
    claims = {id: claim for chapter in chapters() for id, claim in published(chapter).items()}
    full_runs = [entry for chapter in chapters() for entry in recorded(chapter)]
    builds = _sets(entries, claims, with_profile=True)
    runs = _sets(full_runs, claims, with_profile=False)
    rows = [row for claim in claims.values() if ours or not claim.ours for row in _rows(claim, builds, runs)]
    columns = [*KEYS, "protocol", "criterion", "control", "note", "n", "published_std", "recorded_std", "measured_std"]
    return pd.DataFrame(rows, columns=columns)


def _sets(entries: list[dict], claims: Mapping[str, Claim], with_profile: bool) -> dict[tuple, dict[str, dict]]:
    """Return entries by (corpus, protocol, profile), then by id, with the orderings that follow from them."""
    sets: dict[tuple, dict[str, dict]] = {}
    for entry in entries:
        if entry["id"] not in claims:
            warnings.warn(f"{entry['id']} is no longer declared; its measurement is left out.", stacklevel=2)
            continue
        profile = entry.get("profile", "") if with_profile else ""
        sets.setdefault((entry["corpus"], entry["protocol"], profile), {})[entry["id"]] = entry
    for found in sets.values():
        derived = {id: _derived(claim, found) for id, claim in claims.items() if claim.order}
        found.update({id: entry for id, entry in derived.items() if entry})
    return sets


def _rows(claim: Claim, builds: Mapping[tuple, dict], runs: Mapping[tuple, dict]) -> list[dict]:
    here = [key for key in builds if claim.id in builds[key]]
    shown = {key[:2] for key in here}
    only_recorded = [key for key in runs if claim.id in runs[key] and key[:2] not in shown]
    rows = [_row(claim, builds[key], runs.get((*key[:2], ""), {})) for key in here]
    rows += [_row(claim, {}, runs[key]) for key in only_recorded]
    return rows or [_row(claim, {}, {})]


def _row(claim: Claim, build: Mapping[str, dict], run: Mapping[str, dict]) -> dict:
    mine, full = build.get(claim.id), run.get(claim.id)
    judged = mine or full
    some = judged or {}
    row = {
        "id": claim.id, "claim": claim.claim, "source": claim.source or "ours", "unit": claim.unit,
        "published": True if claim.order else claim.value, "published_std": claim.std,
        "recorded": (full or {}).get("value"), "recorded_std": (full or {}).get("std"),
        "measured": (mine or {}).get("value"), "measured_std": (mine or {}).get("std"),
        "corpus": some.get("corpus"), "protocol": some.get("protocol"),
        "profile": (mine or {}).get("profile") or ((full or {}).get("provenance") or {}).get("profile"),
        "verdict": judge(claim, judged), "note": some.get("note"), "n": some.get("n"),
    }
    return row | {"criterion": _criterion(claim), "control": _control(claim, some, build if mine else run)}


def _control(claim: Claim, entry: Mapping, beside: Mapping[str, dict]) -> str:
    """Return what stands beside the value: the entry's own control, the control id's value, or words."""
    if (own := entry.get("control")) is not None:
        return own if isinstance(own, str) else f"{_number(own)} {_unit(claim.unit)}".strip()
    if claim.control in beside:
        other = beside[claim.control]
        return f"{_number(other['value'])} {_unit(other['unit'])} ({_words(claim.control)})"
    return _words(claim.control)


def _words(control: str) -> str:
    """Return an id as words, and words as they are."""
    is_id = "/" in control and " " not in control
    return control.partition("/")[2].replace("/", ", ").replace("-", " ") if is_id else control


def _criterion(claim: Claim) -> str:
    """Return what the verdict asks for, in short; the numbers of thresholds are ours."""
    if claim.tolerance is not None:
        return f"± {_number(claim.tolerance)} {_unit(claim.unit)}".strip()
    for sign, threshold in (("≥", claim.at_least), ("≤", claim.at_most)):
        if threshold is not None:
            return f"{sign} {_number(threshold)} {_unit(claim.unit)}".strip()
    return claim.order


def _readable(row: Mapping) -> dict:
    return {
        "claim": row["claim"], "source": row["source"],
        "published": _published(row),
        "recorded": _quantity(row["recorded"], row["recorded_std"], row["unit"]),
        "this build": _quantity(row["measured"], row["measured_std"], row["unit"]) + _comparison(row),
        "verdict": _MARKS.get(row["verdict"], "") + row["verdict"],
        "on": " ".join(str(row[key]) for key in ("corpus", "protocol") if not _missing(row[key])),
        "control": row["control"] or "",
    }


def _published(row: Mapping) -> str:
    """Return the published value; for a statement without one, what our threshold asks for."""
    if _missing(row["published"]) and row["criterion"]:
        return f"yes (we ask {row['criterion']})"
    return _quantity(row["published"], row["published_std"], row["unit"])


def _comparison(row: Mapping) -> str:
    return f" ({row['note']})" if isinstance(row["measured"], bool) and row["note"] else ""


def _quantity(value, std, unit: str) -> str:
    if _missing(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    spread = "" if _missing(std) else f" ± {_number(std)}"
    return f"{_number(value)}{spread} {_unit(unit)}".strip()


def _number(value) -> str:
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 10000 else f"{value:.4g}"


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit


def _missing(value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
