"""Relevance that knows nothing of the model: what every claim about an explanation is held
against.
"""

import torch

from earwitness import looks
from earwitness.attribution.registry import method
from earwitness.attribution.validation import explained


@method("random", family="control", colour="#56B4E9", marker="s", line=":")
def random(model, inputs, target, *, seed: int = 0) -> torch.Tensor:
    """Return standard normal noise shaped as the inputs; the same for the same ``seed`` on every
    device.
    """
    with torch.no_grad():
        explained(
            model(inputs[:1]), target.max().view(1)
        )  # a target that does not exist is an error here too
    noise = torch.randn(
        inputs.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return noise.to(inputs.device, inputs.dtype)


# orders and signals that no method makes: the ceiling, and floors beside ``random``
looks.declare("amplitude", "", "#E69F00", "^", "--")
looks.declare("original", "original sound", "#1A1A1A", "_")
looks.declare("random-weights", "random weights", "#777777", "x", (0, (1, 1)))
looks.declare("noise", "white noise", "#A08F5A", "+", (0, (2, 2)))
looks.declare("permuted", "", "#8C6D31", "1", ":")
looks.declare("oracle", "", "#4E9A9A", 7, (0, (4, 2, 1, 2)))
