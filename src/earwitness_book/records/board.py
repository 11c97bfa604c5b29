"""Published, recorded and measured values side by side, each row with its verdict."""

import json
import os
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book import project
from earwitness_book.records.claims import Claim, chapters, is_id, meant, published
from earwitness_book.records.measurements import lacking, recorded
from earwitness_book.records.numbers import interval, missing, noun, number, quantity
from earwitness_book.records.verdicts import GENERATED, RESULTS, judgement, least_sure

KEYS = (
    "id", "claim", "source", "published", "recorded", "measured", "unit", "corpus", "profile",
    "verdict", "n", "interval", "control", "criterion", "seeds", "protocol", "of", "why", "history",
)  # fmt: skip
_MORE = (
    "design",
    "note",
    "folds",
    "date",
    "ours",
    "controlled",
    "only_beside",
    "bare",
    "same",
    "published_std",
    "recorded_std",
    "measured_std",
)
MARKS = {
    "reproduced": "✓ ", "not specific": "≈ ", "partly": "◐ ", "undecided": "? ",
    "not reproduced": "✗ ", "held": "✓ ", "not held": "✗ ", "not run": "· ",
    "other data": "↔ ", "design": "= ",
}  # fmt: skip

_STEPS, _NOTHING = "the lower value of each step", "nothing to beat"


def scoreboard(folder: Path | None = None, ours: bool = False) -> pd.DataFrame:
    """Return every claim: what was published, recorded and measured in this build, the verdict.

    Parameters
    ----------
    folder : path, optional
        Where executed notebooks lie (``.../executed/**/*.ipynb``), which hold what they measured.
        Default: ``_build/<profile>`` of the profile in ``EARWITNESS_PROFILE``, or all of
        ``_build`` but what the profile ``smoke`` left, whose numbers say nothing.
    ours : bool
        With our own measurements, which have no published value, and a verdict only where a
        criterion is set.

    Returns
    -------
    DataFrame
        A row per claim, corpus, protocol and profile: the columns :data:`KEYS`, then note, folds
        and the standard deviations, among others. ``of`` is what ``n`` counts, ``seeds`` how many
        networks stand behind a row where that is known, each from a seed of its own. ``measured``
        is this build; orderings are true or false.

    Raises
    ------
    DamagedDataError
        If an executed notebook or a declaration is damaged.
    ParameterError
        If ``EARWITNESS_PROFILE`` is no name.
    """
    profile = os.environ.get("EARWITNESS_PROFILE", "")
    if not folder and not re.fullmatch(r"[\w-]*", profile):
        raise ParameterError(f"EARWITNESS_PROFILE is {profile!r}, which is no profile's name.")
    asked = Path(folder).expanduser() if folder else project.root() / "_build" / profile
    entries = list(_built(asked))
    if not folder and not profile:
        entries = [entry for entry in entries if entry.get("profile") != "smoke"]
    return _board(entries, ours)


