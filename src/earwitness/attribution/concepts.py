"""Concept relevance propagation: how much of an explanation runs through one channel of one layer.

A gate behind the layer notes the relevance that comes down to it, and lets only the wanted channels
pass. Relevance is linear in what enters a layer from above, so the parts that run through single
channels add up to the whole.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from earwitness import attribution
from earwitness.attribution.lrp.dispatch import watched
from earwitness.attribution.registry import find
from earwitness.attribution.validation import check_inputs, check_positive, check_target, find_layer
from earwitness.errors import ParameterError


class _Gate:
    """Stands behind a layer; ``mask``: (batch, channel) or None, ``seen``: relevance of each
    backward pass.
    """

    def __init__(self):
        self.mask: torch.Tensor | None = None
        self.seen: list[torch.Tensor] = []

    def let_pass(self, hidden: torch.Tensor, derivative: torch.Tensor) -> torch.Tensor:
        """Note the relevance, which is the value times what arrives at it, and mask it."""
        self.seen.append(hidden * derivative)
        if self.mask is None:
            return derivative
        return derivative * self.mask.view(*self.mask.shape, *[1] * (derivative.ndim - 2))


@contextmanager
def _gated(model: nn.Module, layer: str) -> Iterator[_Gate]:
    """Put a gate behind a layer of the model for the ``with`` block."""
    find_layer(model, layer)
    gate = _Gate()
    with watched(layer, gate.let_pass):
        yield gate


def hidden_relevance(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int | Sequence[int] | torch.Tensor,
    layer: str,
    method: str = "lrp-epsilon",
    batch_size: int = 50,
    **options,
) -> torch.Tensor:
    """Return the relevance of a layer's outputs, for all clips of a batch in one backward pass.

    Parameters
    ----------
    model, inputs, target, method, **options
        As for :func:`earwitness.attribution.attribute`; ``method`` is one of the LRP methods.
    layer : str
        Name of a layer, as ``model.named_modules()`` has it.
    batch_size : int
        Clips at a time.

    Returns
    -------
    Tensor, shape (batch, channel, ...)
        As the layer's output.

    Raises
    ------
    UnknownNameError
        If there is no such layer or method.
    ParameterError
        As ``attribute``; or if the model does not use the layer exactly once.
    """
    find(method, "lrp")  # a gradient is no relevance: nothing would add up
    with _gated(model, layer) as gate:
        attribution.attribute(model, inputs, target, method, batch_size=batch_size, **options)
    if sum(map(len, gate.seen)) != len(inputs):
        raise ParameterError(
            f"The model does not use {layer!r} exactly once; its relevance has no single "
            "place there."
        )
    return torch.cat(gate.seen)


def channel_relevance(
    model, inputs, target, layer: str, method: str = "lrp-epsilon", **options
) -> torch.Tensor:
    """Return the relevance of each channel of a layer, (batch, channel); arguments as for
    :func:`hidden_relevance`.

    Notes
    -----
    Achtibat et al. (2023) [achtibat2023], Eq. (9): the sum over the channel's positions.
    """
    relevance = hidden_relevance(model, inputs, target, layer, method, **options)
    return relevance.reshape(*relevance.shape[:2], -1).sum(2)


def maximising_clips(relevance, channel: int, n_clips: int = 8) -> torch.Tensor:
    """Return which clips give a channel the most relevance, the first the most; ``relevance``:
    (batch, channel).

    Raises
    ------
    ParameterError
        If there is no such channel, or there are not as many clips.

    Notes
    -----
    "Relevance maximisation" of Achtibat et al. (2023): unlike the clips that excite a channel most,
    these are the ones whose prediction it decides.
    """
    relevance = torch.as_tensor(relevance)
    if (
        relevance.ndim != 2
        or not 0 <= channel < relevance.shape[1]
        or not 1 <= n_clips <= len(relevance)
    ):
        raise ParameterError(
            f"There is no channel {channel} with {n_clips} clips in relevances (batch, channel) of "
            f"shape {tuple(relevance.shape)}."
        )
    return relevance[:, channel].argsort(descending=True, stable=True)[:n_clips]


def conditional_relevance(
    model,
    inputs,
    target,
    layer: str,
    channels: Sequence[int],
    method: str = "lrp-epsilon",
    batch_size: int = 50,
    **options,
) -> torch.Tensor:
    """Return the part of the inputs' relevance that runs through each of these channels of a layer.

    Parameters
    ----------
    model, inputs, target, layer, method, **options
        As for :func:`hidden_relevance`.
    channels : sequence of int
        One condition each.
    batch_size : int
        Pairs of clip and channel at a time.

    Returns
    -------
    Tensor, shape (batch, len(channels), ...)
        One tensor shaped as a clip for each channel. Over all channels of the layer they add up to
        ``attribute``.

    Raises
    ------
    UnknownNameError, ParameterError
        As :func:`hidden_relevance`; or if there is no such channel.

    Notes
    -----
    Achtibat et al. (2023), Eq. (6) and (7), with a single condition: relevance of all other
    channels is set to zero on its way down. What a channel's clips add up to is its
    :func:`channel_relevance` less what biases below it keep.
    """
    check_positive(batch_size=batch_size)
    targets = check_target(target, len(check_inputs(inputs)))
    first_clip = hidden_relevance(model, inputs[:1], targets[:1], layer, method, **options)
    n_channels = first_clip.shape[1]
    if len(channels) == 0 or not all(0 <= channel < n_channels for channel in channels):
        raise ParameterError(
            f"channels must name some of 0 to {n_channels - 1} of {layer!r}, got {list(channels)}."
        )
    pairs = [(clip, channel) for clip in range(len(inputs)) for channel in channels]
    parts = []
    with _gated(model, layer) as gate:
        for first in range(0, len(pairs), batch_size):
            clips, wanted = map(torch.tensor, zip(*pairs[first : first + batch_size], strict=True))
            gate.mask = nn.functional.one_hot(wanted, n_channels).to(first_clip)  # (pair, channel)
            parts.append(
                attribution.attribute(
                    model,
                    inputs[clips.to(inputs.device)],
                    targets[clips],
                    method,
                    batch_size=len(clips),
                    **options,
                )
            )
    return torch.cat(parts).unflatten(0, (len(inputs), len(channels)))


@contextmanager
def switched_off(model: nn.Module, layer: str, channels: Sequence[int]) -> Iterator[nn.Module]:
    """Set channels of a layer to zero for the ``with`` block: what does the network predict without
    them?

    Raises
    ------
    UnknownNameError
        If there is no such layer.
    ParameterError
        If there is no such channel, when the model runs.
    """

    def silence(_, __, output):
        if not all(0 <= channel < output.shape[1] for channel in channels):
            raise ParameterError(
                f"channels must name some of 0 to {output.shape[1] - 1} of {layer!r}, "
                f"got {channels}."
            )
        left = output.clone()
        left[:, list(channels)] = 0
        return left

    handle = find_layer(model, layer).register_forward_hook(silence)
    try:
        yield model
    finally:
        handle.remove()
