"""Faults injected on purpose: damage, hostile values, full disks, kills; and how well they end.

A kind of fault is a function that yields tries. A try ends well if it returns what is right, or
raises an error of ours with a sentence, and leaves nothing half-written behind.
"""

import contextlib
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from earwitness.errors import EarwitnessError

LIMIT_S = 180  # a try that takes longer hangs, also on a machine that many others use


@dataclass(frozen=True)
class Try:
    """One fault.

    Attributes
    ----------
    name : str
        What is done to what.
    act : callable
        Does it, and returns what comes of it.
    right : callable
        ``right(value)`` tells whether what is returned may be.
    folder : Path, optional
        In which nothing half-written may be left.
    """

    name: str
    act: Callable[[], object]
    right: Callable[[object], bool] = lambda value: False
    folder: Path | None = None


def fault_of(one: Try) -> str:
    """Return how a try ends badly; nothing if it ends well."""
    try:
        with _limited(LIMIT_S):
            value = one.act()
            said = "" if one.right(value) else f"returns {repr(value)[:80]}"
    except EarwitnessError as error:
        said = "" if _is_sentence(str(error)) else f"says only {str(error)!r}"
    except Exception as error:
        said = f"{type(error).__name__}: {str(error)[:100]}"
    left = _half_written(one.folder)
    return said or (f"leaves {left[0].name}" if left else "")


def _is_sentence(text: str) -> bool:
    return len(text.split()) >= 3 and "Traceback" not in text


def _half_written(folder: Path | None) -> list[Path]:
    """Return temporary files in ``folder``: they begin with a dot."""
    return sorted(folder.rglob(".*")) if folder and folder.is_dir() else []


class Hangs(Exception):
    """A try took longer than it may."""


@contextlib.contextmanager
def _limited(seconds: int):
    def ring(number, frame):
        raise Hangs(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def row(kind: str, tries: Iterable[Try]) -> dict:
    """Return a kind's row of the table; each try that ends badly is printed, with how."""
    n, bad = 0, []
    for one in tries:
        n += 1
        if how := fault_of(one):
            bad.append(f"{one.name}: {how}")
            print(f"  {bad[-1]}", flush=True)
    print(f"{kind}: {n - len(bad)} of {n}", flush=True)
    first = bad[0].replace("|", "\\|").replace("\n", " ")[:140] if bad else ""
    return {"kind": kind, "tries": n, "good": n - len(bad), "first bad": first}


def flipped(content: bytes, rng, n: int = 1) -> bytes:
    """Return ``content`` with ``n`` bytes of other values."""
    content = bytearray(content)
    for at in rng.integers(len(content), size=n):
        content[at] ^= int(rng.integers(1, 256))
    return bytes(content)
