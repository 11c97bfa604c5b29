"""Every network by every LRP method, held against the reference: right, wrong, refused or
crashed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from earwitness import attribution
from earwitness.errors import ParameterError

from .registry import NETWORKS, Network
from .rules import METHODS, Reference

TOLERANCE = 1e-6
CASES = [(method, factor) for method in METHODS for factor in (0.0, 1.0)]
"""(method, bias_factor)."""


@dataclass(frozen=True)
class Outcome:
    """What came of one network by one method; ``error`` relative to the clip's largest
    relevance.
    """

    kind: str
    error: float = 0.0
    message: str = ""


def reference_of(network: Network) -> Reference:
    """Return what LRP must be on a network; a compiled one is recorded through its original."""
    model = network.model()
    return Reference(getattr(model, "_orig_mod", model), network.inputs(), network.pick)


def largest_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference over the clip's largest relevance, for the worst clip."""
    found, expected = found.flatten(1), expected.flatten(1)
    difference, scale = (found - expected).abs().amax(1), expected.abs().amax(1)
    worst = torch.where(difference == 0, 0.0, difference / scale).max()
    return float(worst) if worst.isfinite() else float("inf")


def judged(explain: Callable[[], torch.Tensor], expected: torch.Tensor) -> Outcome:
    """Return the outcome of a call that returns a map or raises."""
    try:
        found = explain()
    except ParameterError as error:
        return Outcome("refused", message=str(error))
    except Exception as error:  # whatever else a user would meet as a traceback
        return Outcome("crashed", message=f"{type(error).__name__}: {error}")
    if found.shape != expected.shape:
        return Outcome("wrong", float("inf"), f"shape {tuple(found.shape)}")
    error = largest_error(found, expected)
    return Outcome("right" if error <= TOLERANCE else "wrong", error)


def explained(network: Network, model, method: str, bias_factor: float) -> torch.Tensor:
    """Return the package's map, with stabilisers that vanish."""
    vanishing = {"epsilon", "stabilizer"} & set(attribution.options(method))
    options = dict.fromkeys(vanishing, 1e-12) | {"bias_factor": bias_factor}
    if network.output is not None:
        options["output"] = network.output
    if network.class_axis is not None:
        options["class_axis"] = network.class_axis
    return attribution.attribute(model, network.inputs(), network.target, method, **options)


def row(network: Network) -> dict[tuple[str, float], Outcome]:
    """Return the outcomes of one network by every method."""
    reference, model = reference_of(network), network.model()
    outcomes = {}
    for method, factor in CASES:
        rule = replace(METHODS[method], bias_factor=factor)
        expected = reference.relevance(network.target, rule)

        def explain(method=method, factor=factor):
            return explained(network, model, method, factor)

        outcomes[method, factor] = judged(explain, expected)
    return outcomes


def table() -> dict[tuple[str, str, float], Outcome]:
    """Return every outcome by (network, method, bias_factor)."""
    rows = {name: row(network) for name, network in NETWORKS.items()}
    return {(name, *case): found for name, cells in rows.items() for case, found in cells.items()}
