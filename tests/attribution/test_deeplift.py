"""DeepLIFT against captum where captum is right, closed forms, and completeness where captum is
not.
"""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from networks import INPUT_SHAPES, kaiming, largest_error, signals, spectrogram_net, waveform_net
from quality_net import Clone, SmallQuality, small_cnn, spectrogram
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError


def captums(model, inputs, baseline, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (
            DeepLift(copy.deepcopy(model))
            .attribute(
                inputs.clone().requires_grad_(), torch.full_like(inputs, baseline), target=target
            )
            .detach()
        )


def smooth_net():
    return kaiming(
        nn.Sequential(
            nn.Linear(6, 8),
            nn.Tanh(),
            nn.Linear(8, 7),
            nn.Sigmoid(),
            nn.Linear(7, 6),
            nn.ELU(),
            nn.Linear(6, 5),
            nn.Softplus(),
            nn.Linear(5, 3),
        ).double(),
        bias=0.3,
    )


@pytest.mark.parametrize("baseline", [0.0, -1.5])
def test_deeplift_equals_captums_where_a_clone_stands_before_the_pooling(baseline):
    model, inputs = small_cnn().double(), signals((1, 8, 5), n=6)
    for target in range(4):
        ours = attribution.attribute(model, inputs, target, "deeplift", baseline=baseline)
        assert largest_error(ours, captums(model, inputs, baseline, target)) < 1e-10


def test_deeplift_equals_captums_for_smooth_functions():
    model, inputs = smooth_net(), signals((6,), n=6)
    ours = attribution.attribute(model, inputs, 2, "deeplift", baseline=0.4)
    assert largest_error(ours, captums(model, inputs, 0.4, 2)) < 1e-9


def test_where_poolings_follow_relus_captum_does_not_add_up_and_we_do():
    model = kaiming(
        nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 5, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(10, 4),
        ).double(),
        bias=0.1,
    )
    inputs = signals((1, 8, 4), n=6)
    with torch.no_grad():
        difference = (model(inputs) - model(torch.ones_like(inputs)))[:, 1]
    theirs = captums(model, inputs, 1.0, 1).flatten(1).sum(1)
    ours = attribution.attribute(model, inputs, 1, "deeplift", baseline=1.0).flatten(1).sum(1)
    assert (
        (theirs - difference).abs() / difference.abs()
    ).median() > 0.05  # their issue 1104; nothing is raised
    np.testing.assert_allclose(ours, difference, rtol=1e-9)


@pytest.mark.parametrize("network", [waveform_net, spectrogram_net])  # pooling windows that overlap
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_deeplift_adds_up_where_pooling_windows_overlap(network, baseline):
    model, inputs = kaiming(network().double(), bias=0.3), signals(INPUT_SHAPES[network])
    relevance = attribution.attribute(model, inputs, 1, "deeplift", baseline=baseline)
    assert (
        attribution.completeness(model, inputs, 1, relevance, baseline=baseline).relative.max()
        < 1e-10
    )


def test_deeplift_through_one_relu_solved_by_hand():
    model = nn.Sequential(
        nn.Linear(2, 1, dtype=torch.float64), nn.ReLU(), nn.Linear(1, 1, dtype=torch.float64)
    )
    model[0].weight.data, model[0].bias.data = (
        torch.tensor([[1.0, 2.0]]).double(),
        torch.tensor([-1.0]).double(),
    )
    model[2].weight.data, model[2].bias.data = (
        torch.tensor([[3.0]]).double(),
        torch.tensor([5.0]).double(),
    )
    inputs = torch.tensor([[2.0, 1.0], [0.0, 0.25]], dtype=torch.float64)
    # first clip: from z = -1 to 3, relu 0 to 3, multiplier 3/4; second: -1 to -0.5, multiplier 0
    relevance = attribution.attribute(model, inputs, 0, "deeplift", baseline=0.0)
    np.testing.assert_allclose(relevance, [[2 * 3 * 0.75, 2 * 3 * 0.75], [0.0, 0.0]])


def test_deeplift_through_a_pooling_solved_by_hand():
    model = nn.Sequential(nn.MaxPool1d(2), nn.Flatten())
    inputs = torch.tensor([[[5.0, 1.0]], [[2.0, 1.0]]], dtype=torch.float64)
    baseline = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    # 4 -> 5: the new maximum gets the gain. 4 -> 2: the old maximum, which fell by 3, gets the loss
    # of 2
    relevance = attribution.attribute(model, inputs, 0, "deeplift", baseline=baseline)
    np.testing.assert_allclose(relevance, [[[1.0, 0.0]], [[0.0, -2.0]]])


class Functional(nn.Module):
    """The small CNN's layers with ReLU and pooling as function calls."""

    def __init__(self, relu, pool):
        super().__init__()
        self.layers, self.relu, self.pool = small_cnn().double(), relu, pool

    def forward(self, x):
        layers = self.layers
        x = self.pool(self.relu(layers.bn1(layers.conv1(x))))
        return layers.fc_out(self.relu(layers.conv2(x)).flatten(1))


