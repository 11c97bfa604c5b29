"""Layer-wise relevance propagation, through zennit's composites, canonizers and parameter modifiers.

zennit's own hooks run every layer a second time in the backward pass, and also the layer's ordinary backward pass whose
result they then discard: two to three times the cost of one forward and backward pass. The hook here takes the
pre-activation from the forward pass that has happened anyway, and runs one backward pass of the layer. It performs the
same operations on the same numbers otherwise: ``tests/attribution/test_lrp.py`` holds it against zennit bit for bit.
It also treats a layer that is used twice, which zennit's hooks confuse, and layers whose gradient zennit's hooks leave
as it is: :class:`torch.nn.LSTM` (:mod:`earwitness.attribution.lstm`), self-attention, layer norms and the sums around
them (:mod:`earwitness.attribution.attention`).

What bias and stabiliser of a sum take is lost on the way to the input. Every method has an option ``bias_factor`` for
it: 0 leaves it lost, 1 hands it down, so that the relevance of the input sums to the explained logit. It goes evenly to
all inputs of the sum; with the plus rule in proportion to the positive contributions, where there are any.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import mul

import torch
from torch import nn
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.core import Composite, Hook, ParamMod, RemovableHandleList, collect_leaves, stabilize
from zennit.rules import ClampMod, GammaMod
from zennit.types import Activation, AvgPool, BatchNorm, Convolution, Linear

from earwitness.attribution import attention, lstm
from earwitness.attribution.baseline import Shift, shift_rule
from earwitness.attribution.calls import (
    Refuse,
    check_options,
    explained,
    frozen,
    in_batches,
    prepare,
)
from earwitness.errors import ParameterError, check_choice
from earwitness.models.doacrnn import Normalisation
from earwitness.models.sums import Add, MeanOverTime

Rule = Callable[[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(layer, its input, its output with graph, relevance of the output) -> relevance of the input."""


class _Redistribute(torch.autograd.Function):
    """Identity on a layer's output; its backward pass hands the relevance to the layer's input."""

    @staticmethod
    def forward(ctx, layer_input, output, rule):
        ctx.rule = rule
        return output.view_as(output)  # a view: torch refuses to overwrite it in place, which would spoil the rule

    @staticmethod
    def backward(ctx, relevance):
        return ctx.rule(relevance), None, None


class _RuleHook(Hook):
    """A zennit hook for one layer that redistributes relevance by ``rule``, with the forward pass's own numbers."""

    def __init__(self, rule: Rule, note: Callable):
        super().__init__()
        self.rule, self.note = rule, note

    def copy(self):
        return type(self)(self.rule, self.note)

    def register(self, module):
        return RemovableHandleList([module.register_forward_hook(self.answer, with_kwargs=True)])

    def answer(self, module, inputs, options, output):
        (x,) = inputs or (options["input"],)
        return self.forward(module, x, output)

    def forward(self, module, x, output, **known):
        if not output.requires_grad:
            return output

        def redistribute(relevance):
            result = self.rule(module, x, output, relevance, **known)
            self.note(relevance, result)
            return result

        return _Redistribute.apply(x, output.detach(), redistribute)


class _LstmHook(_RuleHook):
    """The same for an LSTM, which answers (outputs of all steps, (last h, last c)); the last h is among the outputs."""

    def answer(self, module, inputs, options, output):
        output, states = output
        output = self.forward(module, lstm.check_call(inputs, options), output)
        return output, lstm.last_states(module, output, *states)


class _AttentionHook(_RuleHook):
    """The same for self-attention, which answers (outputs, weights or None) to one sequence given three times."""

    def answer(self, module, inputs, options, output):
        output, weights = output
        refused = None if weights is None else Refuse.apply(weights, attention.WEIGHTS_REFUSED)
        return self.forward(module, attention.check_call(inputs, options), output), refused


class _AddHook(_RuleHook):
    """The same for a sum of two terms, which its rule sees as one tensor (batch, 2, ...)."""

    def answer(self, module, inputs, options, output):
        if len({term.requires_grad for term in inputs}) > 1:
            raise ParameterError("LRP shares a sum between two terms that depend on the input; here one is a constant.")
        terms = torch.stack(inputs, dim=1)
        return self.forward(module, terms, terms.sum(1))


class _MeanHook(_RuleHook):
    """The same for a mean over time, whose shares are constants."""

    def answer(self, module, inputs, options, output):
        x, share = (*inputs, None)[:2]
        return self.forward(module, x, output, share=None if share is None else share.detach())


_HOOKS = {nn.LSTM: _LstmHook, nn.MultiheadAttention: _AttentionHook, Add: _AddHook, MeanOverTime: _MeanHook}


def pass_rule(layer, x, output, relevance):
    """Leave relevance as it is: activations answer one output to one input."""
    return relevance


