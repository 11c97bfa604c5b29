"""Small networks and inputs that the tests of attribution share."""

import torch
from torch import nn


def kaiming(model, seed=0, bias=0.0):
    """Give layers Kaiming weights and biases of standard deviation ``bias``, so that relevance
    reaches the input.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
        scale = (2 / fan_in) ** 0.5 if parameter.ndim > 1 else bias
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        parameter.data = (scale * noise).to(parameter.dtype)
    return model.eval()


def waveform_net(n_classes=3, bias=True):
    return nn.Sequential(
        nn.Conv1d(1, 6, 5, stride=2, padding=2, bias=bias),
        nn.ReLU(),
        nn.MaxPool1d(3, 2, ceil_mode=True),
        nn.Conv1d(6, 8, 3, padding=1, groups=2, bias=bias),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Flatten(),
        nn.Linear(40, 12, bias=bias),
        nn.ReLU(),
        nn.Linear(12, n_classes, bias=bias),
    )


def spectrogram_net(n_classes=3, bias=True):
    return nn.Sequential(
        nn.Conv2d(1, 4, (5, 3), stride=(2, 1), padding=(0, 1), bias=bias),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=bias),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(90, 10, bias=bias),
        nn.Linear(10, n_classes, bias=bias),
    )


INPUT_SHAPES = {waveform_net: (1, 40), spectrogram_net: (1, 17, 11)}


def signals(shape, seed=0, n=4, dtype=torch.float64):
    """Return ``n`` signed inputs (n, *shape)."""
    return torch.randn(
        (n, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).to(dtype)


def largest_error(ours, theirs):
    """Return the largest difference, relative to each clip's largest value: the worst clip's."""
    ours, theirs = ours.flatten(1), theirs.flatten(1)
    return float(((ours - theirs).abs().amax(1) / theirs.abs().amax(1)).max())
