"""The one entry: arguments, batches, devices, precision, and a model that is left as it was."""

import copy
import functools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import INPUT_SHAPES, kaiming, signals, spectrogram_net, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.attribution import concepts, validation
from earwitness.errors import ParameterError, UnknownNameError

METHODS = attribution.methods()
WAVEFORM_ONLY = {"audiolime", "dft-lrp", "kernel-shap", "sampling-shap"}
FORWARD_ONLY = {"random", "audiolime", "occlusion", "kernel-shap", "sampling-shap", "rise"}
FEW = {  # where a method draws samples: what is tried here does not depend on how many
    **dict.fromkeys(("audiolime", "sampling-shap"), {"n_samples": 40}),
    "kernel-shap": {"n_samples": 200},  # fewer do not tell its components apart
    **dict.fromkeys(("conductance", "integrated-gradients"), {"n_steps": 8}),
    **dict.fromkeys(("smoothgrad", "vargrad"), {"n_samples": 4}),
    "rise": {"n_masks": 20},
}
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def attribute(model, inputs, target, method, **options):
    """Explain as a caller does, by few samples."""
    return attribution.attribute(model, inputs, target, method, **FEW.get(method, {}) | options)


def test_the_methods_of_the_first_chapter_are_there():
    assert {
        "lrp-epsilon",
        "lrp-epsilon-plus",
        "lrp-alpha1-beta0",
        "lrp-gamma",
        "gradient",
        "gradient-x-input",
        "integrated-gradients",
        "guided-backprop",
        "random",
    } <= set(METHODS)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("method", "network"),
    [
        *((method, waveform_net) for method in METHODS),
        *((m, spectrogram_net) for m in METHODS if m not in WAVEFORM_ONLY),
    ],
)
def test_every_method_answers_in_shape_and_precision_and_changes_no_input(
    method, network, dtype, device
):
    model = kaiming(network(), bias=0.1).to(device, dtype)
    inputs = signals(INPUT_SHAPES[network], dtype=dtype).requires_grad_()
    before = inputs.detach().clone()
    relevance = attribute(model, inputs, [0, 1, 2, 0], method)
    assert (
        relevance.shape == inputs.shape
        and relevance.dtype == dtype
        and relevance.device == inputs.device
    )
    assert (
        torch.isfinite(relevance).all()
        and relevance.abs().sum() > 0
        and not relevance.requires_grad
    )
    assert torch.equal(inputs.detach(), before) and inputs.grad is None and inputs.requires_grad


@pytest.mark.parametrize("method", sorted(WAVEFORM_ONLY))
@pytest.mark.parametrize("shape", [(1, 17, 11), (2, 40)])
def test_methods_for_waveforms_refuse_other_inputs(method, shape):
    with pytest.raises(ParameterError, match=r"is for waveforms \(batch, 1, time\)"):
        attribution.attribute(spectrogram_net(), torch.ones(2, *shape), 0, method)


def state(model):
    """Return everything about a model that an explanation might leave changed."""
    return {
        "weights": {name: tensor.clone() for name, tensor in model.state_dict().items()},
        "identities": [id(parameter) for parameter in model.parameters()],
        "gradients": [
            (parameter.requires_grad, parameter.grad) for parameter in model.parameters()
        ],
        "training": [module.training for module in model.modules()],
        "in_place": [getattr(module, "inplace", None) for module in model.modules()],
        "hooks": [
            len(getattr(module, name))
            for module in model.modules()
            for name in vars(module)
            if "hooks" in name
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
    }


def assert_same_state(now, before):
    weights, weights_before = now.pop("weights"), before.pop("weights")
    assert weights.keys() == weights_before.keys()
    assert all(torch.equal(weights[name], weights_before[name]) for name in weights)
    assert now == before


def fragile_model():
    """A model in a mixed state: training, one layer frozen, batch norm, in-place ReLU."""
    model = nn.Sequential(
        nn.Conv1d(1, 4, 3, bias=False),
        nn.BatchNorm1d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * 38, 3),
    )
    model.train()
    model[3].eval()
    model[0].weight.requires_grad_(False)
    return model


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was(method):
    model = fragile_model()
    before = state(model)
    attribute(model, signals((1, 40), dtype=torch.float32), 1, method)
    assert_same_state(state(model), before)


