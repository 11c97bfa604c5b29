"""One check that every network makes before its first layer, so that a wrong input gets a
sentence.
"""

import torch

from earwitness.errors import ParameterError, check_number

MAX_SIZE = 1 << 20  # of one axis: more is no network, and no memory holds it


def check_sizes(**sizes: int) -> None:
    """Refuse sizes of layers that are no positive whole numbers, or beyond a million."""
    for name, size in sizes.items():
        check_number(name, size, 1, MAX_SIZE, whole=True)


def check_shape(inputs: torch.Tensor, expected: tuple[int, ...], name: str) -> torch.Tensor:
    """Return ``inputs`` if they are (batch, *expected) of a floating type.

    Raises
    ------
    ParameterError
        Otherwise; the message gives both shapes.
    """
    tensor = isinstance(inputs, torch.Tensor)
    if not tensor or tuple(inputs.shape[1:]) != expected or not inputs.is_floating_point():
        found = f"{inputs.dtype} {tuple(inputs.shape)}" if tensor else type(inputs).__name__
        raise ParameterError(
            f"{name} takes float input (batch, {', '.join(map(str, expected))}), got {found}."
        )
    return inputs
