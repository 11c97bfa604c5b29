"""Why did the network answer so? One entry, :func:`attribute`, for every method; one module per family.

A family is a module with a dict ``METHODS``: name -> function ``(model, inputs, target, *, options)``. The keyword-only
arguments of that function are the method's options.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from earwitness.attribution import (
    audiolime,
    conductance,
    controls,
    deeplift,
    dft_lrp,
    gradcam,
    gradients,
    lrp,
    occlusion,
    rise,
    shap,
    smoothing,
)
from earwitness.attribution.baseline import relative_to
from earwitness.attribution.calls import check_options, frozen, keyword_options, prepare
from earwitness.attribution.completeness import Completeness, Explanations, completeness
from earwitness.attribution.conductance import layer_conductance
from earwitness.attribution.deeplift import deeplift_all
from earwitness.attribution.filters import cumulative_response, dictionary_response
from earwitness.attribution.gradients import integrated_gradients_all
from earwitness.attribution.lrp import Conservation, conservation
from earwitness.attribution.occlusion import OcclusionMap, occlusion_map
from earwitness.attribution.peers import DISAGREEMENTS
from earwitness.attribution.segments import over_segments
from earwitness.attribution.sliding import relevance_signal, relevance_signals
from earwitness.errors import check_choice

_FAMILIES = (lrp, gradients, smoothing, gradcam, deeplift, conductance, occlusion, dft_lrp, audiolime, shap, rise,
             controls)
_METHODS: dict[str, Callable[..., torch.Tensor]] = {
    name: method for family in _FAMILIES for name, method in family.METHODS.items()
}
_EPSILON = 1e-6


def methods() -> list[str]:
    """Return the names of all methods."""
    return sorted(_METHODS)


def options(method: str) -> dict[str, object]:
    """Return the options that a method takes, with their defaults."""
    return keyword_options(_METHODS[check_choice(method, _METHODS, "attribution method")])


def attribute(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int | Sequence[int] | torch.Tensor,
    method: str = "lrp-epsilon",
    epsilon: float | None = None,
    **chosen,
) -> torch.Tensor:
    """Return how much each input value speaks for (> 0) or against (< 0) the target, in a model left as it was.

    Parameters
    ----------
    model : nn.Module
        Answers logits (batch, n_classes), or (batch, time, n_classes): then the logits of all steps are explained
        together. Evaluated in evaluation mode; training flags, parameters and hooks are restored, errors included.
    inputs : Tensor, shape (batch, ...)
        Never changed. Computed in the model's precision on the model's device.
    target : int, sequence of int or LongTensor of shape (batch,)
        Output index to explain; its logit is explained, not its probability.
    method : str
        One of :func:`methods`.
    epsilon : float, optional
        Stabiliser of the LRP rules, in units of the pre-activations; by default the method's own: 1e-6, or 0.01 in
        ``"sound-direction"``. Methods without one refuse other values than 1e-6.
    **chosen
        The method's own options, see :func:`options`; ``batch_size`` (clips at a time) for most.

    Returns
    -------
    Tensor, shape of ``inputs``
        For LRP, in units of the explained logit; for gradients, logit per unit of input. On the inputs' device.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ParameterError
        If an option, the target or the inputs are not what the method takes.
    """
    taken = options(method)
    if epsilon is not None and ("epsilon" in taken or epsilon != _EPSILON):
        chosen["epsilon"] = epsilon
    check_options(_METHODS[method], method, chosen)
    inner, index = prepare(model, inputs, target)
    with frozen(model):
        relevance = _METHODS[method](model, inner, index, **chosen)
    return relevance.detach().to(inputs.device)


__all__ = [
    "DISAGREEMENTS", "Completeness", "Conservation", "Explanations", "OcclusionMap", "attribute", "completeness",
    "conservation", "cumulative_response", "deeplift_all", "dictionary_response", "integrated_gradients_all",
    "layer_conductance", "methods", "occlusion_map", "options", "over_segments",
    "relative_to", "relevance_signal", "relevance_signals",
]
