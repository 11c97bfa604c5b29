"""The networks exactly as published; every layer a module of its own, so that hooks see it."""

from collections.abc import Callable

from torch import nn

from earwitness.errors import choose
from earwitness.models.alexnet import AlexNet
from earwitness.models.audionet import AudioNet

_MODELS: dict[str, Callable[..., nn.Module]] = {"AlexNet": AlexNet, "AudioNet": AudioNet}


def names() -> list[str]:
    """Return the names that :func:`create` knows."""
    return sorted(_MODELS)


def create(name: str, n_classes: int) -> nn.Module:
    """Return an untrained network by name.

    Raises
    ------
    UnknownNameError
        If there is no network of that name.
    """
    return _MODELS[choose(name, _MODELS, "model")](n_classes)


__all__ = ["AlexNet", "AudioNet", "create", "names"]
