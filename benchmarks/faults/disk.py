"""Disks that are full, folders that cannot be, and processes that are killed at their work."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults import Try
from benchmarks.faults.files import _tar, _zip, environment
from earwitness import cache, provenance
from earwitness.corpora import archive, store
from earwitness_book import records
from earwitness_book.chapters import listening_study

WORK = """
import sys, time
from pathlib import Path
from earwitness import cache
def produce(path):
    with open(path, "wb") as file:
        for _ in range(40):
            file.write(b"x" * 1000); file.flush(); time.sleep(0.01)
print("ready", flush=True)
for number in range(100):
    cache.stored("kills", {"number": number}, ".bin", produce)
"""


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond ``n_bytes``, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def full_disk(folder: Path, rng, n: int = 60) -> Iterator[Try]:
    """Results, text, archives and tables written to a disk that is full after some bytes."""
    content = rng.bytes(20000)
    for at in [0, 1, *sorted(rng.integers(2, 19999, n))]:
        at, place = int(at), folder / f"full-{at}"
        place.mkdir()
        archived = {
            "zip": _zip({"a/b": content, "a/c": content}),
            "tar": _tar({"a/b": content}, "gz"),
        }
        for name, packed in archived.items():
            (place / f"{name}.in").write_bytes(packed)
            yield Try(
                f"{name} unpacked, full after {at}",
                lambda p=place, k=name, at=at: _limited(
                    at, lambda: archive.unpack(p / f"{k}.in", p / "out")
                ),
                folder=place,
            )
        yield Try(
            f"text, full after {at}",
            lambda p=place, at=at: _limited(at, lambda: cache.write_text(p / "t.txt", "x" * 20000)),
            folder=place,
        )
        yield Try(
            f"result, full after {at}",
            lambda p=place, at=at: _limited(at, lambda: _keep(p, content)),
            folder=place,
        )
        yield Try(
            f"result after a full disk ({at})",
            lambda p=place: _keep(p, content).read_bytes(),
            lambda value: value == content,
            place,
        )


def _limited(at: int, act):
    with largest_file(at):
        return act()


def _keep(place: Path, content: bytes) -> Path:
    with environment(EARWITNESS_CACHE=str(place / "cache")):
        return cache.stored("full", {"one": 1}, ".bin", lambda path: path.write_bytes(content))


def no_folders(folder: Path, rng) -> Iterator[Try]:
    """Variables that name files, devices, folders of the system, or what no path can be."""
    file = folder / "file"
    file.write_text("x")
    values = [
        str(file),
        f"{file}/below",
        "/proc/none",
        "/dev/null",
        "/sys/none",
        "x" * 5000,
        "/" + "y" * 300,
        "~nobody-here/x",
    ]
    acts = {
        "a result": lambda: cache.stored(
            "k", {"a": 1}, ".bin", lambda path: path.write_bytes(b"x")
        ),
        "the folder": lambda: cache.directory("k"),
        "data status": lambda: store.status(),
        "download": lambda: store.download("no-such"),
        "scoreboard": records.scoreboard,
        "what made it": provenance.provenance,
        "answers": lambda: listening_study.collected("no-such") is None,
    }
    for variable in ("EARWITNESS_CACHE", "EARWITNESS_DATA", "EARWITNESS_HOME"):
        for value in values:
            for name, act in acts.items():

                def called(act=act, variable=variable, value=value):
                    with environment(
                        **{"EARWITNESS_CACHE": str(folder / "cache"), variable: value}
                    ):
                        return act()

                yield Try(
                    f"{variable} is {value[:40]}, {name}",
                    called,
                    lambda found: found is not None,
                    folder,
                )


def kills(folder: Path, rng, n: int = 12) -> Iterator[Try]:
    """A process killed while it fills the cache; the next one finds or makes what is right."""
    for k, wait_s in enumerate(rng.uniform(0, 1.5, n)):
        yield Try(
            f"kill {k}",
            lambda wait=wait_s: _killed(folder / "cache", wait),
            lambda whole: whole,
            folder / "cache",
        )


def _killed(place: Path, wait_s: float) -> bool:
    about = os.environ | {"EARWITNESS_CACHE": str(place)}
    with subprocess.Popen(
        [sys.executable, "-c", WORK], env=about, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        time.sleep(wait_s)
        process.send_signal(signal.SIGKILL)
    with environment(EARWITNESS_CACHE=str(place)):
        paths = [
            cache.stored(
                "kills", {"number": number}, ".bin", lambda path: path.write_bytes(b"x" * 40000)
            )
            for number in range(100)
        ]
    return all(path.read_bytes() == b"x" * 40000 for path in paths)


KINDS = {
    "full disk": full_disk,
    "no folders, read-only": no_folders,
    "kills of a process that fills the cache": kills,
}
