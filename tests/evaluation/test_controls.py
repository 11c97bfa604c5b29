"""The control model: same network, nothing learnt."""

import pytest
import torch
from torch import nn

from earwitness import evaluation
from earwitness.errors import ParameterError
from earwitness.models import AudioNet


def test_every_weight_is_drawn_anew_and_the_model_keeps_its_own():
    model = AudioNet(3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    control = evaluation.randomised(model, seed=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items()) and model.training
    assert not control.training
    for name, value in control.state_dict().items():
        assert value.shape == before[name].shape and not torch.equal(value, before[name])
        assert 0.8 < value.std() / before[name].std() < 1.25 or value.numel() < 200


def test_the_seed_decides_and_the_global_generator_is_left_alone():
    model = nn.Linear(4, 3)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (evaluation.randomised(model, seed).weight for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_weights_that_cannot_be_drawn_anew_are_refused():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(1))

    with pytest.raises(ParameterError, match=r"Layer '1' \(Scale\) has weights"):
        evaluation.randomised(nn.Sequential(nn.Linear(2, 2), Scale()))
