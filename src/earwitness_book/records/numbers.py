"""The one way in which this book writes a number."""

import math

_THIN = "\u202f"  # a narrow space that no line breaks at


def number(value: float) -> str:
    """Return a number in four significant digits, none of them lost before the decimal point.

    Thousands are set apart from five digits on: 3000, 12 500, 0.1235.
    """
    if abs(value) < 999.95:
        return f"{value:.4g}"
    whole = f"{value:,.0f}"
    return whole.replace(",", _THIN if abs(round(value)) >= 10_000 else "")


def unit(name: str) -> str:
    """Return a unit as it stands behind a number; pure numbers have none."""
    return "" if name == "1" else name


def noun(name: str, n: float) -> str:
    """Return what is counted as it stands behind a number: one clip, two clips."""
    return name[:-1] if n == 1 and len(name) > 2 and name.endswith("s") else name


def quantity(value, std: float | None, name: str) -> str:
    """Return value, spread and unit: ``90 ± 2 %``; a truth as yes or no, nothing as a dash."""
    if missing(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    spread = "" if missing(std) else f" ± {number(std)}"
    return f"{number(value)}{spread} {noun(unit(name), value)}".strip()


def interval(ends, name: str) -> str:
    """Return the ends of an interval with their unit: ``86 to 94 %``; nothing for none."""
    if not isinstance(ends, (list, tuple)):
        return ""
    return f"{number(ends[0])} to {number(ends[1])} {unit(name)}".strip()


def missing(value) -> bool:
    """Tell whether a cell holds nothing: ``None`` or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))
