"""What is claimed: statements of the papers and measurements of ours, from ``data/published``."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import yaml

from earwitness.errors import DamagedDataError, check_choice
from earwitness_book import project

CRITERIA = ("tolerance", "at_least", "at_most", "order")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where libyaml is
_CHANGE_KEYS = {"date", "old", "new", "reason"}


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, or (``ours``) one measurement of our own; one that has a criterion
    is an expectation of ours, written down before anything was measured, unless ``history`` says
    otherwise.

    Attributes
    ----------
    value, std, tolerance : float, optional
        What the paper prints, and how near the measured value must come.
    at_least, at_most, partly : float, optional
        What a measured value must reach, and the weaker form.
    order : str
        Ids in the order that is claimed.
    control : str
        What the value must beat: an id, or words where the entry itself brings the number.
    lower : bool
        The value is to lie below its control: an error rate, or what an intervention leaves.
    beside : str
        What is shown next to the value and need not be beaten.
    design : bool
        A constant of the design or of a corpus: listed, not counted among the results.
    seeds : int
        How many trained networks of each kind must stand behind an order that compares kinds of
        training: one of each is two draws, however many clips they were asked.
    anywhere : bool
        Holds whatever the recordings are.
    no_interval : str
        Why there is none: nothing was drawn, and nothing could be drawn anew.
    corpus, protocol : str
        The paper's own, by default those of the file: measured there, a row leads all others.
    one_network : bool
        One network stands behind what is measured, unless an entry says how many: its id begins as
        the file's ``one_network`` lists.
    history : tuple of mappings
        Every change of the criterion after a measurement: ``date``, ``old``, ``new``, ``reason``.
    """

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
    beside: str = ""
    lower: bool = False
    every_step: bool = False
    seeds: int = 1
    anywhere: bool = False
    no_interval: str = ""
    design: bool = False
    one_network: bool = False
    corpus: str = ""
    protocol: str = ""
    history: tuple = ()
    ours: bool = False

    @property
    def is_judged(self) -> bool:
        """Tell whether there is something to judge: a paper's claim, or an expectation of ours."""
        return not self.ours or any(
            (self.at_least is not None, self.at_most is not None, self.order)
        )

    @property
    def bare(self) -> str:
        """Return why there is no interval, if there can be none: as declared, or because arithmetic
        must come out, whatever the recordings are, and the worst is shown.
        """
        is_exact = self.anywhere and self.at_most is not None and not self.design
        return self.no_interval or ("a largest deviation" if is_exact else "")

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """Return the comparisons of ``order``: (id, ``"<"`` or ``"<="``, id)."""
        chains = [
            re.split(r"\s*(<=|<)\s*", chain.strip()) for chain in self.order.split("|") if chain
        ]
        return [tuple(chain[i : i + 3]) for chain in chains for i in range(0, len(chain) - 2, 2)]


def published(chapter: str) -> dict[str, Claim]:
    """Return every claim and own measurement of a chapter, by id, in the file's order.

    Raises
    ------
    UnknownNameError
        If no published YAML of that name exists.
    DamagedDataError
        If an entry lacks a source or a criterion, or says something that cannot be checked.
    """
    path = chapter_file("published", chapter)
    return dict(_read_published(path, project.state(path).st_mtime_ns))


def meant(chapter: str) -> dict[str, Claim]:
    """Return what the measurements of ours that begin with "The same" are the same as, by id: the
    last claim before each that says so itself.
    """
    found: dict[str, Claim] = {}
    said = None
    for id, claim in published(chapter).items():
        if not claim.claim.startswith("The same"):
            said = claim
        elif said:
            found[id] = said
    return found


def chapters() -> list[str]:
    """Return the chapters whose published values are declared."""
    return sorted(path.stem for path in (project.root() / "data" / "published").glob("*.yaml"))


def chapter_file(kind: str, chapter: str) -> Path:
    """Return where a chapter's values lie; ``kind`` is ``published`` or ``recorded``."""
    name = check_choice(chapter, chapters(), "chapter with published values")
    return project.root() / "data" / kind / f"{name}.yaml"


