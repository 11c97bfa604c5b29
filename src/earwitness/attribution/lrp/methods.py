"""The methods: which rules, where they start, what comes back, and the ledger that says whether it
adds up.
"""

from dataclasses import dataclass, field

import pandas as pd
import torch
from torch import nn
from torch.autograd.graph import disable_saved_tensors_hooks

from earwitness.arguments import checked
from earwitness.attribution.lrp.audit import Audited, Guarded
from earwitness.attribution.lrp.composites import composite
from earwitness.attribution.lrp.dispatch import Linearised
from earwitness.attribution.lrp.operations import TABLE
from earwitness.attribution.lrp.steps import away
from earwitness.attribution.question import Asked, Question, asked_of, fitted
from earwitness.attribution.registry import method
from earwitness.attribution.validation import explained, frozen, in_batches, original, prepare
from earwitness.errors import ConservationError, UnsupportedOperationError
from earwitness.models.inference import named

_OFF = 1e-3  # of what flows


class _OverwrittenError(UnsupportedOperationError):
    """The model has overwritten what the way back needs."""


@method("lrp-epsilon", "LRP-ε", "lrp", "#009E73", "o")
def lrp_epsilon(
    model,
    inputs,
    target,
    rules=None,
    ledger=None,
    at=None,
    *,
    epsilon: float = 1e-6,
    bias_factor: float = 0.0,
    gates: str = "signal",
    batch_size: int = 50,
):
    """Return LRP with the epsilon rule in every layer."""
    chosen = composite(
        {}, rules, epsilon=epsilon, stabilizer=epsilon, bias_factor=bias_factor, gates=gates
    )
    return _propagate(model, inputs, target, chosen, batch_size, at, ledger)


@method("lrp-epsilon-plus", "LRP-ε+", "lrp", "#0B5345", "D")
def lrp_epsilon_plus(
    model,
    inputs,
    target,
    rules=None,
    ledger=None,
    at=None,
    *,
    epsilon: float = 1e-6,
    stabilizer: float = 1e-6,
    bias_factor: float = 0.0,
    gates: str = "signal",
    batch_size: int = 50,
):
    """Return LRP with the z+ rule in convolutions (stabilised by ``stabilizer``), the epsilon rule
    elsewhere.
    """
    chosen = composite(
        {"convolution": "plus"},
        rules,
        epsilon=epsilon,
        stabilizer=stabilizer,
        bias_factor=bias_factor,
        gates=gates,
    )
    return _propagate(model, inputs, target, chosen, batch_size, at, ledger)


@method("lrp-alpha1-beta0", "LRP-α1β0", "lrp", "#44AA99", "v", "-.")
def lrp_alpha1_beta0(
    model,
    inputs,
    target,
    rules=None,
    ledger=None,
    at=None,
    *,
    epsilon: float = 1e-6,
    bias_factor: float = 0.0,
    gates: str = "signal",
    batch_size: int = 50,
):
    """Return LRP with the alpha = 1, beta = 0 rule in convolutions and dense layers, the epsilon
    rule elsewhere.
    """
    chosen = composite(
        {"convolution": "plus", "dense": "plus"},
        rules,
        epsilon=epsilon,
        stabilizer=epsilon,
        bias_factor=bias_factor,
        gates=gates,
    )
    return _propagate(model, inputs, target, chosen, batch_size, at, ledger)


@method("lrp-gamma", "LRP-γ", "lrp", "#117733", "P", (0, (5, 1)))
def lrp_gamma(
    model,
    inputs,
    target,
    rules=None,
    ledger=None,
    at=None,
    *,
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    stabilizer: float = 1e-6,
    bias_factor: float = 0.0,
    gates: str = "signal",
    batch_size: int = 50,
):
    """Return LRP with the gamma rule in convolutions and the epsilon rule in all other sums."""
    chosen = composite(
        {"convolution": "gamma"},
        rules,
        epsilon=epsilon,
        stabilizer=stabilizer,
        gamma=gamma,
        bias_factor=bias_factor,
        gates=gates,
    )
    return _propagate(model, inputs, target, chosen, batch_size, at, ledger)


