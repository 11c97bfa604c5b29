"""What an explanation must beat: the same network without anything learnt."""

import copy

import torch
from torch import nn

from earwitness.errors import ParameterError


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Return a copy of ``model`` in evaluation mode with fresh weights; global generators stay as they were.

    Raises
    ------
    ParameterError
        If a layer with weights has no ``reset_parameters``.

    Notes
    -----
    Adebayo et al. (2018), model parameter randomisation test: an explanation that does not change with the weights does
    not explain the model.
    """
    control = copy.deepcopy(model).eval()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for name, module in control.named_modules():
            if next(module.parameters(recurse=False), None) is None:
                continue
            reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if reset is None:
                raise ParameterError(f"Layer {name or 'model'!r} ({type(module).__name__}) has weights and no "
                                     "reset_parameters: it cannot be randomised.")
            reset()  # torch's MultiheadAttention hides its own
    return control