def read_yaml(path: Path) -> dict:
    """Return the mapping that a YAML file holds.

    Raises
    ------
    DamagedDataError
        If it is not readable, or holds anything else.
    """
    try:
        content = yaml.load(project.read_text(path), Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45
        raise DamagedDataError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(content, dict):
        raise DamagedDataError(f"{path} holds no mapping with 'chapter' and entries.")
    return content


def is_number(item) -> bool:
    """Tell whether something is a finite number; ``True`` is none."""
    return isinstance(item, (int, float)) and not isinstance(item, bool) and math.isfinite(item)


@lru_cache(maxsize=32)
def _read_published(path: Path, _changed: int) -> dict[str, Claim]:
    content = read_yaml(path)
    claims: dict[str, Claim] = {}
    for section in ("claims", "ours"):
        for number, row in enumerate(content.get(section) or [], start=1):
            if not isinstance(row, Mapping):
                raise DamagedDataError(f"{path.name}, {section} {number}: {row!r:.40} is no claim.")
            where = f"{path.name}, {section} {number} ({row.get('id', 'without id')})"
            claim = _claim(row, where, content, ours=section == "ours")
            if claim.id in claims:
                raise DamagedDataError(f"{path.name} declares {claim.id} twice.")
            claims[claim.id] = claim
    for claim in claims.values():
        _check_order(claim, claims, path.name)
    return claims


def _claim(row: Mapping, where: str, content: Mapping, ours: bool) -> Claim:
    chapter = content.get("chapter")
    known = {field.name for field in fields(Claim)} - {"ours", "one_network"}
    problems = [f"does not know {key!r}" for key in sorted(set(row) - known)]
    problems += [f"needs {key!r}" for key in ("id", "claim") if not row.get(key)]
    if not str(row.get("id", "")).startswith(f"{chapter}/"):
        problems.append(f"needs an id that begins with '{chapter}/'")
    problems += _own_problems(row) if ours else _claim_problems(row)
    if problems:
        raise DamagedDataError(f"{where} {'; '.join(problems)}.")
    own = {key: content.get(key, "") for key in ("corpus", "protocol")}  # a paper may use several
    own["one_network"] = row["id"].startswith(tuple(content.get("one_network") or ()))
    return Claim(**own | dict(row) | {"history": tuple(row.get("history") or ())}, ours=ours)


def _own_problems(row: Mapping) -> list[str]:
    not_ours = ("tolerance", "value", "corpus", "design")
    problems = [f"is ours and cannot have {key!r}" for key in not_ours if key in row]
    if any(key in row for key in CRITERIA):
        return problems + _claim_problems({"source": "ours", **row})
    problems += ["is ours, has no criterion and so no 'history'"] if "history" in row else []
    return problems + ([] if row.get("unit") else ["needs 'unit'"])


def _claim_problems(row: Mapping) -> list[str]:
    problems = [] if row.get("source") else ["needs 'source': a table, figure or section"]
    given = [key for key in CRITERIA if key in row]
    if len(given) != 1:
        have = ", ".join(given) or "none"
        problems.append(f"needs exactly one criterion of {', '.join(CRITERIA)}, has {have}")
    if "tolerance" in row and not is_number(row.get("value")):
        problems.append("has a tolerance but no numeric 'value'")
    if given != ["order"] and not row.get("unit"):
        problems.append("needs 'unit' (\"1\" for pure numbers)")
    if {"at_least", "at_most"} & set(given) and not row.get("measure"):
        problems.append("needs 'measure': what the threshold is compared with")
    problems += [
        f"has no 'order' and so no {key!r}"
        for key in ("seeds", "every_step")
        if key in row and given != ["order"]
    ]
    if "partly" in row and not _is_weaker(row):
        problems.append("has a 'partly' that is no weaker form of 'at_least' or 'at_most'")
    if "order" in row and row.get("control") and not is_id(row["control"]):
        problems.append("is an order, whose 'control' is an id: words beat nothing")
    if row.get("control") and row.get("beside"):
        problems.append("has both 'control', to be beaten, and 'beside', only to be shown")
    if any(set(change) != _CHANGE_KEYS for change in row.get("history") or []):
        problems.append("needs 'date', 'old', 'new' and 'reason' for each change in its history")
    return problems


def _is_weaker(row: Mapping) -> bool:
    """Tell whether what is ``partly`` enough lies on the near side of the threshold."""
    weaker, asked = row["partly"], row.get("at_least", row.get("at_most"))
    if not (is_number(weaker) and is_number(asked)):
        return False
    return weaker <= asked if "at_least" in row else weaker >= asked


def is_id(words: str) -> bool:
    """Tell whether what stands for a control is an id, and not a sentence."""
    return "/" in words and " " not in words


def _check_order(claim: Claim, claims: Mapping[str, Claim], file: str) -> None:
    parts = {part for step in claim.steps for part in step[::2]}
    if claim.order and (not parts or any("<" in part for part in parts)):
        raise DamagedDataError(
            f"{file}: the order of {claim.id} is not 'id < id', chained by '<', '<=' and '|'."
        )
    for name in parts:
        if name not in claims or claims[name].order:
            raise DamagedDataError(
                f"{file}: the order of {claim.id} names {name!r}, which nothing measures."
            )
