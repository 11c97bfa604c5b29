"""LRP against hand-solved cases, the textbook, zennit, captum, and the laws that it must obey."""

import copy
import gc

import numpy as np
import pytest
import textbook
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from networks import INPUT_SHAPES, kaiming, largest_error, signals, spectrogram_net, waveform_net
from torch import nn
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import EpsilonPlus, LayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Gamma
from zennit.types import Convolution, Linear

from earwitness import attribution
from earwitness.attribution.lrp import layers, steps
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models import AlexNet, AudioNet

LRP_METHODS = ["lrp-alpha1-beta0", "lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma"]
SHAPES = {AudioNet: (1, 8000), AlexNet: (1, 227, 227), **INPUT_SHAPES}


def neuron(weights, bias=None):
    """Return a network of one dense neuron, float64."""
    layer = nn.Linear(len(weights), 1, bias=bias is not None, dtype=torch.float64)
    layer.weight.data = torch.tensor([weights], dtype=torch.float64)
    if bias is not None:
        layer.bias.data = torch.tensor([bias], dtype=torch.float64)
    return nn.Sequential(layer)


@pytest.mark.parametrize(
    ("method", "weights", "bias", "x", "expected"),
    [
        ("lrp-epsilon", [3.0, -1.0], None, [1.0, 2.0], [3.0, -2.0]),
        (
            "lrp-epsilon",
            [3.0, -1.0],
            1.0,
            [1.0, 2.0],
            [3.0, -2.0],
        ),  # the bias takes 1 of the logit 2
        ("lrp-epsilon", [1.0, 1.0], 6.0, [1.0, 1.0], [1.0, 1.0]),
        ("lrp-alpha1-beta0", [3.0, -1.0], None, [1.0, 2.0], [1.0, 0.0]),
        (
            "lrp-alpha1-beta0",
            [-3.0, 1.0, 1.0],
            None,
            [-1.0, 2.0, -1.0],
            [4 * 3 / 5, 4 * 2 / 5, 0.0],
        ),
        ("lrp-alpha1-beta0", [3.0, 1.0], 4.0, [1.0, 1.0], [3.0, 1.0]),
        (
            "lrp-alpha1-beta0",
            [3.0, 1.0],
            -2.0,
            [1.0, 1.0],
            [1.5, 0.5],
        ),  # a negative bias has no share
    ],
)
def test_one_neuron_is_explained_as_solved_by_hand(method, weights, bias, x, expected):
    relevance = attribution.attribute(
        neuron(weights, bias), torch.tensor([x], dtype=torch.float64), 0, method, epsilon=1e-12
    )
    np.testing.assert_allclose(relevance[0], expected, atol=1e-10)


@pytest.mark.parametrize(
    ("x", "weights", "expected"),
    [
        ([1.0, 2.0], [3.0, -1.0], [1.5, -0.5]),  # z = 1; contributions 6 and -2 of 4
        ([1.0, 2.0], [-3.0, 1.0], [-1.5, 0.5]),  # z = -1: negative contributions count double
        (
            [-1.0, 2.0],
            [-3.0, -1.0],
            [1.5, -0.5],
        ),  # signed inputs: what counts is the contribution's sign
    ],
)
def test_gamma_of_one_counts_contributions_of_the_outputs_sign_twice(x, weights, expected):
    convolution = nn.Conv1d(2, 1, 1, bias=False, dtype=torch.float64)
    convolution.weight.data = torch.tensor(weights, dtype=torch.float64).view(1, 2, 1)
    inputs = torch.tensor(x, dtype=torch.float64).view(1, 2, 1)
    relevance = attribution.attribute(
        nn.Sequential(convolution, nn.Flatten()),
        inputs,
        0,
        "lrp-gamma",
        gamma=1.0,
        stabilizer=1e-12,
    )
    np.testing.assert_allclose(relevance.flatten(), expected, atol=1e-10)


def test_a_large_epsilon_absorbs_relevance_in_proportion():
    relevance = attribution.attribute(
        neuron([3.0, -1.0]), torch.tensor([[1.0, 2.0]], dtype=torch.float64), 0, epsilon=1.0
    )
    np.testing.assert_allclose(relevance[0], [1.5, -1.0])  # contributions 3, -2 over 1 + 1


