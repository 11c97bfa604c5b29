"""One check that every network makes before its first layer, so that a wrong input gets a
sentence.
"""

import torch

from earwitness.errors import ParameterError


def check_shape(inputs: torch.Tensor, expected: tuple[int, ...], name: str) -> torch.Tensor:
    """Return ``inputs`` if they are (batch, *expected) of a floating type.

    Raises
    ------
    ParameterError
        Otherwise; the message gives both shapes.
    """
    if tuple(inputs.shape[1:]) != expected or not inputs.is_floating_point():
        wanted = ", ".join(map(str, expected))
        raise ParameterError(
            f"{name} takes float input (batch, {wanted}), got {inputs.dtype} {tuple(inputs.shape)}."
        )
    return inputs
