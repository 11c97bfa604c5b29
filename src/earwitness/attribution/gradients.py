"""Methods that differentiate the explained logit with respect to the input."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from earwitness.attribution.calls import explained, in_batches
from earwitness.errors import ParameterError


def _gradient(model: nn.Module, inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return d logit / d input, shape of ``inputs``."""
    leaf = inputs.detach().clone().requires_grad_()
    return torch.autograd.grad(explained(model(leaf), target).sum(), leaf)[0]


def gradient(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return the derivative of the logit with respect to each input value.

    Notes
    -----
    Baehrens et al. (2010). What a small change would do, not what the value contributed: it need not vanish in silence.
    """
    return in_batches(lambda x, index: _gradient(model, x, index), inputs, target, batch_size)


def gradient_x_input(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return derivative times input: the first-order share of each value.

    Notes
    -----
    Equals LRP with epsilon -> 0 in networks of ReLU, max-pooling and linear layers (Shrikumar et al. 2016).
    """
    return inputs * gradient(model, inputs, target, batch_size=batch_size)


def integrated_gradients(
    model, inputs, target, *, baseline: float | torch.Tensor = 0.0, n_steps: int = 50, batch_size: int = 50
) -> torch.Tensor:
    """Return the gradient integrated along the straight line from ``baseline`` to the input, times their difference.

    Parameters
    ----------
    baseline : float or Tensor broadcastable to ``inputs``
        The reference input; 0.0 is silence for a waveform, the training mean for a centred spectrogram.
    n_steps : int
        Nodes of the Gauss-Legendre quadrature; the cost is ``n_steps`` forward and backward passes.

    Notes
    -----
    Sundararajan et al. (2017), Eq. (1). Completeness: the sum over a clip tends to logit(input) - logit(baseline) as
    ``n_steps`` grows. Steps are taken one after the other, so that memory is that of a single batch.
    """
    if isinstance(n_steps, bool) or not isinstance(n_steps, int) or n_steps < 1:
        raise ParameterError(f"n_steps must be a positive integer, got {n_steps!r}.")
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    try:
        start = torch.as_tensor(baseline, dtype=inputs.dtype, device=inputs.device).expand(inputs.shape)
    except RuntimeError:
        raise ParameterError(f"A baseline of shape {tuple(baseline.shape)} does not fit inputs of shape "
                             f"{tuple(inputs.shape)}.") from None
    difference = inputs - start
    total = torch.zeros_like(inputs)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        total += weight * gradient(model, start + node * difference, target, batch_size=batch_size)
    return total * difference


class _GuidedReLU(torch.autograd.Function):
    """ReLU whose backward pass drops what is negative on the way back as well."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, upper):
        (x,) = ctx.saved_tensors
        return upper.clamp(min=0) * (x > 0)


class _GuideReLUs(TorchFunctionMode):
    """Replace every ReLU that runs inside the ``with`` block, layer or function call, and count them.

    Hooks on ``nn.ReLU`` layers miss ``F.relu``: then guided backpropagation silently is the plain gradient.
    """

    copying = (F.relu, torch.relu, torch.Tensor.relu)
    in_place = (torch.relu_, torch.Tensor.relu_)

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function not in self.copying + self.in_place:
            return function(*args, **(kwargs or {}))
        self.count += 1
        x = args[0] if args else kwargs["input"]
        return x.copy_(_GuidedReLU.apply(x.clone())) if function in self.in_place else _GuidedReLU.apply(x)


def guided_backprop(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return the gradient with every ReLU passing back only what is positive, where its input was positive.

    Raises
    ------
    ParameterError
        If no ReLU ran: the result would be the plain gradient.

    Notes
    -----
    Springenberg et al. (2015), section 3.4; Muckenhirn et al. (2019).
    """
    with _GuideReLUs() as mode:
        relevance = gradient(model, inputs, target, batch_size=batch_size)
    if mode.count == 0:
        raise ParameterError("guided-backprop changes how ReLU passes gradients back, and this model has no ReLU.")
    return relevance


METHODS = {
    "gradient": gradient,
    "gradient-x-input": gradient_x_input,
    "integrated-gradients": integrated_gradients,
    "guided-backprop": guided_backprop,
}
