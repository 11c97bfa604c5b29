"""Run the same network faster where only its answers are wanted."""

import copy

import torch
from torch import nn

from earwitness.models import layout


def for_answers(model: nn.Module) -> nn.Module:
    """Return a copy of ``model`` in evaluation mode that gives the same answers, to rounding, in less time on a CPU.

    Notes
    -----
    Measured in ``benchmarks/results``: layout alone saves a fifth (AudioNet) to a third (AlexNet) of a forward pass in
    float32, and doubles the gain of bfloat16. On a GPU the copy is a plain one.
    """
    on_cpu = next(model.parameters(), torch.empty(0)).device.type == "cpu"
    answering = layout.channels_last(model) if on_cpu else copy.deepcopy(model)
    return answering.eval().requires_grad_(True)  # autocast casts weights that need no gradient anew at every call
