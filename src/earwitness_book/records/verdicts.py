"""What a machine can say about a claim, given what was measured.

==================  ============================================================================
``reproduced``      the criterion is met, and the value beats its control: the 95 % interval of
                    the difference excludes zero
``not specific``    the criterion is met, or its weaker form, and the control does as well: it
                    needs no learning; so, too, an order that holds but for the step of its control
``partly``          the weaker form is met (twice the tolerance, the ``partly`` threshold, some
                    of the steps), and the value beats its control
``undecided``       no interval was recorded of values that lie as is claimed, or it leaves open
                    which of two is larger, or rests on fewer than six; or kinds of training are
                    compared, and too few networks of each were trained
``not reproduced``  neither form is met; of an order without intervals, the values lie the other way
``not run``         nothing was measured
``other data``      a published value beside one from another corpus: no verdict
``design``          a constant of the design, as published; listed apart and not counted
``held``, ``not held``  of an expectation of our own: what ``reproduced`` and its contrary are of a
                    paper's claim
==================  ============================================================================

A claim without a control speaks neither of what a network learnt nor of what a method finds; its
criterion decides alone. Generated voices reach ``partly`` at most.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from earwitness_book.records.claims import Claim, is_number
from earwitness_book.records.numbers import interval, noun, number

RESULTS = (
    "reproduced",
    "not specific",
    "partly",
    "undecided",
    "not reproduced",
    "not run",
    "other data",
)
OWN = {"reproduced": "held", "not reproduced": "not held"}  # nobody published it
VERDICTS = (*RESULTS, *OWN.values(), "design")
GENERATED = "voices"
FEWEST = 6  # of six, all lie on one side by luck in one case of 32


class Judgement(NamedTuple):
    """A verdict and, in a few words, what decided it."""

    verdict: str
    why: str = ""


class Difference(NamedTuple):
    """How much one value is above another, with its 95 % interval where one is known, and how many
    stand behind that where they are too few.
    """

    value: float
    interval: tuple[float, float] | None = None
    few: str = ""

    def sign(self) -> int | None:
        """Return 1 or -1 if the interval excludes zero, 0 if it does not, None without one or where
        too few stand behind it.
        """
        if self.interval is None or self.few:
            return None
        low, high = self.interval
        return 1 if low > 0 else -1 if high < 0 else 0


def judge(claim: Claim, entry: Mapping | None, beside: Mapping[str, Mapping] | None = None) -> str:
    """Return the verdict on a claim; ``""`` for measurements of ours without a criterion. Arguments
    as for :func:`judgement`.
    """
    return judgement(claim, entry, beside).verdict


def judgement(
    claim: Claim, entry: Mapping | None, beside: Mapping[str, Mapping] | None = None
) -> Judgement:
    """Return the verdict on a claim, and why.

    Parameters
    ----------
    claim : Claim
    entry : mapping or None
        What was measured or recorded; ``None`` if nothing was.
    beside : mapping, optional
        Entries of the same corpus and protocol by id: controls, and what an order compares.
    """
    if not claim.is_judged:
        return Judgement("")
    found = _judged(claim, entry, beside or {})
    return found._replace(verdict=OWN.get(found.verdict, found.verdict)) if claim.ours else found


def _judged(claim: Claim, entry: Mapping | None, beside: Mapping[str, Mapping]) -> Judgement:
    if entry is None:
        return Judgement("not run")
    if claim.value is not None and not claim.anywhere and entry["corpus"] != claim.corpus:
        return Judgement("other data", f"published on {claim.corpus}")
    found = _order(claim, beside) if claim.order else _criterion(claim, entry)
    behind = min(
        (beside[id].get("seeds") or 1 for step in claim.steps for id in step[::2]), default=1
    )
    if behind < claim.seeds:
        few = f"{behind} trained network{'s' * (behind > 1)} of each kind"
        return Judgement("undecided", f"{few}; {claim.seeds} are asked")
    if claim.design:
        met = found.verdict in ("reproduced", "undecided")  # constants need no interval
        return Judgement("design" if met else "not reproduced")
    if found.verdict not in ("reproduced", "partly"):
        return found
    found = _against_control(claim, entry, beside, found)
    if found.verdict == "reproduced" and entry["corpus"] == GENERATED and not claim.anywhere:
        return Judgement("partly", "generated voices")
    return found


def difference(first: Mapping, second: Mapping) -> Difference:
    """Return how much the value of one entry is above that of another.

    A recorded interval of the difference (``against``) decides, if one run measured both values and
    it holds their difference: that of a value that was measured again since does not. Else the two
    intervals together, as for independent estimates; else nothing does. One value without an
    interval, such as chance, counts as known exactly. Fewer than six speakers or clips decide
    nothing, paired or not: five that all lie on one side do so by luck in one case of sixteen. Nor
    does an interval that does not say how many stand behind it.

    Notes
    -----
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702: limits of a difference from
    those of its parts. For values of the same clips it is too wide, seldom too narrow.
    """
    value = first["value"] - second["value"]
    both = (first, second)
    if ends := _paired(first, second):
        return Difference(value, ends, _few([entry for entry in both if entry.get("n")]))
    known = [entry for entry in both if entry.get("interval")]
    if not known:
        return Difference(value)
    low, high = first.get("interval") or (first["value"],) * 2
    other_low, other_high = second.get("interval") or (second["value"],) * 2
    below = ((first["value"] - low) ** 2 + (other_high - second["value"]) ** 2) ** 0.5
    above = ((high - first["value"]) ** 2 + (second["value"] - other_low) ** 2) ** 0.5
    return Difference(value, (value - below, value + above), _few(known))


def _few(drawn: Sequence[Mapping]) -> str:
    """Return how many were drawn, in words, if they decide nothing."""
    fewest = min(drawn, key=lambda entry: entry.get("n") or 0, default={})
    n = fewest.get("n") or 0
    if n >= FEWEST:
        return ""
    return f"{n} {noun(fewest.get('of') or '', n)}".strip() if n else "an unknown number"


def _paired(first: Mapping, second: Mapping) -> tuple[float, float] | None:
    """Return the recorded interval of a difference; None if there is none of these two values."""
    if _run(first) != _run(second):
        return None
    low, high = first.get("against", {}).get(second.get("id")) or (None, None)
    if low is None and (ends := second.get("against", {}).get(first.get("id"))):
        low, high = -ends[1], -ends[0]
    value = first["value"] - second["value"]
    slack = 1e-9 * max(1.0, abs(first["value"]), abs(second["value"]))
    return (low, high) if low is not None and low - slack <= value <= high + slack else None


def _run(entry: Mapping) -> tuple:
    """Return what tells the run that made an entry from others; nothing for this build's."""
    made = entry.get("provenance") or {}
    return made.get("command"), made.get("commit")


