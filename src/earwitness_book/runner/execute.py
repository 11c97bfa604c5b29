"""One notebook through papermill, kept under a hash of everything that determines it."""

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from earwitness import cache
from earwitness.errors import NotebookError, ParameterError
from earwitness.provenance import processor
from earwitness_book import project
from earwitness_book.runner import keys, notebooks, parameters, pictures, profiles
from earwitness_book.runner.keys import environment_fingerprint
from earwitness_book.runner.notebooks import Notebook

__all__ = ["Executed", "Failure", "Job", "environment_fingerprint", "execute", "place", "prepare"]

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LEFT_OUT = "UnreachableError"  # what ends a page whose network no registry delivers
RETRIES = 2  # of a notebook whose kernel was killed: by a system short of memory, say
SCRATCH_BYTES = 2**26  # must be free for temporary files before a notebook is begun


@dataclass(frozen=True)
class Job:
    """A notebook as it was read, the value of every parameter, and what its result is kept
    under.
    """

    notebook: str
    profile: str
    values: dict
    specification: dict
    page: str = ""
    source: str = ""
    threads: int = 1
    timeout: float | None = None
    force: bool = False
    libraries: tuple[str, ...] = ()  # to import before it begins, for speed

    def is_done(self) -> bool:
        """Tell whether an intact result is kept, so that nothing will be executed."""
        return not self.force and cache.kept("executed", self.specification, ".ipynb") is not None


@dataclass(frozen=True)
class Failure:
    """Where and why a notebook stopped; ``cell`` counts the cells of the source from 1, 0 if no
    cell is to blame.
    """

    notebook: str
    cell: int
    error: str
    message: str

    @property
    def is_left_out(self) -> bool:
        """Tell whether the notebook is all right, and what it explains cannot be had here."""
        return self.error == LEFT_OUT

    def __str__(self) -> str:
        if self.is_left_out:
            return f"{self.notebook} is left out: {self.message}"
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


def threads() -> int:
    """Return how many threads a notebook computes with: ``OMP_NUM_THREADS``, else one.

    The number can change the last digits of a sum, and with them a network's weights; so it depends
    on nothing that happens to be there, neither on the cores nor on how many notebooks run at once,
    and stands in what a result is kept under.

    Raises
    ------
    ParameterError
        If the variable holds no number from 1.
    """
    words = os.environ.get("OMP_NUM_THREADS") or "1"
    if not (words.isascii() and words.isdigit() and int(words) > 0):
        raise ParameterError(f"OMP_NUM_THREADS must be a number from 1, got {words!r}.")
    return int(words)


def prepare(
    notebook: Notebook, profile: str, given: Mapping[str, object], around: keys.Environment, **how
) -> Job:
    """Return a job, its parameters checked; ``how`` may set threads, timeout (seconds a cell) and
    force.

    Raises
    ------
    ParameterError
        Before anything executes, as :func:`profiles.resolve` says; also for a device that is not
        there.
    MissingDataError
        If a corpus that a parameter names is not on this machine.
    """
    values = profiles.resolve(profile, notebook, given)
    parameters.check_machine(notebook, values)
    how["threads"] = how.get("threads") or threads()
    specification = around.specification(notebook, profile, values, how["threads"])
    how["libraries"] = around.graph.libraries(notebook, specification["modules"])
    return Job(notebook.id, profile, values, specification, notebook.page, notebook.source, **how)


def _entry(job: Job) -> Path:
    return cache.directory("executed") / f"{cache.digest(job.specification)}.ipynb"


def execute(job: Job, progress: Callable[[int, int], None] = lambda cell, cells: None) -> Executed:
    """Return the executed notebook: from the cache, or made now and, if it did not fail, kept
    there.

    Two processes that want the same notebook execute it once; a damaged entry is made anew. A
    notebook whose kernel is killed is tried again, twice at most. ``progress`` gets the number of
    each cell as it begins, and of all.
    """
    made: list[Executed] = []

    def produce(path: Path) -> None:
        made.append(_persistently(job, progress))
        if made[0].failure:
            raise NotebookError(str(made[0].failure))
        path.write_text(made[0].content, encoding="utf-8")

    if job.force:
        _entry(job).with_name(_entry(job).name + ".json").unlink(missing_ok=True)
    try:
        path = cache.stored("executed", job.specification, ".ipynb", produce, shared=not job.force)
    except NotebookError:
        if not made:
            raise
    if made:
        return made[0]
    content = _told_as_now(path.read_text(encoding="utf-8"), job.source)
    return Executed(job.notebook, content, None, 0.0, cached=True)


