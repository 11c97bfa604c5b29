"""What is asked of a network: which of its outputs, on which axis its classes lie, what is held
against what.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from earwitness.attribution.endings import Endings, before_probabilities
from earwitness.errors import ParameterError
from earwitness.models.inference import named


@dataclasses.dataclass
class Question:
    """How the explained logits are read from what a network returns.

    Attributes
    ----------
    output : str, int or callable, optional
        Which of several outputs: a key, a field or an index, or a function of all the network
        returns.
    class_axis : int, optional
        Axis of the classes in outputs of three axes and more. By default the one that the last
        layer puts them on.
    against : int, optional
        Output whose logit is subtracted.
    probabilities : bool
        Whether the probabilities of a network that ends in softmax or sigmoid are explained, rather
        than its logits.
    args : tuple
        What the network takes besides its input; tensors with a row for each clip are cut like the
        clips.
    """

    output: str | int | Callable | None = None
    class_axis: int | None = None
    against: int | None = None
    probabilities: bool = False
    args: tuple = ()
    told: list = dataclasses.field(default_factory=list)

    def read(self, returned) -> torch.Tensor:
        """Return the logits (batch, [time, ...] n_classes) from what a network returned.

        Raises
        ------
        ParameterError
            If it is not clear which of several outputs, or which axis, is meant.
        """
        logits = self.picked(returned)
        if not self.probabilities:
            logits = before_probabilities(logits, self.told)
        logits = self._classes_last(logits)
        if self.against is None:
            return logits
        check_exists(self.against, logits.shape[-1])
        return logits - logits[..., self.against : self.against + 1]

    def picked(self, returned) -> torch.Tensor:
        """Return the one of several outputs that is meant, as the network returned it.

        Raises
        ------
        ParameterError
            If it is not clear which.
        """
        if callable(self.output):
            picked = self.output(returned)
        elif self.output is not None:
            picked = _field(returned, self.output)
        else:
            picked = returned
        if not isinstance(picked, torch.Tensor):
            raise ParameterError(
                f"The model returns {_described(returned)}: say which is explained, with output= a "
                "name, an index or a function that picks it."
            )
        return picked

    def _classes_last(self, logits):
        if logits.ndim == 1:  # one number a clip
            return logits[:, None]
        axis = self.class_axis
        if logits.ndim > 2 and axis is None:
            axis = getattr(getattr(logits, "_ending", None), "axis", None)
            if axis is None:
                raise ParameterError(
                    f"The model returns {tuple(logits.shape)}: say with class_axis= which axis the "
                    "classes lie on, 1 for (batch, classes, time), -1 for (batch, time, classes)."
                )
        if axis is None:
            return logits
        if not -logits.ndim <= axis < logits.ndim or axis % logits.ndim == 0:
            raise ParameterError(
                f"class_axis must be an axis of {tuple(logits.shape)} other than the first, "
                f"got {axis}."
            )
        return logits.movedim(axis, -1)


def check_exists(index, n_outputs: int, what: str = "Target") -> None:
    """Raise ParameterError if a network with so many outputs has none of that index."""
    whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
    if not whole or not 0 <= index < n_outputs:
        raise ParameterError(
            f"{what} {index!r} does not exist: outputs go from 0 to {n_outputs - 1}."
        )


def _field(returned, name):
    """Return one of several outputs by key, attribute or index."""
    if isinstance(name, int):
        values = list(returned.values()) if isinstance(returned, dict) else returned
        if isinstance(values, tuple | list) and -len(values) <= name < len(values):
            return values[name]
    elif isinstance(returned, dict) and name in returned:
        return returned[name]
    elif not isinstance(returned, torch.Tensor) and hasattr(returned, name):
        return getattr(returned, name)
    raise ParameterError(f"The model has no output {name!r}; it returns {_described(returned)}.")


def _described(returned) -> str:
    """Return in words what a network returned."""
    if isinstance(returned, torch.Tensor):
        return f"one tensor {tuple(returned.shape)}"
    if isinstance(returned, dict):
        parts = returned.items()
    elif dataclasses.is_dataclass(returned):
        parts = (
            (field.name, getattr(returned, field.name)) for field in dataclasses.fields(returned)
        )
    elif hasattr(returned, "_fields"):
        parts = zip(returned._fields, returned, strict=True)
    elif isinstance(returned, tuple | list):
        parts = enumerate(returned)
    else:
        return f"a {type(returned).__name__}"
    shown = (
        f"{name!r}: "
        f"{tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__}"
        for name, value in parts
    )
    return f"{type(returned).__name__} ({', '.join(shown)})"


class Asked(nn.Module):
    """A network with a question: called, it returns the logits (batch, [time,] n_classes) that are
    explained.
    """

    def __init__(self, model: nn.Module, question: Question):
        super().__init__()
        self.model, self.question = model, question

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        with named(self.model, x), Endings():
            returned = self.model(x, *fitted(self.question.args, len(x)))
        return self.question.read(returned)


def asked_of(model: nn.Module) -> nn.Module:
    """Return the network that a question is put to: its layers have the names that the user
    knows.
    """
    return model.model if isinstance(model, Asked) else model


def fitted(args: Sequence, n_rows: int) -> tuple:
    """Return further arguments for ``n_rows`` clips: those of one clip are repeated."""
    return tuple(
        arg.expand(n_rows, *arg.shape[1:])
        if isinstance(arg, torch.Tensor) and arg.ndim and len(arg) == 1 and n_rows > 1
        else arg
        for arg in args
    )


def cut(args: Sequence, n_clips: int, part: slice) -> tuple:
    """Return further arguments with a row for each clip cut to some clips."""
    return tuple(
        arg[part] if isinstance(arg, torch.Tensor) and arg.ndim and len(arg) == n_clips else arg
        for arg in args
    )