def least_sure(claim: Claim, beside: Mapping[str, Mapping]) -> tuple[str, Difference] | None:
    """Return the step of an order that is least sure, by the id at its upper end, and by how much
    that is ahead: its interval reaches down furthest. None where no step has an interval.
    """
    leads = [(high, difference(beside[high], beside[low])) for low, _, high in claim.steps]
    known = [(high, lead) for high, lead in leads if lead.interval]
    return min(known, key=lambda step: step[1].interval[0], default=None)


def _criterion(claim: Claim, entry: Mapping) -> Judgement:
    """Return whether a value meets its criterion, the weaker form of it, or neither."""
    if claim.tolerance is not None:
        distance = abs(entry["value"] - claim.value)
        strict, weak = distance <= claim.tolerance, distance <= 2 * claim.tolerance
    else:
        rising = claim.at_least is not None
        threshold = claim.at_least if rising else claim.at_most
        sign, weaker = (1 if rising else -1), threshold if claim.partly is None else claim.partly
        strict, weak = (sign * entry["value"] >= sign * limit for limit in (threshold, weaker))
    if not weak:
        return Judgement("not reproduced", "the criterion is missed")
    return Judgement("reproduced" if strict else "partly")


def _order(claim: Claim, beside: Mapping[str, Mapping]) -> Judgement:
    """Return whether an order holds: every step, some, none, or too uncertain to say."""
    steps = {step: step_holds(beside[step[0]], step[1], beside[step[2]]) for step in claim.steps}
    held = list(steps.values())
    if all(held):
        return Judgement("reproduced")  # the interval of its least sure step says why
    named = [
        (name, "; ".join(_words(step, beside) for step, holds in steps.items() if holds is kind))
        for name, kind in (("not so", False), ("open", None))
    ]
    few = (difference(beside[step[2]], beside[step[0]]).few for step in steps)
    kept = [*dict.fromkeys(f"{each} decide nothing" for each in few if each)]
    why = "; ".join([*(f"{name}: {words}" for name, words in named if words), *kept])
    if False not in held or (True not in held and None in held and not claim.every_step):
        return Judgement("undecided", why)
    some = True in held and not claim.every_step
    return Judgement("partly" if some else "not reproduced", why)