def _told_as_now(content: str, source: str) -> str:
    """Return an executed notebook with the text of its source: what is kept may have been executed
    when its sentences were others (:func:`keys.executed_of`).
    """
    executed, now = json.loads(content), json.loads(source)["cells"]
    own = [cell for cell in executed["cells"] if "injected-parameters" not in notebooks.tags(cell)]
    changed = [
        (cell, written)
        for cell, written in zip(own, now, strict=True)
        if notebooks.text(cell) != notebooks.text(written)
    ]
    for cell, written in changed:
        cell["source"] = written["source"]
    return json.dumps(executed, indent=1, ensure_ascii=False) if changed else content


def _persistently(job: Job, progress: Callable[[int, int], None]) -> Executed:
    for _ in range(RETRIES):
        result = _run(job, progress)
        if result.failure is None or result.failure.error != "DeadKernelError":
            return result
    return _run(job, progress)


def place(executed: Executed, folder: Path) -> Path:
    """Write an executed notebook, which holds what it measured, as
    ``folder/<chapter>/NN-name.ipynb``; return its path.
    """
    path = folder / f"{notebooks.find(executed.notebook).page}.ipynb"
    check_writable(folder)
    if not path.is_file() or path.read_bytes() != executed.content.encode():
        cache.write_text(path, executed.content)
    return path


