"""Layer-wise relevance propagation through any network, operation by operation.

:mod:`~earwitness.attribution.lrp.dispatch` follows the forward pass;
:mod:`~earwitness.attribution.lrp.operations` has one table operation -> rule;
:mod:`~earwitness.attribution.lrp.layers` has the rules that share relevance in layers with weights;
:mod:`~earwitness.attribution.lrp.composites` says which rule treats which layer.

What bias and stabiliser of a sum take is lost on the way to the input. Every method has an option
``bias_factor`` for it: 0 leaves it lost, 1 hands it down, so that the relevance of the input sums
to the explained logit. It goes evenly to all inputs of the sum; with the plus rule in proportion to
the positive contributions, where there are any.
"""

from earwitness.attribution.lrp.methods import (
    Conservation,
    balance,
    explain_support,
    lrp_alpha1_beta0,
    lrp_epsilon,
    lrp_epsilon_plus,
    lrp_gamma,
    lrp_kiyan2022,
)
from earwitness.attribution.lrp.operations import TABLE, operation
from earwitness.former import names_of

__all__ = [
    "TABLE",
    "Conservation",
    "balance",
    "explain_support",
    "lrp_alpha1_beta0",
    "lrp_epsilon",
    "lrp_epsilon_plus",
    "lrp_gamma",
    "lrp_kiyan2022",
    "operation",
    "stabilize",
]

__getattr__ = names_of(__name__)


def stabilize(values, epsilon: float = 1e-6):
    """Return ``values`` plus ``epsilon`` with their sign; zero counts as positive."""
    return values + (values.sign() + (values == 0)) * epsilon