@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize(
    ("network", "n"), [(waveform_net, 4), (spectrogram_net, 4), (AudioNet, 2), (AlexNet, 1)]
)
def test_lrp_epsilon_equals_the_textbook(network, n, bias):
    model = kaiming(network(3).double(), bias=bias)
    inputs = signals(SHAPES[network], n=n)
    targets = [i % 3 for i in range(n)]
    relevance = attribution.attribute(model, inputs, targets, "lrp-epsilon", epsilon=1e-6)
    expected = [
        textbook.lrp_epsilon(model, clip, target, 1e-6)[0]
        for clip, target in zip(inputs, targets, strict=True)
    ]
    assert largest_error(relevance, torch.tensor(np.array(expected))) < 1e-6


def zennit_composite(method):
    if method == "lrp-epsilon":
        layers = [(Linear, Epsilon(1e-6))]
    elif method == "lrp-epsilon-plus":
        return EpsilonPlus(canonizers=[SequentialMergeBatchNorm()])
    elif method == "lrp-alpha1-beta0":
        layers = [(Linear, AlphaBeta(alpha=1, beta=0))]
    else:
        layers = [(Convolution, Gamma(0.25)), (nn.Linear, Epsilon(1e-6))]
    return LayerMapComposite(layer_map_base() + layers, canonizers=[SequentialMergeBatchNorm()])


def zennit_relevance(model, inputs, target, method):
    with zennit_composite(method).context(model) as hooked:
        leaf = inputs.clone().requires_grad_()
        output = hooked(leaf)
        seed = torch.zeros_like(output)
        seed[:, target] = output[:, target].detach()
        return torch.autograd.grad(output, leaf, seed)[0]


def with_normalisation():
    """Batch norm behind a convolution without bias, average pooling: what canonizers and layer maps
    are for.
    """
    return nn.Sequential(
        nn.Conv1d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm1d(4),
        nn.ELU(),
        nn.AvgPool1d(2),
        nn.Conv1d(4, 4, 3),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(72, 3),
    )


