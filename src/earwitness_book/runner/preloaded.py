"""Kernels that begin where large libraries are imported already.

A notebook's kernel would import torch, scipy, pandas and matplotlib anew, for three seconds. One
process imports what a notebook needs of them and forks the kernel; it lives as long as the process
that executes notebooks. Our own modules it leaves alone: somebody may be editing them. Where a
kernel cannot be forked (no Linux, a library that started a thread), it is started as ever.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module

import psutil
import traitlets
from jupyter_client.provisioning import LocalProvisioner

_AT_START = ("PYTHON", "LD_", "MPLBACKEND", "MATPLOTLIBRC", "OMP_", "MKL_", "OPENBLAS_")
_WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # pandas loads pyarrow
_ONE_AT_A_TIME = threading.Lock()


class Forked(psutil.Process):
    """A kernel's process, as jupyter_client expects it of Popen; it is not our own child."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """Return None as long as it runs."""
        return None if self.is_running() else 0

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs."""
        with suppress(psutil.NoSuchProcess):
            super().send_signal(sig)


class Provisioner(LocalProvisioner):
    """Starts a kernel in which ``libraries``, names of modules, are imported."""

    libraries = traitlets.Tuple()

    async def launch_kernel(self, cmd: list[str], **how):
        """Fork the kernel, or start it as a process of its own."""
        process = _forked(cmd, self.libraries, how) if sys.platform == "linux" else None
        if process is None:
            return await super().launch_kernel(cmd, **how)
        self.process, self.pid, self.pgid = process, process.pid, process.pid
        self.cwd = how["cwd"]
        return self.connection_info


def _forked(command: list[str], libraries: tuple[str, ...], how: dict) -> Forked | None:
    arguments = command[command.index("ipykernel_launcher") + 1 :]
    wish = {"arguments": arguments, "libraries": libraries, "environment": how["env"],
            "folder": str(how["cwd"]), "log": how["stdout"].name}  # fmt: skip
    start = {name: value for name, value in how["env"].items() if name.startswith(_AT_START)}
    with _ONE_AT_A_TIME, suppress(OSError, ValueError, psutil.NoSuchProcess):
        server = _server(tuple(sorted(start.items())))
        print(json.dumps(wish), file=server.stdin, flush=True)
        return Forked(int(server.stdout.readline()))  # ValueError: it ended, or has threads
    return None


@cache
def _server(start: tuple[tuple[str, str], ...]) -> subprocess.Popen:
    """Return the process that forks kernels with these variables; it ends with this one, which
    holds its standard input.
    """
    return subprocess.Popen(
        [sys.executable, __file__],
        env={name: v for name, v in os.environ.items() if not name.startswith(_AT_START)}
        | dict(start)
        | _WITHOUT_THREADS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for who waits for the kernels
        text=True,
    )


# --- in that process


def serve() -> None:
    """Fork a kernel for each line of standard input; print the number of its process."""
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets kernels that ended
    for line in sys.stdin:
        wish = json.loads(line)
        for name in wish["libraries"]:
            with suppress(ImportError):
                import_module(name)
        alone = len(os.listdir("/proc/self/task")) == 1  # other threads a fork would lose
        process = os.fork() if alone else "threads"
        if process == 0:
            _enter(wish)
            parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # a kernel ends with it
            return IPKernelApp.launch_instance([*wish["arguments"], parent])
        print(process, flush=True)


def _enter(wish: dict) -> None:
    """Make a forked process what a new one would be: its variables, folder, files and chance."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with open(os.devnull) as nothing, open(wish["log"], "ab") as log:
        for file, number in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.chdir(wish["folder"])
    tempfile.tempdir = None
    sys.argv[1:] = wish["arguments"]
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.seed()


if __name__ == "__main__":
    del sys.path[0]  # this folder
    serve()
