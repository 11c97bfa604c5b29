"""Layers with weights as linear maps with a bias, and the rules that share relevance among what
they add up.

A rule takes a layer and what arrives at its output: c, the relevance of the output over its value.
It returns the same of the layer's input. With z the output, bias included, the rules read in the
form of their papers with R = z c.
"""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F

from earwitness.attribution.lrp.steps import Step, away, flags, in_blocks, signs, write_away

_FEW_CHANNELS = 32

Rule = Callable[["Layer", torch.Tensor], torch.Tensor]


class Layer(Step):
    """A layer whose output is a linear map of its input, with a bias.

    Attributes
    ----------
    kind : str
        "convolution", "dense", "norm".
    name, module : str, nn.Module
        Where in the model it runs.
    weight, bias : Tensor or None
        As the operation was given them, a batch norm behind it merged.
    """

    kind = ""
    inside: torch.Tensor | None = None  # 1 where x is no padding, where x has any

    def __init__(self, x, weight, bias, name="", module=None):
        super().__init__(x)
        self.weight, self.bias, self.name, self.module = weight, bias, name, module
        self.rule: Rule | None = None
        self.label = ""
        self.note: Callable[[torch.Tensor], None] = lambda kept: None
        self.additive = self.first = False
        self.counts = True  # what small stabilisers take, in the ledger

    @abstractmethod
    def run(self, x, weight=None, bias=None):
        """Return what the layer returns for ``x``; with other weights, and a bias, if given."""

    @abstractmethod
    def transposed(self, c, weight=None):
        """Return the transposed map of ``c``, shape of the input."""

    def stacked(self, of_positive, of_negative) -> "Layer | None":
        """Return one layer on the positive and the negative part of the input beside each other,
        where that is cheaper than two layers.
        """

    def over_channels(self, values):
        """Return a vector of one value per output channel in a shape that adds to the output:
        as it is, where channels come last.
        """
        return values

    def value(self, x):
        """Return the output."""
        return self.run(x, self.weight, self.bias)

    def pull(self, c):
        """Return what the layer's rule makes of what arrives."""
        return self.rule(self, c)

    def of_bias(self, c, bias=None):
        """Return the sum of the bias times ``c``."""
        bias = self.bias if bias is None else bias
        return 0.0 if bias is None else (c * self.over_channels(bias)).sum()

    def evenly(self, share):
        """Hand the ``share`` of every output to its inputs evenly; padded zeros get none, and an
        output without inputs (between the steps of a transposed convolution) keeps its own.
        """
        ones = torch.ones_like(self.weight)
        inside = torch.ones_like(self.x) if self.inside is None else self.inside
        n_inputs = self.run(inside, ones)
        alone = n_inputs == 0
        self.note(torch.where(alone, share, 0).sum())
        each = torch.where(alone, 0, share / n_inputs.clamp(min=1))
        return self.transposed(each, ones) * inside

    def _like(self, other):
        other.note, other.label, other.inside = self.note, self.label, self.inside
        return other


class Convolution(Layer):
    """A convolution over one, two or three axes, transposed or not."""

    kind = "convolution"

    def __init__(
        self,
        x,
        weight,
        bias,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        **where,
    ):
        super().__init__(x, weight, bias, **where)
        self.sizes = stride, padding, dilation, transposed, output_padding, groups

    def run(self, x, weight=None, bias=None):
        """Return the convolution of ``x``."""
        return torch.convolution(x, self.weight if weight is None else weight, bias, *self.sizes)

    def transposed(self, c, weight=None):
        """Return the derivative of the convolution for its input."""
        weight = self.weight if weight is None else weight
        return torch.ops.aten.convolution_backward(
            c, self.x, weight, None, *self.sizes, [True, False, False]
        )[0]

    def stacked(self, of_positive, of_negative):
        """Return one convolution of the positive and the negative channels, where they are few:
        processors compute channels in blocks of 16 or more, filled or not. Its input is left empty.
        """
        _, _, _, transposed, _, groups = self.sizes
        if transposed or groups > 1 or self.x.shape[1] > _FEW_CHANNELS:
            return None
        size = len(self.x), 2 * self.x.shape[1], *self.x.shape[2:]
        weight = torch.cat([of_positive, of_negative], 1)
        return Convolution(self.x.new_empty(size), weight, None, *self.sizes)

    def over_channels(self, values):
        """Return ``values`` as (channel, 1, ...)."""
        return values.view(-1, *[1] * (self.x.ndim - 2))

    def of_bias(self, c, bias=None):
        """Return the sum of the bias times ``c``, without a product of that size."""
        bias = self.bias if bias is None else bias
        return 0.0 if bias is None else c.flatten(2).sum((0, 2)) @ bias

    def scaled(self, scale, shift):
        """Return the convolution merged with the batch norm behind it."""
        if self.sizes[3]:  # transposed: (in, out / groups, ...)
            groups = self.sizes[5]
            grouped = self.weight.unflatten(0, (groups, -1)) * scale.view(
                groups, 1, -1, *[1] * (self.x.ndim - 2)
            )
            weight = grouped.flatten(0, 1)
        else:
            weight = self.weight * scale.view(-1, *[1] * (self.x.ndim - 1))
        bias = shift if self.bias is None else self.bias * scale + shift
        return self._like(
            Convolution(self.x, weight, bias, *self.sizes, name=self.name, module=self.module)
        )


