"""The networks exactly as published; every layer a module of its own, so that hooks see it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import features
from earwitness.errors import check_choice
from earwitness.models import nisqa, weights
from earwitness.models.alexnet import AlexNet
from earwitness.models.audionet import AudioNet
from earwitness.models.doacrnn import DoaCRNN, locate
from earwitness.models.rawwave import PhoneCNN, SpeakerCNN
from earwitness.models.weights import Pretrained

_MODELS: dict[str, Callable[..., nn.Module]] = {
    network.__name__: network for network in (AlexNet, AudioNet, PhoneCNN, SpeakerCNN)
}


def pretrained(name: str) -> Pretrained:
    """Return a network with the weights that the repository ships, one of ``weights.NAMES``.

    ``"phone-cnn"`` and ``"speaker-cnn"`` hear waveforms; ``"doa-intensity"``, ``"doa-order1"`` and ``"doa-order2"``
    find directions, and their ``classes`` are pairs of azimuth and elevation in degrees.

    Raises
    ------
    UnknownNameError
        If none of that name is shipped.
    MissingDataError
        If its weights or its card are not in ``data/weights``.
    DamagedDataError
        If the card cannot be read, or the weights are not the file it describes.
    """
    return weights.restore(name, {**_MODELS, "DoaCRNN": DoaCRNN})


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
    return _MODELS[check_choice(name, _MODELS, "model")](n_classes)


@torch.no_grad()
def describe(model: nn.Module, input_shape: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per layer of a network: name, kind, output shape for one input of ``input_shape``, weights."""
    rows, handles = [], []

    def note(name):
        def hook(layer, _, output):
            output = output[0] if isinstance(output, tuple) else output  # of a recurrent layer: all steps
            n_weights = sum(weight.numel() for weight in layer.parameters())
            rows.append({"layer": name, "kind": type(layer).__name__, "output": tuple(output.shape[1:]),
                         "weights": n_weights})
        return hook

    try:
        for name, layer in model.named_modules():
            if not any(layer.children()):
                handles.append(layer.register_forward_hook(note(name)))
        model(torch.zeros(1, *input_shape))
    finally:
        for handle in handles:
            handle.remove()
    return pd.DataFrame(rows)


@torch.no_grad()
def logits(model: nn.Module, inputs: torch.Tensor, batch_size: int = 100) -> torch.Tensor:
    """Return the outputs (n, n_classes) of a model in evaluation mode for inputs (n, ...), a batch at a time."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        return torch.cat([model(part.to(device)).float().cpu() for part in inputs.split(batch_size)])
    finally:
        model.train(was_training)


def frame_logits(model: nn.Module, samples: np.ndarray, hop: int = features.windowing.HOP) -> torch.Tensor:
    """Return a raw-waveform network's outputs for the frames of an utterance, (n_frames, n_classes).

    Parameters
    ----------
    model : Module
        :class:`PhoneCNN` or :class:`SpeakerCNN`.
    samples : ndarray, shape (T,)
        At 16 kHz.
    hop : int
        Samples from frame to frame; 160 is 10 ms.

    Notes
    -----
    Each frame is the window around its middle, normalised: :func:`earwitness.features.frame_centres`.
    """
    length = getattr(model, "n_samples", features.windowing.LENGTH)
    stretches = features.windows(samples, features.frame_centres(len(samples), hop), length)
    return logits(model, torch.from_numpy(features.normalised(stretches))[:, None])


__all__ = [
    "AlexNet", "AudioNet", "DoaCRNN", "PhoneCNN", "Pretrained", "SpeakerCNN", "create", "describe", "frame_logits",
    "locate", "logits", "names", "nisqa", "pretrained",
]
