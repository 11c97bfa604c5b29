"""Grad-CAM: where the channels of a late layer that speak for the output are active."""

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

from earwitness.attribution.completeness import score
from earwitness.attribution.registry import method
from earwitness.attribution.validation import find_layer, in_batches
from earwitness.errors import ParameterError

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_INTERPOLATION = {1: "linear", 2: "bilinear"}


def _last_convolution(model: nn.Module) -> nn.Module:
    found = [module for module in model.modules() if isinstance(module, _CONVOLUTIONS)]
    if not found:
        raise ParameterError(
            "Grad-CAM is of a convolution's channels, and this model has none; "
            "name a layer whose output is (batch, channel, [freq,] time)."
        )
    return found[-1]


@contextmanager
def _kept(layer: nn.Module):
    """Yield a list that gets the outputs of a layer, each cut off from what lies below it."""
    seen = []

    def cut(_, inputs, output):
        seen.append(output.detach().requires_grad_())
        return seen[-1].clone()  # what follows may work in place

    handle = layer.register_forward_hook(cut)
    try:
        yield seen
    finally:
        handle.remove()


def _checked(seen: list, n_clips: int, n_axes: int) -> torch.Tensor:
    if len(seen) != 1:
        raise ParameterError(
            f"Grad-CAM needs a layer that runs once, this one ran {len(seen)} "
            "times; name another with layer=."
        )
    (output,) = seen
    if output.ndim != 2 + n_axes or len(output) != n_clips:
        axes = "(batch, channel, freq, time)" if n_axes == 2 else "(batch, channel, time)"
        raise ParameterError(
            f"Grad-CAM needs a layer with output {axes} for these inputs, got "
            f"{tuple(output.shape)}; name another with layer=."
        )
    return output


@method("grad-cam", "Grad-CAM", "gradient", "#BB5566", "|")
def gradcam(
    model, inputs, target, *, layer: str | None = None, rectify: bool = True, batch_size: int = 50
) -> torch.Tensor:
    """Return a layer's channels added up, each times its mean gradient, enlarged to the input.

    Parameters
    ----------
    layer : str, optional
        Name of a module with output (batch, channel, freq, time) for spectrograms, (batch, channel,
        time) for waveforms; default: the last convolution.
    rectify : bool
        Keep only what speaks for the output, as in the paper; otherwise what speaks against it is
        there too, negative.
    batch_size : int
        Clips at a time.

    Raises
    ------
    UnknownNameError
        If the model has no such layer.
    ParameterError
        If the layer did not run once, or its output has not the axes of the inputs.

    Notes
    -----
    Selvaraju et al. (2017), Eqs. (1) and (2) [selvaraju2017], enlarged linearly. All channels of
    the input get the same map. It is as coarse as the layer, and says where, not what: it does not
    add up to anything.
    """
    n_axes = inputs.ndim - 2
    if n_axes not in _INTERPOLATION:
        raise ParameterError(
            "Grad-CAM takes waveforms (batch, channel, time) or spectrograms "
            f"(batch, channel, freq, time), got {tuple(inputs.shape)}."
        )
    module = _last_convolution(model) if layer is None else find_layer(model, layer)

    def explain(x, index):
        with _kept(module) as seen:
            scores = score(model(x), index)
        output = _checked(seen, len(x), n_axes)
        gradient = torch.autograd.grad(scores.sum(), output)[0]
        weights = gradient.flatten(2).mean(2).view(*output.shape[:2], *[1] * n_axes)
        coarse = (weights * output.detach()).sum(1, keepdim=True)  # (batch, 1, [freq,] time)
        coarse = coarse.relu() if rectify else coarse
        size, how = x.shape[2:], _INTERPOLATION[n_axes]
        return F.interpolate(coarse, size, mode=how, align_corners=False).expand_as(x)

    return in_batches(explain, inputs, target, batch_size).clone()