class Dense(Layer):
    """A dense layer on the last axis."""

    kind = "dense"

    def run(self, x, weight=None, bias=None):
        """Return x W^T + b."""
        return F.linear(x, self.weight if weight is None else weight, bias)

    def transposed(self, c, weight=None):
        """Return c W."""
        return c @ (self.weight if weight is None else weight)

    def of_bias(self, c, bias=None):
        """Return the sum of the bias times ``c``."""
        bias = self.bias if bias is None else bias
        return 0.0 if bias is None else c.flatten(0, -2).sum(0) @ bias if c.ndim > 1 else c @ bias

    def scaled(self, scale, shift):
        """Return the dense layer merged with the batch norm behind it."""
        bias = shift if self.bias is None else self.bias * scale + shift
        return self._like(
            Dense(self.x, self.weight * scale[:, None], bias, name=self.name, module=self.module)
        )


class Product(Layer):
    """A product with a learned tensor in whatever notation: an einsum, a batched product."""

    kind = "dense"

    def __init__(self, x, weight, function, **where):
        super().__init__(x, weight, None, **where)
        self.function = function

    def run(self, x, weight=None, bias=None):
        """Return the product; there is no bias."""
        return self.function(x, self.weight if weight is None else weight)

    def transposed(self, c, weight=None):
        """Return the derivative of the product for its input."""
        with torch.enable_grad():
            x = self.x.clone().requires_grad_()
            return torch.autograd.grad(self.run(x, weight), x, c)[0]


class Affine(Layer):
    """A batch norm with running statistics by itself: x times a weight for each channel, plus a
    bias.
    """

    kind = "norm"

    def run(self, x, weight=None, bias=None):
        """Return the scaled input."""
        y = x * self.over_channels(self.weight if weight is None else weight)
        return y if bias is None else y + self.over_channels(bias)

    def transposed(self, c, weight=None):
        """Return the scaled derivative."""
        return c * self.over_channels(self.weight if weight is None else weight)

    def over_channels(self, values):
        """Return ``values`` as (channel, 1, ...)."""
        return values.view(-1, *[1] * (self.x.ndim - 2))


class Centred(Layer):
    """A layer, group or instance norm with its scale as a constant; or an RMS norm, which does not
    centre.

    Works on ``x`` as (groups of values that are normalised together) x (values), through ``folded``
    and back.
    """

    kind = "norm"

    def __init__(self, x, weight, bias, known, scale, fold, unfold, centres=True, **where):
        super().__init__(x, weight, bias, **where)
        self.known, self.scale, self.centres = known, scale, centres
        self.fold, self.unfold = fold, unfold

    def value(self, x):
        """Return what PyTorch's own norm returns."""
        return self.known

    def run(self, x, weight=None, bias=None):
        """Return ``x`` centred, times the frozen scale and the weight."""
        weight, folded = self.weight if weight is None else weight, self.fold(x)
        y = self.unfold((folded - folded.mean(-1, keepdim=True) * self.centres) * self.scale)
        y = y if weight is None else y * weight
        return y if bias is None else y + bias

    def transposed(self, c, weight=None):
        """Return the derivative with the scale frozen."""
        c = self.fold(c if self.weight is None else c * self.weight) * self.scale
        return self.unfold(c - c.mean(-1, keepdim=True) if self.centres else c)

    def evenly(self, share):
        """Hand the ``share`` of every output to all values normalised with it."""
        if not self.centres:
            return share
        folded = self.fold(share)
        return self.unfold(folded.mean(-1, keepdim=True).expand_as(folded))


