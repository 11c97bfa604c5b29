"""Methods that differentiate the explained logit with respect to the input."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from earwitness import runtime
from earwitness.arguments import checked
from earwitness.attribution.completeness import Explanations, explain_all, prepare_all, score
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_positive, explained, frozen, in_batches
from earwitness.errors import ParameterError
from earwitness.models.inference import named


def _gradient(model: nn.Module, inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return d logit / d input, shape of ``inputs``."""
    leaf = inputs.detach().clone().requires_grad_()
    return torch.autograd.grad(explained(model(leaf), target).sum(), leaf)[0]


@method("gradient", "", "gradient", "#0072B2", "<", "--", any_layout=True)
def gradient(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return the derivative of the logit with respect to each input value.

    Notes
    -----
    Baehrens et al. (2010). What a small change would do, not what the value contributed: it need
    not vanish in silence.
    """
    return in_batches(lambda x, index: _gradient(model, x, index), inputs, target, batch_size)


@method("gradient-x-input", "gradient × input", "gradient", "#332288", ">", "-.", any_layout=True)
def gradient_x_input(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return derivative times input: the first-order share of each value.

    Notes
    -----
    Equals LRP with epsilon -> 0 in networks of ReLU, max-pooling and linear layers (Shrikumar et
    al. 2016).
    """
    return inputs * gradient(model, inputs, target, batch_size=batch_size)


@method("integrated-gradients", "integrated gradients", "gradient", "#CC79A7", "p", any_layout=True)
def integrated_gradients(
    model,
    inputs,
    target,
    *,
    baseline: float | torch.Tensor = 0.0,
    n_steps: int = 50,
    batch_size: int = 50,
) -> torch.Tensor:
    """Return the gradient integrated along the straight line from ``baseline`` to the input, times
    their difference.

    Parameters
    ----------
    baseline : float or Tensor broadcastable to ``inputs``
        The reference input; 0.0 is silence for a waveform, the training mean for a centred
        spectrogram.
    n_steps : int
        Nodes of the Gauss-Legendre quadrature; the cost is ``n_steps`` forward and backward passes.

    Notes
    -----
    Sundararajan et al. (2017), Eq. (1). Completeness: the sum over a clip tends to logit(input) -
    logit(baseline) as ``n_steps`` grows. Steps are taken one after the other, so that memory is
    that of a single batch.
    """
    explain = partial(_integrated, model, quadrature(n_steps))
    return explain_all(explain, inputs, target[None], baseline, batch_size).attributions[0]


def quadrature(n_steps: int) -> list[tuple[float, float]]:
    """Return the nodes and weights of the Gauss-Legendre quadrature from 0 to 1.

    Raises
    ------
    ParameterError
        If ``n_steps`` is not a positive integer.
    """
    check_positive(n_steps=n_steps)
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    return [
        (float(node), float(weight))
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True)
    ]


@checked
def integrated_gradients_all(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: Sequence[int],
    *,
    baseline: float | torch.Tensor = 0.0,
    n_steps: int = 50,
    batch_size: int = 50,
) -> Explanations:
    """Return integrated gradients of the same clips for several outputs, which share each forward
    pass.

    Parameters
    ----------
    model, inputs
        As for :func:`earwitness.attribution.attribute`.
    targets : sequence of int, shape (n_targets,)
        Output indices; each is explained for every clip.
    baseline : float or Tensor broadcastable to ``inputs``
        As for :func:`integrated_gradients`.
    n_steps : int
        Nodes of the quadrature; each costs one forward pass and a backward pass for each target.
    batch_size : int
        Clips at a time.

    Returns
    -------
    Explanations
        ``attributions`` (n_targets, *inputs.shape), ``completeness`` with fields (n_targets,
        batch).

    Notes
    -----
    The same numbers as ``attribute(..., "integrated-gradients")`` for one target after the other,
    in less than half of captum's time for the 20 outputs of NISQA's network
    (``benchmarks/results/quality.md``). Two things are not repeated: the forward passes, and the
    way back through the layers at the beginning that are affine (convolution, batch norm): their
    gradient is the same at every step, so the integral is taken behind them and handed down once.
    Chapter: speech-quality.
    """
    explain = partial(_integrated, model, quadrature(n_steps))
    inner, index = prepare_all(model, inputs, targets)
    with named(model, inner), frozen(model):
        return explain_all(explain, inner, index, baseline, batch_size)


_AFFINE = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.Linear,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.Identity,
)


def _split(model: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the layers at the beginning that are affine in evaluation mode, and what comes after
    them.
    """
    if (
        type(model).forward is not nn.Sequential.forward
        or model._forward_hooks
        or model._forward_pre_hooks
    ):
        return [], [model]
    layers = list(model)
    end = next(
        (place for place, layer in enumerate(layers) if type(layer) not in _AFFINE), len(layers)
    )
    return layers[:end], layers[end:]


def _through(layers: Sequence[nn.Module], x: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _integrated(model, nodes, inputs, start, targets) -> tuple[torch.Tensor, torch.Tensor]:
    """Return integrated gradients (n_targets, batch, ...) of a batch, and the outputs' changes
    (n_targets, batch).
    """
    affine, rest = _split(model)
    leaf, step = inputs.clone().requires_grad_(), inputs - start
    entry = _through(affine, leaf)
    total = entry.new_zeros((len(targets), *entry.shape))
    for node, weight in runtime.progress(nodes, "steps"):
        point = _through(affine, start + node * step).requires_grad_()
        output = _through(rest, point)
        for number, target in enumerate(targets):
            gradient = torch.autograd.grad(score(output, target).sum(), point, retain_graph=True)[0]
            total[number].add_(
                gradient, alpha=weight
            )  # in place: a tenth of the time went into copies
    if affine:
        total = torch.stack(
            [torch.autograd.grad(entry, leaf, part, retain_graph=True)[0] for part in total]
        )
    with torch.no_grad():
        outputs = model(inputs), model(start)
        difference = torch.stack(
            [score(outputs[0], target) - score(outputs[1], target) for target in targets]
        )
    return total * step, difference


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
    """Replace every ReLU that runs inside the ``with`` block, layer or function call, and count
    them.

    Hooks on ``nn.ReLU`` layers miss ``F.relu``: then guided backpropagation silently is the plain
    gradient.
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
        return (
            x.copy_(_GuidedReLU.apply(x.clone()))
            if function in self.in_place
            else _GuidedReLU.apply(x)
        )


@method(
    "guided-backprop", "guided backpropagation", "gradient", "#AA4499", "h", "--", any_layout=True
)
def guided_backprop(model, inputs, target, *, batch_size: int = 50) -> torch.Tensor:
    """Return the gradient with every ReLU passing back only what is positive, where its input was
    positive.

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
        raise ParameterError(
            "guided-backprop changes how ReLU passes gradients back, and this model has no ReLU."
        )
    return relevance
