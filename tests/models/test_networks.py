"""The networks: the published shapes and weights, and a clear word for a wrong input."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import models
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models import layout

SHAPES = {
    "AlexNet": (1, 227, 227),
    "AudioNet": (1, 8000),
    "PhoneCNN": (1, 4000),
    "SpeakerCNN": (1, 4000),
}


@pytest.mark.parametrize("name", SHAPES)
def test_networks_return_one_logit_per_class(name):
    assert models.create(name, 7).eval()(torch.zeros(2, *SHAPES[name])).shape == (2, 7)


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


def test_audionet_halves_time_six_times_and_has_no_relu_between_dense_layers():
    layers = models.describe(models.AudioNet(2).eval(), SHAPES["AudioNet"])
    pooled = layers.loc[layers["kind"] == "MaxPool1d", "output"]
    assert list(pooled) == [
        (100, 4000),
        (64, 2000),
        (128, 1000),
        (128, 500),
        (128, 250),
        (128, 125),
    ]
    after = layers["kind"].tolist()[layers["kind"].tolist().index("Flatten") :]
    assert after == ["Flatten", "Linear", "Dropout", "Linear", "Dropout", "Linear"]


@pytest.mark.parametrize("name", SHAPES)
def test_every_layer_is_a_module_used_once(name):
    layers = models.describe(models.create(name, 3).eval(), SHAPES[name])
    assert layers["layer"].is_unique
    assert layers["weights"].sum() == sum(
        weight.numel() for weight in models.create(name, 3).parameters()
    )


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


@pytest.mark.parametrize("name", SHAPES)
def test_channels_last_is_the_same_function_of_weights_of_the_same_names(name):
    torch.manual_seed(0)
    model = models.create(name, 4).double().eval()
    fast = layout.channels_last(model)
    x = torch.randn(2, *SHAPES[name], dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(fast(x), model(x))
        for weight in fast.parameters():
            weight *= 2
    state = layout.restored(fast.state_dict(), model)
    assert all(torch.equal(state[key], 2 * value) for key, value in model.state_dict().items()), (
        "it shares weights"
    )
    assert any(isinstance(layer, nn.Conv2d) for layer in fast.modules())


def test_channels_last_hands_back_the_same_gradients_and_pools_before_the_relu():
    torch.manual_seed(0)
    model = models.AudioNet(4).double().eval()
    fast = layout.channels_last(model)
    x = torch.randn(2, 1, 8000, dtype=torch.float64, requires_grad=True)
    (slow,), (quick,) = (torch.autograd.grad(net(x)[:, 1].sum(), x) for net in (model, fast))
    torch.testing.assert_close(quick, slow)
    layers = list(fast)
    before = [layers[i - 1] for i, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    assert len(before) == 6 and all(isinstance(layer, nn.MaxPool2d) for layer in before)


def test_the_phone_network_is_table_1():
    layers = models.describe(models.PhoneCNN(39).eval(), (1, 4000)).set_index("layer")
    assert list(layers.index) == [
        "conv1",
        "pool1",
        "relu1",
        "conv2",
        "pool2",
        "relu2",
        "conv3",
        "pool3",
        "relu3",
        "flatten",
        "fc4",
        "relu4",
        "fc5",
    ]
    # (4000 - 30) / 10 + 1 = 398, / 3 = 132; 132 - 6 = 126, / 3 = 42; 42 - 6 = 36, / 3 = 12
    assert list(layers["output"]) == [
        (80, 398),
        (80, 132),
        (80, 132),
        (60, 126),
        (60, 42),
        (60, 42),
        (60, 36),
        (60, 12),
        (60, 12),
        (720,),
        (1024,),
        (1024,),
        (39,),
    ]
    assert (
        layers["weights"].sum()
        == (80 * 30 + 80) + (60 * 80 * 7 + 60) + (60 * 60 * 7 + 60) + 721 * 1024 + 1025 * 39
    )


def test_the_speaker_network_is_table_1():
    layers = models.describe(models.SpeakerCNN(16).eval(), (1, 4000)).set_index("layer")
    assert list(layers.index) == [
        "conv1",
        "pool1",
        "relu1",
        "conv2",
        "pool2",
        "relu2",
        "flatten",
        "fc3",
        "relu3",
        "fc4",
    ]
    assert list(layers["output"]) == [
        (80, 398),
        (80, 132),
        (80, 132),
        (80, 123),
        (80, 41),
        (80, 41),
        (3280,),
        (100,),
        (100,),
        (16,),
    ]
    assert layers["weights"].sum() == (80 * 30 + 80) + (80 * 80 * 10 + 80) + 3281 * 100 + 101 * 16


def test_raw_waveform_networks_take_other_lengths_and_say_when_nothing_would_be_left():
    assert models.SpeakerCNN(5, n_samples=8000)(torch.zeros(1, 1, 8000)).shape == (1, 5)
    with pytest.raises(ParameterError, match=r"PhoneCNN takes float input \(batch, 1, 4000\)"):
        models.PhoneCNN(5)(torch.zeros(1, 1, 8000))
    with pytest.raises(
        ParameterError, match="SpeakerCNN has nothing left to classify of 300 samples"
    ):
        models.SpeakerCNN(5, n_samples=300)


def test_logits_do_not_depend_on_the_batch_and_leave_the_mode_alone():
    torch.manual_seed(0)
    model = models.AudioNet(4).train()
    x = torch.randn(5, 1, 8000)
    np.testing.assert_allclose(models.logits(model, x, 2), models.logits(model, x, 5), atol=1e-5)
    assert model.training