def linear_rule(layer, c, *, bias_factor=0.0):
    """Share relevance in proportion to the contributions, without a stabiliser: for what is not
    learned.
    """
    if layer.additive:
        return epsilon_rule(layer, c, epsilon=1e-12, bias_factor=bias_factor)
    layer.note(layer.of_bias(c))
    return layer.transposed(c)


def epsilon_rule(layer, c, *, epsilon, bias_factor=0.0):
    """Share relevance in proportion to the contributions z_ij = x_i w_ij; bias and ``epsilon`` keep
    their part.

    Notes
    -----
    R_i = sum_j x_i w_ij R_j / (z_j + epsilon sign z_j): Bach et al. (2015), Eq. (58) [bach2015].
    """
    y = away(layer.y) if layer.additive else layer.y
    ratio, of_stabiliser = _stabilised(
        c, y, epsilon, layer.counts or epsilon > _SMALL, layer.additive
    )
    layer.note((1 - bias_factor) * (layer.of_bias(ratio) + of_stabiliser))
    result = layer.transposed(ratio)
    if bias_factor:
        bias = 0.0 if layer.bias is None else layer.over_channels(layer.bias)
        handed = layer.evenly(bias_factor * ratio * (epsilon * signs(y) + bias))
        result = result + handed / away(layer.x)
    return result


_SMALL = 1e-4  # a stabiliser that takes too little to be counted in every pass


def _stabilised(c, y, epsilon, counts=True, additive=False):
    """Return R / (z + epsilon sign z) with R = z c, and what the stabiliser takes of R; block by
    block.

    It is c - c epsilon / (abs z + epsilon), but for z that stand for zero (``additive``), whose c
    is huge.
    """
    kept = []

    def write(result, c, y):
        size = y.abs()
        if additive:
            torch.div(c, size + epsilon, out=result).mul_(size)
        else:
            torch.addcdiv(c, c, size.add_(epsilon), value=-epsilon, out=result)
        if counts:
            kept.append((result * y.sign()).sum())

    return in_blocks(write, c, y), epsilon * sum(kept)


def plus_rule(layer, c, *, epsilon, bias_factor=0.0):
    """Share relevance in proportion to the positive contributions alone (alpha = 1, beta = 0; z+).

    Notes
    -----
    A contribution is positive if x and w are both positive or both negative; of the bias, the
    positive part takes its share. Bach et al. (2015), Eq. (60) with alpha = 1 [bach2015].
    """
    parts = _BySign(layer, lambda: layer.weight.clamp(min=0), lambda: layer.weight.clamp(max=0))
    bias = None  # nowhere negative; the stabiliser is one more positive constant
    if layer.bias is not None:
        bias = (layer.bias.clamp(min=0) * (1 - bias_factor)).add_(epsilon)
    ratio = _over_half(layer, c, bias, epsilon) if parts.signed else None
    if ratio is None:
        z = parts.run(bias) if bias is not None else parts.run(None).add_(epsilon)

        def write(result, c, y, z):
            _write_own(layer, result, c, y).div_(z)

        ratio = in_blocks(write, c, layer.y, z)
    even = bias is None or bias_factor == 1  # the stabiliser alone
    layer.note(epsilon * ratio.sum() if even else layer.of_bias(ratio, bias))
    return parts.transposed(ratio)


_LOST = 1024  # times: what a difference may be smaller than what it is the difference of


def _over_half(layer, c, bias, epsilon):
    """Return relevance over the sum of the positive contributions and the positive constants, or
    None where that sum is too small a part to come out of a difference.

    With a the sum of all contributions' magnitudes, the positive ones are half of z + a: one pass
    instead of one for the positive and one for the negative inputs.
    """
    if torch.finfo(c.dtype).eps * _LOST > 1e-3:
        return None
    constant = None if bias is None else bias - layer.bias / 2
    half = layer.run(layer.x.abs(), layer.weight.abs() / 2, constant)
    if bias is None:
        half.add_(epsilon)
    lost, most = [], 0.0 if bias is None else 2 * float(constant.abs().max())

    def write(result, c, y, half):
        z = torch.add(half, y, alpha=0.5)
        if z.amin() * _LOST < max(half.amax(), -half.amin()) + most:
            small = half.abs().sub_(z, alpha=_LOST).add_(most).clamp_(min=0)
            small.mul_(c)  # where there is no relevance, none goes wrong
            lost.append(bool(small.amax() > 0 or small.amin() < 0))
            z.clamp_(min=epsilon)  # nor is nothing divided by nothing
        _write_own(layer, result, c, y).div_(z)

    ratio = in_blocks(write, c, layer.y, half)
    return None if any(lost) else ratio