def step_holds(lower: Mapping, sign: str, upper: Mapping) -> bool | None:
    """Return whether one step of an order holds; ``None`` if its interval leaves it open."""
    found = difference(upper, lower)
    if found.few:
        return None
    decided = found.sign()
    if decided is None:
        against = found.value < 0 or (sign == "<" and found.value == 0)
        return False if against else None
    if decided == 0:  # as much, or more: even the lower end is not less
        return True if sign == "<=" and found.interval[0] >= 0 else None
    return decided > 0


def _against_control(claim: Claim, entry: Mapping, beside: Mapping, found: Judgement) -> Judgement:
    """Return the judgement, or what the control makes of it."""
    values, control = _compared(claim, entry, beside)
    if control is None:
        lost = [step for step in claim.steps if claim.control in step[::2]]
        lost = [step for step in lost if not step_holds(beside[step[0]], step[1], beside[step[2]])]
        if not lost:
            return found
        return Judgement(
            "not specific", f"the step of its control is not so: {_words(lost[0], beside)}"
        )
    if not is_number(control.get("value")):
        return Judgement("undecided", "the control was not measured")
    judged = [_beside_control(claim, value, control, found) for value in values]
    return next((each for each in judged if each != found), found)


def _beside_control(claim: Claim, value: Mapping, control: Mapping, found: Judgement) -> Judgement:
    up = _direction(claim)
    gained = difference(value, control)
    shown = f"control {number(control['value'])}"
    if up * gained.value <= 0:
        return Judgement("not specific", f"{shown} does as well")
    if gained.interval is None or not (value.get("interval") or _paired(value, control)):
        return Judgement("undecided", f"{shown}; no interval recorded")
    if gained.few:
        return Judgement("undecided", f"{shown}; {gained.few} decide nothing")
    if gained.sign() != up:
        ends = interval(sorted(up * end for end in gained.interval), claim.unit)
        return Judgement("not specific", f"{shown} may do as well: ahead of it by {ends}")
    return found


def _compared(
    claim: Claim, entry: Mapping, beside: Mapping
) -> tuple[list[Mapping], Mapping | None]:
    """Return what is held against the control, and the control; ``None`` if there is none to beat.

    Of an order it is every id that is below no other, unless the control is one of its steps.
    """
    own = entry.get("control")
    if claim.beside or not (claim.control or is_number(own)):
        return [entry], None
    if claim.order:
        named = {id for step in claim.steps for id in step[::2]}
        highest = sorted(named - {low for low, *_ in claim.steps})
        ahead = [beside.get(id, entry) for id in highest]
        return ahead, None if claim.control in named else beside.get(claim.control, {})
    if claim.control in beside:
        return [entry], beside[claim.control]
    return [entry], {"value": own} if is_number(own) else {}


def _direction(claim: Claim) -> int:
    """Return 1 if the value must lie above its control, -1 if below."""
    return -1 if claim.lower or claim.at_most is not None else 1


def _words(step: tuple[str, str, str], beside: Mapping[str, Mapping]) -> str:
    lower, sign, upper = step
    return f"{number(beside[lower]['value'])} {sign} {number(beside[upper]['value'])}"
