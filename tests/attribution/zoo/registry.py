"""A name for every network, the shape that it hears, and which of its outputs are logits."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

N_CLIPS = 2


@dataclass(frozen=True)
class Network:
    """One network of the table.

    Attributes
    ----------
    name : str
    build : callable
        Returns the module, parameters as PyTorch draws them.
    shape : tuple of int
        Of one clip.
    output : callable, str, int or None
        Picks the logits (batch, [time,] class) from what the module returns; None: all of it.
    pick : callable
        The same as a function.
    class_axis : int or None
        Which axis of them holds the classes, where it is not the last.
    target : int
    family : str
        The file that it stands in.
    """

    name: str
    build: Callable[[], nn.Module] = field(repr=False)
    shape: tuple[int, ...]
    output: Callable | str | int | None = None
    target: int = 1
    family: str = ""
    class_axis: int | None = None

    def pick(self, output):
        if self.output is not None:
            output = self.output(output) if callable(self.output) else output[self.output]
        return output if self.class_axis is None else output.movedim(self.class_axis, -1)

    def model(self) -> nn.Module:
        """Return the network in float64 and evaluation mode, seeded, nothing left at 0 or 1."""
        with torch.random.fork_rng():
            torch.manual_seed(len(self.name))
            model = self.build().double().eval()
            return unsettled(model)

    def inputs(self) -> torch.Tensor:
        """Return two signed clips (batch, *shape)."""
        generator = torch.Generator().manual_seed(7)
        return torch.randn(N_CLIPS, *self.shape, generator=generator, dtype=torch.float64)


def unsettled(model: nn.Module) -> nn.Module:
    """Move biases and norms off their starting values, so that every term of every sum counts."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            constant = parameter.numel() > 1 and (parameter == parameter.flatten()[0]).all()
            if constant or (parameter.ndim < 2 and "original0" not in name):
                parameter += 0.2 * torch.randn_like(parameter)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer += 0.3 * torch.randn_like(buffer)
            if name.endswith("running_var"):
                buffer *= 0.5 + torch.rand_like(buffer)
    return model


NETWORKS: dict[str, Network] = {}


def network(*shape: int, output=None, target: int = 1, class_axis: int | None = None):
    """Register a module class, or a function that returns a module, under its own name."""

    def register(build):
        name = build.__name__
        if name in NETWORKS:
            raise ValueError(f"two networks are called {name}")
        family = build.__module__.rpartition(".")[2]
        NETWORKS[name] = Network(name, build, shape, output, target, family, class_axis)
        return build

    return register
