"""AlexNet as the authors of AudioMNIST trained it."""

from torch import nn

from earwitness import models


def test_alexnet_has_the_weights_of_the_authors_files():
    weights = {
        name: tuple(value.shape)
        for name, value in models.AlexNet(10).state_dict().items()
        if "weight" in name
    }
    assert weights == {
        "conv1.weight": (96, 1, 11, 11),
        "conv2.weight": (256, 48, 5, 5),
        "conv3.weight": (384, 256, 3, 3),
        "conv4.weight": (384, 192, 3, 3),
        "conv5.weight": (256, 192, 3, 3),
        "fc6.weight": (1024, 9216),
        "fc7.weight": (1024, 1024),
        "fc8.weight": (10, 1024),
    }
    assert not any(
        isinstance(layer, nn.LocalResponseNorm | nn.BatchNorm2d)
        for layer in models.AlexNet(2).modules()
    )
