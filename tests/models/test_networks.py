"""The networks: the published shapes and weights, and a clear word for a wrong input."""

import numpy as np
import pytest
import torch

from earwitness import models
from earwitness.errors import UnknownNameError

SHAPES = {
    "AlexNet": (1, 227, 227),
    "AudioNet": (1, 8000),
    "PhoneCNN": (1, 4000),
    "SpeakerCNN": (1, 4000),
}


@pytest.mark.parametrize("name", SHAPES)
def test_networks_return_one_logit_per_class(name):
    assert models.create(name, 7).eval()(torch.zeros(2, *SHAPES[name])).shape == (2, 7)


@pytest.mark.parametrize("name", SHAPES)
def test_every_layer_is_a_module_used_once(name):
    layers = models.describe(models.create(name, 3).eval(), SHAPES[name])
    assert layers["layer"].is_unique
    assert layers["weights"].sum() == sum(
        weight.numel() for weight in models.create(name, 3).parameters()
    )


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(UnknownNameError, match="AlexNet"):
        models.create("AlexNett", 2)


def test_logits_do_not_depend_on_the_batch_and_leave_the_mode_alone():
    torch.manual_seed(0)
    model = models.AudioNet(4).train()
    x = torch.randn(5, 1, 8000)
    np.testing.assert_allclose(models.logits(model, x, 2), models.logits(model, x, 5), atol=1e-5)
    assert model.training
