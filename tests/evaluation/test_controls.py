"""The control model: same network, nothing learnt."""

import pytest
import torch
from torch import nn

from earwitness import evaluation
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models import AudioNet


def test_every_weight_is_drawn_anew_and_the_model_keeps_its_own():
    model = AudioNet(3).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    control = evaluation.randomised(model, seed=1)
    assert (
        all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        and model.training
    )
    assert not control.training
    for name, value in control.state_dict().items():
        assert value.shape == before[name].shape and not torch.equal(value, before[name])
        assert 0.8 < value.std() / before[name].std() < 1.25 or value.numel() < 200


def test_only_the_named_layers_are_drawn_and_others_are_refused_by_name():
    model = AudioNet(3)
    names = [name for name, module in model.named_modules() if list(module.parameters(False))]
    control = evaluation.randomised(model, 1, names[-1:]).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(value, control[name]) != name.startswith(f"{names[-1]}.")
    with pytest.raises(UnknownNameError, match="layer with weights"):
        evaluation.randomised(model, layers=["pool1"])


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

    with pytest.raises(
        ParameterError, match=r"Layer '1' \(Scale\) has weights that cannot be randomised"
    ):
        evaluation.randomised(nn.Sequential(nn.Linear(2, 2), Scale()))


LAYERS = {
    "weight norm as of old": lambda: nn.utils.weight_norm(nn.Conv1d(3, 4, 5)),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 4, 5)),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(nn.Conv1d(3, 4, 5)),
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_weights_that_are_made_of_others_are_drawn_anew_as_the_layer_draws_them(make):
    torch.manual_seed(0)
    model = nn.Sequential(make(), nn.ReLU())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(3.0)  # what training might have done
    x = torch.randn(2, 3, 20)
    learnt = model(x)
    control = evaluation.randomised(model, seed=1)
    torch.testing.assert_close(model(x), learnt, rtol=1e-4, atol=1e-4)
    weight = control[0].weight
    assert control(x).shape == learnt.shape and not torch.allclose(control(x), learnt, atol=0.1)
    assert weight.abs().max() <= 1 and 0 < weight.std() < 0.6  # nothing of the 3 is left
    again, other = (evaluation.randomised(model, seed)[0].weight for seed in (1, 2))
    assert torch.equal(weight, again) and not torch.equal(weight, other)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
@pytest.mark.parametrize("name", ["weight norm as of old", "weight norm"])
def test_a_normed_layer_becomes_what_a_plain_one_would_be(name):
    torch.manual_seed(0)
    control = evaluation.randomised(LAYERS[name](), seed=4)
    torch.manual_seed(4)
    plain = nn.Conv1d(3, 4, 5)
    torch.testing.assert_close(control.weight, plain.weight)
    x = torch.randn(2, 3, 20)
    torch.testing.assert_close(control(x), plain(x))


def test_a_parametrisation_that_keeps_what_was_learnt_is_refused():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept = nn.Parameter(torch.ones(3, 3))

        def forward(self, weight):
            return weight + self.kept

    class Invertible(Masked):
        def right_inverse(self, weight):
            return weight

    for kind, said in ((Masked, "cannot be set"), (Invertible, "keeps something")):
        layer = nn.Linear(3, 3)
        nn.utils.parametrize.register_parametrization(layer, "weight", kind())
        with pytest.raises(ParameterError, match=f"'model' .Linear. has weights.*{said}"):
            evaluation.randomised(layer)
