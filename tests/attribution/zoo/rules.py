"""Textbook rules: from the relevance of an operation's outputs to that of its inputs.

Stabilisers vanish. In words: a sum shares by what each term contributes; its constant keeps its
part, of which ``bias_factor`` goes evenly to the terms. What chooses (a pool, a copy, an index)
hands all to what is chosen. One value in, one value out: all of it passes. Of a product, gates and
scales get nothing; without one, half each.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn

from . import recurrent
from .tape import Address, Step, UnknownOperation, hand_back, real_view, record

ELEMENTWISE = set(
    "relu relu6 gelu silu elu celu selu leaky_relu prelu mish hardswish hardsigmoid hardtanh "
    "tanh sigmoid softplus softsign log_sigmoid softmax log_softmax _softmax _log_softmax exp "
    "log1p expm1 sqrt rsqrt pow square abs reciprocal sin cos threshold hardshrink softshrink "
    "tanhshrink rms_norm clone contiguous _to_copy to neg dropout sign erf atan".split()
)
CHOICES = set(
    "clamp clamp_min clamp_max max_pool1d max_pool2d max_pool3d max_pool2d_with_indices "
    "adaptive_max_pool1d adaptive_max_pool2d amax amin max min maximum minimum topk sort median "
    "kthvalue cat stack pad constant_pad_nd reflection_pad1d replication_pad1d index "
    "index_select gather where masked_fill masked_select repeat repeat_interleave flip roll "
    "copy fill zero index_put slice_scatter select_scatter tril triu im2col unfold_copy "
    "embedding take_along_dim scatter _pack_padded_sequence _pad_packed_sequence index_copy "
    "index_fill cummax cummin fractional_max_pool2d pixel_shuffle rot90 channel_shuffle "
    "max_unpool2d aminmax".split()
)
SUMS = set(
    "add sub rsub sum mean cumsum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d _adaptive_avg_pool2d upsample_linear1d upsample_nearest1d "
    "upsample_nearest2d upsample_bilinear2d upsample_bicubic2d batch_norm fft_rfft fft_fft "
    "fft_irfft fft_ifft stft istft col2im diff trapezoid _upsample_nearest_exact1d "
    "index_add nansum grid_sampler_2d _fft_c2c".split()
)
CONVOLUTIONS = set("conv1d conv2d conv3d conv_transpose1d conv_transpose2d".split())
NORMS = set("layer_norm group_norm instance_norm".split())
PRODUCTS = set(
    "mul matmul bmm mm mv dot einsum div linear addmm baddbmm scaled_dot_product_attention".split()
)
MATRICES = set("matmul mm bmm mv dot einsum".split())
LOGARITHMS = {"log", "log2", "log10"}
RECURRENT = set("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell".split())
ALL = ELEMENTWISE | CHOICES | SUMS | CONVOLUTIONS | NORMS | PRODUCTS | RECURRENT
ALL |= LOGARITHMS | {"glu"}

_AVERAGES = {name for name in SUMS if "avg_pool" in name or "upsample" in name} | {"mean", "sum"}
"""Sums whose weights are positive: what zeros hand down goes by these, as it does for equal terms.
"""
_SQUASH = set("sigmoid hardsigmoid softmax _softmax rsqrt reciprocal exp".split())
_KEEPS = (ELEMENTWISE | CHOICES | SUMS | {"mul", "div"}) - {"relu", "tanh", "batch_norm"}


def makes_gate(step: Step) -> bool:
    """Return whether the result is a share or a scale: a sigmoid, a softmax, one over something."""
    inverse = step.name == "div" and 0 not in step.dependent
    power = step.name == "pow" and isinstance(step.leaves[1], (int, float)) and step.leaves[1] < 0
    return step.name in _SQUASH or inverse or power


@dataclass(frozen=True)
class Method:
    """Which rule convolutions and dense layers follow; everything else shares by contributions."""

    convolution: str = "epsilon"
    dense: str = "epsilon"
    bias_factor: float = 0.0
    gamma: float = 0.25
    count_start: bool = True


METHODS = {
    "lrp-epsilon": Method(),
    "lrp-epsilon-plus": Method(convolution="plus"),
    "lrp-alpha1-beta0": Method(convolution="plus", dense="plus"),
    "lrp-gamma": Method(convolution="gamma"),
    "lrp-kiyan2022": Method(convolution="plus", count_start=False),
}


def _ratio(relevance, values):
    """Return relevance / values, 0 where there is no value to share by."""
    return torch.where(values == 0, 0.0, relevance / torch.where(values == 0, 1.0, values))


def _transposed(function, inputs, weights):
    """Apply the transposed Jacobian of ``function`` at real views of ``inputs`` to ``weights``."""
    kinds = [value.is_complex() for value in inputs]

    def plain(*reals):
        given = [torch.view_as_complex(r) if k else r for r, k in zip(reals, kinds, strict=True)]
        result = function(*given)
        first = result[0] if isinstance(result, (tuple, list)) else result
        return real_view(first)

    with torch.enable_grad():
        leaves = [real_view(value).clone().requires_grad_() for value in inputs]
        return torch.autograd.grad(
            plain(*leaves), leaves, weights.clone(), allow_unused=True, materialize_grads=True
        )


def _share(function, inputs, output, relevance, bias_factor, terms=None):
    """Share by contributions to ``function(*inputs)``, which is linear but for a constant.

    ``terms(handed)`` spreads what the constant took evenly; without it, over all inputs with a
    derivative.
    """
    output = real_view(output)
    gradients = _transposed(function, inputs, _ratio(relevance, output))
    shares = [real_view(x) * gradient for x, gradient in zip(inputs, gradients, strict=True)]
    if not bias_factor:
        return shares
    result = function(*[torch.zeros_like(x) for x in inputs])
    constant = real_view(result[0] if isinstance(result, (tuple, list)) else result)
    kept = _ratio(relevance, output) * constant + torch.where(output == 0, relevance, 0.0)
    if not kept.any():
        return shares
    handed = (terms or (lambda part: _evenly(function, inputs, part)))(bias_factor * kept)
    return [share + part for share, part in zip(shares, handed, strict=True)]


def _evenly(function, inputs, kept):
    """Spread ``kept`` over the inputs that each output depends on, row by row."""
    zeros = [torch.zeros_like(real_view(x)) for x in inputs]
    for place in kept.flatten().nonzero().flatten().tolist():
        one = torch.zeros_like(kept).flatten()
        one[place] = 1.0
        rows = [(row != 0).double() for row in _transposed(function, inputs, one.view_as(kept))]
        count = sum(row.sum() for row in rows)
        if count:
            for total, row in zip(zeros, rows, strict=True):
                total += row * kept.flatten()[place] / count
    return zeros


def _plus(function, x, weight, bias, relevance, bias_factor):
    """Share by the positive contributions alone: x and w both positive, or both negative."""
    parts = [(x.clamp(min=0), weight.clamp(min=0)), (x.clamp(max=0), weight.clamp(max=0))]
    total = sum(function(x_part, w_part, None) for x_part, w_part in parts)
    if bias is not None:
        total = total + bias.clamp(min=0) * (1 - bias_factor)
    ratio = _ratio(relevance, total)
    return sum(
        a * _transposed(lambda v, w=w: function(v, w, None), [a], ratio)[0] for a, w in parts
    )


def _gamma(function, x, weight, bias, output, relevance, gamma, bias_factor):
    """Share by contributions, those of the output's own sign counting 1 + gamma times."""
    total = torch.zeros_like(x)
    for sign in (1.0, -1.0):
        own = torch.where(output.sign() == sign, relevance, 0.0)

        def favoured(values, sign=sign):
            return values + gamma * (sign * values).clamp(min=0) * sign

        def opposed(values, sign=sign):
            return values + gamma * (-sign * values).clamp(min=0) * -sign

        parts = [(x.clamp(min=0), favoured(weight)), (x.clamp(max=0), opposed(weight))]
        constant = 0.0 if bias is None else favoured(bias)
        z = sum(function(x_part, w_part, None) for x_part, w_part in parts) + constant
        ratio = _ratio(own, z)
        for part, w in parts:
            total += part * _transposed(lambda v, w=w: function(v, w, None), [part], ratio)[0]
        if bias_factor:
            total += _to_window(function, x, weight, bias_factor * ratio * constant)
    return total


