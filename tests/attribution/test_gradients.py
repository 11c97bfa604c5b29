"""Gradient methods against hand-written passes, closed forms and captum."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import GuidedBackprop, IntegratedGradients
from networks import INPUT_SHAPES, kaiming, largest_error, signals, spectrogram_net, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError

NETWORKS = [waveform_net, spectrogram_net]


def dense_net():
    return kaiming(
        nn.Sequential(
            nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3)
        ).double(),
        bias=0.3,
    )


def test_gradient_equals_a_difference_quotient():
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=1)
    relevance = attribution.attribute(model, inputs, 2, "gradient")
    with torch.no_grad():
        for place in (0, 17, 39):
            step = torch.zeros_like(inputs)
            step[0, 0, place] = 1e-6
            quotient = (model(inputs + step) - model(inputs - step))[0, 2] / 2e-6
            assert relevance[0, 0, place].item() == pytest.approx(
                quotient.item(), rel=1e-5, abs=1e-9
            )


def test_gradient_x_input_of_a_linear_network_is_its_contributions():
    model = nn.Sequential(nn.Linear(3, 2, bias=False, dtype=torch.float64))
    model[0].weight.data = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, -6.0]], dtype=torch.float64)
    inputs = torch.tensor([[1.0, -1.0, 2.0]], dtype=torch.float64)
    np.testing.assert_allclose(
        attribution.attribute(model, inputs, 1, "gradient-x-input"), [[4.0, -5.0, -12.0]]
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_x_input_is_lrp_with_vanishing_epsilon(network):
    model, inputs = kaiming(network().double(), bias=0.1), signals(INPUT_SHAPES[network])
    product = attribution.attribute(model, inputs, 1, "gradient-x-input")
    assert (
        largest_error(
            attribution.attribute(model, inputs, 1, "lrp-epsilon", epsilon=1e-13), product
        )
        < 1e-6
    )


def hand_written_guided_backprop(model, x, target):
    """Walk through Linear, ReLU, Linear, ReLU, Linear by numpy; one clip."""
    weights = [layer.weight.detach().numpy() for layer in model[::2]]
    biases = [layer.bias.detach().numpy() for layer in model[::2]]
    first = weights[0] @ x + biases[0]
    second = weights[1] @ np.maximum(first, 0) + biases[1]
    signal = weights[2][target]
    signal = np.maximum(signal, 0) * (second > 0)
    signal = np.maximum(weights[1].T @ signal, 0) * (first > 0)
    return weights[0].T @ signal


def test_guided_backprop_equals_a_hand_written_one():
    model, inputs = dense_net(), signals((5,), n=6)
    relevance = attribution.attribute(model, inputs, 1, "guided-backprop")
    expected = [hand_written_guided_backprop(model, x.numpy(), 1) for x in inputs]
    np.testing.assert_allclose(relevance, expected, rtol=1e-12, atol=1e-14)
    assert not np.allclose(
        expected, attribution.attribute(model, inputs, 1, "gradient")
    )  # or the test shows nothing


@pytest.mark.parametrize("network", NETWORKS)
def test_guided_backprop_equals_captums(network):
    model, inputs = kaiming(network().double(), bias=0.1), signals(INPUT_SHAPES[network])
    theirs = GuidedBackprop(copy.deepcopy(model)).attribute(
        inputs.clone().requires_grad_(), target=1
    )
    assert (
        largest_error(attribution.attribute(model, inputs, 1, "guided-backprop"), theirs.detach())
        < 1e-12
    )


class Functional(nn.Module):
    """The dense network with its ReLUs as function calls; ``relu`` says which."""

    def __init__(self, layers, relu):
        super().__init__()
        self.layers, self.relu = layers, relu

    def forward(self, x):
        first, _, second, _, third = self.layers
        return third(self.relu(second(self.relu(first(x)))))


def relu_in_place_ignoring_the_answer(x):
    x.relu_()
    return x


@pytest.mark.parametrize(
    "relu",
    [
        F.relu,
        torch.relu,
        torch.Tensor.relu,
        lambda x: F.relu(input=x),
        lambda x: F.relu(x, inplace=True),
        torch.relu_,
        relu_in_place_ignoring_the_answer,
        nn.ReLU(inplace=True),
    ],
)
def test_guided_backprop_sees_relu_in_every_form(relu):
    model, inputs = dense_net(), signals((5,), n=6)
    expected = attribution.attribute(model, inputs, 1, "guided-backprop")
    assert torch.equal(
        attribution.attribute(Functional(model, relu), inputs, 1, "guided-backprop"), expected
    )


def test_guided_backprop_without_relu_is_refused_as_it_would_be_the_gradient():
    with pytest.raises(ParameterError, match="no ReLU"):
        attribution.attribute(
            nn.Sequential(nn.Linear(3, 2), nn.ELU()), torch.ones(1, 3), 0, "guided-backprop"
        )


class Cubic(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0] * x[:, 1] ** 2, x.sum(dim=1)], dim=1)


def test_integrated_gradients_of_a_product_equal_the_integral_solved_by_hand():
    # along the path a (x, y): d/dx = a^2 y^2, integrated y^2 / 3, times x; d/dy = 2 a^2 x y,
    # integrated 2 x y / 3
    inputs = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    relevance = attribution.attribute(Cubic(), inputs, 0, "integrated-gradients", n_steps=2)
    np.testing.assert_allclose(relevance, [[6.0, 12.0]])


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("baseline", [0.0, -0.5])
def test_integrated_gradients_are_complete(network, baseline):
    model, inputs = kaiming(network().double(), bias=0.3), signals(INPUT_SHAPES[network])
    relevance = attribution.attribute(
        model, inputs, 2, "integrated-gradients", baseline=baseline, n_steps=1000
    )
    with torch.no_grad():
        difference = (model(inputs) - model(torch.full_like(inputs, baseline)))[:, 2]
    torch.testing.assert_close(relevance.flatten(1).sum(1), difference, rtol=5e-3, atol=5e-3)


def test_integrated_gradients_equal_captums_for_a_baseline_of_each_clips_own():
    model, inputs = kaiming(waveform_net().double(), bias=0.3), signals((1, 40))
    baseline = signals((1, 40), seed=9)
    ours = attribution.attribute(
        model, inputs, 1, "integrated-gradients", baseline=baseline, n_steps=20, batch_size=4
    )
    theirs = IntegratedGradients(model).attribute(inputs, baseline, target=1, n_steps=20)
    assert largest_error(ours, theirs) < 1e-7


def test_a_baseline_of_each_clips_own_survives_batching():
    model, inputs, baseline = (
        kaiming(waveform_net().double()),
        signals((1, 40)),
        signals((1, 40), seed=9),
    )
    whole, parts = (
        attribution.attribute(
            model, inputs, 1, "integrated-gradients", baseline=baseline, batch_size=size
        )
        for size in (4, 3)
    )
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize("option", [{"n_steps": 0}, {"n_steps": 2.5}, {"baseline": torch.zeros(7)}])
def test_a_path_that_does_not_exist_is_refused(option):
    with pytest.raises(ParameterError, match=next(iter(option))):
        attribution.attribute(
            waveform_net(), torch.ones(1, 1, 40), 0, "integrated-gradients", **option
        )