class Failing(nn.Module):
    def forward(self, x):
        raise ArithmeticError("on the way")


class FailingBackwards(nn.Module):
    def forward(self, x):
        def fail(_):
            raise ArithmeticError("on the way back")

        y = 1.0 * x
        if y.requires_grad:
            y.register_hook(fail)
        return y


@pytest.mark.parametrize(
    ("method", "broken"),
    [
        *((method, Failing) for method in METHODS if method != "random"),
        *((method, FailingBackwards) for method in METHODS if method not in FORWARD_ONLY),
    ],
)
def test_the_model_is_left_as_it_was_after_an_exception_inside_it(method, broken):
    model = fragile_model()
    model.insert(3, broken())
    before = state(model)
    with pytest.raises(ArithmeticError, match="on the way"):
        attribute(model, signals((1, 40), dtype=torch.float32), 1, method)
    assert_same_state(state(model), before)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_is_left_as_it_was_after_a_wrong_target(method):
    model = fragile_model()
    before = state(model)
    with pytest.raises(ParameterError, match="Target 3 does not exist: outputs go from 0 to 2"):
        attribute(model, signals((1, 40), dtype=torch.float32), [0, 3, 1, 1], method)
    assert_same_state(state(model), before)


@settings(max_examples=15, deadline=None)
@given(batch_size=st.integers(1, 9), method=st.sampled_from(METHODS), seed=st.integers(0, 5))
def test_relevance_does_not_depend_on_the_batch_size(batch_size, method, seed):
    model, inputs = kaiming(waveform_net().double(), seed, bias=0.1), signals((1, 40), seed, n=7)
    targets = torch.arange(7) % 3
    chosen = {"batch_size": batch_size} if "batch_size" in attribution.options(method) else {}
    whole = attribute(model, inputs, targets, method)
    torch.testing.assert_close(attribute(model, inputs, targets, method, **chosen), whole)


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"random"}))
def test_each_clip_is_explained_for_its_own_target_and_by_itself(method):
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40))
    together = attribute(model, inputs, [2, 0, 1, 2], method)
    for i, target in enumerate([2, 0, 1, 2]):
        torch.testing.assert_close(
            attribute(model, inputs[i : i + 1], target, method)[0], together[i]
        )


def test_relevance_is_of_the_model_in_evaluation_mode():
    model = kaiming(nn.Sequential(nn.Linear(20, 10), nn.Dropout(0.5), nn.Linear(10, 3)))
    inputs = signals((20,), dtype=torch.float32)
    expected = attribution.attribute(model.eval(), inputs, 1)
    assert torch.equal(attribution.attribute(model.train(), inputs, 1), expected)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("method", METHODS)
def test_relevance_is_the_same_where_the_caller_has_gradients_switched_off(method, context):
    model, inputs = kaiming(waveform_net()), signals((1, 40), dtype=torch.float32)
    expected = attribute(model, inputs, 1, method)
    with context():
        assert torch.equal(attribute(model, inputs.clone(), 1, method), expected)


def test_outputs_with_a_time_axis_are_explained_at_all_steps_together():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3, bias=False, dtype=torch.float64)

        def forward(self, x):
            return self.layer(x)  # (batch, time, 3)

    model, inputs = Steps(), signals((5, 4))
    relevance = attribution.attribute(model, inputs, [0, 1, 2, 0], epsilon=1e-12)
    expected = inputs * model.layer.weight.detach()[[0, 1, 2, 0]][:, None, :]
    torch.testing.assert_close(relevance, expected)
    balance = attribution.conservation(model, inputs, [0, 1, 2, 0])
    torch.testing.assert_close(balance.explained, expected.sum((1, 2)))


