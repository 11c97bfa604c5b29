"""Guided backprop, operation by operation: what passes a ReLU backwards must be positive."""

import torch

from .registry import Network
from .rules import ALL, RECURRENT, Reference, _transposed
from .tape import hand_back


def _rule(step, gradients):
    with torch.no_grad():
        gradient = gradients[0]
        if step.name == "relu":
            gradient = gradient.clamp(min=0)
        return _transposed(step.call, step.inputs, gradient)


def guided(network: Network) -> torch.Tensor:
    """Return the guided gradient of the target's logits, wherever a ReLU stands in the code."""
    model = network.model()
    reference = Reference(
        getattr(model, "_orig_mod", model), network.inputs(), network.pick, known=ALL - RECURRENT
    )
    seed = torch.zeros_like(reference.start)
    seed[..., network.target] = 1.0
    return hand_back(reference.tape, reference.inputs, [(reference.at, seed)], _rule)
