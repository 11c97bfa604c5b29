"""A network small enough for a page: the book's own, trained on spoken digits."""

import torch
from torch import nn

from earwitness.features import compact
from earwitness.models.registry import register
from earwitness.models.shape import check_shape, check_sizes

INPUT_SHAPE = (1, compact.N_BANDS, compact.N_FRAMES)
CHANNELS = (16, 32, 64, 64)
_BANDS_LEFT = compact.N_BANDS // 8


@register(sample_rate=8000, audio="spectrogram", tasks=("page",), input_shape=INPUT_SHAPE)
class DigitNet(nn.Sequential):
    """Four convolutions of 3 x 3 with batch norm and ReLU, max-poolings by two between them, the
    mean over time, one dense layer: 63,786 weights for ten classes.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits).

    Notes
    -----
    Input (batch, 1, 40, 81): :func:`earwitness.features.compact_spectrogram`. Output (batch,
    n_classes). Of no paper: it is the network that the page *Try your own voice* runs in a
    browser.
    """

    represent = staticmethod(compact.compact_spectrogram)

    def __init__(self, n_classes: int):
        check_sizes(n_classes=n_classes)
        super().__init__()
        n_in = 1
        for i, n_out in enumerate(CHANNELS, start=1):
            self.add_module(f"conv{i}", nn.Conv2d(n_in, n_out, 3, padding=1))
            self.add_module(f"bn{i}", nn.BatchNorm2d(n_out))
            self.add_module(f"relu{i}", nn.ReLU())
            if i < len(CHANNELS):
                self.add_module(f"pool{i}", nn.MaxPool2d(2))
            n_in = n_out
        self.add_module("mean", nn.AdaptiveAvgPool2d((_BANDS_LEFT, 1)))  # over time
        self.add_module("flatten", nn.Flatten())
        self.add_module("drop", nn.Dropout(0.3))
        self.add_module("fc", nn.Linear(n_in * _BANDS_LEFT, n_classes))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, n_classes)."""
        return super().forward(check_shape(inputs, INPUT_SHAPE, "DigitNet"))
