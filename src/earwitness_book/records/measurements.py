"""What is measured: entries of this process, and those that full runs left in ``data/recorded``."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import yaml

from earwitness import cache
from earwitness.arguments import check
from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError
from earwitness_book import project
from earwitness_book.records.claims import Claim, chapter_file, is_number, published, read_yaml

PROVENANCE = ("command", "commit", "device", "date", "profile")
_ENTRY_KEYS = {
    "id", "value", "std", "interval", "against", "unit", "corpus", "protocol", "n", "of", "seeds",
    "control", "note", "folds", "details", "profile", "provenance",
}  # fmt: skip
_entries: dict[str, dict] = {}


def record(
    id: str,
    value: float,
    *,
    std: float | None = None,
    interval: tuple[float, float] | None = None,
    against: Mapping[str, tuple[float, float]] | None = None,
    unit: str = "",
    corpus: str = "",
    protocol: str = "speaker",
    n: int | None = None,
    of: str = "",
    seeds: int | None = None,
    control: float | str | None = None,
    note: str = "",
    folds: Iterable[float] | None = None,
    details: Mapping | None = None,
) -> dict:
    """Note what was measured under a declared id, and return the entry.

    Parameters
    ----------
    id : str
        Declared in ``data/published/<chapter>.yaml``. What an ``order`` derives from others is not
        measured itself.
    value : float
        In the declared unit (accuracy in per cent).
    std : float, optional
        Spread over folds or speakers, same unit.
    interval : (float, float), optional
        95 % interval of the value, same unit, from speakers or clips and never from frames:
        :mod:`earwitness.evaluation.statistics`.
    against : mapping from id to (float, float), optional
        95 % intervals of this value less that of another id, from the same speakers or clips. They
        decide whether a control is beaten, or a step of an order holds, before ``interval`` does.
    unit : str, optional
        Checked against the declared unit.
    corpus, protocol : str
        What it was measured on. The same id may be recorded on several; orders compare within one.
    n : int, optional
        How many speakers or clips were resampled. Without it an interval decides nothing.
    of : str, optional
        What they are: ``"speakers"``, ``"clips"``.
    seeds : int, optional
        Number of networks, each from a seed of its own.
    control : float or str, optional
        What the value must beat (same unit), where it is no id of its own; or a sentence.
    folds : iterable of float, optional
        One value per fold.
    details : mapping, optional
        Anything else worth keeping as JSON, for instance a confusion matrix.

    Raises
    ------
    UnknownNameError
        If the id is not declared; the message names the nearest.
    ParameterError
        If value, interval, unit or corpus do not fit the declaration or each other.

    Notes
    -----
    With ``EARWITNESS_RECORDS`` set (the runner does), the file of that name always holds all
    entries of this process.
    """
    check(record, {"id": id, "folds": folds, "against": against, "details": details})
    given = {
        "value": value, "std": std, "interval": interval, "against": against, "unit": unit, "n": n,
        "of": of, "seeds": seeds, "control": control, "note": note, "details": details,
        "folds": None if folds is None else list(folds),
    }  # fmt: skip
    return record_many({id: given}, corpus=corpus, protocol=protocol)[0]


def record_many(values: Mapping[str, float | Mapping], **common) -> list[dict]:
    """Note several measurements at once, or none if one of them does not fit; return the entries.

    Parameters
    ----------
    values : mapping
        A value by id, or a mapping of :func:`record`'s arguments.
    **common
        Arguments that all of them share, such as ``corpus``, ``protocol`` and ``n``.
    """
    profile = os.environ.get("EARWITNESS_PROFILE") or "interactive"
    rows = {id: row if isinstance(row, Mapping) else {"value": row} for id, row in values.items()}
    made = [_checked({**common, **row, "id": id, "profile": profile}) for id, row in rows.items()]
    _entries.update({key(entry): entry for entry in made})
    if target := os.environ.get("EARWITNESS_RECORDS"):
        cache.write_text(Path(target), json.dumps(_entries, indent=1, ensure_ascii=False))
    return [dict(entry) for entry in made]


def measured() -> dict[str, dict]:
    """Return what this process recorded, by ``id@corpus/protocol``."""
    return {name: dict(entry) for name, entry in _entries.items()}


def forget() -> None:
    """Forget what this process recorded; files stay."""
    _entries.clear()


def key(entry: Mapping) -> str:
    """Return what tells an entry from others: id, corpus and protocol."""
    return f"{entry['id']}@{entry['corpus']}/{entry['protocol']}"


def recorded(chapter: str) -> list[dict]:
    """Return the entries of the chapter's full runs, each with its ``provenance``."""
    path = chapter_file("recorded", chapter)
    if not path.exists():
        return []
    return [dict(entry) for entry in _read(path, project.state(path).st_mtime_ns)]


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int) -> list[dict]:
    entries = read_yaml(path).get("entries") or []
    if not isinstance(entries, list):
        raise DamagedDataError(f"{path}: entries are a list, not {entries!r:.40}.")
    for number, entry in enumerate(entries, 1):
        if absent := lacking(entry):
            raise DamagedDataError(
                f"{path}, entry {number}, lacks {', '.join(absent)}, or a right one; is it cut off?"
            )
    return entries


def lacking(entry) -> list[str]:
    """Return what an entry, as a file holds it, needs and has not, or has of a wrong kind."""
    if not isinstance(entry, dict):
        return [*_NEEDED]
    wrong = [name for name, is_right in _HELD.items() if not is_right(entry.get(name))]
    return [name for name in wrong if name in _NEEDED or entry.get(name) is not None]


