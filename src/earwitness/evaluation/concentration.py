"""How relevance is spread over a signal: on which part it lies, and how few samples hold most of it."""

import numpy as np
import torch

from earwitness.errors import ParameterError


def share_on(relevance: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    """Return the share of the absolute relevance that lies where ``mask`` is true, (batch,), 0 to 1.

    Parameters
    ----------
    relevance : Tensor, shape (batch, ...)
    mask : BoolTensor, shape of ``relevance``

    Raises
    ------
    ParameterError
        If the shapes differ, or a clip has no relevance at all.
    """
    if relevance.shape != mask.shape:
        raise ParameterError(f"relevance {tuple(relevance.shape)} and mask {tuple(mask.shape)} differ in shape.")
    magnitude = relevance.abs().double().flatten(1)  # (batch, value)
    total = magnitude.sum(1)
    if (total == 0).any():
        raise ParameterError(f"Clip(s) {(total == 0).nonzero().flatten().tolist()} have no relevance to share out.")
    return ((magnitude * mask.flatten(1)).sum(1) / total).numpy()


def largest(inputs: torch.Tensor, fraction: float = 0.25) -> torch.Tensor:
    """Return a mask of the non-zero values of largest magnitude, a ``fraction`` of them in each clip.

    Parameters
    ----------
    inputs : Tensor, shape (batch, ...)
    fraction : float
        Of the non-zero values, 0 to 1; the count is rounded down.
    """
    magnitude = inputs.abs().flatten(1)  # (batch, value)
    ranks = magnitude.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    counts = ((magnitude > 0).sum(1) * fraction).long()
    return (ranks < counts[:, None]).view(inputs.shape)


def smallest_share(relevance: torch.Tensor, inputs: torch.Tensor, held: float = 0.5) -> np.ndarray:
    """Return how few values hold a part of the positive relevance, as a share of the non-zero values, (batch,).

    Parameters
    ----------
    relevance, inputs : Tensor, shape (batch, ...)
    held : float
        The part of the positive relevance to be held, above 0 and at most 1.

    Raises
    ------
    ParameterError
        If ``held`` is outside its range, or a clip has no positive relevance.
    """
    if not 0 < held <= 1:
        raise ParameterError(f"held must lie above 0 and be at most 1, got {held}.")
    positive = relevance.clamp_min(0).double().flatten(1).sort(1, descending=True).values  # (batch, value)
    total = positive.sum(1, keepdim=True)
    if (total == 0).any():
        raise ParameterError("A clip without positive relevance has nothing to hold.")
    n_needed = (positive.cumsum(1) < held * total * (1 - 1e-12)).sum(1) + 1
    return (n_needed / (inputs != 0).flatten(1).sum(1)).numpy()