def test_inputs_are_taken_in_the_models_precision():
    model = kaiming(waveform_net().double())
    assert (
        attribution.attribute(model, signals((1, 40), dtype=torch.float32), 1).dtype
        == torch.float64
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (-1, ">= 0"),
        ([0, 1], "one for each of 4 clips"),
        (1.0, "integers|whole number"),
        ([0.0, 1.0, 1.0, 1.0], "integers|whole number"),
        (True, "integers|whole number"),
        (torch.zeros(4, 1, dtype=torch.long), "one for each"),
        ("yes", "integers|whole number"),
        (3, "outputs go from 0 to 2"),
    ],
)
@pytest.mark.parametrize("method", ["lrp-epsilon", "random"])
def test_targets_that_are_no_output_are_refused(method, target, message):
    with pytest.raises(ParameterError, match=message):
        attribution.attribute(waveform_net(), signals((1, 40), dtype=torch.float32), target, method)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            torch.full((2, 1, 40), float("nan")),
            r"NaN or infinite values, or beyond 3.4e38, in clip\(s\) \[0, 1\]",
        ),
        (
            torch.cat([torch.ones(1, 1, 40), torch.full((1, 1, 40), float("inf"))]),
            r"clip\(s\) \[1\]",
        ),
        (torch.ones(0, 1, 40), "at least one clip"),
        (torch.ones(2, 0), "at least one clip"),
        (torch.ones(40), "shape"),
        (torch.ones(2, 1, 40, dtype=torch.int64), "float tensor|torch.Tensor"),
        ([[1.0]], "float tensor|torch.Tensor"),
    ],
)
def test_inputs_that_no_network_can_use_are_refused(inputs, message):
    with pytest.raises(ParameterError, match=message):
        attribution.attribute(waveform_net(), inputs, 0)


def test_one_number_a_clip_is_explained_as_one_output():
    model, inputs = kaiming(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)).double()), signals((3,))
    for method in ("lrp-epsilon", "gradient-x-input"):
        relevance = attribution.attribute(model, inputs, 0, method)
        torch.testing.assert_close(relevance.sum(1), model(inputs).detach(), rtol=1e-4, atol=1e-6)


def test_an_unknown_method_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'lrp-epsilon'"):
        attribution.attribute(waveform_net(), torch.ones(1, 1, 40), 0, "lrp-epsilom")


@pytest.mark.parametrize(
    ("method", "option", "message"),
    [
        (
            "lrp-epsilon",
            {"gamma": 0.1},
            "lrp-epsilon has no option gamma; it takes batch_size, bias_factor, epsilon",
        ),
        ("gradient", {"n_steps": 3}, "gradient has no option n_steps; it takes batch_size"),
        ("random", {"batch_size": 3}, "random has no option batch_size; it takes seed"),
        ("gradient", {"epsilon": 0.1}, "gradient has no option epsilon"),
    ],
)
def test_an_unknown_option_names_those_that_the_method_takes(method, option, message):
    with pytest.raises(ParameterError, match=message):
        attribution.attribute(waveform_net(), torch.ones(1, 1, 40), 0, method, **option)


SEVERAL_TARGETS = {
    "deeplift": attribution.deeplift_all,
    "integrated-gradients": attribution.integrated_gradients_all,
    "conductance": functools.partial(attribution.layer_conductance, layer="0"),
    "concepts": functools.partial(concepts.conditional_relevance, layer="0", channels=[0]),
}


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, None])
@pytest.mark.parametrize("method", [m for m in METHODS if "batch_size" in attribution.options(m)])
def test_a_batch_size_that_is_no_count_is_refused(method, batch_size):
    with pytest.raises(
        ParameterError,
        match=f"batch_size .*must be a (positive integer|whole .*), got {batch_size}",
    ):
        attribution.attribute(
            waveform_net(), torch.ones(1, 1, 40), 0, method, batch_size=batch_size
        )


