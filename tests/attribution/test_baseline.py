"""Relevance counted from a baseline: by hand, against biases that hold the baseline, and through
whole networks.
"""

import numpy as np
import pytest
import torch
from networks import kaiming, largest_error, signals
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError
from earwitness.models.nisqa import Nisqa, Settings

SILENCE = -80.0


def dense(weights, bias):
    layer = nn.Linear(len(weights), 1, dtype=torch.float64)
    layer.weight.data, layer.bias.data = (
        torch.tensor(v, dtype=torch.float64) for v in ([weights], [bias])
    )
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("bias_factor", "expected"),
    [
        (
            0.0,
            [2.0, -12.0],
        ),  # x = 3, -1 is 1, 4 more than 2, -5; 2 x1 - 3 x2 + 1 = 10 holds 2 and -12
        (1.0, [6.5, 3.5]),  # all of x: 6, 3, and the bias of 1 in equal parts
        (
            0.5,
            [0.5 * 6.25 + 0.5 * 6.25 / 3, 0.5 * 3.25 - 4 * 0.5 * 3.25],
        ),  # half of the bias, half of the baseline's part
    ],
)
def test_a_linear_network_is_explained_from_a_baseline_as_solved_by_hand(bias_factor, expected):
    model, baseline = dense([2.0, -3.0], 1.0), torch.tensor([[2.0, -5.0]], dtype=torch.float64)
    x = torch.tensor([[3.0, -1.0]], dtype=torch.float64)
    relevance = attribution.attribute(
        attribution.relative_to(model, baseline),
        x - baseline,
        0,
        epsilon=1e-12,
        bias_factor=bias_factor,
    )
    np.testing.assert_allclose(relevance[0], expected, rtol=1e-9)


def test_relevance_is_that_of_a_network_with_the_baseline_in_its_first_bias():
    model = kaiming(
        nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(152, 3)).double(),
        bias=0.1,
    )
    twin = kaiming(
        nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(152, 3)).double(),
        bias=0.1,
    )
    twin[0].bias.data += -2.0 * twin[0].weight.data.sum(
        (1, 2)
    )  # without padding, a constant answers a constant
    difference = signals((1, 40)).abs()
    difference[:, :, 5] = 2.0  # the input itself is zero there
    ours = attribution.attribute(attribution.relative_to(model, -2.0), difference, 1)
    assert largest_error(ours, attribution.attribute(twin, difference, 1)) < 1e-9
    assert (ours[:, :, 5].abs() > 1e-6).all()


def small(**settings):
    model = Nisqa(
        Settings(
            cnn="adapt",
            time="attention",
            pool="attention",
            n_hidden=8,
            n_layers=2,
            channels=(4, 6, 8),
            segment_hop=4,
            **settings,
        )
    ).double()
    for layer in kaiming(model, bias=0.1).modules():
        if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
            layer.weight.data += 1.0
            layer.eps = 1e-12
    return model


def test_silence_gets_no_relevance_and_the_baseline_absorbs_what_it_has_to():
    model, inputs = small(), 10 * signals((48, 31), n=2) - 40
    inputs[:, 30:] = SILENCE
    relative = attribution.relative_to(model, SILENCE)
    balance = attribution.conservation(relative, inputs - SILENCE, 0, epsilon=0.01)
    with torch.no_grad():
        torch.testing.assert_close(balance.explained, model(inputs)[:, 0])
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )
    usual = attribution.conservation(model, inputs, 0, epsilon=0.01)
    torch.testing.assert_close(balance.relevance + balance.absorbed["baseline"], usual.relevance)
    assert (balance.absorbed["baseline"].abs() > 0.1 * balance.explained.abs()).all()
    relevance = attribution.attribute(relative, inputs - SILENCE, 0, epsilon=0.01)
    assert relevance[:, 30:].abs().max() == 0 and relevance[:, :30].abs().max() > 0
    assert attribution.attribute(model, inputs, 0, epsilon=0.01)[:, 30:].abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_baseline_of_zero_changes_nothing(dtype):
    model, inputs = small().to(dtype), (10 * signals((48, 31), n=2) - 40).to(dtype)
    relative = attribution.relative_to(model, 0.0)
    for method in ("lrp-epsilon", "lrp-epsilon-plus", "gradient-x-input"):
        ours = attribution.attribute(relative, inputs, 0, method)
        torch.testing.assert_close(ours, attribution.attribute(model, inputs, 0, method))
        assert ours.dtype == dtype


def test_the_network_is_shared_and_its_mode_its_own():
    model = small().train()
    model.cnn.eval()
    relative = attribution.relative_to(model, SILENCE)
    attribution.attribute(relative, 10 * signals((48, 31), n=1) + 40, 0)
    assert relative.model is model and model.training and not model.cnn.training


@pytest.mark.parametrize("baseline", [float("nan"), torch.zeros(7)])
def test_a_baseline_that_does_not_fit_is_refused(baseline):
    with pytest.raises(ParameterError, match="baseline"):
        attribution.attribute(
            attribution.relative_to(small(), baseline), 10 * signals((48, 31), n=1), 0
        )
