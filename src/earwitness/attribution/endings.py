"""What is known of a network's output: a softmax or sigmoid at the end, and which axis its classes
lie on.

Both are seen while the network runs, not guessed from its modules: the last operation may be a
function, and the same shape (batch, 10, 10) comes out of convolutions and of dense layers.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.overrides import TorchFunctionMode

_FINAL = {"softmax", "log_softmax", "sigmoid", "logsigmoid", "log_sigmoid", "special_expit"}
_CHANNELS_LAST = {"linear", "lstm", "gru", "rnn_tanh", "rnn_relu"}
_CHANNELS_FIRST = {
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
}
_SAME_AXES = {
    "relu",
    "gelu",
    "tanh",
    "elu",
    "silu",
    "leaky_relu",
    "hardtanh",
    "relu6",
    "softplus",
    "dropout",
    "contiguous",
    "clone",
    "add",
    "sub",
    "mul",
    "div",
    "batch_norm",
    "layer_norm",
    "float",
    "double",
    "to",
    "clamp",
    "hardswish",
    "mish",
    "alpha_dropout",
    "neg",
    "abs",
}
_MOVING = {
    "squeeze",
    "view",
    "reshape",
    "flatten",
    "unsqueeze",
    "getitem",
    "select",
    "contiguous",
    "clone",
    "float",
    "double",
    "to",
    "transpose",
    "permute",
    "mT",
    "__getitem__",
    "movedim",
    "swapaxes",
}


class ProbabilityWarning(UserWarning):
    """A network ends in probabilities; its logits are explained."""


@dataclass(slots=True)
class Ending:
    """What is known of a value that may be a network's output.

    Attributes
    ----------
    axis : int, optional
        On which of its axes the channels or classes lie.
    logits : callable, optional
        Returns what stood before the softmax or sigmoid that made it.
    by : str
        Name of that operation.
    """

    axis: int | None = None
    logits: Callable[[], torch.Tensor] | None = None
    by: str = ""


def note(name: str, function, args: tuple, kwargs: dict, result) -> None:
    """Write on the result of an operation what is known of it as an output."""
    if isinstance(result, tuple) and name in _CHANNELS_LAST:
        result = result[0]
    if not isinstance(result, torch.Tensor):
        return
    x = args[0] if args else kwargs.get("input")
    if result is x and name not in _FINAL:
        return
    before = getattr(x, "_ending", None) or Ending()
    if name in _CHANNELS_LAST:
        result._ending = Ending(result.ndim - 1)
    elif name in _CHANNELS_FIRST:
        result._ending = Ending(result.ndim - len(name[-2]) - int(name[-2]))
    elif name in _FINAL and result is not x:
        axis = _summing_to_one(name, x.ndim, args, kwargs) if before.axis is None else before.axis
        result._ending = Ending(axis, lambda: x, name)
    elif name in _SAME_AXES | _MOVING and (before.axis is not None or before.logits is not None):
        axis = before.axis if name in _SAME_AXES else _moved(name, before.axis, x.ndim, args)
        logits = None
        if before.logits is not None and name in _MOVING:

            def logits():
                moved = function(before.logits(), *args[1:], **kwargs)
                moved._ending = Ending(axis)
                return moved

        result._ending = Ending(axis, logits, before.by)


def _summing_to_one(name: str, n_axes: int, args: tuple, kwargs: dict) -> int | None:
    """Return the axis of a softmax, over which its values share out a probability of one."""
    axis = args[1] if len(args) > 1 else kwargs.get("dim")
    return axis % n_axes if "softmax" in name and isinstance(axis, int) else None


def _moved(name: str, axis: int | None, n_axes: int, args: tuple) -> int | None:
    """Return where an axis lies after a change of order, or None where it may be gone."""
    if axis is None:
        return None
    order = list(range(n_axes))
    if name in ("transpose", "swapaxes") and len(args) == 3:
        first, second = args[1:]
        order[first], order[second] = order[second], order[first]
    elif name == "mT":
        order[-1], order[-2] = order[-2], order[-1]
    elif name == "permute":
        given = args[1] if isinstance(args[1], tuple | list) else args[1:]
        order = [place % n_axes for place in given]
    elif name not in ("contiguous", "clone", "float", "double", "to"):
        return None
    return order.index(axis)


class Endings(TorchFunctionMode):
    """Inside the ``with`` block, results of operations carry an :class:`Ending`."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        name = getattr(function, "__name__", "")
        if name == "__get__":
            name = getattr(function.__self__, "__name__", "")
        note(
            name.strip("_") if name != "__getitem__" else "getitem",
            function,
            args,
            kwargs or {},
            result,
        )
        return result


def before_probabilities(output: torch.Tensor, told: list) -> torch.Tensor:
    """Return the logits of a network that ends in a softmax or sigmoid, and say so once; other
    outputs as they are.
    """
    ending = getattr(output, "_ending", None)
    if ending is None or ending.logits is None:
        return output
    if not told:
        told.append(True)
        warnings.warn(
            f"The model ends in {ending.by}: its input, the logit, is explained. For the "
            "probability itself "
            "say probabilities=True.",
            ProbabilityWarning,
            stacklevel=2,
        )
    return ending.logits()
