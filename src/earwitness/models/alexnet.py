"""AlexNet on spectrograms, as Becker et al. (2018) changed it."""

import torch
from torch import nn

from earwitness.models.registry import register
from earwitness.models.shape import check_shape, check_sizes

INPUT_SHAPE = (1, 227, 227)


@register(sample_rate=8000, audio="spectrogram", tasks=("clips",), input_shape=INPUT_SHAPE)
class AlexNet(nn.Sequential):
    """Spectrogram classifier: five convolutions, three dense layers, no normalisation layers.

    Parameters
    ----------
    n_classes : int
        Number of outputs (logits).

    Notes
    -----
    Input (batch, 1, 227, 227): frequency (upwards) x time, decibels less the training mean. Output
    (batch, n_classes).

    Becker et al. (2018), section 2.2.1: AlexNet with one input channel and dense layers of 1024,
    1024 and n. What the text leaves open follows the authors' model files: grouped convolutions 2,
    4 and 5, no local response normalisation, dropout 0.5. Chapter: audiomnist.
    """

    def __init__(self, n_classes: int):
        check_sizes(n_classes=n_classes)
        super().__init__()
        for name, layer in {
            "conv1": nn.Conv2d(1, 96, 11, stride=4),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(3, 2),
            "conv2": nn.Conv2d(96, 256, 5, padding=2, groups=2),
            "relu2": nn.ReLU(),
            "pool2": nn.MaxPool2d(3, 2),
            "conv3": nn.Conv2d(256, 384, 3, padding=1),
            "relu3": nn.ReLU(),
            "conv4": nn.Conv2d(384, 384, 3, padding=1, groups=2),
            "relu4": nn.ReLU(),
            "conv5": nn.Conv2d(384, 256, 3, padding=1, groups=2),
            "relu5": nn.ReLU(),
            "pool5": nn.MaxPool2d(3, 2),
            "flatten": nn.Flatten(),
            "fc6": nn.Linear(256 * 6 * 6, 1024),
            "relu6": nn.ReLU(),
            "drop6": nn.Dropout(0.5),
            "fc7": nn.Linear(1024, 1024),
            "relu7": nn.ReLU(),
            "drop7": nn.Dropout(0.5),
            "fc8": nn.Linear(1024, n_classes),
        }.items():
            self.add_module(name, layer)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits (batch, n_classes)."""
        return super().forward(check_shape(inputs, INPUT_SHAPE, "AlexNet"))