def normalised(model, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.eps = 1e-12  # zennit leaves it in the forward pass that is explained
            for values in (
                layer.weight.data,
                layer.bias.data,
                layer.running_mean,
                layer.running_var,
            ):
                values.copy_(
                    torch.rand(values.shape, generator=generator, dtype=torch.float64) + 0.5
                )
    return model


@pytest.mark.parametrize("method", LRP_METHODS)
@pytest.mark.parametrize("network", [waveform_net, spectrogram_net, AudioNet])
def test_relevance_equals_zennits_to_rounding(network, method):
    model = kaiming(network(3).double(), bias=0.1)
    inputs = signals(SHAPES[network], n=2)
    ours, theirs = (
        attribution.attribute(model, inputs, 1, method),
        zennit_relevance(model, inputs, 1, method),
    )
    assert largest_error(ours, theirs) < 1e-12


@pytest.mark.parametrize("method", LRP_METHODS)
def test_relevance_equals_zennits_where_batch_norm_is_merged(method):
    model = normalised(kaiming(with_normalisation().double(), bias=0.1))
    inputs = signals((1, 40))
    ours, theirs = (
        attribution.attribute(model, inputs, 1, method),
        zennit_relevance(model, inputs, 1, method),
    )
    assert largest_error(ours, theirs) < 2e-4  # zennit's stabiliser of a mean, 1e-6; ours has none


def test_batch_norm_is_explained_as_the_merged_convolution():
    model = normalised(kaiming(with_normalisation().double(), bias=0.1))
    merged = copy.deepcopy(model)
    for i in (0, 4):
        convolution, norm = merged[i], merged[i + 1]
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        bias = 0 if convolution.bias is None else convolution.bias
        convolution.weight.data = convolution.weight.data * scale[:, None, None]
        convolution.bias = nn.Parameter(((bias - norm.running_mean) * scale + norm.bias).data)
        merged[i + 1] = nn.Identity()
    inputs = signals((1, 40))
    torch.testing.assert_close(model(inputs), merged(inputs))
    for method in LRP_METHODS:
        ours, same = (attribution.attribute(one, inputs, 1, method) for one in (model, merged))
        assert largest_error(ours, same) < 1e-9


def audionet_2d(model):
    """Return AudioNet with 2-D convolutions of height 1 and the same weights: captum has no rule
    for 1-D ones.
    """
    layers = []
    for layer in model:
        if isinstance(layer, nn.Conv1d):
            flat = nn.Conv2d(layer.in_channels, layer.out_channels, (1, 3), padding=(0, 1))
            flat.weight.data, flat.bias.data = (
                layer.weight.data[:, :, None].clone(),
                layer.bias.data.clone(),
            )
            layers.append(flat)
        elif isinstance(layer, nn.MaxPool1d):
            layers.append(
                nn.MaxPool2d((1, layer.kernel_size), (1, layer.stride), ceil_mode=layer.ceil_mode)
            )
        elif isinstance(layer, nn.Flatten):
            layers.append(Reshape())
        elif not isinstance(layer, nn.Dropout):
            layers.append(layer)
    return nn.Sequential(*layers)


class Reshape(nn.Module):
    """nn.Flatten under a name that captum accepts as a container: it has no rule for the layer
    itself.
    """

    def __init__(self):
        super().__init__()
        self.inside = nn.Dropout(0.0)

    def forward(self, x):
        return self.inside(x.flatten(1))


def captum_relevance(model, inputs, target, convolution, dense):
    twin = copy.deepcopy(model).eval()
    if inputs.ndim == 3:
        twin, shaped = audionet_2d(twin).eval(), inputs[:, :, None]
    else:
        twin, shaped = (
            nn.Sequential(
                *(Reshape() if isinstance(layer, nn.Flatten) else layer for layer in twin)
            ),
            inputs,
        )
    for layer in twin.modules():
        if isinstance(layer, nn.Conv2d):
            layer.rule = convolution()
        elif isinstance(layer, nn.Linear):
            layer.rule = dense()
        elif isinstance(layer, nn.MaxPool2d):
            layer.rule = EpsilonRule(1e-30)  # captum's default 1e-9 leaks there
    relevance = LRP(twin).attribute(shaped.clone().requires_grad_(), target=target)
    return relevance.detach().reshape(inputs.shape)


def epsilon_1e_6():
    return EpsilonRule(1e-6)


@pytest.mark.parametrize("bias", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("network", [AudioNet, AlexNet])
def test_lrp_epsilon_equals_captums(network, dtype, bias):
    model = kaiming(network(3).to(dtype), bias=bias)
    inputs = signals(SHAPES[network], n=2, dtype=dtype)
    ours = attribution.attribute(model, inputs, 1, "lrp-epsilon", epsilon=1e-6)
    theirs = captum_relevance(model, inputs, 1, epsilon_1e_6, epsilon_1e_6)
    assert largest_error(theirs, ours) < (1e-4 if dtype == torch.float32 else 1e-10)


@pytest.mark.parametrize("method", LRP_METHODS)
@pytest.mark.parametrize("network", [AudioNet, AlexNet, waveform_net, spectrogram_net])
def test_relevance_sums_to_the_logit_without_biases(network, method):
    model = kaiming(network(3))
    inputs = signals(SHAPES[network], n=2, dtype=torch.float32)
    balance = attribution.conservation(model, inputs, [0, 2], method)
    with torch.no_grad():
        logit = model(inputs)[[0, 1], [0, 2]]
    torch.testing.assert_close(balance.explained, logit)
    torch.testing.assert_close(balance.relevance, logit, rtol=1e-4, atol=0)


def test_what_relevance_lacks_of_the_logit_is_what_the_textbook_gives_to_the_biases():
    model, inputs = kaiming(waveform_net(3).double(), bias=0.5), signals((1, 40))
    balance = attribution.conservation(model, inputs, 2, epsilon=1e-12)
    for i, clip in enumerate(inputs):
        relevance, logit, biases = textbook.lrp_epsilon(model, clip, 2, 1e-12)
        assert balance.explained[i].item() == pytest.approx(logit, rel=1e-9)
        assert balance.relevance[i].item() == pytest.approx(relevance.sum(), rel=1e-6)
        assert sum(part[i].item() for part in balance.absorbed.values()) == pytest.approx(
            biases, rel=1e-6
        )
        assert balance.bias_share[i].item() == pytest.approx(biases / logit, rel=1e-6)
    assert list(balance.absorbed) == [
        "0",
        "3",
        "7",
        "9",
    ]  # the layers with biases, in forward order


def padded_clips(n=3, seed=3):
    """Return clips (n, 1, 8000) with sound in a part of the second and zeros around it, and where
    the zeros are.
    """
    clips = signals((1, 8000), seed=seed, n=n, dtype=torch.float32)
    silent = torch.zeros(n, 1, 8000, dtype=torch.bool)
    for i in range(n):
        silent[i, :, : 1000 * (i + 1)] = True
        silent[i, :, 1000 * (i + 1) + 3000 :] = True
    return clips.masked_fill(silent, 0.0), silent


@pytest.mark.parametrize("method", LRP_METHODS)
def test_zero_relevance_falls_onto_audionets_zero_padding(method):
    clips, silent = padded_clips()
    model = kaiming(AudioNet(10), bias=0.1)
    relevance = attribution.attribute(model, clips, 4, method)
    assert relevance[silent].abs().max() == 0
    assert relevance[~silent].abs().max() > 0
    assert (
        attribution.attribute(model, clips, 4, "gradient")[silent].abs().max() > 0
    )  # a gradient need not vanish


@pytest.mark.parametrize("bias_factor", [0.0, 1.0])
def test_positive_parts_out_of_a_difference_are_those_of_two_passes(monkeypatch, bias_factor):
    model = nn.Sequential(
        nn.Conv1d(40, 8, 3), nn.ELU(), nn.Conv1d(8, 8, 3, bias=False), nn.ELU(), nn.Flatten(),
        nn.Linear(8 * 16, 2),
    )  # fmt: skip
    inputs = torch.randn(3, 40, 20, generator=torch.Generator().manual_seed(0))
    options = {"method": "lrp-epsilon-plus", "bias_factor": bias_factor, "stabilizer": 0.1}
    with monkeypatch.context() as patched:
        patched.setattr(layers, "_over_half", lambda *_: None)
        exact = attribution.attribute(model, inputs, 1, **options)
    assert largest_error(attribution.attribute(model, inputs, 1, **options), exact) < 1e-5


def test_silence_between_sounds_of_both_signs_is_no_division_of_nothing_by_nothing():
    layer, last = nn.Conv1d(1, 1, 1), nn.Linear(4, 1, bias=False)
    layer.weight.data.fill_(1.0), layer.bias.data.fill_(-100.0), last.weight.data.fill_(1.0)
    model = nn.Sequential(layer, nn.ReLU(), nn.Flatten(), last)
    inputs = torch.tensor([[[102.0, 0.0, -2.0, 0.0]]])  # 2, and three that do not speak
    for bias_factor in (0.0, 1.0):
        options = {"method": "lrp-epsilon-plus", "bias_factor": bias_factor}
        found = attribution.attribute(model, inputs, 0, **options).squeeze()
        np.testing.assert_allclose(found, [2.0, 0.0, 0.0, 0.0], atol=1e-4)


def test_a_sum_of_zero_hands_on_what_it_is_handed_to_its_positive_parts():
    layer, last = nn.Conv1d(2, 1, 1, bias=False), nn.Linear(1, 1)
    layer.weight.data.fill_(1.0), last.weight.data.fill_(1.0), last.bias.data.fill_(2.0)
    model, inputs = nn.Sequential(layer, nn.Flatten(), last), torch.tensor([[[1.0], [-1.0]]])
    options = {"method": "lrp-epsilon-plus", "bias_factor": 1.0}
    np.testing.assert_allclose(
        attribution.attribute(model, inputs, 0, **options).squeeze(), [2.0, 0.0], rtol=1e-5
    )


def test_a_positive_part_too_small_for_a_difference_is_not_taken_from_one():
    """1e-3 of 1e4: in single precision a difference would have lost it."""
    layer = nn.Conv1d(2, 1, 1)
    layer.weight.data = torch.tensor([[[1.0], [1.0]]])
    layer.bias.data.fill_(10002.0)
    model, inputs = nn.Sequential(layer, nn.Flatten()), torch.tensor([[[1e-3], [-1e4]]])
    found = attribution.attribute(model, inputs, 0, "lrp-alpha1-beta0", bias_factor=1.0)
    np.testing.assert_allclose(found.squeeze(), [model(inputs).item(), 0.0], rtol=2e-3)


def test_gamma_of_zero_is_the_epsilon_rule_and_a_huge_gamma_the_plus_rule():
    model, inputs = kaiming(waveform_net(3).double(), bias=0.1), signals((1, 40))
    epsilon, plus = (
        attribution.attribute(model, inputs, 1, name)
        for name in ("lrp-epsilon", "lrp-epsilon-plus")
    )
    assert (
        largest_error(attribution.attribute(model, inputs, 1, "lrp-gamma", gamma=0.0), epsilon)
        < 1e-9
    )
    huge = attribution.attribute(model, inputs, 1, "lrp-gamma", gamma=1e9, stabilizer=1e-12)
    exact = attribution.attribute(model, inputs, 1, "lrp-epsilon-plus", stabilizer=1e-12)
    assert largest_error(huge, exact) < 1e-6
    assert largest_error(epsilon, plus) > 0.1  # so that the two limits are different things


def test_a_layer_used_twice_is_explained_as_two_layers_with_the_same_weights():
    class Twice(nn.Module):
        def __init__(self, first, second):
            super().__init__()
            self.first, self.relu, self.second = first, nn.ReLU(), second

        def forward(self, x):
            return self.second(self.relu(self.first(x)))

    one = kaiming(nn.Linear(6, 6).double(), bias=0.1)
    inputs = signals((6,))
    reused = attribution.attribute(Twice(one, one), inputs, 1)
    assert torch.equal(reused, attribution.attribute(Twice(one, copy.deepcopy(one)), inputs, 1))


def test_a_layer_called_with_its_input_by_name_is_explained():
    class ByName(nn.Sequential):
        def forward(self, x):
            for layer in self:
                x = layer(input=x)
            return x

    usual, inputs = kaiming(waveform_net(3), bias=0.1), signals((1, 40), dtype=torch.float32)
    assert torch.equal(
        attribution.attribute(ByName(*usual), inputs, 0), attribution.attribute(usual, inputs, 0)
    )


def test_in_place_relu_gives_the_same_relevance_and_stays_in_place():
    model = kaiming(waveform_net(3))
    twin = copy.deepcopy(model)
    twin[1], twin[4] = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
    inputs = signals((1, 40), dtype=torch.float32)
    assert torch.equal(
        attribution.attribute(twin, inputs, 0), attribution.attribute(model, inputs, 0)
    )
    assert twin[1].inplace and twin[4].inplace


def test_a_pre_activation_overwritten_by_a_function_is_explained_as_it_was_before():
    class Overwriting(nn.Module):
        def __init__(self, relu):
            super().__init__()
            self.layer, self.last, self.relu = nn.Linear(4, 4), nn.Linear(4, 2), relu

        def forward(self, x):
            return self.last(self.relu(self.layer(x)))

    inputs, model = signals((4,)), kaiming(Overwriting(torch.relu_).double(), bias=0.1)
    twin = kaiming(Overwriting(torch.relu).double(), bias=0.1)
    assert torch.equal(
        attribution.attribute(model, inputs, 0), attribution.attribute(twin, inputs, 0)
    )


def test_a_batch_norm_that_mixes_the_clips_of_a_batch_is_refused():
    layers = [nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False)]
    with pytest.raises(ParameterError, match="without running statistics mixes the clips"):
        attribution.attribute(nn.Sequential(*layers), torch.ones(2, 4), 0)


@pytest.mark.parametrize(
    ("method", "option"),
    [
        ("lrp-epsilon", {"epsilon": 0.0}),
        ("lrp-epsilon", {"epsilon": -1e-6}),
        ("lrp-alpha1-beta0", {"epsilon": 0.0}),
        ("lrp-epsilon-plus", {"stabilizer": 0.0}),
        ("lrp-gamma", {"gamma": -0.1}),
        ("lrp-epsilon", {"epsilon": float("nan")}),
    ],
)
def test_values_that_make_no_rule_are_refused(method, option):
    with pytest.raises(ParameterError, match=next(iter(option))):
        attribution.attribute(neuron([1.0, 1.0]), torch.ones(1, 2), 0, method, **option)


def test_conservation_is_for_lrp_methods_and_their_options():
    with pytest.raises(UnknownNameError, match="LRP method"):
        attribution.conservation(neuron([1.0]), torch.ones(1, 1), 0, "gradient")
    with pytest.raises(ParameterError, match="no option gamma"):
        attribution.conservation(neuron([1.0]), torch.ones(1, 1), 0, "lrp-epsilon", gamma=1.0)


CAPTUM_RULES = {"lrp-epsilon-plus": Alpha1_Beta0_Rule, "lrp-gamma": GammaRule}


def distance_to_captum(network, method, bias, signed):
    """Return captum's largest deviation in units of our largest relevance, float64."""
    model, inputs = kaiming(network(3).double(), bias=bias), signals(SHAPES[network], n=3)
    inputs = inputs if signed else inputs.abs()
    theirs = captum_relevance(model, inputs, 1, CAPTUM_RULES[method], epsilon_1e_6)
    return largest_error(theirs, attribution.attribute(model, inputs, 1, method))


@pytest.mark.parametrize("method", sorted(CAPTUM_RULES))
@pytest.mark.parametrize("network", [AudioNet, AlexNet])
def test_captum_agrees_on_other_rules_where_inputs_are_not_negative_and_biases_zero(
    network, method
):
    assert distance_to_captum(network, method, bias=0.0, signed=False) < 2e-6


@pytest.mark.parametrize(
    ("network", "method", "least", "most"),
    [
        (AudioNet, "lrp-epsilon-plus", 70, 90),
        (AlexNet, "lrp-epsilon-plus", 300, 380),
        (AudioNet, "lrp-gamma", 55, 70),
        (AlexNet, "lrp-gamma", 0.5, 0.7),
    ],
)
def test_captum_disagrees_on_signed_inputs_by_as_much_as_the_text_says(
    network, method, least, most
):
    assert least < distance_to_captum(network, method, bias=0.0, signed=True) < most


@pytest.mark.parametrize(
    ("network", "method", "expected"),
    [
        (AudioNet, "lrp-epsilon-plus", 0.037),
        (AlexNet, "lrp-epsilon-plus", 0.0165),
        (AudioNet, "lrp-gamma", 0.0123),
        (AlexNet, "lrp-gamma", 0.0084),
    ],
)
def test_captum_disagrees_on_biases_by_as_much_as_the_text_says(network, method, expected):
    assert distance_to_captum(network, method, bias=0.1, signed=False) == pytest.approx(
        expected, rel=0.1
    )


def test_the_composite_of_the_first_edition_makes_a_network_run_as_lrp_follows_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 4, 5), nn.GELU(), nn.Flatten(), nn.Linear(64, 3))
    model, x = model.double().eval(), torch.randn(2, 1, 20, dtype=torch.float64)
    with pytest.warns(FutureWarning, match="former.Registered now"):
        composite = attribution.lrp._composite(attribution.lrp._sums(1e-6, 0.0), None)
    leaf, before = x.clone().requires_grad_(), model(x)
    composite.register(model)
    after = model(leaf)
    composite.remove()
    assert torch.equal(before, after) and "forward" not in vars(model)
    (derivative,) = torch.autograd.grad(after[:, 1].sum(), leaf)
    torch.testing.assert_close(x * derivative, attribution.attribute(model, x, 1))