def check_writable(folder: Path) -> None:
    """Raise, before work begins, if nothing can be written into a folder that is there or would be
    made.

    Raises
    ------
    ParameterError
        The message names the path and what is in the way.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ParameterError(f"{folder} cannot be a folder: {there} is a file.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ParameterError(
            f"Nothing can be written to {folder}: {there} is read-only for this user."
        )


@contextmanager
def scratch(base: str | None = None) -> Iterator[str]:
    """Yield a folder of this process for the time of the block, and remove those of processes that
    were killed in it.

    Whose a folder is stands in its name: machine and process. Machines, and containers, can share a
    ``/tmp``, but not know of each other's processes.
    """
    base = base or temporary_folder()
    prefix = f"earwitness-{cache.digest({'machine': platform.node()})[:6]}-"
    for left in Path(base).glob(f"{prefix}*"):
        owner = left.name.removeprefix(prefix).partition("-")[0]
        if re.fullmatch(r"[1-9]\d{0,8}", owner) and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", dir=base) as folder:
        yield folder


def temporary_folder() -> str:
    """Return the folder for temporary files.

    Raises
    ------
    ParameterError
        If there is none that can be written to, or it is full; the message names ``TMPDIR``.
    """
    named = os.environ.get("TMPDIR")
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ParameterError(
            f"No temporary file can be written ({error}). "
            f"Set TMPDIR to a folder with free space; it is {named!r}."
        ) from None
    if free < SCRATCH_BYTES:
        raise ParameterError(
            f"The folder for temporary files, {folder}, has {free / 1e6:.0f} MB left. "
            "Make room, or set TMPDIR to another folder."
        )
    return folder


@contextmanager
def _sockets(folder: str) -> Iterator[str]:
    """Yield a folder for a kernel's sockets: ``folder`` if its name is short enough, else
    another.
    """
    from earwitness_book.runner import kernel

    if kernel.sockets_fit(folder):
        yield folder
        return
    if not (places := kernel.short_folders()):
        raise ParameterError(
            f"The name of the folder for temporary files is too long for sockets: {folder}. "
            "Set TMPDIR to a shorter one."
        )
    with scratch(places[0]) as other:
        yield other


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


def _run(job: Job, progress: Callable[[int, int], None]) -> Executed:
    """Execute a job in a scratch folder; what fails is told in the result."""
    import nbformat
    from papermill import execute_notebook

    from earwitness_book.runner import kernel

    notebook = Notebook(project.root() / "notebooks" / f"{job.page}.ipynb", job.source)
    start, meter = time.monotonic(), _Meter(progress)
    with scratch() as folder, _sockets(folder) as sockets:
        output, records, log = (
            Path(folder) / name for name in ("out.ipynb", "records.json", "kernel.txt")
        )
        trouble = None
        try:
            execute_notebook(
                nbformat.reads(job.source, as_version=4),
                str(output),
                job.values,
                engine_name=kernel.ENGINE,
                kernel_name=kernel.NAME,
                progress_bar=False,
                sockets=sockets,
                folder=notebook.path.parent,
                log=log,
                environment=kernel.environment(_own_variables(job, records), folder, job.threads),
                timeout=job.timeout,
                watch=meter,
                libraries=job.libraries,
            )
        # whatever ends a notebook belongs on its page; the other notebooks go on
        except Exception as error:
            trouble = _explained(error, log)
        content = json.loads(output.read_text(encoding="utf-8") if output.exists() else job.source)
        measured = json.loads(records.read_text(encoding="utf-8")) if records.exists() else {}
    failure = _settle(content, trouble, notebook)
    seconds = time.monotonic() - start
    note = _note(job, failure, seconds, measured) | {"processor_s": meter.by_cell(content["cells"])}
    note["memory_mb"] = round(meter.peak_mb)
    content["metadata"]["earwitness"] = note
    return Executed(
        job.notebook,
        json.dumps(content, indent=1, ensure_ascii=False),
        failure,
        seconds,
        cached=False,
    )


class _Meter:
    """Notes the processor seconds that each cell takes, the most memory, and tells how far a
    notebook is.
    """

    def __init__(self, progress: Callable[[int, int], None]):
        self.progress, self.begun, self.spent, self.peak_mb = progress, None, {}, 0.0

    def __call__(self, cell: int | None, n_cells: int, spent_s: float, peak_mb: float) -> None:
        self.peak_mb = max(self.peak_mb, peak_mb)
        if cell is None:
            index, before = self.begun
            self.spent[index] = spent_s - before
        else:
            self.begun = (cell, spent_s)
            self.progress(cell + 1, n_cells)

    def by_cell(self, cells: list[dict]) -> dict[str, float]:
        """Return the seconds by the number of the cell in the source, from 1; less than a tenth is
        left out.
        """
        own = [
            index
            for index, cell in enumerate(cells)
            if "injected-parameters" not in notebooks.tags(cell)
        ]
        return {
            str(number): round(self.spent[index], 1)
            for number, index in enumerate(own, start=1)
            if self.spent.get(index, 0.0) >= 0.1
        }


def _explained(trouble: Exception, log: Path) -> Exception:
    """Return an error, that of a dead kernel with the last thing its process said."""
    if type(trouble).__name__ != "DeadKernelError" or not log.exists():
        return trouble
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return type(trouble)(f"{trouble} ({said[-1]})") if said else trouble


def _own_variables(job: Job, records: Path) -> dict[str, str]:
    own = {
        "EARWITNESS_RECORDS": str(records),
        "EARWITNESS_PROFILE": job.profile,
        "EARWITNESS_HOME": str(project.root()),
    }
    for name in (
        "EARWITNESS_DATA",
        "EARWITNESS_CACHE",
        "EARWITNESS_CACHE_SHARED",
    ):  # kernels work in another folder
        if os.environ.get(name):
            own[name] = str(Path(os.environ[name]).expanduser().absolute())
    return own


def _settle(content: dict, trouble: Exception | None, notebook: Notebook) -> Failure | None:
    """Take papermill's marks out of an executed notebook, put the error in its place; return where
    it failed.
    """
    content["metadata"].pop("papermill", None)
    content["cells"] = [
        cell for cell in content["cells"] if "papermill-error-cell-tag" not in notebooks.tags(cell)
    ]
    failure = _failure(content["cells"], trouble, notebook) if trouble else None
    pictures.lighten(content["cells"])
    for cell in content["cells"]:
        cell["metadata"].pop("papermill", None)
    return failure


def _failure(cells: list[dict], trouble: Exception, notebook: Notebook) -> Failure:
    begun = [
        number
        for number, cell in enumerate(cells)
        if cell["metadata"].get("papermill", {}).get("start_time") and cell["cell_type"] == "code"
    ]
    if not begun:
        return Failure(notebook.id, 0, type(trouble).__name__, _first_line(str(trouble)))
    cell = cells[begun[-1]]
    errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
    if not errors:
        errors = [_error_output(trouble)]
        cell["outputs"] += errors
    if errors[0]["ename"] == LEFT_OUT:  # no fault: the page says it in a sentence
        cell["outputs"] = []
    injected = sum("injected-parameters" in notebooks.tags(cell) for cell in cells[: begun[-1] + 1])
    return Failure(
        notebook.id, begun[-1] + 1 - injected, errors[0]["ename"], _first_line(errors[0]["evalue"])
    )


def _error_output(trouble: Exception) -> dict:
    """Return what the page shows for an error that no cell printed: a timeout, a kernel that
    died.
    """
    said = f"{type(trouble).__name__}: {trouble}"
    return {
        "output_type": "error",
        "ename": type(trouble).__name__,
        "evalue": str(trouble),
        "traceback": said.splitlines(),
    }


def _first_line(message: str) -> str:
    lines = ANSI.sub("", message).strip().splitlines()
    return lines[0] if lines else ""


def _note(job: Job, failure: Failure | None, seconds: float, measured: dict) -> dict:
    return {
        "notebook": job.notebook,
        "profile": job.profile,
        "parameters": job.values,
        "commit": project.commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "hardware": hardware(),
        "host": platform.node(),
        "threads": job.threads,
        "python": platform.python_version(),
        "failure": vars(failure) if failure else None,
        "records": measured,
    }


def hardware() -> str:
    """Return processor, cores and graphics card of this machine in words."""
    gpu = ""
    if shutil.which("nvidia-smi"):
        asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpu = (
            subprocess.run(asked, capture_output=True, text=True, check=False)
            .stdout.strip()
            .replace("\n", " + ")
        )
    return f"{processor()}, {os.cpu_count()} cores{', ' + gpu if gpu else ''}"
