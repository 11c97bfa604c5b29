"""Do the attributions add up? What integrated gradients, DeepLIFT and conductance promise, as a
number.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.attribution.validation import (
    check_inputs,
    check_positive,
    explained,
    frozen,
    prepare,
)
from earwitness.errors import ParameterError
from earwitness.models.inference import named


class Completeness(NamedTuple):
    """What attributions add up to, and what they should; every field (batch,) or (n_targets,
    batch), float64.
    """

    total: torch.Tensor
    """Sum of the attributions of a clip, in units of the explained output."""
    difference: torch.Tensor
    """Output of the input less output of the baseline: what the sum should be."""
    magnitude: torch.Tensor
    """Sum of the attributions without their signs."""

    @property
    def error(self) -> torch.Tensor:
        """Return what is missing or too much, in units of the explained output."""
        return (self.total - self.difference).abs()

    @property
    def relative(self) -> torch.Tensor:
        """Return the error as a share of the difference.

        Where attributions of both signs cancel to less than a hundredth of their magnitude, the
        share is of that hundredth: an output that does not change at all would otherwise make every
        rounding error infinite.
        """
        scale = torch.maximum(self.difference.abs(), self.magnitude / 100)
        return torch.where(self.error > 0, self.error / scale, 0)


class Explanations(NamedTuple):
    """Attributions of the same clips for several targets."""

    attributions: torch.Tensor
    """(n_targets, batch, ...): for each target what :func:`earwitness.attribution.attribute` would
    output.
    """
    completeness: Completeness
    """Fields (n_targets, batch)."""


@checked
def completeness(
    model: nn.Module,
    inputs: torch.Tensor,
    target,
    relevance: torch.Tensor,
    *,
    baseline: float | torch.Tensor = 0.0,
) -> Completeness:
    """Return how far attributions are from adding up to the change of the output that they explain.

    Parameters
    ----------
    model, inputs, target
        As for :func:`earwitness.attribution.attribute`.
    relevance : Tensor, shape of ``inputs``
        What a method returned for them.
    baseline : float or Tensor broadcastable to ``inputs``
        The reference input that the method was given.

    Raises
    ------
    ParameterError
        If ``relevance`` or ``baseline`` do not fit the inputs.

    Notes
    -----
    The axiom *completeness* of Sundararajan et al. (2017), *summation-to-delta* of Shrikumar et al.
    (2017). LRP promises something else (conservation of the output itself), see
    :func:`earwitness.attribution.conservation`.
    """
    inner, index = prepare(model, inputs, target)
    check_inputs(relevance)
    if relevance.shape != inputs.shape:
        raise ParameterError(
            f"Relevance of shape {tuple(relevance.shape)} is not of the inputs' shape "
            f"{tuple(inputs.shape)}."
        )
    with named(model, inner), frozen(model), torch.no_grad():
        start = broadcast_baseline(baseline, inner)
        difference = score(model(inner), index) - score(model(start), index)
    return completeness_of(relevance.to(difference.device), difference)


def completeness_of(relevance: torch.Tensor, difference: torch.Tensor) -> Completeness:
    """Return the completeness of attributions whose first axes are those of ``difference``."""
    flat = relevance.detach().double().flatten(difference.ndim)
    return Completeness(flat.sum(-1), difference.detach().double(), flat.abs().sum(-1))


def score(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the explained output of each clip, (batch,): the logit, summed over time where there
    is a time axis.
    """
    return (
        explained(output, target).flatten(1).sum(1)
        if output.ndim > 2
        else explained(output, target)
    )


def broadcast_baseline(baseline: float | torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Return the baseline in the inputs' shape, precision and place.

    Raises
    ------
    ParameterError
        If it cannot be broadcast to that shape, or holds NaN or infinite values.
    """
    values = torch.as_tensor(baseline, dtype=inputs.dtype, device=inputs.device)
    if not torch.isfinite(values).all():
        raise ParameterError("The baseline holds NaN or infinite values.")
    try:
        return values.expand(inputs.shape)
    except RuntimeError:
        raise ParameterError(
            f"A baseline of shape {tuple(values.shape)} does not fit inputs of shape "
            f"{tuple(inputs.shape)}."
        ) from None


def prepare_all(
    model: nn.Module, inputs, targets: Sequence[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return checked inputs, and targets as a LongTensor (n_targets, batch): each explained for
    every clip.
    """
    if np.asarray(targets).ndim != 1 or len(targets) == 0:
        raise ParameterError(
            f"Targets must be a sequence of at least one output index, got {targets!r}."
        )
    prepared = [prepare(model, inputs, int(target)) for target in targets]
    return prepared[0][0], torch.stack([index for _, index in prepared])


def explain_all(
    explain: Callable[..., tuple[torch.Tensor, torch.Tensor]],
    inputs: torch.Tensor,
    targets: torch.Tensor,
    baseline: float | torch.Tensor,
    batch_size: int,
) -> Explanations:
    """Return what ``explain`` says of all targets (n_targets, batch), some clips at a time.

    Parameters
    ----------
    explain : callable
        ``(inputs, baseline, targets)`` of some clips -> attributions (n_targets, batch, ...) and
        the outputs' changes (n_targets, batch).
    """
    check_positive(batch_size=batch_size)
    start = broadcast_baseline(baseline, inputs)
    parts = [
        explain(inputs[rows], start[rows], targets[:, rows])
        for rows in (slice(at, at + batch_size) for at in range(0, len(inputs), batch_size))
    ]
    attributions, difference = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    return Explanations(attributions, completeness_of(attributions, difference))
