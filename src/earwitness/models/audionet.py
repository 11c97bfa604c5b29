"""AudioNet on raw waveforms (Becker et al. 2018)."""

import torch
from torch import nn

from earwitness.models.registry import register
from earwitness.models.shape import check_shape, check_sizes

INPUT_SHAPE = (1, 8000)
CHANNELS = (100, 64, 128, 128, 128, 128)


@register(sample_rate=8000, audio="waveform", tasks=("clips",), input_shape=INPUT_SHAPE)
class AudioNet(nn.Sequential):
    """Waveform classifier: six convolutions of width 3, each with ReLU and max-pooling, then three
    dense layers.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits).

    Notes
    -----
    Input (batch, 1, 8000): one second at 8 kHz over its 95th amplitude percentile. Output (batch,
    n_classes).

    Becker et al. (2018), section 2.2.2. What the text leaves open follows the authors' model files:
    padding 1, the first pooling with kernel 3 (all with stride 2), dropout 0.5 and *no* ReLU
    between the dense layers. Caffe rounds pooled lengths up, hence ``ceil_mode``: 8000, 4000, 2000,
    1000, 500, 250, 125. Chapter: audiomnist.
    """

    def __init__(self, n_classes: int):
        check_sizes(n_classes=n_classes)
        super().__init__()
        n_in = 1
        for i, n_out in enumerate(CHANNELS, start=1):
            self.add_module(f"conv{i}", nn.Conv1d(n_in, n_out, 3, padding=1))
            self.add_module(f"relu{i}", nn.ReLU())
            self.add_module(f"pool{i}", nn.MaxPool1d(3 if i == 1 else 2, 2, ceil_mode=True))
            n_in = n_out
        self.add_module("flatten", nn.Flatten())
        for i, (width_in, width_out) in enumerate([(n_in * 125, 1024), (1024, 512)], start=7):
            self.add_module(f"fc{i}", nn.Linear(width_in, width_out))
            self.add_module(f"drop{i}", nn.Dropout(0.5))
        self.add_module("fc9", nn.Linear(512, n_classes))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, n_classes)."""
        return super().forward(check_shape(inputs, INPUT_SHAPE, "AudioNet"))
