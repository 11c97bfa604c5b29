"""Which rule treats which layer: one table for each method, and what a user puts before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial

from torch import nn

from earwitness.attribution.lrp.layers import (
    epsilon_rule,
    gamma_rule,
    given_rule,
    linear_rule,
    plus_rule,
)
from earwitness.errors import ParameterError, check_choice
from earwitness.models.doacrnn import Normalisation

KINDS = {
    "first layer": "first",
    "convolutions": "convolution",
    "dense layers": "dense",
    "norms": "norm",
}


@dataclass
class Composite:
    """The rules of a method.

    Attributes
    ----------
    kinds : dict of str -> rule
        For ``"convolution"``, ``"dense"`` and ``"norm"``.
    named : dict of str -> rule
        What users can call a rule by.
    given : dict
        Their choices, selector -> rule, before those of ``kinds``; the first that fits holds.
    bias_factor : float
        Which part of what biases and stabilisers take is handed down.
    recurrent_epsilon : float
        Stabiliser in recurrent layers.
    count_start : bool
        Whether states before the first step of a recurrent layer take part.
    gates : str
        ``"signal"``: in a product with a gate the signal takes all. ``"half"``: half each.
    """

    kinds: dict[str, Callable]
    named: dict[str, Callable]
    given: list[tuple] = field(default_factory=list)
    bias_factor: float = 0.0
    recurrent_epsilon: float = 1e-6
    count_start: bool = True
    gates: str = "signal"

    @property
    def additive(self) -> bool:
        """Whether relevance can arrive at values that are zero, and a ratio to them carries it."""
        return self.bias_factor > 0 or any(
            isinstance(rule, partial) and rule.func is given_rule for _, rule in self.given
        )

    def rule_for(self, step, fixed: bool) -> Callable:
        """Return the rule of a layer; one that no parameter enters (``fixed``) is a front end and
        shares exactly.
        """
        for selector, rule in self.given:
            if rule is not _PASS and _fits(selector, step.name, step.module, step):
                return self.kinds["norm"] if step.kind == "norm" else rule
        return self.named["linear"] if fixed else self.kinds[step.kind]

    def passes(self, name: str, module: nn.Module) -> bool:
        """Tell whether a whole module hands relevance on value by value."""
        fitting = (rule for selector, rule in self.given if _fits(selector, name, module, None))
        return next(fitting, None) is _PASS


_PASS = "pass"


def _fits(selector, name: str, module, step) -> bool:
    if isinstance(selector, str):
        if selector in KINDS:
            wanted = KINDS[selector]
            return step is not None and (step.first if wanted == "first" else step.kind == wanted)
        return fnmatchcase(name, selector)
    if isinstance(selector, type):
        return isinstance(module, selector)
    return bool(selector(module))


def composite(
    kinds: dict,
    given: Mapping | None,
    *,
    epsilon: float,
    stabilizer: float,
    bias_factor: float,
    gamma: float = 0.25,
    gates: str = "signal",
    count_start: bool = True,
) -> Composite:
    """Return the composite of a method.

    Parameters
    ----------
    kinds : dict of str -> str
        Names of rules for ``"convolution"`` and ``"dense"``; the epsilon rule where nothing is
        said.
    given : mapping, optional
        Selector -> rule, as :func:`earwitness.attribution.attribute` takes them.
    """
    _check_options(bias_factor, gates, gamma, epsilon=epsilon, stabilizer=stabilizer)
    named = {
        "epsilon": partial(epsilon_rule, epsilon=epsilon, bias_factor=bias_factor),
        "plus": partial(plus_rule, epsilon=stabilizer, bias_factor=bias_factor),
        "gamma": partial(gamma_rule, epsilon=stabilizer, gamma=gamma, bias_factor=bias_factor),
        "linear": partial(linear_rule, bias_factor=bias_factor),
        "pass": _PASS,
    }
    chosen = [
        (_checked_selector(selector), _named(rule, named))
        for selector, rule in (given or {}).items()
    ]
    # the recorded values of the chapter sound-direction: a normalisation of the inputs passes
    # relevance as it is
    always = [(Normalisation, _PASS), (nn.MultiheadAttention, named["epsilon"])]
    rules = {kind: named[kinds.get(kind, "epsilon")] for kind in ("convolution", "dense", "norm")}
    return Composite(rules, named, chosen + always, bias_factor, epsilon, count_start, gates)


def _checked_selector(selector):
    if isinstance(selector, str | type) or callable(selector):
        return selector
    raise ParameterError(
        "rules go by a pattern of names, a type of layer, a function of the layer or one of "
        f"{', '.join(map(repr, KINDS))}, got {selector!r}."
    )


def _named(rule, named):
    if callable(rule):
        return partial(given_rule, rule=rule)
    return named[check_choice(rule, named, "rule")]


def _check_options(bias_factor: float, gates: str, gamma: float, **positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ParameterError(f"{name} must be positive, got {value!r}.")
    if not 0 <= bias_factor <= 1:
        raise ParameterError(f"bias_factor must lie between 0 and 1, got {bias_factor!r}.")
    if not gamma >= 0:
        raise ParameterError(f"gamma must not be negative, got {gamma!r}.")
    check_choice(gates, ("signal", "half"), "way to share a product with a gate")
