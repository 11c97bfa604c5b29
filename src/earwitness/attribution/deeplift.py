"""DeepLIFT: the change of the output against a reference input, handed down layer by layer.

captum's DeepLift has three traps that end in wrong numbers without a word: max-pooling directly
behind a ReLU, twice in a network (captum issue 1104: the attributions of NISQA's network miss a
fifth of what they should add up to), overlapping pooling windows, and ReLUs that are function
calls. Here every non-linearity is met where it is computed, layer or function call; where captum is
right, ``tests/attribution/test_deeplift.py`` finds the two equal. The reference passes through the
network once, not once for each clip and target, and one forward pass serves all targets: both save
most of captum's time.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from earwitness.arguments import checked
from earwitness.attribution.completeness import (
    Explanations,
    completeness_of,
    explain_all,
    prepare_all,
    score,
)
from earwitness.attribution.registry import method
from earwitness.attribution.validation import check_precise, frozen
from earwitness.errors import ParameterError
from earwitness.models.inference import named

TOLERANCE = 1e-4
_ELEMENTWISE = {
    F.relu,
    torch.relu,
    torch.Tensor.relu,
    F.relu6,
    F.elu,
    F.selu,
    F.leaky_relu,
    F.hardtanh,
    F.silu,
    F.gelu,
    F.softplus,
    F.logsigmoid,
    F.sigmoid,
    torch.sigmoid,
    torch.Tensor.sigmoid,
    F.tanh,
    torch.tanh,
    torch.Tensor.tanh,
}
_IN_PLACE = {torch.relu_: torch.relu, torch.Tensor.relu_: torch.relu}
_POOLS = {
    F.max_pool1d: 1,
    F.adaptive_max_pool1d: 1,
    F.max_pool2d: 2,
    F.adaptive_max_pool2d: 2,
    F.max_pool3d: 3,
    F.adaptive_max_pool3d: 3,
}


class _Rescale(torch.autograd.Function):
    """An elementwise function whose backward pass multiplies by (change of output) / (change of
    input).
    """

    @staticmethod
    def forward(ctx, x, reference, function):
        before, after = reference
        y = function(x)
        ctx.save_for_backward(x, x - before, y - after)
        ctx.function = function
        return y

    @staticmethod
    def backward(ctx, upper):
        x, step, change = ctx.saved_tensors
        still = (
            step.abs() <= 8 * torch.finfo(x.dtype).eps
        )  # there the limit of the ratio: the derivative
        with torch.enable_grad():
            leaf = x[still].detach().requires_grad_()
            derivative = torch.autograd.grad(ctx.function(leaf).sum(), leaf)[0]
        ratio = change / step
        ratio[still] = derivative
        return upper * ratio, None, None


class _RescalePool(torch.autograd.Function):
    """Max-pooling that hands the change of a window's maximum to the place of the higher maximum,
    old or new.
    """

    @staticmethod
    def forward(ctx, x, reference, pool, n_axes):
        before, after, where_before = reference
        y, where = pool(x)
        higher = torch.where(y >= after, where, where_before).flatten(
            -n_axes
        )  # (..., n_windows), places in x
        step = (
            (x - before).flatten(-n_axes).gather(-1, higher)
        )  # of the sign of the change, and larger
        change = (y - after).flatten(-n_axes)
        ctx.save_for_backward(
            higher, torch.where(change == 0, 0, change / torch.where(change == 0, 1, step))
        )
        ctx.shape, ctx.n_axes = x.shape, n_axes
        return y

    @staticmethod
    def backward(ctx, upper):
        places, ratio = ctx.saved_tensors
        lower = upper.new_zeros(ctx.shape)
        lower.flatten(-ctx.n_axes).scatter_add_(
            -1, places, ratio * upper.flatten(-ctx.n_axes)
        )  # flatten is a view
        return lower, None, None, None


class _Pass(TorchFunctionMode):
    """Watch the non-linearities of a forward pass; with the ``references`` of an earlier pass, give
    them their rule.
    """

    def __init__(self, references: Sequence[tuple] | None = None):
        super().__init__()
        self.references = references
        self.notes: list[tuple] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        overwrites, function = function in _IN_PLACE, _IN_PLACE.get(function, function)
        if function not in _ELEMENTWISE and function not in _POOLS:
            return function(*args, **kwargs)
        x, *rest = args if args else (kwargs.pop("input"),)
        if function in _POOLS:
            return self._pool(
                x,
                lambda v: function(v, *rest, **kwargs | {"return_indices": True}),
                _POOLS[function],
            )
        kwargs.pop("inplace", None)
        y = self._elementwise(
            x, lambda v: function(v.clone() if True in rest else v, *rest, **kwargs)
        )
        return x.copy_(y) if overwrites else y

    def _elementwise(self, x, function: Callable):
        if self.references is None:
            self.notes.append((x.clone(), function(x)))
            return self.notes[-1][1]
        return _Rescale.apply(x.clone(), self._next(), function)

    def _pool(self, x, pool: Callable, n_axes: int):
        if self.references is None:
            self.notes.append((x, *pool(x)))
            return self.notes[-1][1]
        return _RescalePool.apply(x, self._next(), pool, n_axes)

    def _next(self) -> tuple:
        self.notes.append(())
        return self.references[len(self.notes) - 1]


def _reference(model: nn.Module, start: torch.Tensor) -> tuple[torch.Tensor, list[tuple]]:
    """Return what the network returns for the baseline, and its non-linearities' inputs and outputs
    on the way.

    A baseline that all clips share goes through once, unless the network spreads a clip over
    several rows.
    """
    for rows in ([start[:1]] if start.stride(0) == 0 else []) + [start]:
        with torch.no_grad(), _Pass() as passed:
            output = model(rows)
        if len(rows) == len(start) or all(len(note[0]) == 1 for note in passed.notes):
            break
    return output, passed.notes


def _explain(model: nn.Module, inputs, start, targets) -> tuple[torch.Tensor, torch.Tensor]:
    """Return DeepLIFT (n_targets, batch, ...) of a batch, and the outputs' changes."""
    before, references = _reference(model, start)
    leaf = inputs.detach().clone().requires_grad_()
    with _Pass(references):
        output = model(leaf)
    scores = [score(output, target) for target in targets]
    multipliers = [torch.autograd.grad(s.sum(), leaf, retain_graph=True)[0] for s in scores]
    difference = torch.stack(scores).detach() - torch.stack(
        [score(before.expand_as(output), t) for t in targets]
    )
    attributions = torch.stack(multipliers) * (inputs - start)  # (n_targets, batch, ...)
    level = max([float(note[0].abs().max()) for note in references], default=0.0)
    _check(Explanations(attributions, completeness_of(attributions, difference)), level)
    return attributions, difference


