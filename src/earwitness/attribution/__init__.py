"""Why did the network predict this? One entry, :func:`attribute`, for every method; one module per
family.

A method registers itself by its name with :func:`earwitness.attribution.registry.method`; the
keyword-only arguments of its function are its options.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from earwitness.arguments import checked
from earwitness.attribution import (  # noqa: F401  each registers its methods
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
from earwitness.attribution import registry as _registry
from earwitness.attribution.baseline import relative_to
from earwitness.attribution.completeness import Completeness, Explanations, completeness
from earwitness.attribution.conductance import layer_conductance
from earwitness.attribution.deeplift import deeplift_all
from earwitness.attribution.endings import ProbabilityWarning
from earwitness.attribution.filters import cumulative_response, dictionary_response
from earwitness.attribution.gradients import integrated_gradients_all
from earwitness.attribution.lrp import Conservation, explain_support
from earwitness.attribution.occlusion import OcclusionMap, occlusion_map
from earwitness.attribution.question import Asked, Question, cut
from earwitness.attribution.segments import over_segments
from earwitness.attribution.sliding import relevance_signal, relevance_signals
from earwitness.attribution.validation import check_inputs, check_options, frozen, original, prepare
from earwitness.errors import ParameterError


def methods() -> list[str]:
    """Return the names of all methods."""
    return list(_registry.registered())


@checked
def options(method: str) -> dict[str, object]:
    """Return the options that a method takes, with their defaults."""
    return _registry.find(method).options


@checked
def family(method: str) -> str:
    """Return what kind of method it is: ``"lrp"``, ``"gradient"``, ``"perturbation"``,
    ``"frequency"``, ``"control"``, or another.
    """
    return _registry.find(method).family


@checked
def attribute(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int | Sequence[int] | torch.Tensor | str | tuple,
    method: str = "lrp-epsilon",
    rules: Mapping | None = None,
    output: str | int | Callable | None = None,
    *,
    class_axis: int | None = None,
    probabilities: bool = False,
    at: str | None = None,
    additional_forward_args: object = (),
    **chosen,
) -> torch.Tensor:
    """Return how much each input value speaks for (> 0) or against (< 0) the target, in a model
    left as it was.

    Parameters
    ----------
    model : nn.Module
        Returns logits (batch, n_classes); or (batch, time, n_classes) or (batch, n_classes, time):
        then the logits of all steps are explained together. Evaluated in evaluation mode; training
        flags, parameters and hooks are restored, errors included.
    inputs : Tensor, shape (batch, ...)
        Never changed. Computed in the model's precision on the model's device.
    target : int, sequence of int, LongTensor of shape (batch,), "predicted", or a pair
        Output index to explain, one for all clips or one for each; its logit is explained, not its
        probability. ``"predicted"``: the highest logit of each clip. A tuple ``(a, b)``: a against
        b, the difference of their logits; each of the two an index or one for each clip.
    method : str
        One of :func:`methods`.
    rules : mapping, optional
        For LRP methods: which rule treats which layer, before the method's own table. Keys are
        patterns of names (``"encoder.*"``), types (``nn.Conv1d``), functions of the module, or
        ``"first layer"``, ``"convolutions"``, ``"dense layers"``; values ``"epsilon"``, ``"plus"``,
        ``"gamma"``, ``"linear"``, ``"pass"`` (a whole module hands relevance on value by value), or
        a function ``(layer, x, output, relevance) -> relevance of x``.
    output : str, int or callable, optional
        Which of several outputs is explained: a name, an index, or a function that picks the
        logits.
    class_axis : int, optional
        On which axis of an output of three axes and more the classes lie; by default where the last
        layer puts them.
    probabilities : bool
        Whether the probabilities of a network that ends in softmax or sigmoid are explained. By
        default its logits are, with a warning.
    at : str, optional
        For LRP methods: name of a module, ``"spectrogram"``, whose output is explained instead of
        the input.
    additional_forward_args : tuple
        What the model takes after its inputs (lengths, masks), handed through unchanged; tensors
        that have a row for each clip go with their clips.
    **chosen
        The method's own options, see :func:`options`; ``batch_size`` (clips at a time) for most.

    Returns
    -------
    Tensor, shape of ``inputs``, or of the output of the module ``at``
        For LRP, in units of the explained logit; for gradients, logit per unit of input. On the
        inputs' device.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ParameterError
        If an option, the target or the inputs are not what the method takes;
        :class:`UnsupportedOperationError`, which is one, if the model has an operation that the
        method has no rule for.
    ConservationError
        If relevance does not add up to what is explained.
    """
    known = _registry.find(method)
    check_options(known.function, known.name, chosen)
    if (rules or at) and known.family != "lrp":
        raise ParameterError(
            f"{known.name} takes neither rules nor at: these belong to the LRP methods."
        )
    given = {"rules": rules, "at": at} if known.family == "lrp" else {}
    asked = _Asking(model, output, class_axis, probabilities, additional_forward_args)

    def explain(network, x, index):
        return known.function(network, x, index, **given, **chosen)

    return asked.each(inputs, target, explain, torch.cat).detach().to(inputs.device)


@checked
def conservation(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int | Sequence[int] | torch.Tensor | str | tuple,
    method: str = "lrp-epsilon",
    rules: Mapping | None = None,
    output: str | int | Callable | None = None,
    *,
    class_axis: int | None = None,
    probabilities: bool = False,
    at: str | None = None,
    additional_forward_args: object = (),
    **chosen,
) -> Conservation:
    """Return the ledger of an LRP explanation: explained logit, relevance, and what each operation
    absorbed.

    Parameters
    ----------
    model, inputs, target, rules, output, class_axis, probabilities, at, additional_forward_args,
    **chosen
        As :func:`attribute` takes them. Clips go through one by one.
    method : str
        One of the LRP methods.

    Raises
    ------
    UnknownNameError, ParameterError, ConservationError
        As :func:`attribute`.
    """
    known = _registry.find(method, "lrp")
    check_options(known.function, known.name, chosen)
    asked = _Asking(model, output, class_axis, probabilities, additional_forward_args, clips=1)

    def explain(network, x, index):
        return lrp.balance(network, x, index, known.function, rules, at, **chosen)

    return asked.each(inputs, target, explain, Conservation.joined)


class _Asking:
    """A question about a model, put for all clips at once where that is one question, else for some
    at a time.
    """

    def __init__(self, model, output, class_axis, probabilities, args, clips=None):
        self.model, self.clips = original(model), clips
        args = args if isinstance(args, tuple) else (args,)
        self.question = Question(output, class_axis, None, probabilities, args)

    def each(self, inputs, target, explain, join):
        """Return what ``explain(network, inputs, index)`` returns for all clips, joined in their
        order.
        """
        check_inputs(inputs)
        with frozen(self.model):
            target, against = self._resolved(inputs, target)
            parts = [
                explain(*self._asked(inputs[part], target, against, part, len(inputs)))
                for part in self._parts(len(inputs), against)
            ]
        return parts[0] if len(parts) == 1 else join(parts)

    def _parts(self, n_clips, against):
        """Return which clips share a question: all, unless further arguments or the counterpart
        tell them apart.
        """
        cuts = cut(self.question.args, n_clips, slice(0, 1))
        apart = any(one is not whole for one, whole in zip(cuts, self.question.args, strict=True))
        if n_clips > 1 and (apart or (against is not None and len(set(against)) > 1)):
            return [slice(clip, clip + 1) for clip in range(n_clips)]
        return [slice(0, n_clips)]

    def _asked(self, inputs, target, against, part, n_clips):
        question = Question(
            **{**vars(self.question), "args": cut(self.question.args, n_clips, part)}
        )
        if against is not None:
            question.against = against[part.start]
        inner, index = prepare(self.model, inputs, target[part])
        return Asked(self.model, question), inner, index

    def _resolved(self, inputs, target):
        """Return the targets as indices (batch,), and those they are held against as a list, or
        None.
        """
        against = None
        if isinstance(target, tuple) and len(target) == 2:
            target, against = (self._indices(inputs, one) for one in target)
            return target, against.tolist()
        return self._indices(inputs, target), against

    def _indices(self, inputs, target):
        if isinstance(target, str) and target == "predicted":
            return self._predicted(inputs)
        return prepare(self.model, inputs, target)[1]

    @torch.no_grad()
    def _predicted(self, inputs):
        scores = []
        for clip in range(len(inputs)):
            question = Question(
                **{
                    **vars(self.question),
                    "args": cut(self.question.args, len(inputs), slice(clip, clip + 1)),
                }
            )
            inner, _ = prepare(self.model, inputs[clip : clip + 1], 0)
            logits = Asked(self.model, question)(inner)
            scores.append(logits.flatten(1, -2).sum(1) if logits.ndim > 2 else logits)
        return torch.cat(scores).argmax(-1)


__all__ = [
    "Completeness",
    "Conservation",
    "Explanations",
    "OcclusionMap",
    "ProbabilityWarning",
    "attribute",
    "completeness",
    "conservation",
    "cumulative_response",
    "deeplift_all",
    "dictionary_response",
    "explain_support",
    "family",
    "integrated_gradients_all",
    "layer_conductance",
    "methods",
    "occlusion_map",
    "options",
    "over_segments",
    "relative_to",
    "relevance_signal",
    "relevance_signals",
]