def _to_window(function, x, weight, handed):
    """Spread evenly over the inputs of every output of a layer; padding is none of them."""
    ones = torch.ones_like(weight)
    count = function(torch.ones_like(x), ones, None)
    return _transposed(lambda v: function(v, ones, None), [x], handed / count)[0]


def _weighted(step: Step, rule: str, relevance, method: Method):
    """Return the relevance of the input of a convolution or dense layer."""
    named = step.arguments()
    x, weight, bias = named.pop("input"), named.pop("weight"), named.pop("bias")
    function, axes = step.function, 0 if step.name == "linear" else step.outputs[0].ndim - 2
    if len(step.dependent) > 1:
        raise UnknownOperation(f"{step.name} with weights that depend on the input")
    biased = None if bias is None else bias.view(-1, *[1] * axes)  # adds to the output

    def layer(x, weight, bias):
        return function(x, weight, bias, **named)

    if rule == "plus":
        return [_plus(layer, x, weight, biased, relevance, method.bias_factor)]
    output = step.outputs[0]
    if rule == "gamma":
        return [
            _gamma(layer, x, weight, biased, output, relevance, method.gamma, method.bias_factor)
        ]

    def spread(handed):
        return [_to_window(layer, x, weight, handed)]

    return _share(
        lambda v: layer(v, weight, bias), [x], output, relevance, method.bias_factor, spread
    )


