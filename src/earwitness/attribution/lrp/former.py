"""The composite of the first edition, for one release: registered with a network, the network runs
as LRP follows it.
"""

from torch import nn

from earwitness.attribution.lrp.composites import composite
from earwitness.attribution.lrp.dispatch import Linearised
from earwitness.attribution.lrp.operations import TABLE
from earwitness.attribution.validation import frozen


def sums(epsilon: float, bias_factor: float) -> dict:
    """Return the options of the epsilon rule."""
    return {"epsilon": epsilon, "stabilizer": epsilon, "bias_factor": bias_factor}


class Registered:
    """From :meth:`register` to :meth:`remove` a network returns what it returns, with the
    derivative of its frozen linearisation: times the input, that is its relevance.
    """

    def __init__(self, options: dict, rules=None):
        self.composite, self.models = composite({}, rules, **options), []

    def register(self, model: nn.Module) -> None:
        """Let LRP follow every call of the model."""
        forward = model.forward

        def followed(x, *args, **kwargs):
            mode = Linearised(model, self.composite, TABLE)
            leaf = x if x.requires_grad else x.detach().clone().requires_grad_()
            with frozen(model), mode.places(), mode:
                return forward(mode.enter(leaf), *args, **kwargs)

        model.forward = followed
        self.models.append(model)

    def remove(self) -> None:
        """Leave every model as it was."""
        while self.models:
            del self.models.pop().forward