def _is_pair(ends) -> bool:
    return isinstance(ends, list) and len(ends) == 2 and all(map(is_number, ends))


def _are_pairs(against) -> bool:
    return isinstance(against, dict) and all(map(_is_pair, against.values()))


_NEEDED = ("id", "corpus", "protocol", "unit", "value")
_HELD = {
    **dict.fromkeys(("id", "corpus", "protocol", "unit"), lambda item: isinstance(item, str)),
    **dict.fromkeys(("value", "std", "n", "seeds"), is_number),
    "interval": _is_pair,
    "against": _are_pairs,
    "provenance": lambda item: isinstance(item, dict),
}


def write_recorded(chapter: str, entries: Iterable[Mapping], provenance: Mapping) -> Path:
    """Keep measured entries as the chapter's recorded values; those of the same key give way.

    Parameters
    ----------
    chapter : str
    entries : iterable of mappings
        As :func:`record` returns them, for instance ``measured().values()``.
    provenance : mapping
        ``command``, ``commit``, ``device``, ``date`` and ``profile`` of the run.

    Raises
    ------
    ParameterError
        If provenance is incomplete, or an entry belongs to another chapter.
    """
    provenance = {name: str(item) for name, item in provenance.items() if item not in (None, "")}
    if missing := [name for name in PROVENANCE if name not in provenance]:
        raise ParameterError(
            f"Nothing is recorded without provenance; missing: {', '.join(missing)}."
        )
    new = [_with_provenance(entry, chapter, provenance) for entry in entries]
    path = chapter_file("recorded", chapter)
    with cache.locked(cache.directory("locks") / f"recorded-{chapter}"):
        kept = {key(entry): entry for entry in [*recorded(chapter), *new]}
        order = {id: position for position, id in enumerate(published(chapter))}
        rows = sorted(kept.values(), key=lambda row: (order.get(row["id"], len(order)), key(row)))
        content = {"chapter": chapter, "entries": rows}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
        head = "# Written by `earwitness record`: full runs, each value with what made it.\n"
        cache.write_text(path, head + text)
    return path


def _with_provenance(entry: Mapping, chapter: str, provenance: Mapping) -> dict:
    entry = _checked(entry)
    if not entry["id"].startswith(f"{chapter}/"):
        raise ParameterError(f"{entry['id']} does not belong to the chapter {chapter}.")
    where = {"corpus": entry["corpus"], "protocol": entry["protocol"]}
    entry.pop("profile", None)
    return {**entry, "provenance": {**where, **provenance, **entry.get("provenance", {})}}


def _declared(id: str) -> Claim:
    id = str(id)
    claims = published(id.split("/")[0])
    if id not in claims:
        near = " or ".join(get_close_matches(id, claims, n=2)) or "nothing of a similar name"
        raise UnknownNameError(
            f"There is no record id {id!r}; declared is {near}. See data/published/."
        )
    return claims[id]


def _checked(entry: Mapping) -> dict:
    """Return the entry with plain Python numbers and the declared unit, without empty fields."""
    claim = _declared(entry["id"])
    if unknown := sorted(set(entry) - _ENTRY_KEYS):
        raise ParameterError(f"An entry of {claim.id} cannot hold {', '.join(unknown)}.")
    if claim.order:
        raise ParameterError(f"{claim.id} follows from other ids ({claim.order}); record those.")
    if (entry.get("unit") or claim.unit) != claim.unit:
        raise ParameterError(
            f"{claim.id} is declared in {claim.unit!r}, got a value in {entry['unit']!r}."
        )
    if not entry.get("corpus"):
        raise ParameterError(
            f"{claim.id} needs corpus=...: a number without its data says nothing."
        )
    plain = {name: _plain(item, claim.id, name) for name, item in entry.items()}
    plain = {name: item for name, item in plain.items() if item is not None and item != ""}
    if not is_number(plain.get("value")):
        raise ParameterError(
            f"{claim.id} needs a finite number in {claim.unit!r}, got {entry.get('value')!r}."
        )
    _check_interval(plain, claim.id)
    return {**plain, "unit": claim.unit, "protocol": entry.get("protocol") or "speaker"}


def _check_interval(entry: Mapping, id: str) -> None:
    intervals = {"interval": entry.get("interval"), **entry.get("against", {})}
    for name, ends in intervals.items():
        if ends is None:
            continue
        if (
            not isinstance(ends, list)
            or len(ends) != 2
            or not all(map(is_number, ends))
            or ends[0] > ends[1]
        ):
            raise ParameterError(
                f"{name} of {id} must be two numbers, the lower first, got {ends!r}."
            )
        if name != "interval":
            _declared(name)
    ends, value = entry.get("interval"), entry["value"]
    slack = 1e-9 * max(1.0, abs(value))
    if ends and not ends[0] - slack <= value <= ends[1] + slack:
        raise ParameterError(
            f"interval of {id} must hold the value {value:g}, got {ends}; the interval of a "
            "difference goes "
            "into against={id: (low, high)}."
        )


def _plain(item, id: str, name: str):
    item = item.tolist() if hasattr(item, "tolist") else item  # numpy and torch, scalars and arrays
    if isinstance(item, Mapping):
        return {str(part): _plain(value, id, name) for part, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_plain(value, id, name) for value in item]
    if isinstance(item, float) and not math.isfinite(item):
        raise ParameterError(f"{name} of {id} must be finite, got {item}.")
    return item