@pytest.mark.parametrize("method", LRP_METHODS)
def test_an_explanation_leaves_nothing_in_memory(method):
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    model = model.append(nn.LayerNorm(3 * 15 * 9)).append(nn.Linear(3 * 15 * 9, 2)).eval()

    inputs = signals((1, 17, 11), dtype=torch.float32)
    attribution.attribute(model, inputs, 0, method)
    gc.disable()
    gc.freeze()  # what is there already is looked at by nobody from here on
    try:
        attribution.attribute(model, inputs, 0, method)
        left = [known for known in gc.get_objects() if type(known) is torch.Tensor]
    finally:
        gc.unfreeze()
        gc.enable()
    assert not left


@pytest.mark.parametrize("additive", [0.0, 1.0])
@pytest.mark.parametrize("method", LRP_METHODS)
@pytest.mark.parametrize("network", INPUT_SHAPES)
def test_values_in_blocks_are_explained_as_the_whole(network, method, additive, monkeypatch):
    model = kaiming(network(), bias=0.1).double()
    inputs = signals(INPUT_SHAPES[network])
    inputs[:, :, ::3] = 0
    options = {"bias_factor": additive}
    whole = attribution.attribute(model, inputs, 1, method, **options)
    monkeypatch.setattr(steps, "_BLOCK", 7)
    in_blocks = attribution.attribute(model, inputs, 1, method, **options)
    assert largest_error(in_blocks, whole) < 1e-12


@pytest.mark.parametrize("method", ["lrp-epsilon-plus", "lrp-gamma"])
@pytest.mark.parametrize("network", INPUT_SHAPES)
def test_two_signs_in_one_convolution_are_explained_as_in_two(network, method, monkeypatch):
    model = kaiming(network(), bias=0.1).double()
    inputs = signals(INPUT_SHAPES[network])
    together = attribution.attribute(model, inputs, 1, method)
    monkeypatch.setattr(layers, "_FEW_CHANNELS", 0)
    assert largest_error(attribution.attribute(model, inputs, 1, method), together) < 1e-12
