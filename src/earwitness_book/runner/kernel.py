"""A kernel that is this very Python, whatever kernels and settings the user has."""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import psutil
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from earwitness import cache
from earwitness_book.runner import preloaded

NAME = "python3"
ENGINE = "earwitness"
# on a busy machine a kernel has been seen to take longer than the usual 60; one that dies is
# noticed
STARTUP_S = 300
PATH_LETTERS = 103  # of a Unix socket's address: macOS allows that many, Linux four more
_OURS = ("PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
_SETTINGS = (
    "PYTHON",
    "IPYTHON",
    "JUPYTER",
    "MPL",
    "MATPLOTLIB",
    "TQDM_",
    "FORCE_COLOR",
    "NO_COLOR",
    "PYDEVD",
)


class ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this code."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return that kernel under any name."""
        return KernelSpec(resource_dir=str(RESOURCES), **get_kernel_dict())


def environment(own: Mapping[str, str], scratch: str, threads: int) -> dict[str, str]:
    """Return the variables of a kernel: the user's, without those that would change what a page
    shows.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _OURS or not name.startswith(_SETTINGS)
    }
    matplotlib = Path(find_spec("matplotlib").origin).parent / "mpl-data" / "matplotlibrc"
    return kept | {
        "IPYTHONDIR": str(Path(scratch) / "ipython"),
        "MATPLOTLIBRC": str(matplotlib),
        "MPLCONFIGDIR": str(cache.directory("matplotlib")),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "COLUMNS": "80",
        **{
            name: str(threads)
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        },
        **own,
    }


def sockets_fit(folder: str) -> bool:
    """Tell whether the address of a kernel's socket in a folder is short enough for the system."""
    return os.name == "nt" or len(os.fsencode(str(Path(folder) / "k-ipc-10"))) <= PATH_LETTERS


class Engine(NBClientEngine):
    """papermill's engine, with that kernel, an environment of its own, and sockets instead of
    ports.

    Free ports are found by opening and closing them, so two kernels that start at once can pick the
    same; and a port can be reached by every user of a machine, a socket in a folder of one's own
    cannot.
    """

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man,
        kernel_name,
        *,
        environment,
        sockets,
        folder,
        log,
        watch,
        timeout=None,
        libraries=(),
        **kwargs,
    ):
        """Execute the cells of ``nb_man.nb`` in ``folder`` with ``environment``.

        ``sockets`` is the folder of the sockets, ``log`` the file for what the kernel's process
        itself prints; ``watch`` gets the index of each cell as it begins, and how many there are,
        what is spent and the most memory so far. The kernel begins with ``libraries`` imported.
        """
        client = PapermillNotebookClient(
            nb_man,
            timeout=timeout,
            startup_timeout=STARTUP_S,
            kernel_name=NAME,
            shutdown_kernel="immediate",
        )
        where = (
            {}
            if os.name == "nt"
            else {"transport": "ipc", "connection_file": str(Path(sockets) / "k.json")}
        )
        client.km = AsyncKernelManager(kernel_name=NAME, kernel_spec_manager=ThisPython(), **where)
        client.km.provisioner = preloaded.Provisioner(
            parent=client.km, kernel_spec=client.km.kernel_spec, libraries=tuple(libraries)
        )
        n_cells = len(nb_man.nb.cells)

        def begins(cell, cell_index):
            process = client.km.provisioner.pid
            watch(cell_index, n_cells, spent_s(process), peak_mb(process))

        client.on_cell_start = begins

        def ends(cell, cell_index, execute_reply):
            process = client.km.provisioner.pid
            watch(None, n_cells, spent_s(process), peak_mb(process))

        client.on_cell_executed = ends
        # papermill would write the whole notebook twice for each cell; it does so at the end, too
        output, nb_man.output_path = nb_man.output_path, None
        try:
            with open(log, "wb") as printed:
                client.execute(env=environment, cwd=str(folder), stdout=printed, stderr=printed)
        finally:
            nb_man.output_path = output


Watch = Callable[[int | None, int, float, float], None]


def spent_s(process: int) -> float:
    """Return the processor seconds of a process and of its children that ended; 0 if it is gone."""
    try:
        times = psutil.Process(process).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def peak_mb(process: int) -> float:
    """Return the most megabytes that a process had in memory, where the system keeps count (Linux,
    Windows), else those that it has; 0 if it is gone.
    """
    try:
        now = psutil.Process(process).memory_info()
    except psutil.Error:
        return 0.0
    counted = 1024 * _high_water_kb(process) or getattr(now, "peak_wset", 0)
    return (counted or now.rss) / 1e6


def _high_water_kb(process: int) -> int:
    try:
        said = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:  # a system without, or the process is gone
        return 0
    found = re.search(r"^VmHWM:\s+([0-9]+) kB", said, re.MULTILINE)
    return int(found[1]) if found else 0


def short_folders() -> list[str]:
    """Return where sockets may lie if the usual folder for temporary files has too long a name."""
    return [
        folder
        for folder in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp"))
        if sockets_fit(f"{folder}/earwitness-123456-1234567-12345678")
        and os.access(folder, os.W_OK)
    ]


# A kernel that dies leaves a poll behind; asyncio would report it on the terminal, over the
# sentence that matters.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
papermill_engines.register(ENGINE, Engine)