@method("lrp-kiyan2022", "LRP as in Kiyan et al. (2022)", "lrp", "#2A7F9E", "2", (0, (6, 1, 1, 1)))
def lrp_kiyan2022(
    model,
    inputs,
    target,
    rules=None,
    ledger=None,
    at=None,
    *,
    epsilon: float = 0.01,
    stabilizer: float = 1e-6,
    bias_factor: float = 1.0,
    gates: str = "signal",
    batch_size: int = 50,
):
    """Return LRP as Kiyan et al. (2022) set it [kiyan2022].

    Convolutions share by the alpha = 1, beta = 0 rule, dense layers and LSTMs by the epsilon rule
    with 0.01; the relevance of biases is handed down, in LSTMs to what there is at the first step:
    none stays before it.
    """
    chosen = composite(
        {"convolution": "plus"},
        rules,
        epsilon=epsilon,
        stabilizer=stabilizer,
        bias_factor=bias_factor,
        gates=gates,
        count_start=False,
    )
    return _propagate(model, inputs, target, chosen, batch_size, at, ledger)


_COMPUTED_AGAIN = (
    "Part of the model is computed again on the way back (torch.utils.checkpoint), where LRP does "
    "not follow it: switch checkpoints off for the explanation."
)


def linearised(mode: Linearised, model: nn.Module, leaf: torch.Tensor, args: tuple = ()):
    """Return what the model returns, with the derivative of its frozen linearisation."""
    with named(asked_of(model), leaf):
        try:
            with disable_saved_tensors_hooks(_COMPUTED_AGAIN), mode.places(), mode:
                returned = model(mode.enter(leaf), *args)
                mode.check_returned(returned)
                return returned
        except RuntimeError as error:
            if str(error) != _COMPUTED_AGAIN:
                raise
            raise UnsupportedOperationError(_COMPUTED_AGAIN) from error
        finally:
            mode.holders.clear()  # steps know the mode: nobody would free their tensors for long


def _propagate(model, inputs, target, chosen, batch_size, at=None, ledger=None):
    """Return the relevance of ``inputs``, or of the output of the module ``at``."""
    model, question = (
        (model.model, model.question) if isinstance(model, Asked) else (model, Question())
    )
    model = original(model)

    def explain(x, index):
        options = {"at": at, "counts": ledger is not None}
        try:
            found = _pass(Linearised(model, chosen, TABLE, **options), question, x, index)
        except _OverwrittenError:
            found = _pass(Guarded(model, chosen, TABLE, **options), question, x, index)
        mode, logit, relevance = found
        if _is_off(logit, relevance, mode.ledger):
            _name_the_cause(_pass(Audited(model, chosen, TABLE, at=at), question, x, index))
        if ledger is not None:
            ledger.append((logit, relevance, dict(mode.ledger.entries)))
        return relevance

    return in_batches(explain, inputs, target, batch_size)


def _pass(mode, question, x, index):
    """Return the mode, the explained logits and the relevance of one forward and backward pass."""
    leaf = x.detach().clone().requires_grad_()
    returned = linearised(mode, mode.model, leaf, fitted(question.args, len(x)))
    logit = explained(question.read(returned), index)
    start = leaf if mode.at is None else mode.stopped()
    return mode, logit.detach(), _product(start.detach(), _derivative(logit, start), mode.additive)


def _derivative(logit, start):
    if not logit.requires_grad:
        raise UnsupportedOperationError(
            "The output does not depend on the input through operations that have a derivative: "
            "part of the model runs "
            "under torch.no_grad() or detaches its values. Explain the part behind it, or let it "
            "have gradients."
        )
    try:
        (derivative,) = torch.autograd.grad(logit.sum(), start, allow_unused=True)
    except RuntimeError as error:
        if "inplace operation" not in str(error):
            raise
        raise _OverwrittenError(
            "The model overwrites in place a value that the way back through the operation before "
            "it needs; PyTorch "
            f"says: {str(error).splitlines()[0]}"
        ) from error
    return torch.zeros_like(start) if derivative is None else derivative


def _product(x, derivative, additive):
    product = (away(x) if additive else x) * derivative.conj()
    return product.real if product.is_complex() else product


def _tolerance(relevance) -> float:
    return max(_OFF, 16 * torch.finfo(relevance.dtype).eps)


