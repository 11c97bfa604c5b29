"""Networks as they predict: modes restored, copies used only where they agree, outputs that are no
numbers refused.
"""

import copy

import pytest
import torch
from torch import nn

from earwitness import models
from earwitness.errors import ParameterError
from earwitness.models import layout


class LooksInside(nn.Module):
    """Uses the weight of its convolution itself, which has another shape in the 2-D copy."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 2, 3)

    def forward(self, x):
        return nn.functional.conv1d(x, self.conv.weight).mean(-1)


class CountsDimensions(nn.Module):
    """Returns something else, without an error, where the weight has four dimensions."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 2, 3)

    def forward(self, x):
        return self.conv(x).mean(-1) * self.conv.weight.ndim


@pytest.mark.parametrize("network", [LooksInside, CountsDimensions])
def test_a_network_whose_copy_cannot_run_or_differs_predicts_in_its_own_layout(network):
    torch.manual_seed(0)
    model, x = network().train(), torch.randn(3, 1, 20)
    predicting = models.for_prediction(model, x)
    torch.testing.assert_close(predicting(x), model(x))
    assert type(predicting.conv) is nn.Conv1d
    assert model.training and model.conv.training and not predicting.training


def test_a_copy_that_agrees_on_the_first_input_is_used():
    torch.manual_seed(0)
    model, x = models.SpeakerCNN(3).train(), torch.randn(2, 1, 4000)
    predicting = models.for_prediction(model, x)
    torch.testing.assert_close(predicting(x), model(x), rtol=1e-4, atol=1e-5)
    assert isinstance(predicting.conv1, nn.Conv2d) and model.training


def test_evaluation_mode_gives_every_module_its_own_mode_back_after_an_error_too():
    model = models.DoaCRNN(6).train()
    model.bn2.eval()
    before = [module.training for module in model.modules()]
    with pytest.raises(KeyError), models.evaluation_mode(model) as same:
        assert same is model and not any(module.training for module in model.modules())
        raise KeyError
    assert [module.training for module in model.modules()] == before
    models.logits(model, torch.zeros(1, 6, 2, 512))
    assert [module.training for module in model.modules()] == before


def test_outputs_that_are_infinite_are_refused_also_where_all_weights_are_finite():
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 3e38)
    with pytest.raises(
        ParameterError, match="Linear returns NaN or infinite values for 1 of 2 inputs: there is"
    ):
        models.logits(model, torch.tensor([[0.1], [10.0]]))


def test_layers_stay_as_they_are_where_weights_are_used_twice():
    model = nn.Sequential(nn.Conv1d(2, 2, 3), nn.Conv1d(2, 2, 3))
    model[1].weight = model[0].weight
    assert not layout.differs(layout.channels_last(model), model)
    apart = copy.deepcopy(model)
    apart[1].weight = nn.Parameter(apart[1].weight.detach().clone())
    assert layout.differs(layout.channels_last(apart), apart)


def test_a_network_without_layers_that_change_is_not_run_twice():
    seen = []

    class Sums(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return x.flatten(1)

    models.for_prediction(Sums(), torch.ones(1, 2))(torch.ones(3, 2))
    assert seen == [3]
