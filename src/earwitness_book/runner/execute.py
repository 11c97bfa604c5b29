"""One notebook through papermill, kept under a hash of everything that determines it."""

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from earwitness import cache
from earwitness.errors import NotebookError
from earwitness.provenance import processor
from earwitness_book import project
from earwitness_book.runner import notebooks, profiles
from earwitness_book.runner.notebooks import Notebook

FORMAT = 1  # of executed notebooks in the cache; another number makes all of them anew
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Job:
    """A notebook with the value of every parameter, and the specification that its result is kept under."""

    notebook: str
    profile: str
    values: dict
    specification: dict
    threads: int | None = None
    timeout: float | None = None
    force: bool = False


@dataclass(frozen=True)
class Failure:
    """Where and why a notebook stopped; ``cell`` counts the cells of the source from 1, 0 if no cell is to blame."""

    notebook: str
    cell: int
    error: str
    message: str

    def __str__(self) -> str:
        where = f"in cell {self.cell}" if self.cell else "before its first cell"
        return f"{self.notebook} failed {where}: {self.error}: {self.message}".rstrip(": ")


@dataclass(frozen=True)
class Executed:
    """A notebook after execution, up to the cell that failed if one did."""

    notebook: str
    content: str
    failure: Failure | None
    seconds: float
    cached: bool


def surroundings() -> dict[str, str]:
    """Return what all notebooks may depend on beside their source: library, data, recordings present, versions."""
    root = project.root()
    library = Path(__file__).parents[1]
    code = [path for path in library.rglob("*") if path.suffix in (".py", ".mplstyle", ".js", ".css")]
    mine = [path for path in code if Path(__file__).parent not in path.parents and path.name != "cli.py"]
    lock = root / "requirements.lock"
    return {
        "format": FORMAT,
        "library": _digest_of(library, mine),
        "data": _digest_of(root / "data", [path for path in (root / "data").rglob("*") if path.is_file()]),
        "recordings": cache.digest(dict(_listing())),
        "packages": cache.file_digest(lock) if lock.exists() else "",
        "python": platform.python_version(),
    }


def _digest_of(base: Path, paths) -> str:
    return cache.digest({path.relative_to(base).as_posix(): cache.file_digest(path) for path in paths})


def _listing():
    """Yield path, size and time of each file that is a recording for all we know; reading them would take minutes."""
    for folder in filter(None, [os.environ.get("EARWITNESS_DATA"), cache.directory("corpora")]):
        for directory, _, names in os.walk(folder):
            for name in names:
                found = os.stat(os.path.join(directory, name))
                yield os.path.relpath(os.path.join(directory, name), folder), (found.st_size, found.st_mtime_ns)


def prepare(notebook: Notebook, profile: str, given: Mapping[str, object], around: Mapping[str, str], **how) -> Job:
    """Return a job, its parameters checked; ``how`` may set threads, timeout (seconds a cell) and force.

    Raises
    ------
    ParameterError
        Before anything executes, as :func:`profiles.resolve` says.
    """
    values = profiles.resolve(profile, notebook, given)
    specification = dict(around) | {
        "notebook": notebook.id, "source": cache.file_digest(notebook.path), "profile": profile, "parameters": values,
    }
    return Job(notebook.id, profile, values, specification, **how)


def execute(job: Job) -> Executed:
    """Return the executed notebook: from the cache, or made now and, if it did not fail, kept there.

    Two processes that want the same notebook execute it once; a damaged entry is made anew.
    """
    made: list[Executed] = []

    def produce(path: Path) -> None:
        made.append(_run(job))
        if made[0].failure:
            raise NotebookError(str(made[0].failure))
        path.write_text(made[0].content, encoding="utf-8")

    if job.force:
        entry = cache.directory("executed") / f"{cache.digest(job.specification)}.ipynb.json"
        entry.unlink(missing_ok=True)
    try:
        path = cache.stored("executed", job.specification, ".ipynb", produce)
    except NotebookError:
        if not made:
            raise
    return made[0] if made else Executed(job.notebook, path.read_text(encoding="utf-8"), None, 0.0, cached=True)


def place(executed: Executed, folder: Path) -> Path:
    """Write an executed notebook as ``folder/<chapter>/NN-name.ipynb``, its records beside it; return its path."""
    path = folder / f"{notebooks.find(executed.notebook).page}.ipynb"
    records = json.loads(executed.content)["metadata"]["earwitness"]["records"]
    _write_if_changed(path.with_suffix(".records.json"), json.dumps(records, indent=1, ensure_ascii=False))
    _write_if_changed(path, executed.content)
    return path


