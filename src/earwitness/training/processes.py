"""How many processes train one network, and how they are started."""

import sys
from dataclasses import dataclass

import torch
from torch import nn

from earwitness.errors import ParameterError, check_choice

STRATEGIES = ("auto", "ddp_spawn", "ddp_fork", "ddp_notebook")
_WHY_NOT = {
    "ddp": "starts the whole command once more for each device, and each would look into the cache "
    "by itself",
    "fsdp": "spreads one network over devices; every network here fits on one",
    "deepspeed": "spreads one network over devices; every network here fits on one",
}


@dataclass(frozen=True)
class Processes:
    """How many processes share each batch, and Lightning's name of the way they are started."""

    n: int = 1
    strategy: str = "auto"


ALONE = Processes()


def checked_processes(
    devices: int, strategy: str, device: torch.device, batch_size: int
) -> Processes:
    """Return the processes if they can train together.

    Parameters
    ----------
    devices : int
        Processes on a processor, or GPUs, a process each.
    strategy : str
        One of :data:`STRATEGIES`; ``"auto"`` forks on processors under Linux where a fork of this
        process can take gradients, and starts afresh (``"ddp_spawn"``) otherwise.
    device : torch.device
    batch_size : int
        Of the recipe.

    Raises
    ------
    ParameterError
        If they cannot; the message says why.
    """
    family = strategy if strategy.startswith("ddp") else strategy.split("_")[0]
    if why := _WHY_NOT.get(family):
        raise ParameterError(f"Strategy {strategy!r} {why}; use 'ddp_spawn'.")
    check_choice(strategy, STRATEGIES, "strategy of several processes")
    if devices < 1:
        raise ParameterError(f"devices counts processes or GPUs, from 1; got {devices}.")
    if devices == 1:
        if strategy != "auto":
            raise ParameterError(f"Strategy {strategy!r} is for two devices or more; say how many.")
        return ALONE
    _check_devices(devices, device)
    if devices > batch_size:
        raise ParameterError(f"A batch of {batch_size} cannot be shared by {devices} processes.")
    forks = sys.platform == "linux" and device.type == "cpu"  # on macOS forks are not safe
    if strategy not in ("auto", "ddp_spawn") and not forks:
        raise ParameterError(
            f"Strategy {strategy!r} forks, which works on processors and on Linux alone; use "
            "'ddp_spawn'."
        )
    if strategy == "ddp_spawn" or not forks:
        return Processes(devices, "ddp_spawn")
    if _a_fork_learns():
        return Processes(devices, "ddp_fork" if strategy == "auto" else strategy)
    if strategy != "auto":
        raise ParameterError(
            f"Strategy {strategy!r} forks, and torch has started threads for gradients in this "
            "process (torch.export does), which a fork does not have; use 'ddp_spawn', or train "
            "in a new process."
        )
    return Processes(devices, "ddp_spawn")


def _a_fork_learns() -> bool:
    """Try whether a fork of this process can take a gradient; torch has no name for the question.

    It cannot once torch has started threads for gradients: for one nested sixty deep, or for the
    first one after ``torch.export``.
    """
    context = torch.multiprocessing.get_context("fork")
    child = context.Process(target=_take_a_gradient, daemon=True)
    child.start()
    child.join(timeout=60)
    child.kill()  # one that hangs does not learn either
    return child.exitcode == 0


def _take_a_gradient() -> None:
    try:
        torch.ones(1, requires_grad=True).sum().backward()
    except RuntimeError:
        sys.exit(1)  # without a traceback: the parent says it in its own words


def check_importable(network: nn.Module) -> None:
    """Raise ``ParameterError`` unless a process that starts afresh can import a network's classes.

    Parameters
    ----------
    network : Module
    """
    for kind in {type(module) for module in network.modules()}:
        in_a_notebook = kind.__module__ == "__main__" and not hasattr(
            sys.modules["__main__"], "__file__"
        )
        if in_a_notebook or "<locals>" in kind.__qualname__:
            raise ParameterError(
                f"Several processes that start afresh must import {kind.__qualname__}, which is "
                "defined in a notebook or a function; define it in a module, or train with one "
                "device."
            )


def _check_devices(devices: int, device: torch.device) -> None:
    if device.type not in ("cpu", "cuda"):
        raise ParameterError(
            f"One device of type {device.type} trains at a time; devices must be 1."
        )
    if device.index is not None:
        raise ParameterError(f"{devices} devices cannot all be {device}; say 'cuda', or devices=1.")
    if device.type == "cuda" and devices > torch.cuda.device_count():
        raise ParameterError(
            f"This machine has {torch.cuda.device_count()} GPUs; {devices} were asked for."
        )