def _is_off(logit, relevance, ledger) -> bool:
    """Tell whether what is explained is not what the input got and the operations kept.

    Off by how much is measured on what flows: where parts of both signs cancel, rounding is not
    small beside the sum.
    """
    in_map = relevance.abs().sum()
    if not torch.isfinite(in_map):
        raise ConservationError(
            "The relevance is not finite: a value of the forward pass or a divisor overflows. "
            "Explain in float64, or with a larger epsilon."
        )
    kept = [float(value) for value in ledger.entries.values()]
    off = abs(float(logit.sum() - relevance.sum()) - sum(kept))
    flow = float(in_map + logit.abs().sum()) + sum(map(abs, kept))
    return off > _tolerance(relevance) * flow


def _name_the_cause(found) -> None:
    """Raise ConservationError with the operation that makes or loses relevance; rounding alone is
    no error.
    """
    mode, _, relevance = found
    worst = mode.unbalanced(_tolerance(relevance))
    if worst:
        name, missing = worst[0]
        others = f", and {len(worst) - 1} more" if len(worst) > 1 else ""
        raise ConservationError(
            f"The operation {name!r} {'loses' if missing > 0 else 'makes'} relevance of "
            f"{abs(missing):.3g}{others}: its "
            "rule does not have the derivative of a linear map. Nothing is explained."
        )


@dataclass(frozen=True)
class Conservation:
    """Where the explained logit went: ``explained`` = ``relevance`` + what the operations absorbed,
    for each clip.

    Attributes
    ----------
    explained, relevance : Tensor, shape (batch,)
        The logit, and the sum of the relevance over the input.
    absorbed : dict of str -> Tensor, shape (batch,)
        What bias, stabiliser and constants of each operation kept, by the layer's name, in forward
        order.
    """

    explained: torch.Tensor
    relevance: torch.Tensor
    absorbed: dict[str, torch.Tensor] = field(repr=False)

    @classmethod
    def joined(cls, parts: list["Conservation"]) -> "Conservation":
        """Return the balances of some clips after another."""
        names = {name: None for part in parts for name in part.absorbed}
        absorbed = {
            name: torch.cat(
                [part.absorbed.get(name, torch.zeros_like(part.relevance)) for part in parts]
            )
            for name in names
        }
        return cls(
            torch.cat([part.explained for part in parts]),
            torch.cat([part.relevance for part in parts]),
            absorbed,
        )

    @property
    def bias_share(self) -> torch.Tensor:
        """The part of the logit (1 = all of it) that no input value gets, shape (batch,)."""
        return 1 - self.relevance / self.explained


def balance(model, inputs, target, propagate, rules=None, at=None, **options) -> Conservation:
    """Return the balance of an explanation by an LRP method's function, clip by clip."""
    entries: list[tuple] = []
    propagate(model, inputs, target, rules, entries, at, **{**options, "batch_size": 1})
    names = {name: None for _, _, absorbed in entries for name in absorbed}
    zero = inputs.new_zeros(())
    absorbed = {
        name: torch.stack([zero + kept.get(name, 0.0) for _, _, kept in entries]) for name in names
    }
    explained_, relevance = (torch.stack([entry[i].sum() for entry in entries]) for i in (0, 1))
    return Conservation(explained_, relevance, absorbed)


@checked
def explain_support(
    model: nn.Module, inputs: torch.Tensor, additional_forward_args: object = ()
) -> pd.DataFrame:
    """List every operation of a forward pass with its rule, and what is missing, before anything is
    explained.

    Returns
    -------
    DataFrame
        A row for each operation on what depends on the input: ``module`` (dotted name),
        ``operation``, ``rule``, ``supported`` and ``line`` (file and line of the code that calls
        it, where it is not torch's).
    """
    model = original(model)
    inner, _ = prepare(model, inputs, 0)
    record: list[tuple] = []
    with frozen(model):
        chosen = composite({}, None, epsilon=1e-6, stabilizer=1e-6, bias_factor=0.0)
        linearised(
            Linearised(model, chosen, TABLE, record=record),
            model,
            inner.clone().requires_grad_(),
            additional_forward_args,
        )
    table = pd.DataFrame(record, columns=["module", "operation", "rule", "line"])
    table.insert(3, "supported", ~table["rule"].str.startswith("missing"))
    return table
