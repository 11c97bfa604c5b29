"""SmoothGrad and VarGrad: exact where the gradient is constant or linear, and what they refuse."""

import numpy as np
import pytest
import torch
from networks import kaiming, signals, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError, UnknownNameError


class Squares(nn.Module):
    """f = sum of a x²: the gradient is 2 a x, so that noise of s in x is noise of 2 a s in it."""

    def forward(self, x):
        scale = torch.arange(1.0, x[0].numel() + 1, dtype=x.dtype)
        return (scale * x.flatten(1) ** 2).sum(1, keepdim=True)


def test_of_a_linear_network_smoothgrad_is_the_weight_and_vargrad_is_zero():
    model = nn.Sequential(nn.Flatten(), nn.Linear(20, 3)).double()
    inputs = signals((1, 20))
    smooth = attribution.attribute(model, inputs, 2, "smoothgrad", n_samples=7)
    torch.testing.assert_close(smooth[:, 0], model[1].weight[2].detach().expand(4, 20))
    assert attribution.attribute(model, inputs, 2, "vargrad", n_samples=7).abs().max() < 1e-30


def test_the_noise_is_a_share_of_each_clips_range_and_moments_are_those_of_the_copies():
    inputs = torch.tensor([[0.0, 1.0, 2.0], [0.0, 10.0, 20.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    noise = np.stack([torch.randn(3, generator=generator, dtype=torch.float64) for _ in range(11)])
    gradients = np.stack(
        [
            2 * np.arange(1, 4) * (clip + 0.1 * spread * noise)
            for clip, spread in zip(inputs.numpy(), (2, 20), strict=True)
        ]
    )
    options = {"n_samples": 11, "noise": 0.1, "seed": 3}
    smooth = attribution.attribute(Squares(), inputs, 0, "smoothgrad", **options)
    variance = attribution.attribute(Squares(), inputs, 0, "vargrad", **options)
    np.testing.assert_allclose(smooth, gradients.mean(1), rtol=1e-12)
    np.testing.assert_allclose(variance, gradients.var(1), rtol=1e-12)


def test_any_gradient_method_can_be_smoothed_with_its_own_options():
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40))
    few, many = (
        attribution.attribute(
            model,
            inputs,
            1,
            "smoothgrad",
            of="integrated-gradients",
            n_samples=2,
            of_options={"n_steps": steps},
        )
        for steps in (1, 20)
    )
    assert not torch.allclose(few, many)
    for of in ("gradient-x-input", "guided-backprop", "deeplift"):
        tiny = attribution.attribute(model, inputs, 1, "smoothgrad", of=of, n_samples=2, noise=1e-9)
        torch.testing.assert_close(
            tiny, attribution.attribute(model, inputs, 1, of), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"noise": 0}, ParameterError, "noise must be a positive share"),
        ({"n_samples": 0}, ParameterError, "n_samples must be a positive integer"),
        ({"of": "lrp"}, UnknownNameError, "gradient method to smooth"),
        ({"of_options": {"steps": 3}}, ParameterError, "gradient has no option steps"),
    ],
)
def test_what_cannot_be_smoothed_is_refused(options, error, said):
    with pytest.raises(error, match=said):
        attribution.attribute(waveform_net(), signals((1, 40)), 0, "smoothgrad", **options)


def test_a_variance_of_one_copy_is_refused():
    with pytest.raises(ParameterError, match="at least two noisy copies"):
        attribution.attribute(waveform_net(), signals((1, 40)), 0, "vargrad", n_samples=1)
