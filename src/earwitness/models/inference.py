"""Networks as they predict: in evaluation mode, left as they were, and in a faster layout where
that is safe.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from earwitness import runtime
from earwitness.arguments import checked
from earwitness.errors import EarwitnessError, InputsError, ParameterError
from earwitness.models import layout

AGREEMENT = 1e-4  # of the largest output; another order of sums stays below 1e-6


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[nn.Module]:
    """Put the model in evaluation mode; afterwards every one of its modules has the mode that it
    had.
    """
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def named(model: nn.Module, inputs: torch.Tensor) -> Iterator[None]:
    """Say which inputs a network fails on, where it is called within.

    Raises
    ------
    InputsError
        In place of what the network's own code raises; errors of ours and want of memory stay.
    """
    try:
        yield
    except (EarwitnessError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
        said = str(error).strip() or type(error).__name__
        raise InputsError(
            f"{type(model).__name__} fails on inputs of shape {tuple(inputs.shape)}: "
            f"{said.splitlines()[0].rstrip('.')}."
        ) from error


def device_of(model: nn.Module) -> torch.device:
    """Return where a network computes: where its first parameter lies, the CPU if it has none."""
    return next(model.parameters(), torch.empty(0)).device


@checked
@torch.no_grad()
def logits(model: nn.Module, inputs: torch.Tensor, batch_size: int = 100) -> torch.Tensor:
    """Return the outputs (n, n_classes) of a model in evaluation mode for inputs (n, ...), a batch
    at a time.

    Raises
    ------
    ParameterError
        If outputs are NaN or infinite.
    """
    with evaluation_mode(model), named(model, inputs):
        device = device_of(model)
        outputs = torch.cat(
            [model(part.to(device)).float().cpu() for part in inputs.split(batch_size)]
        )
    finite = torch.isfinite(outputs).flatten(1).all(1)
    if not finite.all():
        raise ParameterError(
            f"{type(model).__name__} returns NaN or infinite values for {int((~finite).sum())} of "
            f"{len(finite)} inputs{_broken_weights(model)}: there is nothing to read from them."
        )
    return outputs


def _broken_weights(model: nn.Module) -> str:
    broken = [
        name for name, weight in model.state_dict().items() if not torch.isfinite(weight).all()
    ]
    return f", and so do its weights {', '.join(broken[:3])}" if broken else ""


@checked
def for_prediction(model: nn.Module, probe: torch.Tensor) -> nn.Module:
    """Return a copy in evaluation mode that returns the same, to rounding, in less time on a CPU.

    Parameters
    ----------
    model : Module
    probe : Tensor, shape (batch, ...)
        Inputs in the model's precision, of which the first is tried. Code may read a layer's sizes
        (a causal padding by ``conv.kernel_size[0]``), which differ in the faster layout: a copy
        that returns something else, or fails, is replaced by a plain one.

    Notes
    -----
    Measured in ``benchmarks/results``: layout alone saves a fifth (AudioNet) to a third (AlexNet)
    of a forward pass in float32, and doubles the gain of bfloat16. On a GPU the copy is a plain
    one.
    """
    with named(model, probe):
        return _faster(model, probe)


def _faster(model: nn.Module, probe: torch.Tensor) -> nn.Module:
    fast = (
        layout.fold_norms(layout.channels_last(model))
        if device_of(model).type == "cpu"
        else copy.deepcopy(model)
    )
    if layout.differs(fast, model) and not agree(fast, model, probe[:1]):
        fast = copy.deepcopy(model)
    # autocast casts weights that need no gradient anew at every call
    return fast.eval().requires_grad_(True)


@torch.no_grad()
def agree(twin: nn.Module, model: nn.Module, inputs: torch.Tensor) -> bool:
    """Tell whether two networks, in evaluation mode, return the same to rounding."""
    exact = runtime.autocast(inputs.device, False)
    with evaluation_mode(model), evaluation_mode(twin), exact:
        wanted = model(inputs.to(device_of(model)))
        try:
            found = twin(inputs.to(device_of(twin)))
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
            return False  # the model reads what its layers hold, and the copy's hold something else
    if not isinstance(wanted, torch.Tensor) or wanted.shape != getattr(found, "shape", None):
        return False
    tolerance = AGREEMENT if wanted.dtype in (torch.float32, torch.float64) else 0.02
    return bool(((found - wanted).abs() <= tolerance * wanted.abs().max()).all())
