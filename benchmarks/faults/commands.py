"""Bad command lines: a sentence and status 1 or 2, never a traceback."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import Try
from benchmarks.faults.files import environment, home
from earwitness import cli

NOWHERE = ["/dev/null/x", "/proc/x", "x" * 300, "\0", "~nobody-here/x"]
COMMANDS = {  # with what else they need
    "list": [],
    "params": ["audiomnist/pixel-flipping"],
    "run": ["audiomnist/pixel-flipping"],
    "sweep": ["audiomnist/pixel-flipping"],
    "build": [],
    "record": ["audiomnist"],
    "serve": [],
    "scoreboard": [],
    "new-chapter": ["again"],
    "train": ["AudioNet"],
    "data status": [],
    "data verify": [],
    "data download": [],
    "explain": ["x.wav", "--model", "a:b", "--out", "out"],
}
OPTIONS = {
    "--profile": ["no-such", "", "../demo"],
    "--workers": ["0", "-1", "two", "1e3"],
    "--threads": ["0", "-1", "x"],
    "--timeout": ["-1", "nan", "x"],
    "--port": ["-1", "70000", "x"],
    "--scheduler": ["nowhere", "tcp://", "a:b:c"],
    "--chapter": ["no-such", ""],
    "--corpus": ["no-such", ""],
    "--task": ["no-such"],
    "--fold": ["-1", "99", "x"],
    "--protocol": ["no-such"],
    "--recipe": ["no-such"],
    "--seed": ["x", "-1", str(2**70)],
    "--device": ["cuda:99", "x"],
    "--method": ["no-such"],
    "--target": ["x y", "-9"],
    "--channel": ["up"],
    "--sample-rate": ["-1", "0", "x"],
    "--weights": NOWHERE,
    "--export": NOWHERE,
    "--out": NOWHERE,
    "--front-end": ["no-such", "a:b"],
    "--model": ["no-such", "os:path", "os:system", "no.such:x", "x.onnx", ":", ""],
}
PARAMETERS = [
    ("no_such", "1"),
    ("n_clips", "x"),
    ("n_clips", "-1"),
    ("n_clips", ""),
    ("n_clips", "1e99"),
    ("corpus", "no-such"),
    ("corpus", ""),
    ("seed", "-1"),
    ("seed", "nan"),
    ("", ""),
]
OF_COMMAND = {
    "params": {"--profile"},
    "run": {"--profile", "--threads", "--timeout"},
    "serve": {"--profile", "--port"},
    "sweep": {"--profile", "--threads", "--timeout", "--workers"},
    "scoreboard": {"--profile"},
    "build": {"--profile", "--threads", "--timeout", "--workers", "--chapter"},
    "record": {"--profile", "--threads", "--workers"},
    "train": {
        "--corpus",
        "--task",
        "--fold",
        "--protocol",
        "--recipe",
        "--seed",
        "--device",
        "--export",
    },
    "explain": {
        "--model",
        "--out",
        "--method",
        "--target",
        "--weights",
        "--channel",
        "--sample-rate",
        "--front-end",
    },
}


def lines() -> Iterator[list[str]]:
    """Yield bad command lines, one fault each."""
    yield from ([], ["no-such"], ["--no-such"], ["data"], ["data", "no-such"], [""], ["\0"], ["-p"])
    for command, given in COMMANDS.items():
        words = [*command.split(), *given]
        yield [*words, "--no-such"]
        yield [*words, "--no-such", "1"]
        if command not in ("build", "record", "data verify", "data download"):
            yield [*words, "one", "too", "many"] if command != "explain" else [*words, "--out"]
        for option, values in OPTIONS.items():
            yield [*words, option]
            if option not in OF_COMMAND.get(command, ()):
                yield (
                    [*words, option, values[0]]
                    if (command, option) not in _TAKEN
                    else [*words, option]
                )
                continue
            yield from ([*words, option, value] for value in values)
    for command in ("run", "sweep"):
        yield from ([command, "audiomnist/pixel-flipping", "-p", *pair] for pair in PARAMETERS)
        yield [command, "audiomnist/pixel-flipping", "-p"]
        yield [command, "audiomnist/pixel-flipping", "-p", "seed"]
    for command in (
        "params",
        "run",
        "sweep",
        "record",
        "train",
        "new-chapter",
        "data verify",
        "data download",
    ):
        for name in (
            *(["no-such"] if command != "new-chapter" else []),
            "",
            "../x",
            "\0",
            "é",
            "A B",
            "x" * 300,
            "-",
            "audiomnist/",
            "/etc/passwd",
        ):
            yield [*command.split(), name]


_TAKEN = {
    ("run", "--out"),
    ("sweep", "--out"),
    ("sweep", "--scheduler"),
    ("build", "--scheduler"),
    ("record", "--scheduler"),
}


def command_lines(folder: Path, rng) -> Iterator[Try]:
    """Each command with unknown names, values that cannot be, paths that are no folders."""
    base = home(folder)
    for line in lines():
        yield Try(
            " ".join(line).replace("\0", "\\0")[:100],
            lambda line=line: _ended(line, folder, base),
            _well,
            folder / "cache",
        )


def _ended(line: list[str], folder: Path, base: Path) -> tuple[object, str]:
    out = io.StringIO()
    variables = {
        "EARWITNESS_CACHE": str(folder / "cache"),
        "EARWITNESS_HOME": str(base),
        "EARWITNESS_DATA": "",
        "COLUMNS": "200",
    }
    with environment(**variables), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        with contextlib.chdir(folder):
            try:
                cli.main(line)
                status = 0
            except SystemExit as error:
                status = error.code
    return status, out.getvalue()[-400:]


def _well(ended: tuple[object, str]) -> bool:
    status, said = ended
    return status in (1, 2) and len(said.split()) > 3 and "Traceback" not in said


KINDS = {"bad command lines": command_lines}