def leading(board: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each claim: the paper's corpus before others, generated voices last, and
    then the paper's own protocol or network before others.

    Among equals the row that counts most speakers or clips leads; it gives the claim its verdict. A
    number that does not say of what, of masks for instance, comes after them.
    """
    claims = {id: claim for chapter in chapters() for id, claim in published(chapter).items()}
    own = {
        f"_{key}": [
            row[key] == getattr(claims.get(row["id"]), key, None)
            for row in board.to_dict("records")
        ]
        for key in ("corpus", "protocol")
    }
    n = board["n"].fillna(0).astype(float)
    ranked = board.assign(
        **own, _real=board["corpus"] != GENERATED, _said=n * (board["of"].fillna("") != ""), _n=n
    ).sort_values(["_corpus", "_real", "_protocol", "_said", "_n"], ascending=False, kind="stable")
    return ranked.drop_duplicates("id")[board.columns].sort_index()


def tally(board: pd.DataFrame, chapter: str = "") -> dict[str, int]:
    """Return how many claims have each verdict, of the row that leads (:func:`leading`).

    Constants of the design are not counted.
    """
    rows = board[board["id"].str.startswith(f"{chapter}/")] if chapter else board
    counts = leading(rows[~rows["design"].astype(bool)])["verdict"].value_counts()
    return {verdict: int(counts.get(verdict, 0)) for verdict in RESULTS}


def plain(row: Mapping) -> dict:
    """Return a row of a board with ``None`` for everything that is missing: NaN is no word."""
    return {
        key: None if not isinstance(item, (list, tuple, dict)) and missing(item) else item
        for key, item in row.items()
    }


def rows(prefixes: Iterable[str], entries: Iterable[Mapping]) -> pd.DataFrame:
    """Return the rows of a closing table: ids that begin so, this build being ``entries``."""
    board = _board(list(entries), ours=True)
    has_value = board[["recorded", "measured"]].notna().any(axis=1)
    return board[
        board["id"].str.startswith(tuple(prefixes)) & ((board["verdict"] != "") | has_value)
    ]


def readable(board: pd.DataFrame) -> pd.DataFrame:
    """Return a scoreboard in words, a column for each that a page shows."""
    return pd.DataFrame([_readable(row) for row in board.to_dict("records")])


def to_json(board: pd.DataFrame) -> str:
    """Return a scoreboard as a JSON list of objects with :data:`KEYS`; what is missing is null."""
    kept = board[list(KEYS)].astype(object)
    rows = kept.where(kept.notna(), None).to_dict("records")
    whole = [row | {key: _whole(row[key]) for key in ("n", "seeds")} for row in rows]
    return json.dumps(whole, indent=1, ensure_ascii=False, default=str)  # dates of a history


def _built(folder: Path) -> Iterable[dict]:
    files = [path for path in folder.rglob("*.ipynb") if "executed" in path.parts]
    for path in sorted(files, key=lambda path: path.stat().st_mtime_ns):  # the latest of a key wins
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            entries = content["metadata"]["earwitness"]["records"]
            if not isinstance(entries, dict) or any(map(lacking, entries.values())):
                raise ValueError("it holds no measured entries")
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise DamagedDataError(
                f"{path} is damaged ({error}); execute its notebook again."
            ) from None
        yield from entries.values()


def _board(entries: list[Mapping], ours: bool) -> pd.DataFrame:
    claims = {id: claim for chapter in chapters() for id, claim in published(chapter).items()}
    full_runs = [entry for chapter in chapters() for entry in recorded(chapter)]
    builds = _sets(entries, claims, with_profile=True)
    runs = _sets(full_runs, claims, with_profile=False)
    shown = [claim for claim in claims.values() if ours or not claim.ours]
    same = {id: claim.claim for chapter in chapters() for id, claim in meant(chapter).items()}
    rows = [row for claim in shown for row in _rows(claim, builds, runs)]
    return pd.DataFrame(
        [row | {"same": same.get(row["id"], "")} for row in rows], columns=[*KEYS, *_MORE]
    )


def _sets(entries: list, claims: Mapping[str, Claim], with_profile: bool) -> dict[tuple, dict]:
    """Return entries by (corpus, protocol, profile), then by id, with the orderings that follow."""
    sets: dict[tuple, dict[str, dict]] = {}
    for entry in entries:
        if entry["id"] not in claims:
            warnings.warn(
                f"{entry['id']} is no longer declared; its measurement is left out.", stacklevel=2
            )
            continue
        profile = entry.get("profile", "") if with_profile else ""
        sets.setdefault((entry["corpus"], entry["protocol"], profile), {})[entry["id"]] = entry
    for found in sets.values():
        derived = {id: _derived(claim, found) for id, claim in claims.items() if claim.order}
        found.update({id: entry for id, entry in derived.items() if entry})
    return sets


def _derived(claim: Claim, entries: Mapping[str, Mapping]) -> dict | None:
    """Return an entry for an ordering if every id that it compares was measured."""
    if any(name not in entries for step in claim.steps for name in step[::2]):
        return None
    ids = list(dict.fromkeys(id for step in claim.steps for id in step[::2]))
    some = entries[ids[0]]
    compared = [(entries[low], sign, entries[high]) for low, sign, high in claim.steps]
    said = [
        f"{number(low['value'])} {sign} {number(high['value'])}" for low, sign, high in compared
    ]
    holds = all(_as_claimed(*step) for step in compared)  # of the values; see judgement
    drawn = [entries[id] for id in ids if entries[id].get("n")]
    fewest = min(drawn, key=lambda entry: entry["n"], default={})
    seeds = min(entries[id].get("seeds") or 1 for id in ids)
    shared = {key: some.get(key) for key in ("corpus", "protocol", "profile")}
    made = [entries[id]["provenance"] for id in ids if entries[id].get("provenance")]
    unsure, lead = least_sure(claim, entries) or ("", None)
    return shared | {
        "id": claim.id, "provenance": _together(made), "value": holds, "note": "; ".join(said),
        "n": fewest.get("n"), "of": fewest.get("of"), "seeds": seeds if seeds > 1 else None,
        "interval": lead and list(lead.interval),
        "unit": entries[unsure]["unit"] if lead else "",
    }  # fmt: skip


def _together(runs: Iterable[Mapping]) -> dict:
    """Return what made several entries: under each key all that their provenances say."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for key, words in run.items():
            found.setdefault(key, []).append(str(words))
    return {key: " and ".join(dict.fromkeys(words)) for key, words in found.items()}


def _as_claimed(low: Mapping, sign: str, high: Mapping) -> bool:
    """Tell whether two values lie as one step of an order says, however sure that is."""
    return low["value"] < high["value"] or (sign == "<=" and low["value"] == high["value"])


def _rows(claim: Claim, builds: Mapping[tuple, dict], runs: Mapping[tuple, dict]) -> list[dict]:
    here = [key for key in builds if claim.id in builds[key]]
    shown = {key[:2] for key in here}
    only_recorded = [key for key in runs if claim.id in runs[key] and key[:2] not in shown]
    rows = [_row(claim, builds[key], runs.get((*key[:2], ""), {})) for key in here]
    rows += [_row(claim, {}, runs[key]) for key in only_recorded]
    return rows or [_row(claim, {}, {})]


def _row(claim: Claim, build: Mapping[str, dict], run: Mapping[str, dict]) -> dict:
    mine, full = build.get(claim.id) or {}, run.get(claim.id) or {}
    judged, beside = (mine, build) if mine else (full, run)
    found = judgement(claim, judged or None, beside)
    provenance = full.get("provenance") or {}
    control = _control(claim, judged, beside)
    return {
        "id": claim.id, "claim": claim.claim, "source": claim.source or "ours",
        "unit": judged.get("unit", "") if claim.order else claim.unit,
        "published": True if claim.order else claim.value, "published_std": claim.std,
        "recorded": full.get("value"), "recorded_std": full.get("std"),
        "measured": mine.get("value"), "measured_std": mine.get("std"),
        "corpus": judged.get("corpus"), "protocol": judged.get("protocol"),
        "profile": mine.get("profile") or provenance.get("profile"),
        "verdict": found.verdict, "why": found.why, "note": judged.get("note"),
        "n": judged.get("n"), "of": judged.get("of"),
        "seeds": _networks(claim, judged), "folds": len(judged.get("folds") or []),
        "interval": judged.get("interval"), "control": control,
        "criterion": _criterion(claim), "history": claim.history, "design": claim.design,
        "bare": claim.bare,
        "date": provenance.get("date"), "ours": claim.ours,
        "controlled": bool(claim.control),
        "only_beside": bool(claim.beside) and control not in (_STEPS, _NOTHING),
    }  # fmt: skip


def _control(claim: Claim, entry: Mapping, beside: Mapping[str, dict]) -> str:
    """Return what stands beside the value: that of the control id, the entry's own, or words.

    What was to stand there and was not measured is named only where a verdict waits for it.
    """
    named = claim.control or claim.beside
    if named in beside:
        other = beside[named]
        drawn = _of_random_weights(named, other)
        return f"{quantity(other['value'], None, other['unit'])} ({_words(named)}{drawn})"
    if (own := entry.get("control")) is not None:
        return own if isinstance(own, str) else quantity(own, None, claim.unit)
    if named and not is_id(named):
        return named
    if claim.control:
        return f"not measured ({_words(named)})"
    if claim.design or not claim.is_judged:
        return ""
    return _STEPS if claim.order else _NOTHING


def _networks(claim: Claim, entry: Mapping) -> int | None:
    """Return how many networks stand behind a row, where that is known: as the entry says, or one,
    where the chapter says that of what it judges.
    """
    one = claim.one_network and claim.is_judged and not (claim.design or claim.anywhere)
    return entry.get("seeds") or (1 if one and entry and not entry.get("folds") else None)


def _of_random_weights(id: str, entry: Mapping) -> str:
    """Return of how many draws of random weights a control is the mean, where that is known."""
    if not re.search(r"untrained|random-weights", id):
        return ""
    claim = published(id.partition("/")[0])[id]
    n = entry.get("seeds") or (1 if claim.one_network else None)
    return f"; {n} {noun('networks', n)}" if n else ""


def _words(id: str) -> str:
    """Return what a claim's id stands for, to be read within a sentence; the id, if no claim has
    it.
    """
    chapter = id.partition("/")[0]
    claim = published(chapter).get(id) if chapter in chapters() else None
    if claim is None:
        return id
    words = claim.claim.partition(". ")[0].removesuffix(".")
    return words[0].lower() + words[1:] if words.partition(" ")[0][1:].islower() else words


def _criterion(claim: Claim) -> str:
    """Return what the verdict asks for, in short; the numbers of thresholds are ours."""
    if claim.tolerance is not None:
        return f"± {quantity(claim.tolerance, None, claim.unit)}"
    for sign, threshold in (("≥", claim.at_least), ("≤", claim.at_most)):
        if threshold is not None:
            return f"{sign} {quantity(threshold, None, claim.unit)}"
    return claim.order


def _readable(row: Mapping) -> dict:
    where = [str(row[key]) for key in ("corpus", "protocol") if not missing(row[key])]
    verdict = MARKS.get(row["verdict"], "") + row["verdict"]
    return {
        "claim": row["claim"], "source": row["source"],
        "published": _published(row),
        "recorded": quantity(row["recorded"], row["recorded_std"], row["unit"]),
        "this build": quantity(row["measured"], row["measured_std"], row["unit"])
        + _comparison(row),
        "95 % interval": ends(row),
        "verdict": f"{verdict} ({row['why']})" if row["why"] else verdict,
        "on": " ".join([*where, *counted(row)]),
        "control": row["control"] or "",
    }  # fmt: skip


def ends(row: Mapping) -> str:
    """Return a row's interval with its unit; of an order, that of the lead in its least sure step;
    of what can have none, why.
    """
    said = interval(row["interval"], row["unit"] or "")
    if row["bare"] and not said:
        return f"none, {row['bare']}"
    return f"{said}, of the lead" if said and row["published"] is True else said


def counted(row: Mapping) -> list[str]:
    """Return how many speakers or clips, and how many networks, stand behind a row."""
    n, seeds, folds = (_whole(row[key]) for key in ("n", "seeds", "folds"))
    of = "" if missing(row["of"]) else row["of"]
    found = [f"n = {n} {noun(of, n)}".strip()] if n else []
    if seeds:
        return [*found, f"{seeds} {noun('networks', seeds)}"]
    if not folds:
        return found
    return [*found, "1 network" if folds == 1 else f"{folds} networks, one a fold"]


def _whole(n) -> int | None:
    return None if missing(n) else int(n)


def _published(row: Mapping) -> str:
    """Return the published value; for a statement without one, what our threshold asks."""
    if missing(row["published"]) and row["criterion"]:
        return f"yes (we ask {row['criterion']})"
    return quantity(row["published"], row["published_std"], row["unit"])


def _comparison(row: Mapping) -> str:
    return f" ({row['note']})" if isinstance(row["measured"], bool) and row["note"] else ""
