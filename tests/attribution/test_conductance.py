"""Conductance against captum, a hand-solved case, and the sums that tie it to integrated
gradients.
"""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from captum.attr import LayerConductance, NeuronConductance
from networks import largest_error, signals
from quality_net import small_cnn
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError, UnknownNameError

BASELINE = -0.8


def smooth_net():
    """Return two layers of tanh, (n, 5) -> (n, 2)."""
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)
    ).double()


def clips(n=4):
    return signals((1, 8, 5), n=n)


def test_the_flow_through_all_channels_adds_up_to_integrated_gradients():
    model, inputs = small_cnn().double(), clips()
    options = {"baseline": BASELINE, "n_steps": 10}
    parts = [
        attribution.attribute(
            model, inputs, 2, "conductance", layer="conv2", channels=[c], **options
        )
        for c in range(6)
    ]
    whole = attribution.attribute(model, inputs, 2, "integrated-gradients", **options)
    torch.testing.assert_close(sum(parts), whole, rtol=1e-10, atol=1e-12)
    assert min(float(part.abs().max()) for part in parts) > 1e-3
    torch.testing.assert_close(
        attribution.attribute(model, inputs, 2, "conductance", layer="conv2", **options), whole
    )


def test_the_flow_through_two_channels_is_that_through_each():
    model, inputs = small_cnn().double(), clips()
    both, one, other = (
        attribution.attribute(model, inputs, 0, "conductance", layer="relu1", channels=which)
        for which in ([0, 2], [0], [2])
    )
    torch.testing.assert_close(both, one + other, rtol=1e-10, atol=1e-12)


def test_the_flow_through_one_unit_equals_captums():
    model, inputs = smooth_net(), signals((5,), n=3)
    theirs = NeuronConductance(
        model, model[1]
    ).attribute(  # its default quadrature has weights that sum to 1 - 1/n
        inputs, 2, torch.full_like(inputs, 0.3), target=1, n_steps=40, method="gausslegendre"
    )
    ours = attribution.attribute(
        model, inputs, 1, "conductance", layer="1", channels=[2], baseline=0.3, n_steps=40
    )
    assert largest_error(ours, theirs.detach()) < 1e-6


@pytest.mark.parametrize("layer", ["0", "1", "3"])
def test_layer_conductance_tends_to_captums_as_steps_grow(layer):
    model, inputs = smooth_net(), signals((5,), n=3)
    ours = attribution.layer_conductance(
        model, inputs, [1, 0], layer=layer, baseline=BASELINE, n_steps=300
    )
    for target, found in zip([1, 0], ours.attributions, strict=True):
        theirs = LayerConductance(model, model.get_submodule(layer)).attribute(
            inputs, torch.full_like(inputs, BASELINE), target=target, n_steps=300
        )
        assert largest_error(found, theirs.detach()) < 0.02


def test_conductance_of_a_channel_is_the_sum_of_what_flows_through_it():
    model, inputs = small_cnn().double(), clips(1)
    options = {"layer": "conv2", "baseline": BASELINE, "n_steps": 100}
    by_channel = (
        attribution.layer_conductance(model, inputs, [2], **options)
        .attributions.flatten(3)
        .sum(3)[0, 0]
    )
    flows = [
        float(
            attribution.attribute(
                model, inputs, 2, "conductance", channels=[channel], **options
            ).sum()
        )
        for channel in range(6)
    ]
    assert max(map(abs, flows)) > 0.1
    np.testing.assert_allclose(by_channel, flows, atol=0.02)


def test_conductance_of_a_smooth_network_adds_up_better_than_captums_with_the_same_steps():
    model, inputs = smooth_net(), signals((5,), n=8)
    ours = attribution.layer_conductance(model, inputs, [0], layer="1", n_steps=20).completeness
    theirs = LayerConductance(model, model[1]).attribute(
        inputs, torch.zeros_like(inputs), target=0, n_steps=20
    )
    error = (theirs.detach().sum(1) - ours.difference[0]).abs()
    assert ours.error.max() < 0.1 * error.max()


def test_layer_conductance_of_a_product_solved_by_hand():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(2, 2, bias=False, dtype=torch.float64)
            self.hidden.weight.data = torch.eye(2, dtype=torch.float64)

        def forward(self, x):
            h = self.hidden(x)
            return h[:, :1] * h[:, 1:]

    # h = a (2, 3): the integral of dF/dh_1 dh_1 is that of 3 a times 2 da = 3, and 3 for the other
    found = attribution.layer_conductance(
        Product(), torch.tensor([[2.0, 3.0]]), [0], layer="hidden", n_steps=1
    )
    np.testing.assert_allclose(found.attributions, [[[3.0, 3.0]]])
    assert found.completeness.error.item() == pytest.approx(0)


def test_batches_change_nothing_and_the_model_is_left_as_it_was():
    model, inputs = small_cnn().double(), clips(5)
    hooks = [len(module._forward_hooks) for module in model.modules()]
    whole, parts = (
        attribution.layer_conductance(
            model, inputs, [0, 1], layer="conv2", batch_size=size, n_steps=5
        )
        for size in (5, 2)
    )
    torch.testing.assert_close(whole.attributions, parts.attributions)
    torch.testing.assert_close(whole.completeness.total, parts.completeness.total)
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_layer_that_does_not_exist_or_run_is_refused():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn, self.idle = small_cnn().double(), nn.Linear(2, 2)

        def forward(self, x):
            return self.cnn(x)

    with pytest.raises(UnknownNameError, match="conv1"):
        attribution.layer_conductance(small_cnn(), torch.ones(1, 1, 8, 5), [0], layer="conv3")
    with pytest.raises(UnknownNameError, match="layer"):
        attribution.attribute(
            small_cnn(), torch.ones(1, 1, 8, 5), 0, "conductance", layer="nowhere"
        )
    with pytest.raises(ParameterError, match="did not run"):
        attribution.layer_conductance(Idle(), clips(), [0], layer="idle")
    with pytest.raises(ParameterError, match="did not run"):
        attribution.attribute(Idle(), clips(), 0, "conductance", layer="idle", channels=[0])


def test_a_channel_that_does_not_exist_and_a_model_without_layers_are_refused():
    with pytest.raises(ParameterError, match="0 to 5, got"):
        attribution.attribute(
            small_cnn().double(), clips(), 0, "conductance", layer="conv2", channels=[6]
        )
    with pytest.raises(ParameterError, match="no layer with weights"):
        attribution.attribute(nn.Flatten(), clips(), 0, "conductance")
    with pytest.raises(ParameterError, match="n_steps"):
        attribution.layer_conductance(small_cnn().double(), clips(), [0], layer="conv1", n_steps=0)


def test_a_layer_goes_by_the_name_that_it_has_in_the_users_model():
    torch.manual_seed(0)
    model = nn.Sequential(
        OrderedDict(conv=nn.Conv1d(1, 2, 3), relu=nn.ReLU(), flat=nn.Flatten(), fc=nn.Linear(12, 3))
    )
    x = torch.randn(2, 1, 8)
    default = attribution.attribute(model, x, 1, "conductance")
    torch.testing.assert_close(
        attribution.attribute(model, x, 1, "conductance", layer="conv"), default
    )
    with pytest.raises(UnknownNameError, match="Known: conv, fc, flat, relu"):
        attribution.attribute(model, x, 1, "conductance", layer="model.conv")
