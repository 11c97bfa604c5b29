"""Relevance counted from a baseline other than zero, such as silence in decibels.

LRP explains why the output is not what it is without input, and takes zero for "without". In a
spectrogram in dB zero is a loud cell, and silence the largest number. Written as x = d + x0, with
x0 the baseline, the network takes d, which is zero where the input is as the baseline, and x0 is
one more bias:

    R_i = d_i / (d_i + x0_i) R(x_i)
"""

import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.attribution.completeness import broadcast_baseline

# added to x, it is lost in rounding unless x is zero; then R(x) / x stays finite
_TINY = 1e-20


class Shift(nn.Module):
    """Add the baseline to what differs from it; no value is ever exactly zero."""

    def __init__(self, baseline: float | torch.Tensor):
        super().__init__()
        self.register_buffer("baseline", torch.as_tensor(baseline, dtype=torch.float64))

    def forward(self, difference: torch.Tensor) -> torch.Tensor:
        """Return the input (batch, ...) that differs from the baseline by ``difference``."""
        x = difference + broadcast_baseline(self.baseline, difference)
        return x + torch.where(x < 0, -_TINY, _TINY)


@checked
def relative_to(model: nn.Module, baseline: float | torch.Tensor) -> nn.Sequential:
    """Return ``model`` as a network of what differs from ``baseline``:
    ``attribute(relative_to(model, b), x - b, 0)``.

    Parameters
    ----------
    model : nn.Module
        Shared, not copied.
    baseline : float or Tensor broadcastable to the inputs
        The input that stands for nothing, in units of the inputs: -80.0 for silence in dB.

    Returns
    -------
    nn.Sequential
        Layers ``baseline`` and ``model``. It returns for ``inputs - baseline`` what ``model``
        returns for ``inputs``; in :func:`earwitness.attribution.conservation` the layer
        ``baseline`` absorbs the baseline's part.

    Notes
    -----
    Exact where the first layers with weights share by the epsilon rule with ``bias_factor`` 0: the
    relevance is that of a network whose first layer has the baseline in its bias, sum_j d_i w_ij
    R_j / z_j. The rules that tell signs apart (``"lrp-epsilon-plus"``, ``"lrp-gamma"``,
    ``"lrp-alpha1-beta0"``) do so by the sign of x_i w_ij, not of d_i w_ij: below 0 dB, where x is
    negative and d positive, the plus rule's relevance turns negative. With ``bias_factor`` 1 the
    baseline hands all its relevance down, and the map is that of ``inputs``; between 0 and 1 it is
    large where an input is near zero.
    """
    whole = nn.Sequential()
    whole.add_module("baseline", Shift(baseline))
    whole.add_module("model", model)
    return whole