def epsilon_rule(layer, x, output, relevance, epsilon, bias_factor=0.0):
    """Share relevance in proportion to the contributions z_ij = x_i w_ij; bias and ``epsilon`` keep their part.

    Notes
    -----
    R_i = sum_j x_i w_ij R_j / (z_j + epsilon sign z_j): Bach et al. (2015), Eq. (58) [bach2015].
    """
    stable = stabilize(output, epsilon)
    ratio = relevance / stable
    (gradient,) = torch.autograd.grad(output, x, ratio)
    of_x = x.detach() * gradient
    if bias_factor:
        of_x = of_x + _evenly(layer, x, bias_factor * ratio * (stable - output.detach() + _bias(layer, output.ndim)))
    return of_x


def _bias(layer, n_axes: int) -> torch.Tensor | float:
    """Return the bias of a dense layer or convolution in a shape that adds to its output."""
    if layer.bias is None:
        return 0.0
    return layer.bias if isinstance(layer, nn.Linear) else layer.bias.view(-1, *[1] * (n_axes - 2))


def _evenly(layer, x, share):
    """Hand the ``share`` of every output to its inputs in equal parts; zeros that a convolution pads with get none."""
    ones = ParamMod(lambda value, name: torch.ones_like(value), zero_params="bias")
    leaf, n_inputs = _run(layer, torch.ones_like(x), ones)
    return torch.autograd.grad(n_inputs, leaf, share / n_inputs.detach())[0]