def _elementwise(step: Step, relevance, method: Method):
    x = step.inputs[0]
    if x.is_complex():  # |z|: re and im by their squares
        parts = real_view(x) ** 2
        return (
            [parts * _ratio(relevance, parts.sum(-1))[..., None]]
            if step.name == "abs"
            else [relevance]
        )
    return [relevance, *[None] * (len(step.inputs) - 1)]


def _choice(step: Step, relevance, method: Method):
    return _transposed(step.call, step.inputs, relevance)


def _sum(step: Step, relevance, method: Method):
    n_terms = len(step.inputs)
    spread = None
    if step.name in ("add", "sub", "rsub", "batch_norm"):

        def spread(handed):
            return [handed.sum_to_size(x.shape) / n_terms for x in step.inputs]

    if step.name in _AVERAGES:

        def spread(handed):
            ones = step.call(torch.ones_like(step.inputs[0]))
            return _transposed(step.call, step.inputs, handed / ones)

    return _share(step.call, step.inputs, step.outputs[0], relevance, method.bias_factor, spread)


def _norm_axes(step: Step, named) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return (the shape in which one statistic is one set of last axes, those axes)."""
    x = step.inputs[0]
    if step.name == "layer_norm":
        n = len(named["normalized_shape"])
        return tuple(x.shape), tuple(range(-n, 0))
    groups = named["num_groups"] if step.name == "group_norm" else x.shape[1]
    return (len(x), groups, -1), (-1,)


def _norm(step: Step, relevance, method: Method):
    """A norm centres, scales by a constant, and adds its bias."""
    named, x = step.arguments(), step.inputs[0]
    shape, axes = _norm_axes(step, named)
    grouped = x.reshape(shape)
    scale = (grouped.var(axes, correction=0, keepdim=True) + named["eps"]).rsqrt()
    per_channel = [] if step.name == "layer_norm" else [1] * (x.ndim - 2)

    def shaped(values):
        return (
            values
            if not per_channel and step.name == "layer_norm"
            else values.view(-1, *per_channel)
        )

    def linear(v):
        cells = v.reshape(shape)
        y = ((cells - cells.mean(axes, keepdim=True)) * scale).view_as(v)
        y = y if named["weight"] is None else y * shaped(named["weight"])
        return y if named["bias"] is None else y + shaped(named["bias"])

    def spread(handed):
        return [
            handed.reshape(shape).mean(axes, keepdim=True).expand(grouped.shape).reshape(x.shape)
        ]

    return _share(linear, [x], step.outputs[0], relevance, method.bias_factor, spread)


def _product(step: Step, relevance, method: Method):
    """Hand a product to its signals: to the factors that are no gates, in equal parts."""
    if step.name == "scaled_dot_product_attention":
        return _attention(step, relevance, method)
    places = list(range(len(step.inputs)))
    if step.name == "div" and len(places) == 2:
        signals = [0]  # what divides is a scale
    elif step.name == "div" and step.dependent == [1]:
        return [relevance.sum_to_size(step.inputs[0].shape)]
    else:
        gates = [step.dependent.index(gate) for gate in step.gates]
        signals = [place for place in places if place not in gates] or places
    others = set(step.learned) - set(step.dependent)
    if step.name in MATRICES and len(places) == 1 and others and method.dense == "plus":
        return [_positive_product(step, relevance)]
    if step.name in ("addmm", "baddbmm") and len(places) > 1:
        raise UnknownOperation(step.name)

    def to_factor(handed):
        return [handed.sum_to_size(step.inputs[signal].shape)]

    spread = to_factor if step.name in ("mul", "div") else None
    result = [None] * len(places)
    for signal in signals:

        def linear(value, signal=signal):
            return step.call(*[value if i == signal else x for i, x in enumerate(step.inputs)])

        part = relevance / len(signals)
        (result[signal],) = _share(
            linear, [step.inputs[signal]], step.outputs[0], part, method.bias_factor, spread
        )
    return result


def _positive_product(step: Step, relevance):
    """Share a product with a learned matrix, in whatever notation, by the plus rule."""

    def product(x, clamp):
        leaves = [clamp(v) if k in step.learned else v for k, v in enumerate(step.leaves)]
        return replace(step, leaves=leaves).call(x)

    (x,) = step.inputs
    signs = (lambda v: v.clamp(min=0), lambda v: v.clamp(max=0))
    total = sum(product(sign(x), sign) for sign in signs)
    ratio = _ratio(relevance, total)
    return sum(
        sign(x) * _transposed(lambda v, s=sign: product(v, s), [sign(x)], ratio)[0]
        for sign in signs
    )


def _attention(step: Step, relevance, method: Method):
    """Attention weights are constants: values share by what is read of them."""
    named = step.arguments()
    query, key, value = named["query"], named["key"], named["value"]
    eye = torch.eye(key.shape[-2], dtype=key.dtype).expand(*key.shape[:-1], key.shape[-2])
    options = {k: named[k] for k in ("attn_mask", "is_causal", "scale")}
    weights = F.scaled_dot_product_attention(query, key, eye, **options)
    result = dict.fromkeys(step.dependent)
    place = next(p for p in step.dependent if p == 2)
    (result[place],) = _share(
        lambda v: weights @ v, [value], step.outputs[0], relevance, method.bias_factor
    )
    return [result[p] for p in step.dependent]


def _logarithm(step: Step, relevance, method: Method):
    """Count a logarithm from that of silence, where a constant or a clamp before it leaves any."""
    of_silence = step.function(step.silence) if step.silence is not None else torch.zeros(())
    of_silence = torch.where(of_silence.isfinite(), of_silence, 0.0)
    kept = _ratio(relevance, step.outputs[0]) * of_silence
    return [relevance - kept + method.bias_factor * kept]


def silence_before(step: Step, steps: list[Step]) -> torch.Tensor | None:
    """Return what the sum or clamp right before a logarithm makes of zeros."""
    writers = [other for other in steps if step.read[0] in other.written and other is not step]
    before = [other for other in writers if other.name in ("add", "clamp", "clamp_min")]
    if step.name not in LOGARITHMS or not before:
        return None
    return before[-1].call(*[torch.zeros_like(x) for x in before[-1].inputs])


def _glu(step: Step, relevance, method: Method):
    return [torch.cat([relevance, torch.zeros_like(relevance)], step.arguments()["dim"])]


def _limits_like_hardtanh(step: Step) -> bool:
    """Return whether a clamp keeps zero where it is: an activation, however it is spelled."""
    named = step.arguments() if step.name.startswith("clamp") else {}
    low, high = named.get("min"), named.get("max")
    limits = [limit for limit in (low, high) if limit is not None]
    if not limits or any(isinstance(limit, torch.Tensor) for limit in limits):
        return False
    return (low is None or low <= 0) and (high is None or high >= 0)


def _of(step: Step):
    if _limits_like_hardtanh(step):
        return _elementwise
    kinds = (
        (ELEMENTWISE, _elementwise),
        (CHOICES, _choice),
        (SUMS, _sum),
        (NORMS, _norm),
        (PRODUCTS, _product),
    )
    if step.name in LOGARITHMS:
        return _logarithm
    return _glu if step.name == "glu" else next(rule for names, rule in kinds if step.name in names)


def rule_of(method: Method, attention: set[int]):
    """Return ``rule(step, relevances)`` for a method.

    Weights that no parameter enters are a front end, not a layer: they share by contributions. So
    do the projections of nn.MultiheadAttention, whose weights lie in the storages ``attention``.
    """

    def rule(step, relevances):
        with torch.no_grad():
            if step.name in RECURRENT:
                return recurrent.hand_back(step, relevances, method.bias_factor, method.count_start)
            if step.name in CONVOLUTIONS:
                rule = method.convolution if 1 in step.learned else "epsilon"
                return _weighted(step, rule, relevances[0], method)
            if step.name == "linear":
                plain = 1 not in step.learned or step.storages[1] in attention
                rule = "epsilon" if plain else method.dense
                return _weighted(step, rule, relevances[0], method)
            return _of(step)(step, relevances[0], method)

    return rule


def merged(steps: list[Step]) -> list[Step]:
    """Return the steps, batch norms taken into the layers run right before them."""
    result = []
    for step in steps:
        before = result[-1] if result else None
        linear = before is not None and before.name in CONVOLUTIONS | {"linear"}
        if step.name == "batch_norm" and linear and _alone(step, before, steps):
            result[-1] = _taken_in(before, step)
        else:
            result.append(step)
    return result


def _alone(norm: Step, before: Step, steps: list[Step]) -> bool:
    """Return whether a norm reads what the layer before it wrote, and nobody else does."""
    (at,) = before.written
    readers = [step for step in steps if at.storage in {read.storage for read in step.read}]
    return norm.read[0] == at and len(readers) == 1


def _taken_in(layer: Step, norm: Step) -> Step:
    named, scale = layer.arguments(), norm.arguments()
    factor = (scale["running_var"] + scale["eps"]).rsqrt()
    factor = factor if scale["weight"] is None else factor * scale["weight"]
    shift = 0.0 if scale["bias"] is None else scale["bias"]
    bias = 0.0 if named["bias"] is None else named["bias"]
    axis = 1 if "transpose" in layer.name else 0
    shape = [1] * named["weight"].ndim
    shape[axis] = -1
    if axis == 1 and named["groups"] > 1:
        raise UnknownOperation("batch norm behind a grouped transposed convolution")
    named["weight"] = named["weight"] * factor.view(shape)
    named["bias"] = (bias - scale["running_mean"]) * factor + shift
    order = [argument.name for argument in layer.function._schema.arguments]
    leaves, spec = torch.utils._pytree.tree_flatten((tuple(named[name] for name in order), {}))
    place = next(i for i, leaf in enumerate(leaves) if leaf is named["input"])
    result = Step(
        layer.name,
        layer.function,
        leaves,
        spec,
        [place],
        [],
        layer.read,
        norm.outputs,
        norm.written,
    )
    result.learned, result.storages = layer.learned, layer.storages
    return result


def _variance(x, dim=None, unbiased=True, keepdim=False, correction=None):
    axes = tuple(range(x.ndim)) if dim is None else dim
    correction = (1 if unbiased else 0) if correction is None else correction
    equal = x.amax(axes, keepdim=True) == x.amin(axes, keepdim=True)
    centred = torch.where(equal, x - x, x - x.mean(axes, keepdim=True))  # a mean rounds
    n = x.numel() // max(1, x.mean(axes).numel())
    return (centred * centred).sum(axes, keepdim=keepdim) / (n - correction)


def _variance_of(overload_args):
    x, *rest = overload_args
    if rest and isinstance(rest[0], bool):  # var(x, unbiased)
        return _variance(x, unbiased=rest[0])
    return None


def _var(*args, **options):
    simple = _variance_of(args)
    return _variance(*args, **options) if simple is None else simple


def _norm_of_vector(x, ord=2, dim=None, keepdim=False, dtype=None):
    axes = tuple(range(x.ndim)) if dim is None else dim
    return (x.abs() ** ord).sum(axes, keepdim=keepdim) ** (1 / ord)


REWRITTEN = {
    "var": _var,
    "std": lambda *args, **options: _var(*args, **options).sqrt(),
    "linalg_vector_norm": _norm_of_vector,
    "norm": lambda x, p=2, dim=None, keepdim=False: _norm_of_vector(x, p, dim, keepdim),
    "lerp": lambda a, b, weight: a * (1 - weight) + b * weight,
    "addmm": lambda b, x, w, beta=1, alpha=1: F.linear(x, (alpha * w).mT, beta * b),
    "baddbmm": lambda b, x, w, beta=1, alpha=1: beta * b + alpha * torch.bmm(x, w),
    "addcdiv": lambda x, a, b, value=1: x + value * a / b,
    "logsumexp": lambda x, dim, keepdim=False: x.exp().sum(dim, keepdim=keepdim).log(),
    "hypot": lambda a, b: torch.sqrt(a * a + b * b),
    "addcmul": lambda x, a, b, value=1: x + value * a * b,
}
"""Operations that consist of others, written out."""

_ENDS = {"softmax", "log_softmax", "_softmax", "_log_softmax", "sigmoid", "log_sigmoid"}


class Reference:
    """What LRP must be on one network: recorded once, handed back by any method."""

    def __init__(self, model, inputs, pick=lambda output: output, rewritten=REWRITTEN, known=ALL):
        tables = {"known": known, "makes_gate": makes_gate, "keeps_gate": _KEEPS}
        self.tape, self.inputs, self.output = record(
            lambda x: pick(model(x)), inputs, rewritten=rewritten, **tables
        )
        self.tape.steps = self.steps = merged(self.tape.steps)
        self.attention = {
            Address.of(parameter).storage
            for module in model.modules()
            if isinstance(module, nn.MultiheadAttention)
            for parameter in module.parameters()
        }
        for step in self.steps:
            step.silence = silence_before(step, self.steps)
        self.start, self.at = self.output.clone(), Address.of(self.output)
        last = self.steps[-1]
        if last.name in _ENDS and last.written[0].storage == self.at.storage:  # explained before it
            self.steps.pop()
            self.start, self.at = last.inputs[0], last.read[0]

    def logits(self) -> torch.Tensor:
        """Return what is explained, (batch, ..., class): before a softmax or sigmoid at the end."""
        return self.start

    def relevance(self, target: int, method: Method) -> torch.Tensor:
        """Return the relevance of the inputs for every clip's logit ``target``, over all time."""
        seed = torch.zeros_like(self.start)
        seed[..., target] = self.start[..., target]
        return hand_back(self.tape, self.inputs, [(self.at, seed)], rule_of(method, self.attention))
