"""A kernel that is this very Python, whatever kernels a user's folders offer under the name ``python3``."""

import logging
import os
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

NAME = "python3"
ENGINE = "earwitness"
STARTUP_S = 300  # on a busy machine a kernel has been seen to take longer than the usual 60; one that dies is noticed


class ThisPython(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this code."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return that kernel under any name."""
        return KernelSpec(resource_dir=str(RESOURCES), **get_kernel_dict())


class Engine(NBClientEngine):
    """papermill's engine, with that kernel, an environment of its own, and sockets instead of ports.

    Free ports are found by opening and closing them, so two kernels that start at once can pick the same.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, *, environment, scratch, folder, timeout=None, **kwargs):
        """Execute the cells of ``nb_man.nb`` in ``folder`` with ``environment``; ``scratch`` takes the sockets."""
        client = PapermillNotebookClient(nb_man, timeout=timeout, startup_timeout=STARTUP_S, kernel_name=NAME,
                                         shutdown_kernel="immediate")
        sockets = {} if os.name == "nt" else {"transport": "ipc", "connection_file": str(Path(scratch) / "k.json")}
        client.km = AsyncKernelManager(kernel_name=NAME, kernel_spec_manager=ThisPython(), **sockets)
        client.execute(env=environment, cwd=str(folder))


# A kernel that dies leaves a poll behind; asyncio would report it on the terminal, over the sentence that matters.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
papermill_engines.register(ENGINE, Engine)