def gamma_rule(layer, c, *, epsilon, gamma, bias_factor=0.0):
    """Share relevance by contributions in which those of the output's own sign count 1 + ``gamma``
    times.

    Notes
    -----
    Montavon et al. (2019), section 10.2.3, in the form for inputs of both signs (Andeol et al.
    2021), as zennit has it. Outputs below zero need terms of their own; behind a ReLU they carry no
    relevance, and the terms are left out.
    """
    parts = []

    def more(values, **limit):
        return None if values is None else values.clamp(**limit).mul_(gamma).add_(values)

    def write(sign, result, c, y):
        _write_own(layer, result, c, y).mul_(y.sign() == sign)

    limits = {"min": 0}, {"max": 0}
    for sign, same, other in ((1, *limits), (-1, *reversed(limits))):
        own = in_blocks(partial(write, sign), c, layer.y)
        if own.any():
            weights = [partial(more, layer.weight, **limit) for limit in (same, other)]
            bias = more(layer.bias, **same)
            parts.append(_gamma_part(layer, own, weights, bias, epsilon, bias_factor))
    return sum(parts[1:], parts[0]) if parts else torch.zeros_like(layer.x)


def _gamma_part(layer, relevance, weights, bias, epsilon, bias_factor):
    """Return what outputs of one sign hand down."""
    parts, kept = _BySign(layer, *weights), []
    z = parts.run(bias)

    def write(result, relevance, z):
        stabiliser = epsilon * signs(z)
        torch.div(relevance, z + stabiliser, out=result)
        kept.append((result * stabiliser).sum())

    ratio = in_blocks(write, relevance, z)
    layer.note((1 - bias_factor) * (layer.of_bias(ratio, bias) + sum(kept)))
    result = parts.transposed(ratio)
    if bias_factor:
        constant = epsilon * signs(z) + (0.0 if bias is None else layer.over_channels(bias))
        result = result + layer.evenly(bias_factor * ratio * constant) / away(layer.x)
    return result


def _write_own(layer, result, c, y):
    """Fill ``result`` with the relevance of the layer's output ``y`` and return it."""
    if layer.additive:
        return write_away(result, y).mul_(c)
    return torch.mul(c, y, out=result)


class _BySign:
    """A layer with one weight for positive inputs and another for negative ones.

    The second is not even made where no input is negative: behind every ReLU. Few channels of both
    signs go through one convolution of twice as many, which costs hardly more than one of them.
    """

    def __init__(self, layer, of_positive, of_negative):
        self.layer, self.weight, self.stacked = layer, of_positive(), None
        self.signed = bool(layer.x.min() < 0) if layer.x.numel() else False
        if self.signed:
            self.of_negative = of_negative()
            self.stacked = layer.stacked(self.weight, self.of_negative)

    def run(self, bias):
        """Return the output."""
        x = self.layer.x
        if not self.signed:
            return self.layer.run(x, self.weight, bias)
        if self.stacked:
            return self.stacked.run(torch.cat([x.clamp(min=0), x.clamp(max=0)], 1), bias=bias)
        positive = self.layer.run(x.clamp(min=0), self.weight, bias)
        return positive.add_(self.layer.run(x.clamp(max=0), self.of_negative))

    def transposed(self, c):
        """Return the transposed map of ``c``."""
        if not self.signed:
            return self.layer.transposed(c, self.weight)
        if self.stacked:
            of_positive, of_negative = self.stacked.transposed(c).chunk(2, 1)
        else:
            of_positive, of_negative = (
                self.layer.transposed(c, weight) for weight in (self.weight, self.of_negative)
            )
        return torch.lerp(of_positive, of_negative, flags(torch.lt, self.layer.x))


def given_rule(layer, c, *, rule):
    """Share relevance by a function of the user: (layer, x, output, relevance of the output) ->
    relevance of x.
    """
    relevance = in_blocks(partial(_write_own, layer), c, layer.y)
    of_x = rule(layer, layer.x, layer.y, relevance)
    layer.note(relevance.sum() - of_x.sum())
    return of_x / away(layer.x)
