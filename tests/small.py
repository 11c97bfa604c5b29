"""A small network, a short sound, and the one explained to the other."""

import numpy as np
import torch
from torch import nn

import earwitness

RATE = 4000
FILES = {  # what an explanation of a waveform is written into
    "arrays.npz",
    "control.wav",
    "explanation.wav",
    "flipping.png",
    "map.png",
    "numbers.json",
    "report.html",
    "signal.wav",
    "waveform.png",
}


def net(n_classes=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv1d(1, 6, 9, 2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(6, 6, 5),
        nn.ReLU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(6, n_classes),
    ).eval()


def chirp(n=2000, rate=RATE):
    t = np.arange(n) / rate
    return (0.3 * np.sin(2 * np.pi * 300 * t * (1 + t)) * np.exp(-3 * t)).astype(np.float32)


def explain(model=None, sound=None, **more):
    return earwitness.explain(
        sound or (chirp(), RATE), model or net(), **{"sample_rate": RATE} | more
    )
