"""Completeness as a number, and integrated gradients that share their forward passes."""

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from networks import largest_error, signals
from quality_net import SmallQuality, small_cnn, spectrogram
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError


def linear(weights):
    model = nn.Linear(len(weights), 1, dtype=torch.float64)
    model.weight.data, model.bias.data = (
        torch.tensor([weights]).double(),
        torch.tensor([7.0]).double(),
    )
    return model


def test_what_is_missing_is_counted_in_units_of_the_output():
    inputs, relevance = torch.tensor([[2.0, 1.0]]).double(), torch.tensor([[1.0, 0.5]]).double()
    found = attribution.completeness(
        linear([1.0, 3.0]), inputs, 0, relevance, baseline=1.0
    )  # 5 - 4 = 1
    assert found.difference.item() == pytest.approx(1.0) and found.total.item() == pytest.approx(
        1.5
    )
    assert found.error.item() == pytest.approx(0.5) and found.relative.item() == pytest.approx(0.5)


def test_an_output_that_does_not_change_is_measured_against_the_attributions_themselves():
    inputs, relevance = torch.tensor([[1.0, 1.0]]).double(), torch.tensor([[1.0, -1.001]]).double()
    found = attribution.completeness(linear([1.0, -1.0]), inputs, 0, relevance)
    assert found.difference.item() == 0 and found.relative.item() == pytest.approx(
        0.001 / 0.02001, rel=1e-3
    )
    silent = attribution.completeness(linear([1.0, -1.0]), inputs, 0, torch.zeros_like(inputs))
    assert silent.relative.item() == 0


def test_relevance_or_baseline_of_another_shape_is_refused():
    inputs = torch.ones(2, 3).double()
    with pytest.raises(ParameterError, match="not of the inputs' shape"):
        attribution.completeness(linear([1.0, 1.0, 1.0]), inputs, 0, torch.ones(2, 2))
    with pytest.raises(ParameterError, match="does not fit inputs"):
        attribution.completeness(linear([1.0, 1.0, 1.0]), inputs, 0, inputs, baseline=torch.ones(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sharing_forward_passes_gives_captums_integrated_gradients(dtype):
    model, inputs = small_cnn().to(dtype), signals((1, 8, 5), n=5, dtype=dtype)
    ours = attribution.integrated_gradients_all(
        model, inputs, range(4), baseline=-0.8, n_steps=50, batch_size=3
    )
    for target in range(4):
        theirs = (
            IntegratedGradients(model).attribute(inputs, -0.8, target=target, n_steps=50).detach()
        )
        assert largest_error(ours.attributions[target], theirs) < 1e-6


def test_sharing_works_where_no_affine_layers_come_first_and_through_an_lstm():
    model, specs = SmallQuality(), spectrogram(n=2)
    ours = attribution.integrated_gradients_all(model, specs, [1, 0], baseline=-2.0, n_steps=8)
    for target, found in zip([1, 0], ours.attributions, strict=True):
        single = attribution.attribute(
            model, specs, target, "integrated-gradients", baseline=-2.0, n_steps=8
        )
        torch.testing.assert_close(found, single, rtol=1e-10, atol=1e-12)
        error = attribution.completeness(model, specs, target, single, baseline=-2.0)
        row = [1, 0].index(target)
        np.testing.assert_allclose(ours.completeness.error[row], error.error, atol=1e-10)


def test_each_step_costs_one_forward_pass_whatever_the_number_of_targets():
    model, calls = small_cnn().double(), []
    handle = model.fc_out.register_forward_hook(lambda *_: calls.append(1))
    attribution.integrated_gradients_all(model, signals((1, 8, 5), n=2), range(4), n_steps=7)
    handle.remove()
    assert len(calls) == 7 + 2  # and one each for input and baseline


def test_hooks_on_the_network_itself_still_run():
    model, inputs = small_cnn().double(), signals((1, 8, 5), n=2)
    plain = attribution.integrated_gradients_all(model, inputs, [0], n_steps=4).attributions
    handle = model.register_forward_hook(lambda _, __, output: 2 * output)
    doubled = attribution.integrated_gradients_all(model, inputs, [0], n_steps=4).attributions
    handle.remove()
    torch.testing.assert_close(doubled, 2 * plain)


def test_batch_norm_in_training_mode_is_explained_in_evaluation_mode():
    model, inputs = small_cnn().double(), signals((1, 8, 5), n=4)
    expected = attribution.integrated_gradients_all(model, inputs, [2], n_steps=6).attributions
    model.train()
    found = attribution.integrated_gradients_all(model, inputs, [2], n_steps=6).attributions
    torch.testing.assert_close(found, expected)
    assert model.training