@pytest.mark.parametrize("batch_size", [0, 2.0])
@pytest.mark.parametrize("method", SEVERAL_TARGETS)
def test_so_it_is_where_several_targets_are_explained_at_once(method, batch_size):
    with pytest.raises(
        ParameterError,
        match=f"batch_size .*must be a (positive integer|whole .*), got {batch_size}",
    ):
        SEVERAL_TARGETS[method](waveform_net(), torch.ones(1, 1, 40), [0], batch_size=batch_size)


def test_random_relevance_follows_its_seed_and_is_standard_normal():
    model, inputs = waveform_net(), torch.ones(200, 1, 40)
    first, again, other = (
        attribution.attribute(model, inputs, 0, "random", seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert abs(first.mean()) < 0.05 and abs(first.std() - 1) < 0.05


FEW = {
    "audiolime": {"n_samples": 200, "separator": "none"},
    "kernel-shap": {"n_samples": 200, "separator": "none"},
    "sampling-shap": {"n_samples": 200, "separator": "none"},
    "rise": {"n_masks": 200},
    "smoothgrad": {"n_samples": 10},
    "vargrad": {"n_samples": 10},
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("method", sorted({*METHODS} - {"random"}))
def test_in_half_precision_a_map_is_that_of_the_same_weights_in_double_or_refused(method, dtype):
    model, inputs = kaiming(waveform_net(), bias=0.3).to(dtype), signals((1, 40)).to(dtype)
    options = FEW.get(method, {})

    def explain(network, x):
        return attribution.attribute(network, x, 1, method, **options)

    if method in ("deeplift", "vargrad"):
        with pytest.raises(ParameterError, match=r"is rounding: explain model\.float\(\)"):
            explain(model, inputs)
        return
    found, exact = explain(model, inputs), explain(copy.deepcopy(model).double(), inputs.double())
    assert found.dtype == dtype
    off = (found.double() - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
    assert off.max() < 20 * torch.finfo(dtype).eps


class _Listening(nn.Module):
    """Answers where five samples in a row are loud: a convolution that is silent otherwise."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 1, 5, padding=2), nn.Linear(1, 2)
        self.conv.weight.data.fill_(1.0), self.conv.bias.data.fill_(-5.0)
        self.fc.weight.data = torch.tensor([[-1.0], [1.0]])
        self.fc.bias.data.zero_()

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean(-1))


NEWER = {
    "kernel-shap": {"n_segments": 4},
    "sampling-shap": {"n_segments": 4},
    "rise": {"cells": 4, "n_masks": 400},
    "smoothgrad": {},
    "vargrad": {},
    "grad-cam": {},
}


@pytest.mark.parametrize("method", NEWER)
def test_newer_methods_find_what_the_network_listens_to_where_noise_does_not(method):
    x = 0.1 * signals((1, 40), n=1)
    x[..., 20:30] += 2.0
    options = FEW.get(method, {}) | NEWER[method]

    def share(network, method=method, **options):
        found = attribution.attribute(network, x, 1, method, **options).abs().flatten()
        return float(found[17:33].sum() / found.sum())

    model = _Listening().double()
    assert share(model, **options) > 0.7 and share(model, "random") < 0.6  # 16 of 40 samples


def test_random_relevance_leaves_the_global_generator_alone():
    model = waveform_net()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    attribution.attribute(model, torch.ones(1, 1, 40), 0, "random")
    assert torch.equal(torch.rand(1), expected)


def test_frozen_restores_flags_that_differ_between_layers():
    model = fragile_model()
    twin = copy.deepcopy(model)
    with pytest.raises(ArithmeticError), validation.frozen(model):
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        raise ArithmeticError
    assert [module.training for module in model.modules()] == [
        module.training for module in twin.modules()
    ]
    assert [p.requires_grad for p in model.parameters()] == [
        p.requires_grad for p in twin.parameters()
    ]
    assert model[2].inplace


def test_a_layer_without_a_shape_yet_is_refused():
    model = nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.LazyLinear(2))
    with pytest.raises(ParameterError, match=r"'2.weight' has no shape yet"):
        attribution.attribute(model, torch.randn(1, 1, 9), 0)
