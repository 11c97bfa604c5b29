"""Pixel flipping of time-frequency bins in some channels of a spectrogram, for networks that answer at every frame."""

from collections.abc import Sequence

import torch
from torch import nn

from earwitness import runtime
from earwitness.attribution.calls import check_inputs, check_target
from earwitness.errors import ParameterError
from earwitness.evaluation.flipping import FlippingCurve, _check_fractions
from earwitness.evaluation.inference import for_answers


def bin_flipping(
    model: nn.Module, inputs: torch.Tensor, targets: int | Sequence[int] | torch.Tensor, order_by: torch.Tensor,
    fractions: Sequence[float], channels: Sequence[int] | None = None, *, batch_size: int = 32,
    autocast: bool | str = False,
) -> FlippingCurve:
    """Set a growing fraction of each scene's bins to zero, highest ``order_by`` first, and ask the network again.

    Parameters
    ----------
    model : nn.Module
        Answers logits (batch, frames, n_classes); a scene's score is their softmax, averaged over frames.
    inputs : Tensor, shape (batch, channels, frames, bins)
    targets : int, sequence of int or LongTensor, shape (batch,)
        The true classes.
    order_by : Tensor, shape (batch, frames, bins)
        One value for each bin, such as relevance summed over channels; equal ones go by frame, then by bin.
    fractions : sequence of float
        Of all bins, increasing, 0 to 1; the count is rounded half up.
    channels : sequence of int, optional
        Those in which bins become zero; by default all.
    batch_size : int
    autocast : bool or "auto"
        Whether to multiply in bfloat16; ``"auto"``: where the processor does so in hardware.

    Returns
    -------
    FlippingCurve
        Its ``score`` is the mean over scenes of the true class's score.

    Raises
    ------
    ParameterError
        If shapes, fractions or channels do not fit.

    Notes
    -----
    Kiyan et al. (2022), Channel Relevance, Figure 4 [kiyan2022]. Chapter: sound-direction.
    """
    index, amounts = check_target(targets, len(check_inputs(inputs))), _check_fractions(fractions)
    if inputs.ndim != 4 or order_by.shape != inputs[:, 0].shape or not torch.isfinite(order_by).all():
        raise ParameterError("Bins are ordered by finite values (batch, frames, bins) for inputs (batch, channels, "
                             f"frames, bins), got {tuple(order_by.shape)} for {tuple(inputs.shape)}.")
    channels = list(range(inputs.shape[1])) if channels is None else list(channels)
    if not channels or not set(channels) <= set(range(inputs.shape[1])):
        raise ParameterError(f"Channels go from 0 to {inputs.shape[1] - 1}, got {channels}.")
    like = next(model.parameters())
    bfloat16 = autocast is True or (autocast == "auto" and runtime.has_fast_bfloat16(like.device))
    answering = for_answers(model)
    n_bins = order_by[0].numel()
    places = order_by.flatten(1).argsort(dim=1, descending=True, stable=True).argsort(dim=1).view(order_by.shape)
    scores = torch.empty(len(inputs), len(amounts), dtype=torch.float32)
    correct = torch.empty(scores.shape, dtype=torch.bool)
    with torch.inference_mode(), torch.autocast(like.device.type, torch.bfloat16, enabled=bfloat16):
        for column, amount in enumerate(amounts):
            count = int(amount * n_bins + 0.5)
            for rows in torch.arange(len(inputs)).split(batch_size):
                x = inputs[rows].to(like.device, like.dtype, copy=True)
                x[:, channels] *= (places[rows] >= count)[:, None].to(x)
                means = answering(x).float().softmax(-1).mean(1).cpu()  # (batch, n_classes)
                if int(index.max()) >= means.shape[1]:
                    raise ParameterError(f"Target {int(index.max())} does not exist: outputs go from 0 to "
                                         f"{means.shape[1] - 1}.")
                scores[rows, column] = means.gather(1, index[rows, None])[:, 0]
                correct[rows, column] = means.argmax(1) == index[rows]
    return FlippingCurve(amounts, correct.numpy(), scores.numpy(), scores.numel(),
                         "bfloat16" if bfloat16 else str(like.dtype).removeprefix("torch."))
