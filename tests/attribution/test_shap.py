"""SHAP: Shapley's formula by brute force, linear networks, and what every estimate adds up to."""

from itertools import permutations

import numpy as np
import pytest
import torch
from networks import kaiming, signals, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.attribution import audiolime, shap
from earwitness.errors import ParameterError

ESTIMATES = [shap.kernel_shap, shap.sampling_shap]
both = pytest.mark.parametrize("estimate", ESTIMATES)


def parts(n=4, length=40, seed=0):
    sound = np.random.default_rng(seed).standard_normal(length)
    return audiolime.components(sound, 8000, "none", n)


def answer(model, components, on, target):
    sound = torch.as_tensor(
        components.parts[list(on)].sum(0) if on else np.zeros(components.parts.shape[1])
    )
    with torch.no_grad():
        return float(model(sound[None, None])[0, target])


def brute_force(model, components, target):
    """Return the mean over all orders of what each component adds: the definition."""
    n = len(components)
    values, orders = np.zeros(n), [*permutations(range(n))]
    for order in orders:
        for place, part in enumerate(order):
            values[part] += answer(model, components, order[: place + 1], target) - answer(
                model, components, order[:place], target
            )
    return values / len(orders)


def test_kernel_shap_that_asks_about_every_mixture_equals_the_definition():
    model, components = kaiming(waveform_net().double(), bias=0.3), parts()
    found = shap.kernel_shap(model, components, 1)
    np.testing.assert_allclose(found.weights, brute_force(model, components, 1), atol=1e-12)


def test_random_orders_come_near_the_definition():
    model, components = kaiming(waveform_net().double(), bias=0.3), parts()
    found = shap.sampling_shap(model, components, 1, n_samples=6000)
    expected = brute_force(model, components, 1)
    assert np.abs(found.weights - expected).max() < 0.05 * np.abs(expected).max()


@both
@pytest.mark.parametrize("n", [1, 2, 12])
def test_a_linear_network_is_explained_exactly(estimate, n):
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 3)).double()
    components = parts(n)
    found = estimate(model, components, 2, n_samples=200)
    np.testing.assert_allclose(
        found.weights, components.parts @ model[1].weight[2].detach().numpy(), atol=1e-12
    )
    assert (
        found.intercept == pytest.approx(float(model[1].bias[2].detach()), abs=1e-12)
        and found.r2 > 1 - 1e-9
    )


@both
def test_values_add_up_to_sound_less_silence_however_few_mixtures_are_asked(estimate):
    model, components = kaiming(waveform_net().double(), bias=0.3), parts(12)
    found = estimate(model, components, 0, n_samples=60)
    whole = answer(model, components, range(12), 0)
    assert found.weights.sum() + found.intercept == pytest.approx(whole, abs=1e-10)
    assert found.r2 < 1


def test_as_a_method_it_keeps_the_sum_on_the_samples():
    model, inputs = kaiming(waveform_net().double(), bias=0.3), signals((1, 40), n=2)
    silent = float(model(torch.zeros(1, 1, 40, dtype=torch.float64))[0, 1].detach())
    for method in ("kernel-shap", "sampling-shap"):
        relevance = attribution.attribute(model, inputs, 1, method, n_samples=300, separator="none")
        torch.testing.assert_close(relevance.sum((1, 2)), model(inputs)[:, 1].detach() - silent)


def test_too_few_mixtures_are_refused():
    with pytest.raises(ParameterError, match="do not tell 30 components apart"):
        shap.kernel_shap(waveform_net().double(), parts(30), 0, n_samples=10)
    with pytest.raises(ParameterError, match="at least 2"):
        shap.sampling_shap(waveform_net().double(), parts(), 0, n_samples=1)


def test_the_only_output_has_no_probability():
    with pytest.raises(ParameterError, match="no probability by softmax"):
        shap.kernel_shap(waveform_net(1).double(), parts(), 0, of="probability")