def _run(layer, x, modifier: ParamMod) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (x, the layer's answer to it with modified parameters), the answer with graph to x."""
    leaf = x.detach().requires_grad_()
    with modifier(layer), torch.enable_grad():
        return leaf, layer.forward(leaf)  # not layer(leaf): hooks have run


def _signed_parts(layer, x, same, opposite):
    """Return inputs and outputs of the layer for x > 0 (parameters by ``same``) and x < 0 (by ``opposite``, no bias).

    The second part vanishes, and is left out, where no input is negative: behind every ReLU.
    """
    parts = [_run(layer, x.clamp(min=0), same)]
    if (x < 0).any():
        parts.append(_run(layer, x.clamp(max=0), opposite))
    return zip(*parts, strict=True)


def _share(inputs, outputs, relevance, epsilon):
    """Share relevance by the contributions to the sum of ``outputs``, each the answer to one of ``inputs``."""
    ratio = relevance / stabilize(sum(outputs), epsilon)
    gradients = torch.autograd.grad(outputs, inputs, [ratio] * len(outputs))
    return sum(map(mul, (part.detach() for part in inputs), gradients))


def plus_rule(layer, x, output, relevance, epsilon, bias_factor=0.0):
    """Share relevance in proportion to the positive contributions alone (alpha = 1, beta = 0; z+).

    Notes
    -----
    A contribution is positive if x and w are both positive or both negative; of the bias, the positive part takes its
    share. Bach et al. (2015), Eq. (60) with alpha = 1 [bach2015].
    """
    def positive(value, name):
        return value.clamp(min=0.0) * (1 - bias_factor if name == "bias" else 1)

    inputs, outputs = _signed_parts(layer, x, ParamMod(positive), ClampMod(max=0.0, zero_params="bias"))
    return _share(inputs, outputs, relevance, epsilon)


def gamma_rule(layer, x, output, relevance, epsilon, gamma, bias_factor=0.0):
    """Share relevance by contributions in which those of the output's own sign count 1 + ``gamma`` times.

    Notes
    -----
    Montavon et al. (2019), section 10.2.3, in the form for inputs of both signs (Andeol et al. 2021), as zennit has it.
    Outputs below zero need terms of their own; behind a ReLU they carry no relevance, and the terms are left out.
    """
    modifiers = {1: GammaMod(gamma, min=0.0), -1: GammaMod(gamma, max=0.0)}
    without_bias = {1: GammaMod(gamma, min=0.0, zero_params="bias"), -1: GammaMod(gamma, max=0.0, zero_params="bias")}
    total = torch.zeros_like(x)
    for sign in (1, -1):
        own = relevance * (output.sign() == sign)
        if own.any():
            inputs, outputs = _signed_parts(layer, x, modifiers[sign], without_bias[-sign])
            total = total + _share(inputs, outputs, own, epsilon)
            if bias_factor:
                z = sum(outputs).detach()
                stable = stabilize(z, epsilon)
                with modifiers[sign](layer):
                    kept = stable - z + _bias(layer, z.ndim)
                total = total + _evenly(layer, x, bias_factor * own / stable * kept)
    return total


_KNOWN = (Linear, BatchNorm, Activation, nn.LSTM, nn.LayerNorm)
_CHECKS = {nn.LSTM: lstm.check, nn.MultiheadAttention: attention.check}
_HIDDEN_SUMS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


def _check_layers(model: nn.Module) -> None:
    """Raise ParameterError for a layer with weights that no rule treats: its gradient would pass for relevance."""
    before = None
    for leaf in collect_leaves(model):
        if isinstance(leaf, BatchNorm) and (
            not isinstance(before, Linear) or leaf.weight is None or leaf.running_mean is None
        ):
            raise ParameterError("LRP merges batch normalisation into the convolution or dense layer right before it, "
                                 f"and needs its weights and running statistics; {leaf} does not have them.")
        before = leaf
    for name, module in model.named_modules():
        for kind, check in _CHECKS.items():
            if isinstance(module, kind):
                check(name or "model", module)
        if isinstance(module, _HIDDEN_SUMS):
            raise ParameterError(f"{type(module).__name__} ({name or 'model'!r}) adds residuals inside, where no rule "
                                 "sees them: build it of layers with earwitness.models.sums.Add, as models.nisqa does.")
        if not isinstance(module, _KNOWN) and next(module.parameters(recurse=False), None) is not None:
            raise ParameterError(f"LRP has no rule for layer {name or 'model'!r} ({type(module).__name__}).")


def _sums(epsilon: float, bias_factor: float) -> dict[type, Rule]:
    """Return the epsilon rule of every kind of layer that sums; what a method does otherwise goes on top of it."""
    kinds = {
        Convolution: epsilon_rule, nn.Linear: epsilon_rule, nn.LSTM: lstm.lstm_rule, Shift: shift_rule,
        nn.MultiheadAttention: attention.attention_rule, nn.LayerNorm: attention.layer_norm_rule,
        Add: attention.add_rule, MeanOverTime: attention.mean_rule,
    }
    chosen = {kind: partial(rule, epsilon=epsilon, bias_factor=bias_factor) for kind, rule in kinds.items()}
    return chosen | {AvgPool: partial(epsilon_rule, epsilon=1e-6)}


def _composite(sums: dict[type, Rule], ledger: dict[str, torch.Tensor] | None) -> Composite:
    """Return the zennit composite of these rules; ``ledger`` receives what each layer absorbs."""
    # sums come first: zennit counts MultiheadAttention among the activations
    rules = sums | dict.fromkeys((Activation, BatchNorm, Normalisation), pass_rule)

    def note(name, batch_axis, relevance, result):
        before, after = (values.transpose(0, batch_axis).flatten(1).sum(1) for values in (relevance, result))
        ledger[name] = ledger.get(name, 0) + before - after

    def hook(context, name, module):
        rule = _first(rules, module)
        batch_axis = int(isinstance(module, nn.LSTM) and not module.batch_first)
        keep = (lambda *_: None) if ledger is None or rule is pass_rule else partial(note, name, batch_axis)
        return None if rule is None else (_first(_HOOKS, module) or _RuleHook)(rule, keep)

    return Composite(hook, canonizers=[SequentialMergeBatchNorm()])


def _first(by_kind: dict[type, object], module: nn.Module):
    return next((value for kind, value in by_kind.items() if isinstance(module, kind)), None)


def _propagate(model, inputs, target, sums, batch_size, ledger=None):
    """Return the relevance of ``inputs``, starting from the logit itself at the target's output."""

    def explain(x, index):
        leaf = x.detach().clone().requires_grad_()
        logit = explained(model(leaf), index)
        return torch.autograd.grad(logit, leaf, logit.detach())[0]

    _check_layers(model)
    composite = _composite(sums, ledger)
    try:
        composite.register(model)
        return in_batches(explain, inputs, target, batch_size)
    finally:
        composite.remove()


def _check_options(bias_factor: float, **positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ParameterError(f"{name} must be positive, got {value!r}.")
    if not 0 <= bias_factor <= 1:
        raise ParameterError(f"bias_factor must lie between 0 and 1, got {bias_factor!r}.")


def lrp_epsilon(
    model, inputs, target, ledger=None, *, epsilon: float = 1e-6, bias_factor: float = 0.0, batch_size: int = 50
):
    """Return LRP with the epsilon rule in every layer."""
    _check_options(bias_factor, epsilon=epsilon)
    return _propagate(model, inputs, target, _sums(epsilon, bias_factor), batch_size, ledger)


def lrp_epsilon_plus(
    model, inputs, target, ledger=None, *,
    epsilon: float = 1e-6, stabilizer: float = 1e-6, bias_factor: float = 0.0, batch_size: int = 50,
):
    """Return LRP with the z+ rule in convolutions (stabilised by ``stabilizer``), the epsilon rule elsewhere."""
    _check_options(bias_factor, epsilon=epsilon, stabilizer=stabilizer)
    convolution = partial(plus_rule, epsilon=stabilizer, bias_factor=bias_factor)
    sums = _sums(epsilon, bias_factor) | {Convolution: convolution}
    return _propagate(model, inputs, target, sums, batch_size, ledger)


def lrp_alpha1_beta0(
    model, inputs, target, ledger=None, *, epsilon: float = 1e-6, bias_factor: float = 0.0, batch_size: int = 50
):
    """Return LRP with the alpha = 1, beta = 0 rule in convolutions and dense layers, the epsilon rule elsewhere."""
    _check_options(bias_factor, epsilon=epsilon)
    plus = partial(plus_rule, epsilon=epsilon, bias_factor=bias_factor)
    sums = _sums(epsilon, bias_factor) | {Convolution: plus, nn.Linear: plus}
    return _propagate(model, inputs, target, sums, batch_size, ledger)


def lrp_gamma(
    model, inputs, target, ledger=None, *,
    epsilon: float = 1e-6, gamma: float = 0.25, stabilizer: float = 1e-6, bias_factor: float = 0.0,
    batch_size: int = 50,
):
    """Return LRP with the gamma rule in convolutions and the epsilon rule in all other sums."""
    _check_options(bias_factor, epsilon=epsilon, stabilizer=stabilizer)
    if gamma < 0:
        raise ParameterError(f"gamma must not be negative, got {gamma!r}.")
    convolution = partial(gamma_rule, epsilon=stabilizer, gamma=gamma, bias_factor=bias_factor)
    sums = _sums(epsilon, bias_factor) | {Convolution: convolution}
    return _propagate(model, inputs, target, sums, batch_size, ledger)


def sound_direction(
    model, inputs, target, ledger=None, *,
    epsilon: float = 0.01, stabilizer: float = 1e-6, bias_factor: float = 1.0, batch_size: int = 50,
):
    """Return LRP as Kiyan et al. (2022) set it [kiyan2022].

    Convolutions share by the alpha = 1, beta = 0 rule, dense layers and LSTMs by the epsilon rule with 0.01; the
    relevance of biases is handed down, in LSTMs to what there is at the first step: none stays before it.
    """
    _check_options(bias_factor, epsilon=epsilon, stabilizer=stabilizer)
    convolution = partial(plus_rule, epsilon=stabilizer, bias_factor=bias_factor)
    recurrent = partial(lstm.lstm_rule, epsilon=epsilon, bias_factor=bias_factor, count_start=False)
    sums = _sums(epsilon, bias_factor) | {Convolution: convolution, nn.LSTM: recurrent}
    return _propagate(model, inputs, target, sums, batch_size, ledger)


METHODS = {
    "lrp-epsilon": lrp_epsilon,
    "lrp-epsilon-plus": lrp_epsilon_plus,
    "lrp-alpha1-beta0": lrp_alpha1_beta0,
    "lrp-gamma": lrp_gamma,
    "sound-direction": sound_direction,
}


@dataclass(frozen=True)
class Conservation:
    """Where the explained logit went: ``explained`` = ``relevance`` + what the layers absorbed, for each clip.

    Attributes
    ----------
    explained, relevance : Tensor, shape (batch,)
        The logit, and the sum of the relevance over the input.
    absorbed : dict of str -> Tensor, shape (batch,)
        What bias and stabiliser of each layer kept, by the layer's name. Without biases, next to nothing.
    """

    explained: torch.Tensor
    relevance: torch.Tensor
    absorbed: dict[str, torch.Tensor] = field(repr=False)

    @property
    def bias_share(self) -> torch.Tensor:
        """The part of the logit (1 = all of it) that no input value answers for, shape (batch,)."""
        return 1 - self.relevance / self.explained


def conservation(model, inputs, target, method: str = "lrp-epsilon", **options) -> Conservation:
    """Return the balance of an LRP explanation: explained logit, relevance, and what each layer's bias absorbed.

    Parameters
    ----------
    model, inputs, target, **options
        As :func:`earwitness.attribution.attribute` takes them, but all clips go through at once.
    method : str
        One of the LRP methods.

    Raises
    ------
    UnknownNameError, ParameterError
        As :func:`earwitness.attribution.attribute`.
    """
    propagate = METHODS[check_choice(method, METHODS, "LRP method")]
    check_options(propagate, method, options)
    inner, index = prepare(model, inputs, target)
    ledger: dict[str, torch.Tensor] = {}
    with frozen(model):
        relevance = propagate(model, inner, index, ledger, **{**options, "batch_size": len(inner)})
        logit = explained(model(inner), index).detach()
    # backwards through the network, so reversed is the forward order; a network's segments are rows, clip by clip
    absorbed = {name: kept.reshape(len(inner), -1).sum(1) for name, kept in reversed(ledger.items())}
    return Conservation(logit.reshape(len(inner), -1).sum(1), relevance.flatten(1).sum(1), absorbed)
