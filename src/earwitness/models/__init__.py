"""The networks exactly as published; every layer a module of its own, so that hooks see it."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from earwitness import features
from earwitness.arguments import checked
from earwitness.models import crepe, dnsmos, nisqa, packaged, resemblyzer, weights
from earwitness.models.alexnet import AlexNet
from earwitness.models.audionet import AudioNet
from earwitness.models.crepe import Crepe
from earwitness.models.digitnet import DigitNet
from earwitness.models.dnsmos import Dnsmos
from earwitness.models.doacrnn import DoaCRNN, locate
from earwitness.models.inference import device_of, evaluation_mode, for_prediction, logits
from earwitness.models.rawwave import PhoneCNN, SpeakerCNN
from earwitness.models.registry import create, find, names, register, sample_rate
from earwitness.models.resemblyzer import VoiceEncoder
from earwitness.models.silero import SileroVad
from earwitness.models.weights import Pretrained, pretrained


@checked
@torch.no_grad()
def describe(model: nn.Module, input_shape: tuple[int, ...]) -> pd.DataFrame:
    """Return a row per layer of a network: name, kind, output shape for one input of
    ``input_shape``, weights.
    """
    rows, handles = [], []

    def note(name):
        def hook(layer, _, output):
            output = (
                output[0] if isinstance(output, tuple) else output
            )  # of a recurrent layer: all steps
            n_weights = sum(weight.numel() for weight in layer.parameters())
            rows.append(
                {
                    "layer": name,
                    "kind": type(layer).__name__,
                    "output": tuple(output.shape[1:]),
                    "weights": n_weights,
                }
            )

        return hook

    try:
        for name, layer in model.named_modules():
            if not any(layer.children()):
                handles.append(layer.register_forward_hook(note(name)))
        with evaluation_mode(model):
            model(torch.zeros(1, *input_shape, device=device_of(model)))
    finally:
        for handle in handles:
            handle.remove()
    return pd.DataFrame(rows)


@checked
def frame_logits(
    model: nn.Module, samples: np.ndarray, hop: int = features.windowing.HOP
) -> torch.Tensor:
    """Return a raw-waveform network's outputs for the frames of an utterance, (n_frames,
    n_classes).

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
    Each frame is the window around its middle, normalised:
    :func:`earwitness.features.frame_centres`.
    """
    length = getattr(model, "n_samples", features.windowing.LENGTH)
    stretches = features.windows(samples, features.frame_centres(len(samples), hop), length)
    return logits(model, torch.from_numpy(features.normalised(stretches))[:, None])


__all__ = [
    "AlexNet",
    "AudioNet",
    "Crepe",
    "DigitNet",
    "Dnsmos",
    "DoaCRNN",
    "PhoneCNN",
    "Pretrained",
    "SileroVad",
    "SpeakerCNN",
    "VoiceEncoder",
    "create",
    "crepe",
    "describe",
    "dnsmos",
    "evaluation_mode",
    "find",
    "for_prediction",
    "frame_logits",
    "locate",
    "logits",
    "names",
    "nisqa",
    "packaged",
    "pretrained",
    "register",
    "resemblyzer",
    "sample_rate",
    "weights",
]
