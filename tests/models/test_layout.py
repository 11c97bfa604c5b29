"""The faster layout is the same function."""

import pytest
import torch
from torch import nn

from earwitness import models
from earwitness.models import layout

SHAPES = {
    "AlexNet": (1, 227, 227),
    "AudioNet": (1, 8000),
    "PhoneCNN": (1, 4000),
    "SpeakerCNN": (1, 4000),
}


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


@pytest.mark.parametrize("n_samples", [8, 9])
@pytest.mark.parametrize(
    "how", [(2, 2), (3, 2), (3, 2, 1), (2, 2, 0, 2), (3, 3), (4, 2)], ids=lambda how: str(how)
)
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_pooling_takes_the_largest_of_each_window_with_and_without_gradients(
    how, ceil_mode, n_samples
):
    slow = nn.Sequential(nn.MaxPool1d(*how, ceil_mode=ceil_mode))
    fast = layout.channels_last(slow)
    x = torch.randn(2, 3, n_samples, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(fast(x), slow(x))
    assert torch.equal(fast(x.requires_grad_()), slow(x))
