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


def normed(*more) -> nn.Sequential:
    """A convolution and a batch norm that has seen data."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), *more).double()
    for _ in range(3):
        net[:2](3 + 2 * torch.randn(8, 1, 6, 6, dtype=torch.float64))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([2.0, -1.0, 0.0])), net[1].bias.fill_(0.5)
    return net.eval()


def test_norms_are_folded_into_the_convolutions_before_them_and_gradients_are_the_same():
    net, x = normed(), torch.randn(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    wanted = net(x)
    folded = layout.fold_norms(layout.channels_last(net))
    torch.testing.assert_close(folded(x), wanted)
    (slow,), (quick,) = (torch.autograd.grad(f(x).square().sum(), x) for f in (net, folded))
    torch.testing.assert_close(quick, slow)
    assert type(folded[1]) is nn.Identity and type(net[1]) is nn.BatchNorm2d


def test_over_time_norms_are_folded_as_well():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3)).double()
    net(2 + torch.randn(8, 2, 9, dtype=torch.float64))
    x = torch.randn(2, 2, 9, dtype=torch.float64)
    folded = layout.fold_norms(layout.channels_last(net))
    assert type(folded[1]) is nn.Identity
    torch.testing.assert_close(folded(x), net.eval()(x))


def test_norms_stay_that_have_hooks_or_no_statistics_or_stand_elsewhere():
    hooked = normed()
    hooked[1].register_forward_hook(lambda *_: None)
    asked = normed()
    asked[1].register_full_backward_pre_hook(lambda *_: None)
    without = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, track_running_stats=False))
    behind = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.BatchNorm2d(3))
    twice = normed()
    twice.append(nn.Sequential(nn.Conv2d(3, 1, 1), twice[0])).double()
    for net in (hooked, asked, without, behind, twice):
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in layout.fold_norms(net).modules())