def _check(explanations: Explanations, level: float) -> None:
    """Raise ParameterError if attributions miss their sum by more than the tolerance and more than
    by rounding.

    ``level`` is the largest activation, whose rounding is all there is where an output does not
    change.
    """
    sums = explanations.completeness
    rounding = 100 * torch.finfo(explanations.attributions.dtype).eps * level
    worst = float(torch.where(sums.error > rounding, sums.relative, 0).max())
    if not worst <= TOLERANCE:
        percent = float(f"{100 * worst:.2g}")
        raise ParameterError(
            f"DeepLIFT does not add up: {percent:g} % of the change of the output are "
            "missing or too much. The network holds something that is not linear and has no rule "
            "here (an LSTM, attention, a product of activations); integrated-gradients needs no "
            "rules."
        )


def _for_targets(model, inputs, targets, baseline, batch_size: int) -> Explanations:
    """Return DeepLIFT for targets (n_targets, batch), one or many."""
    check_precise(inputs, "DeepLIFT divides small changes by each other")
    return explain_all(partial(_explain, model), inputs, targets, baseline, batch_size)


@checked
def deeplift_all(
    model: nn.Module,
    inputs: torch.Tensor,
    targets: Sequence[int],
    *,
    baseline: float | torch.Tensor = 0.0,
    batch_size: int = 50,
) -> Explanations:
    """Return DeepLIFT of the same clips for several outputs, from one forward pass.

    Parameters
    ----------
    model, inputs
        As for :func:`earwitness.attribution.attribute`.
    targets : sequence of int, shape (n_targets,)
        Output indices; each is explained for every clip.
    baseline : float or Tensor broadcastable to ``inputs``
        The reference input, in units of the inputs; one that all clips share costs a single pass.
    batch_size : int
        Clips at a time.

    Returns
    -------
    Explanations
        ``attributions`` (n_targets, *inputs.shape), ``completeness`` with fields (n_targets,
        batch).

    Raises
    ------
    ParameterError
        If the attributions of a clip miss their sum by more than 1e-4 of it.

    Notes
    -----
    Shrikumar et al. (2017), the Rescale rule; for max-pooling the rule of their code and captum's.
    Chapter: speech-quality.
    """
    inner, index = prepare_all(model, inputs, targets)
    with named(model, inner), frozen(model):
        return _for_targets(model, inner, index, baseline, batch_size)


@method("deeplift", "DeepLIFT", "gradient", "#882255", "X", "-.")
def deeplift(
    model, inputs, target, *, baseline: float | torch.Tensor = 0.0, batch_size: int = 50
) -> torch.Tensor:
    """Return each value's share of the change of the output against ``baseline``, by the Rescale
    rule.

    Parameters
    ----------
    baseline : float or Tensor broadcastable to ``inputs``
        The reference input: one in which the network should find nothing.

    Raises
    ------
    ParameterError
        If the attributions of a clip miss their sum by more than 1e-4 of it.

    Notes
    -----
    Shrikumar et al. (2017), section 3.5.1. Completeness is exact: one pass, no steps.
    """
    return _for_targets(model, inputs, target[None], baseline, batch_size).attributions[0]
