"""AlexNet and AudioNet: the published shapes and weights, and a clear word for a wrong input."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import models
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models.audionet import two_dimensional

SHAPES = {"AlexNet": (1, 227, 227), "AudioNet": (1, 8000)}


@pytest.mark.parametrize("name", models.names())
def test_networks_answer_one_logit_per_class(name):
    assert models.create(name, 7).eval()(torch.zeros(2, *SHAPES[name])).shape == (2, 7)


def test_alexnet_has_the_weights_of_the_authors_files():
    weights = {name: tuple(value.shape) for name, value in models.AlexNet(10).state_dict().items() if "weight" in name}
    assert weights == {
        "conv1.weight": (96, 1, 11, 11), "conv2.weight": (256, 48, 5, 5), "conv3.weight": (384, 256, 3, 3),
        "conv4.weight": (384, 192, 3, 3), "conv5.weight": (256, 192, 3, 3), "fc6.weight": (1024, 9216),
        "fc7.weight": (1024, 1024), "fc8.weight": (10, 1024),
    }
    assert not any(isinstance(layer, nn.LocalResponseNorm | nn.BatchNorm2d) for layer in models.AlexNet(2).modules())


def test_audionet_halves_time_six_times_and_has_no_relu_between_dense_layers():
    layers = models.describe(models.AudioNet(2).eval(), SHAPES["AudioNet"])
    pooled = layers.loc[layers["kind"] == "MaxPool1d", "output"]
    assert list(pooled) == [(100, 4000), (64, 2000), (128, 1000), (128, 500), (128, 250), (128, 125)]
    after = layers["kind"].tolist()[layers["kind"].tolist().index("Flatten") :]
    assert after == ["Flatten", "Linear", "Dropout", "Linear", "Dropout", "Linear"]


@pytest.mark.parametrize("name", models.names())
def test_every_layer_is_a_module_used_once(name):
    layers = models.describe(models.create(name, 3).eval(), SHAPES[name])
    assert layers["layer"].is_unique
    assert layers["weights"].sum() == sum(weight.numel() for weight in models.create(name, 3).parameters())


@pytest.mark.parametrize("wrong", [(2, 1, 7999), (2, 8000), (2, 2, 8000)])
def test_a_wrong_shape_is_named_with_the_right_one(wrong):
    with pytest.raises(ParameterError, match=r"AudioNet takes float input \(batch, 1, 8000\)"):
        models.AudioNet(2)(torch.zeros(wrong))


def test_whole_numbers_are_refused():
    with pytest.raises(ParameterError, match="int64"):
        models.AlexNet(2)(torch.zeros(1, 1, 227, 227, dtype=torch.int64))


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(UnknownNameError, match="AlexNet"):
        models.create("AlexNett", 2)


def test_the_two_dimensional_form_is_the_same_function():
    torch.manual_seed(0)
    model = models.AudioNet(4).eval()
    x = torch.randn(2, 1, 8000)
    with torch.no_grad():
        assert torch.allclose(two_dimensional(model)(x[:, :, None]), model(x), atol=1e-6)


def test_logits_do_not_depend_on_the_batch_and_leave_the_mode_alone():
    torch.manual_seed(0)
    model = models.AudioNet(4).train()
    x = torch.randn(5, 1, 8000)
    np.testing.assert_allclose(models.logits(model, x, 2), models.logits(model, x, 5), atol=1e-5)
    assert model.training
