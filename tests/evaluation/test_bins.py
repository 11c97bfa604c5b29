"""Flipping bins of some channels: a network whose answer is known at every fraction."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import evaluation
from earwitness.errors import ParameterError


class Counting(nn.Module):
    """Class 1 has as logit, at every frame, the weighted sum of the whole input; class 0 has zero."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights)[:, None, None])

    def forward(self, x):
        total = (x * self.weights).sum((1, 2, 3))
        return torch.stack([torch.zeros_like(total), total], -1)[:, None].expand(-1, x.shape[2], -1)


INPUTS = torch.arange(1.0, 13.0).reshape(1, 2, 2, 3) / 10  # (scene, channel, frame, bin)
ORDER = torch.tensor([[[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("channels", [None, [0], [1]])
def test_bins_go_in_order_and_only_in_the_channels_named(channels):
    curve = evaluation.bin_flipping(Counting([1.0, 0.5]), INPUTS, 1, ORDER, [0, 1 / 6, 0.5, 1], channels)
    flat = INPUTS[0].flatten(1).numpy().astype(float)  # (channel, bin)
    for score, gone in zip(curve.score, (0, 1, 3, 6), strict=True):
        left = flat.copy()
        left[[0, 1] if channels is None else channels, :gone] = 0
        assert score == pytest.approx(sigmoid(left[0].sum() + 0.5 * left[1].sum()), rel=1e-5)
    assert curve.correct.shape == (1, 4) and curve.fractions.tolist() == [0, 1 / 6, 0.5, 1]


def test_the_score_is_the_softmax_averaged_over_frames_and_scenes():
    class ByFrame(nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            logits = x.sum((1, 3))  # (batch, frames)
            return torch.stack([torch.zeros_like(logits), logits], -1) + self.nothing

    inputs = torch.rand(5, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    curve = evaluation.bin_flipping(ByFrame(), inputs, 1, torch.rand(5, 2, 3), [0.0], batch_size=2)
    expected = sigmoid(inputs.sum((1, 3)).numpy().astype(float)).mean(1)
    np.testing.assert_allclose(curve.probability[:, 0], expected, rtol=1e-5)
    assert curve.score[0] == pytest.approx(expected.mean(), rel=1e-5) and curve.correct.all()


def test_inputs_and_model_stay_as_they_are():
    model, kept = Counting([1.0, 1.0]).train(), INPUTS.clone()
    evaluation.bin_flipping(model, INPUTS, 1, ORDER, [0.5])
    assert torch.equal(INPUTS, kept) and model.training


@pytest.mark.parametrize(("change", "message"), [
    ({"order_by": ORDER[:, None]}, "ordered by finite values"), ({"order_by": ORDER * torch.nan}, "finite values"),
    ({"channels": [2]}, "Channels go from 0 to 1"), ({"channels": []}, "Channels go from 0 to 1"),
    ({"fractions": [0.5, 0.2]}, "fractions must increase"), ({"targets": [0, 1]}, "one for each of 1 clips"),
    ({"targets": 2}, "Target 2 does not exist"),
])
def test_what_cannot_be_flipped_is_refused(change, message):
    given = {"targets": 1, "order_by": ORDER, "fractions": [0.0, 0.5], **change}
    with pytest.raises(ParameterError, match=message):
        evaluation.bin_flipping(Counting([1.0, 1.0]), INPUTS, **given)