@pytest.mark.parametrize(
    "relu",
    [
        F.relu,
        torch.relu,
        torch.Tensor.relu,
        lambda x: F.relu(x, inplace=True),
        lambda x: F.relu(x, True),
        torch.relu_,
        lambda x: F.leaky_relu(x, 0.0),
    ],
)
@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 2, padding=(0, 1)),
        lambda x: F.max_pool2d(input=x, kernel_size=2, padding=(0, 1)),
    ],
)
def test_function_calls_are_treated_like_layers(relu, pool):
    inputs = signals((1, 8, 5), n=6)
    expected = attribution.attribute(small_cnn().double(), inputs, 2, "deeplift", baseline=-1.0)
    found = attribution.attribute(Functional(relu, pool), inputs, 2, "deeplift", baseline=-1.0)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_units_that_do_not_change_take_the_derivative():
    model = nn.Sequential(nn.Linear(2, 1, bias=False, dtype=torch.float64), nn.Tanh())
    model[0].weight.data = torch.tensor([[1.0, -1.0]], dtype=torch.float64)
    relevance = attribution.attribute(
        model, torch.tensor([[3.0, 3.0]], dtype=torch.float64), 0, "deeplift"
    )
    np.testing.assert_allclose(relevance, [[3.0, -3.0]])  # z stays 0, where the slope of tanh is 1


def test_many_targets_from_one_pass_equal_one_after_the_other():
    model, inputs = small_cnn().double(), signals((1, 8, 5), n=5)
    baseline = signals((1, 8, 5), n=5, seed=9)
    together = attribution.deeplift_all(model, inputs, [0, 3, 1], baseline=baseline, batch_size=2)
    for target, found in zip([0, 3, 1], together.attributions, strict=True):
        torch.testing.assert_close(
            found, attribution.attribute(model, inputs, target, "deeplift", baseline=baseline)
        )
    assert together.completeness.error.shape == (3, 5) and together.completeness.error.max() < 1e-12


class CountRows(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = 0

    def forward(self, x):
        self.rows += len(x)
        return x


def test_a_baseline_that_clips_share_goes_through_once():
    counter, inputs = CountRows(), signals((1, 8, 5), n=6)
    attribution.deeplift_all(nn.Sequential(counter, *small_cnn().double()), inputs, range(4))
    assert counter.rows == 7


def test_a_network_that_cuts_clips_into_rows_gets_the_whole_baseline():
    class Cutting(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = small_cnn().double()

        def forward(self, x):
            cut = x.unfold(2, 5, 2).permute(0, 2, 1, 3).flatten(0, 1).unsqueeze(1)
            return self.cnn(cut).view(len(x), -1, 4).mean(1)

    relevance = attribution.attribute(Cutting(), spectrogram(n=3), 1, "deeplift", baseline=-2.0)
    error = attribution.completeness(Cutting(), spectrogram(n=3), 1, relevance, baseline=-2.0)
    assert error.relative.max() < 1e-9


def test_what_has_no_rule_is_refused_and_not_explained_wrongly():
    with pytest.raises(ParameterError, match="does not add up.*LSTM"):
        attribution.attribute(SmallQuality(), spectrogram(n=2), 0, "deeplift")


def test_an_input_that_is_its_own_baseline_to_rounding_is_no_error():
    for bias in (0.0, 80 * 79.3):  # large activations inside, whatever is left of them at the end
        model, inputs = small_cnn(), torch.full((2, 1, 8, 5), -79.3)
        model.conv1.bias.data += bias
        relevance = attribution.attribute(model, inputs, 1, "deeplift", baseline=-79.30001)
        assert relevance.abs().max() < 0.1


@pytest.mark.parametrize(
    "option", [{"baseline": torch.zeros(7)}, {"baseline": float("nan")}, {"batch_size": 0}]
)
def test_a_wrong_option_is_refused(option):
    with pytest.raises(ParameterError, match=next(iter(option))):
        attribution.attribute(small_cnn(), torch.ones(1, 1, 8, 5), 0, "deeplift", **option)


@pytest.mark.parametrize(
    ("targets", "says"), [(3, "must be a sequence of numbers"), ([], "at least one output index")]
)
def test_targets_of_many_must_be_a_sequence(targets, says):
    with pytest.raises(ParameterError, match=says):
        attribution.deeplift_all(small_cnn(), torch.ones(1, 1, 8, 5), targets)


def test_the_clone_of_the_stand_in_changes_nothing():
    x = torch.ones(2)
    assert torch.equal(Clone()(x), x) and Clone()(x) is not x


@pytest.mark.parametrize(("missing", "refused"), [(3e-5, False), (3e-4, True), (3e-2, True)])
def test_more_than_a_ten_thousandth_that_is_missing_from_the_sum_is_refused(missing, refused):
    """A network with a part that has no rule, of that share of the output: a square, 0.5 or 1 of
    its change.
    """

    class Squares(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 1, bias=False)
            nn.init.ones_(self.linear.weight)

        def forward(self, x):
            return self.linear(x) + missing * (x**2).sum(-1, keepdim=True)

    model, x = Squares().double(), torch.ones(1, 4, dtype=torch.float64)
    if refused:
        with pytest.raises(ParameterError, match="does not add up"):
            attribution.attribute(model, x, 0, "deeplift")
    else:
        assert attribution.attribute(model, x, 0, "deeplift").sum() == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_refused(dtype):
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 3)).to(dtype)
    with pytest.raises(ParameterError, match=r"model\.float\(\)"):
        attribution.attribute(model, torch.ones(1, 1, 8), 0, "deeplift")
