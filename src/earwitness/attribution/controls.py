"""Relevance that knows nothing of the model: what every claim about an explanation is held
against.
"""

import torch

from earwitness.attribution.validation import explained


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


METHODS = {"random": random}