def _write_if_changed(path: Path, content: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != content:
        cache.write_text(path, content)


@contextmanager
def scratch() -> Iterator[str]:
    """Yield a folder of this process for the time of the block, and remove those of processes that were killed in it.

    Whose a folder is stands in its name: machine and process. Machines, and containers, can share a ``/tmp``, but not
    know of each other's processes.
    """
    prefix = f"earwitness-{cache.digest({'machine': platform.node()})[:6]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        owner = left.name.removeprefix(prefix).partition("-")[0]
        if re.fullmatch(r"[1-9]\d{0,8}", owner) and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-") as folder:
        yield folder


def _lives(process: int) -> bool:
    if os.name == "nt":  # there the question would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's
        pass
    return True


def _run(job: Job) -> Executed:
    """Execute a job in a scratch folder; what fails is told in the result."""
    from papermill import execute_notebook

    from earwitness_book.runner import kernel

    notebook, start = notebooks.find(job.notebook), time.monotonic()
    with scratch() as folder:
        output, records = Path(folder) / "out.ipynb", Path(folder) / "records.json"
        trouble = None
        try:
            execute_notebook(
                str(notebook.path), str(output), job.values, engine_name=kernel.ENGINE, kernel_name=kernel.NAME,
                progress_bar=False, environment=_environment(job, records), scratch=folder,
                folder=notebook.path.parent, timeout=job.timeout,
            )
        except Exception as error:  # whatever ends a notebook belongs on its page; the other notebooks go on
            trouble = error
        content = json.loads((output if output.exists() else notebook.path).read_text(encoding="utf-8"))
        measured = json.loads(records.read_text(encoding="utf-8")) if records.exists() else {}
    failure = _settle(content, trouble, notebook)
    seconds = time.monotonic() - start
    content["metadata"]["earwitness"] = _note(job, failure, seconds, measured)
    return Executed(job.notebook, json.dumps(content, indent=1, ensure_ascii=False), failure, seconds, cached=False)


def _environment(job: Job, records: Path) -> dict[str, str]:
    own = {
        "EARWITNESS_RECORDS": str(records), "EARWITNESS_PROFILE": job.profile, "EARWITNESS_HOME": str(project.root()),
        "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    for name in ("EARWITNESS_DATA", "EARWITNESS_CACHE"):  # kernels work in another folder
        if os.environ.get(name):
            own[name] = str(Path(os.environ[name]).expanduser().absolute())
    if job.threads:
        own |= {"OMP_NUM_THREADS": str(job.threads), "MKL_NUM_THREADS": str(job.threads)}
    return {**os.environ, **own}


def _settle(content: dict, trouble: Exception | None, notebook: Notebook) -> Failure | None:
    """Take papermill's marks out of an executed notebook, put the error in its place; return where it failed."""
    content["metadata"].pop("papermill", None)
    content["cells"] = [cell for cell in content["cells"] if "papermill-error-cell-tag" not in notebooks.tags(cell)]
    failure = _failure(content["cells"], trouble, notebook) if trouble else None
    for cell in content["cells"]:
        cell["metadata"].pop("papermill", None)
    return failure


def _failure(cells: list[dict], trouble: Exception, notebook: Notebook) -> Failure:
    begun = [number for number, cell in enumerate(cells) if cell["metadata"].get("papermill", {}).get("start_time")
             and cell["cell_type"] == "code"]
    if not begun:
        return Failure(notebook.id, 0, type(trouble).__name__, _first_line(str(trouble)))
    cell = cells[begun[-1]]
    errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
    if not errors:
        errors = [_error_output(trouble)]
        cell["outputs"] += errors
    injected = sum("injected-parameters" in notebooks.tags(cell) for cell in cells[: begun[-1] + 1])
    return Failure(notebook.id, begun[-1] + 1 - injected, errors[0]["ename"], _first_line(errors[0]["evalue"]))


def _error_output(trouble: Exception) -> dict:
    """Return what the page shows for an error that no cell printed: a timeout, a kernel that died."""
    said = f"{type(trouble).__name__}: {trouble}"
    return {"output_type": "error", "ename": type(trouble).__name__, "evalue": str(trouble),
            "traceback": said.splitlines()}


def _first_line(message: str) -> str:
    lines = ANSI.sub("", message).strip().splitlines()
    return lines[0] if lines else ""


def _note(job: Job, failure: Failure | None, seconds: float, measured: dict) -> dict:
    return {
        "notebook": job.notebook, "profile": job.profile, "parameters": job.values, "commit": project.commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": round(seconds, 1),
        "hardware": hardware(), "python": platform.python_version(),
        "failure": vars(failure) if failure else None, "records": measured,
    }


def hardware() -> str:
    """Return processor, cores and graphics card of this machine in words."""
    gpu = ""
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpu = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip().replace("\n", " + ")
    return f"{processor()}, {os.cpu_count()} cores{', ' + gpu if gpu else ''}"
