"""Grad-CAM: the paper's equations by hand, captum's answer, and layers that it cannot be of."""

import captum.attr
import pytest
import torch
import torch.nn.functional as F
from networks import kaiming, signals, spectrogram_net, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError, UnknownNameError


@pytest.mark.parametrize(
    ("network", "shape", "layer", "mode"),
    [(waveform_net, (1, 40), "3", "linear"), (spectrogram_net, (1, 17, 11), "3", "bilinear")],
)
@pytest.mark.parametrize("rectify", [True, False])
def test_it_equals_captums(network, shape, layer, mode, rectify):
    model, inputs = kaiming(network().double(), bias=0.1), signals(shape)
    ours = attribution.attribute(
        model, inputs, [0, 1, 2, 0], "grad-cam", layer=layer, rectify=rectify
    )
    theirs = captum.attr.LayerGradCam(model, model.get_submodule(layer)).attribute(
        inputs, torch.tensor([0, 1, 2, 0]), relu_attributions=rectify
    )
    theirs = F.interpolate(theirs, shape[1:], mode=mode, align_corners=False)
    torch.testing.assert_close(ours, theirs.detach())
    assert ours.abs().sum() > 0


def test_a_network_of_one_convolution_a_mean_and_weights_is_solved_by_hand():
    model = nn.Sequential(
        nn.Conv1d(1, 2, 1, bias=False),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(2, 1, bias=False),
    ).double()
    model[0].weight.data = torch.tensor([[[1.0]], [[-2.0]]], dtype=torch.float64)
    model[3].weight.data = torch.tensor([[3.0, 5.0]], dtype=torch.float64)
    x = torch.tensor([[[1.0, -1.0, 2.0, 0.0]]], dtype=torch.float64)
    # channels x and -2 x; mean gradients 3 / 4 and 5 / 4 each: (0.75 - 2.5) x, of which the
    # positive part stays
    expected = torch.tensor([[[0.0, 1.75, 0.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(attribution.attribute(model, x, 0, "grad-cam"), expected)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 1, 3, padding=1), nn.Linear(40, 3)

    def forward(self, x):
        return self.fc(self.conv(self.conv(x))[:, 0])


@pytest.mark.parametrize(
    ("model", "shape", "options", "error", "said"),
    [
        (
            nn.Sequential(nn.Flatten(), nn.Linear(40, 3)),
            (1, 40),
            {},
            ParameterError,
            "this model has none",
        ),
        (waveform_net(), (1, 40), {"layer": "7"}, ParameterError, "batch, channel, time"),
        (waveform_net(), (1, 40), {"layer": "nowhere"}, UnknownNameError, "model 'nowhere'"),
        (Twice(), (1, 40), {}, ParameterError, "this one ran 2 times"),
        (nn.Sequential(nn.Linear(40, 3)), (40,), {}, ParameterError, "takes waveforms"),
    ],
)
def test_layers_that_have_no_map_are_refused(model, shape, options, error, said):
    with pytest.raises(error, match=said):
        attribution.attribute(model, signals(shape), 0, "grad-cam", **options)
