"""LRP operation by operation: cases solved by hand, refusals, the ledger, and what users may
choose.
"""

import dataclasses
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import kaiming, largest_error, signals, waveform_net
from torch import nn

from earwitness import attribution
from earwitness.attribution import lrp
from earwitness.errors import (
    ConservationError,
    ParameterError,
    UnknownNameError,
    UnsupportedOperationError,
)


class Function(nn.Module):
    """A function of the input as a network with one output a clip, or several."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def relevance(function, x, *layers, target=0, **options):
    """Return the relevance of one clip's values ``x`` for the output of ``function``."""
    inputs = torch.tensor([x], dtype=torch.float64)
    network = Function(function, *layers).double()
    return attribution.attribute(network, inputs, target, epsilon=1e-12, **options)[0].numpy()


def total(values):
    return values.sum(-1, keepdim=True)


FIXED = torch.tensor([[1.0, 3.0]]).double(), torch.tensor([6.0]).double()  # weights, bias
SOLVED = {
    # an activation hands on what its output has
    "gelu": (
        lambda x: total(F.gelu(x)),
        [1.0, -2.0],
        [
            F.gelu(torch.tensor(1.0, dtype=torch.double)),
            F.gelu(torch.tensor(-2.0, dtype=torch.double)),
        ],
    ),
    "tanh": (lambda x: total(x.tanh()), [0.5, 0.0], [np.tanh(0.5), 0.0]),
    "hardswish in place": (
        lambda x: total(F.hardswish(1 * x, inplace=True)),
        [3.0, -1.0],
        [3.0, -1 / 3],
    ),
    "softmax as a signal": (lambda x: 6 * x.softmax(-1)[:, :1], [np.log(2.0), 1e-9], [4.0, 0.0]),
    # x y: half each; x sigmoid(y): all to x; so it is for a quotient and for one over a root
    "two signals": (lambda x: x[:, :1] * x[:, 1:], [2.0, -3.0], [-3.0, -3.0]),
    "three signals": (
        lambda x: torch.einsum("b,b,b->b", *x.unbind(1))[:, None],
        [2.0, -3.0, 1.0],
        [-2.0, -2.0, -2.0],
    ),
    "between two by a third": (
        lambda x: torch.lerp(x[:, :1], x[:, 1:2], x[:, 2:].sigmoid()),
        [2.0, 4.0, 0.0],
        [1.0, 2.0, 0.0],
    ),
    "a square": (lambda x: total(x * x), [2.0, -3.0], [4.0, 9.0]),
    "a power": (lambda x: total(x**3), [2.0, -1.0], [8.0, -1.0]),
    "a gate": (lambda x: x[:, :1] * x[:, 1:].sigmoid(), [2.0, np.log(3.0)], [1.5, 0.0]),
    "one less a gate": (
        lambda x: x[:, :1] * (1 - x[:, 1:].sigmoid()),
        [2.0, np.log(3.0)],
        [0.5, 0.0],
    ),
    "a gate in place": (
        lambda x: (1 * x[:, :1]).mul_(x[:, 1:].sigmoid()),
        [2.0, np.log(3.0)],
        [1.5, 0.0],
    ),
    "glu": (lambda x: F.glu(x, -1), [2.0, np.log(3.0)], [1.5, 0.0]),
    "a quotient": (lambda x: x[:, :1] / x[:, 1:], [6.0, 3.0], [2.0, 0.0]),
    "rsqrt": (lambda x: x[:, :1] * x[:, 1:].rsqrt(), [6.0, 4.0], [3.0, 0.0]),
    "a norm by hand": (lambda x: x[:, :1] / x.norm(dim=-1, keepdim=True), [3.0, 4.0], [0.6, 0.0]),
    # sums, means, winners, moments
    "a residual": (lambda x: total(x + x.relu()), [2.0, -1.0], [4.0, -1.0]),
    "a difference": (lambda x: x[:, :1] - x[:, 1:], [2.0, 5.0], [2.0, -5.0]),
    "a mean": (lambda x: x.mean(-1, keepdim=True), [1.0, 3.0], [0.5, 1.5]),
    "a maximum": (lambda x: x.amax(-1, keepdim=True), [1.0, 3.0], [0.0, 3.0]),
    "a deviation": (lambda x: x.std(-1, correction=0, keepdim=True), [1.0, 3.0], [-1 / 2, 3 / 2]),
    "a variance": (lambda x: x.var(-1, correction=0, keepdim=True), [1.0, 3.0], [-1 / 2, 3 / 2]),
    "a variance by hand": (
        lambda x: (x**2).mean(-1, keepdim=True) - x.mean(-1, keepdim=True) ** 2,
        [1.0, 3.0],
        [-0.5, 1.5],
    ),
    "reused": (lambda x: total(torch.cat([x, 2 * x], -1)), [1.0, -1.0], [3.0, -3.0]),
    # constants keep their part
    "an offset": (lambda x: total(x + 5.0), [1.0, 2.0], [1.0, 2.0]),
    "a written constant": (
        lambda x: total(torch.cat([x, torch.ones_like(x)], -1)),
        [1.0, 2.0],
        [1.0, 2.0],
    ),
    "padding with ones": (lambda x: total(F.pad(x, (1, 1), value=1.0)), [1.0, 2.0], [1.0, 2.0]),
    "reflected padding": (
        lambda x: total(F.pad(x[:, None], (1, 1), mode="reflect")[:, 0]),
        [1.0, 2.0, 4.0],
        [1.0, 6.0, 4.0],
    ),
    "a masked value": (lambda x: total(x.masked_fill(x > 1.5, 7.0)), [1.0, 2.0], [1.0, 0.0]),
    "values written in place": (lambda x: total(written(x)), [1.0, 2.0], [0.0, 4.0]),
    "a fixed sum with a bias": (lambda x: F.linear(x, *FIXED), [2.0, -1.0], [2.0, -3.0]),
    "cosines of zeros": (lambda x: total(x.cos()), [0.0, 0.0, np.pi], [0.0, 0.0, -1.0]),
    # the logarithm of silence is its zero
    "log of x + 1": (
        lambda x: total(torch.log(x + 1.0)),
        [1.0, 3.0],
        [np.log(2.0) / 2, np.log(4.0) * 3 / 4],
    ),
    "log1p": (lambda x: total(torch.log1p(x)), [1.0, 3.0], [np.log(2.0), np.log(4.0)]),
    "decibels over a floor": (
        lambda x: total(10 * torch.log10(x.clamp(min=0.01))),
        [1.0, 1e-3],
        [20.0, 0.0],
    ),
}


def written(x):
    y = 2 * x
    y[:, 0] = 5.0
    return y


@pytest.mark.parametrize("case", SOLVED)
def test_an_operation_is_explained_as_solved_by_hand(case):
    function, x, expected = SOLVED[case]
    np.testing.assert_allclose(relevance(function, x), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("case", SOLVED)
def test_relevance_and_what_constants_keep_add_up(case):
    function, x, _ = SOLVED[case]
    inputs = torch.tensor([x], dtype=torch.float64)
    balance = attribution.conservation(Function(function), inputs, 0, epsilon=1e-12)
    kept = sum(balance.absorbed.values(), torch.zeros(1))
    torch.testing.assert_close(balance.relevance + kept, balance.explained)


def test_half_of_a_product_may_go_to_its_gate():
    x = [2.0, np.log(3.0)]
    halves = relevance(lambda x: x[:, :1] * x[:, 1:].sigmoid(), x, gates="half")
    np.testing.assert_allclose(halves, [0.75, 0.75])
    with pytest.raises(UnknownNameError, match="way to share a product"):
        relevance(lambda x: x, x, gates="third")


def test_what_constants_keep_is_handed_down_on_request():
    np.testing.assert_allclose(
        relevance(lambda x: total(x + 5.0), [1.0, 2.0], bias_factor=1.0), [6.0, 7.0]
    )
    np.testing.assert_allclose(
        relevance(lambda x: total(5.0 - x), [1.0, 2.0], bias_factor=0.5), [-1 + 2.5, -2 + 2.5]
    )
    handed = relevance(lambda x: F.linear(x, *FIXED), [2.0, -1.0], bias_factor=1.0)
    np.testing.assert_allclose(handed, [2.0 + 3.0, -3.0 + 3.0], atol=1e-9)


def test_what_a_function_makes_of_zero_goes_to_the_zero_where_zeros_take_relevance():
    x, log_2 = [0.0, 2.0], float(np.log(2))
    rest = float(np.log1p(np.exp(2.0)))
    kept = relevance(lambda x: total(F.softplus(x)), x)
    np.testing.assert_allclose(kept, [0.0, rest])  # log 2 stays where it is made
    handed = relevance(lambda x: total(F.softplus(x)), x, bias_factor=1.0)
    np.testing.assert_allclose(handed, [log_2, rest])


def test_outputs_between_the_steps_of_a_transposed_convolution_keep_what_they_have_no_input_for():
    layer = nn.ConvTranspose1d(1, 1, 1, stride=2, output_padding=1)
    layer.weight.data.fill_(2.0), layer.bias.data.fill_(1.0)
    inputs = torch.tensor([[[3.0, -1.0]]], dtype=torch.float64)  # 7, 1, -1, 1: the ones are bias
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(4, 1, bias=False)).double()
    model[2].weight.data.fill_(1.0)
    options = {"epsilon": 1e-12, "bias_factor": 1.0}
    found = attribution.attribute(model, inputs, 0, "lrp-epsilon", **options)
    np.testing.assert_allclose(found, [[[7.0, -1.0]]])
    balance = attribution.conservation(model, inputs, 0, **options)
    assert float(balance.absorbed["0"]) == pytest.approx(2.0)


def test_zeros_that_relevance_is_handed_to_hand_it_on_evenly():
    layer = nn.Linear(1, 1)
    layer.weight.data.fill_(1.0), layer.bias.data.fill_(6.0)

    def dead(x, layer):
        return layer(0.5 * (x.relu() + (2 * x).relu()).mean(-1, keepdim=True))

    np.testing.assert_allclose(
        relevance(dead, [-1.0, -2.0, -3.0], layer, bias_factor=1.0), [2.0] * 3
    )


def test_two_steps_of_a_gated_recurrent_unit_are_explained_as_solved_by_hand():
    # gates half open; n = tanh(x + 0.5 * 2 h); logit = h_2 = (h_1 + n_2) / 2, h_1 = n_1 / 2
    gru = nn.GRU(1, 1, batch_first=True, bias=False)
    gru.weight_ih_l0.data = torch.tensor([[0.0], [0.0], [1.0]])
    gru.weight_hh_l0.data = torch.tensor([[0.0], [0.0], [2.0]])
    x1, x2 = 1.0, -0.25
    h1 = np.tanh(x1) / 2
    n2 = np.tanh(x2 + h1)
    found = relevance(lambda x, gru: gru(x)[0][:, -1], [[x1], [x2]], gru)[:, 0]
    of_n2 = n2 / 2 / (x2 + h1)
    np.testing.assert_allclose(found, [h1 / 2 + of_n2 * h1, of_n2 * x2], rtol=1e-9)


@pytest.mark.parametrize("kind", ["lstm", "gru", "tanh", "relu"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_padded_clip_in_a_packed_batch_is_explained_as_the_clip_alone(kind, bidirectional):
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            options = {"batch_first": True, "bidirectional": bidirectional, "num_layers": 2}
            self.layer = (
                {"lstm": nn.LSTM, "gru": nn.GRU}[kind](3, 4, **options)
                if kind in ("lstm", "gru")
                else nn.RNN(3, 4, nonlinearity=kind, **options)
            )
            self.fc = nn.Linear(4, 2)

        def forward(self, x, lengths):
            packed = nn.utils.rnn.pack_padded_sequence(
                x, lengths, batch_first=True, enforce_sorted=False
            )
            _, last = self.layer(packed)
            return self.fc((last[0] if kind == "lstm" else last)[-1])

    network, inputs = Packed().double(), signals((6, 3), n=3)
    lengths = torch.tensor([4, 6, 2])
    together = attribution.attribute(network, inputs, 1, additional_forward_args=(lengths,))
    for clip, length in enumerate(lengths.tolist()):
        alone = attribution.attribute(
            network,
            inputs[clip : clip + 1, :length],
            1,
            additional_forward_args=(torch.tensor([length]),),
        )
        torch.testing.assert_close(together[clip, :length], alone[0])
        assert together[clip, length:].abs().max() == 0 if length < 6 else True


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 3, 4, 8]), min_size=1, max_size=3),
    more=st.sampled_from(
        [{}, {"stride": 1}, {"padding": 1}, {"dilation": 2}, {"ceil_mode": True}, {"stride": 2}]
    ),
    beyond=st.sampled_from([0, 0, 1]),
    seed=st.integers(0, 999),
)
def test_the_first_of_equal_winners_takes_all_in_windows_of_any_kind(sizes, more, beyond, seed):
    # windows side by side of 2, 4, 8 are pooled in a way of our own: values, winners, ties
    draw = torch.Generator().manual_seed(seed)
    x = torch.randint(1, 4, (2, 3, *(24 + beyond for _ in sizes)), generator=draw).double()
    pool = getattr(F, f"max_pool{len(sizes)}d")
    more = {} if "padding" in more and min(sizes) == 1 else more  # at most half a window
    pooled = pool(x, tuple(sizes), **more)
    weights = torch.randn(pooled.shape[1:], generator=draw, dtype=torch.double)
    network = Function(lambda x: (pool(x, tuple(sizes), **more) * weights).flatten(1).sum(1, True))
    of_winners = torch.autograd.grad(network(leaf := x.clone().requires_grad_()).sum(), leaf)[0]
    relevance = attribution.attribute(network, x, 0, "lrp-epsilon")
    torch.testing.assert_close(relevance, x * of_winners)


@settings(max_examples=25, deadline=None)
@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 2),
    groups=st.sampled_from([1, 2]),
    transposed=st.booleans(),
    method=st.sampled_from(["lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma"]),
)
def test_convolutions_of_any_size_balance(
    kernel, stride, dilation, padding, groups, transposed, method
):
    torch.manual_seed(0)
    build = nn.ConvTranspose1d if transposed else nn.Conv1d
    layer = build(2, 4, kernel, stride, padding, dilation=dilation, groups=groups)
    network = nn.Sequential(layer, nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))
    network = network.double().eval()
    inputs = signals((2, 14), n=2)
    network(inputs)
    balance = attribution.conservation(network, inputs, 1, method)
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )


def test_a_batch_norm_belongs_to_the_layer_before_it_only_where_nobody_else_reads_that():
    convolution, norm = nn.Conv1d(1, 2, 3), nn.BatchNorm1d(2)
    norm.running_mean.copy_(torch.tensor([0.5, -0.5])), norm.running_var.fill_(2.0)
    inputs = signals((1, 8), n=2)

    def shared(x, convolution, norm):
        z = convolution(x)
        return (norm(z).relu() + z).flatten(1)

    network = Function(shared, convolution, norm).double().eval()
    balance = attribution.conservation(network, inputs, 1, "lrp-epsilon-plus")
    assert {"layers.0", "layers.1"} <= set(balance.absorbed)
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )


# ---------------------------------------------------------------------------- what is refused


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, upper):
        return 2 * upper


def test_an_unknown_operation_is_refused_with_its_name_and_the_line_that_calls_it():
    with pytest.raises(UnsupportedOperationError) as found:
        relevance(lambda x: torch.special.i0(x), [1.0])
    assert "'special_i0'" in str(found.value) and "test_operations.py:" in str(found.value)
    assert "lrp.operation('special_i0')" in str(found.value)


def test_a_function_with_a_derivative_of_its_own_is_refused_and_not_taken_for_linear():
    with pytest.raises(UnsupportedOperationError, match="does not see how 'Doubled'"):
        relevance(lambda x: Doubled.apply(x) + 1, [1.0])


def test_what_the_model_returns_is_refused_too_where_no_operation_made_it():
    answers = (Doubled.apply, {}), (lambda x: {"a": Doubled.apply(x)}, {"output": 0})
    for ending, options in answers:
        with pytest.raises(UnsupportedOperationError, match="'Doubled' makes a value that the mod"):
            relevance(ending, [1.0], **options)


def test_a_convolution_by_the_sound_itself_is_refused_where_it_is_called_as_aten_does():
    with pytest.raises(UnsupportedOperationError, match="write it as conv1d"):
        relevance(
            lambda x: torch.convolution(x[:, None], x[:, None], None, [1], [0], [1], False, [0], 1)[
                :, 0
            ],
            [1.0, 2.0],
        )


TRANSFORMED = {
    "vmap": lambda x: torch.vmap(lambda v: (v * v.sigmoid()).sum(-1, keepdim=True))(x),
    "grad": lambda x: torch.func.grad(lambda v: (v**3).sum())(x),
    "jvp": lambda x: torch.func.jvp(lambda v: v**2, (x,), (x,))[1],
}


@pytest.mark.parametrize("kind", TRANSFORMED)
def test_transformations_of_functions_are_refused_by_name(kind):
    with pytest.raises(UnsupportedOperationError, match=r"torch\.func \(vmap, grad, jvp"):
        relevance(TRANSFORMED[kind], [1.0, 2.0])
    support = attribution.explain_support(Function(TRANSFORMED["vmap"]), torch.ones(1, 2))
    assert not support["supported"].all() and "torch.func" in support["rule"].iloc[0]
    mask = torch.vmap(lambda i: (i > 0).double())
    found = relevance(lambda x: total(x * mask(torch.arange(2))), [1.0, 2.0])
    np.testing.assert_allclose(found, [0.0, 2.0])  # of constants they are constants


def changed_behind(x):
    y = 2 * x.tanh()
    y.data.mul_(3.0)
    return total(y)


def changed_without_gradients(x):
    y = 2 * x
    with torch.no_grad():
        y.mul_(3.0)
    return total(y)


@pytest.mark.parametrize("function", [changed_behind, changed_without_gradients])
def test_values_changed_where_gradients_do_not_see_it_are_refused(function):
    with pytest.raises(UnsupportedOperationError, match="'mul_' in 'the model' changes a value"):
        relevance(function, [1.0, 2.0])


def test_a_front_end_without_gradients_is_refused():
    with pytest.raises(UnsupportedOperationError, match="runs under torch.no_grad"):
        relevance(lambda x: x.detach() * 2, [1.0])


def test_scripted_and_quantised_networks_are_refused_and_compiled_ones_explained():
    network, inputs = kaiming(waveform_net(), bias=0.1), signals((1, 40), dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(network, inputs)
        quantised = torch.ao.quantization.quantize_dynamic(network, {nn.Linear}, torch.qint8)
    for model, word in ((scripted, "scripted or traced"), (quantised, "quantised")):
        with pytest.raises(UnsupportedOperationError, match=word):
            attribution.attribute(model, inputs, 1)
    compiled = torch.compile(network, backend="eager")
    expected = attribution.attribute(network, inputs, 1)
    assert torch.equal(attribution.attribute(compiled, inputs, 1), expected)


def test_support_lists_every_operation_before_anything_is_explained():
    network = Function(lambda x, layer: torch.special.i0(layer(x).relu()), nn.Linear(2, 2)).double()
    table = attribution.explain_support(network, torch.ones(1, 2, dtype=torch.float64))
    assert table["operation"].tolist() == ["linear", "relu", "special_i0"]
    assert table["supported"].tolist() == [True, True, False]
    assert table["module"][0] == "layers.0" and "test_operations.py" in table["line"][2]


def test_an_operation_of_ones_own_is_registered_and_a_wrong_rule_is_named(monkeypatch):
    monkeypatch.setattr(lrp.operations, "TABLE", lrp.TABLE)
    try:
        lrp.operation("special_i0")(
            lambda mode, call: (
                call.args[0] * (torch.special.i0(call.args[0]) / call.args[0]).detach()
            )
        )
        expected = float(torch.special.i0(torch.tensor(2.0, dtype=torch.float64)))
        np.testing.assert_allclose(relevance(torch.special.i0, [2.0]), [expected])
        lrp.operation("special_i0")(lambda mode, call: call.native())
        with pytest.raises(ConservationError, match="'special_i0' (loses|makes) relevance"):
            relevance(torch.special.i0, [2.0])
    finally:
        lrp.TABLE.pop("special_i0")


# ---------------------------------------------------------------------------- what users choose


def test_rules_go_by_name_by_type_by_function_and_by_place():
    network, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40))
    plus = attribution.attribute(network, inputs, 1, "lrp-epsilon-plus")
    every = (
        {"convolutions": "plus"},
        {nn.Conv1d: "plus"},
        {"[03]": "plus"},
        {lambda layer: isinstance(layer, nn.Conv1d): "plus"},
    )
    for rules in every:
        found = attribution.attribute(network, inputs, 1, rules=rules)
        assert largest_error(found, plus) < 1e-9
    first = attribution.attribute(network, inputs, 1, rules={"first layer": "plus"})
    assert largest_error(first, attribution.attribute(network, inputs, 1, rules={"0": "plus"})) == 0
    assert largest_error(first, plus) > 1e-3


def test_a_rule_of_ones_own_shares_relevance_as_it_says():
    def flat(layer, x, output, relevance):
        return relevance.sum(-1, keepdim=True).expand_as(x) / x.shape[-1]

    layer = nn.Linear(3, 2)
    found = relevance(lambda x, layer: layer(x), [1.0, 0.0, 5.0], layer, rules={nn.Linear: flat})
    logit = layer.double()(torch.tensor([1.0, 0.0, 5.0], dtype=torch.float64))[0].item()
    np.testing.assert_allclose(found, [logit / 3] * 3)


def test_a_whole_module_may_pass_relevance_value_by_value():
    network = nn.Sequential(Function(lambda x: 3 * x + 7), nn.Linear(2, 1, bias=False)).double()
    inputs = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    found = attribution.attribute(network, inputs, 0, rules={"0": "pass"}, epsilon=1e-12)
    torch.testing.assert_close(found, network[0](inputs) * network[1].weight.detach())


def test_rules_and_unknown_rules_are_refused_where_they_mean_nothing():
    with pytest.raises(UnknownNameError, match="no rule 'gama'"):
        attribution.attribute(waveform_net(), torch.ones(1, 1, 40), 0, rules={"0": "gama"})
    with pytest.raises(ParameterError, match="neither rules nor at"):
        attribution.attribute(waveform_net(), torch.ones(1, 1, 40), 0, "gradient", {"0": "gamma"})


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor
    hidden: torch.Tensor


ANSWERS = {
    "tuple": (lambda y: (y, y * 0), 0),
    "list": (lambda y: [y * 0, y], -1),
    "dict": (lambda y: {"logits": y, "mask": y * 0}, "logits"),
    "dataclass": (lambda y: Answer(y, y * 0), "logits"),
    "function": (lambda y: {"deep": [y]}, lambda answer: answer["deep"][0]),
}


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient", "occlusion"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_one_of_several_outputs_is_picked_and_none_is_guessed(kind, method):
    wrap, output = ANSWERS[kind]
    inner, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=2)
    network = Function(lambda x, inner: wrap(inner(x)), inner)
    found = attribution.attribute(network, inputs, 1, method, output=output)
    torch.testing.assert_close(found, attribution.attribute(inner, inputs, 1, method))
    with pytest.raises(ParameterError, match="say which is explained, with output="):
        attribution.attribute(network, inputs, 1, method)


def test_an_output_that_is_not_there_is_refused_with_those_that_are():
    network = Function(lambda x: {"logits": x, "mask": x})
    with pytest.raises(
        ParameterError, match=r"no output 'logit'; it returns dict \('logits': \(1, 2\), 'mask'"
    ):
        attribution.attribute(network, torch.ones(1, 2), 0, output="logit")


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient-x-input"])
def test_classes_are_found_where_the_last_layer_puts_them(method):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(1, 4, 3, bias=False), nn.ReLU(), nn.Conv1d(4, 3, 1, bias=False)
    ).double()
    inputs = signals((1, 12), n=2)
    by_hand = nn.Sequential(network, Function(lambda y: y.sum(-1)))
    expected = attribution.attribute(by_hand, inputs, 1, method)  # (batch, classes, time)
    torch.testing.assert_close(attribution.attribute(network, inputs, 1, method), expected)
    turned = nn.Sequential(network, Function(lambda y: y.mT.contiguous()))
    torch.testing.assert_close(attribution.attribute(turned, inputs, 1, method), expected)
    lost = nn.Sequential(network, Function(lambda y: y.unfold(-1, 2, 2).flatten(-2)))
    with pytest.raises(ParameterError, match="say with class_axis= which axis"):
        attribution.attribute(lost, inputs, 1, method)
    torch.testing.assert_close(
        attribution.attribute(lost, inputs, 1, method, class_axis=1), expected
    )


@pytest.mark.parametrize("method", ["lrp-epsilon", "lrp-epsilon-plus", "gradient"])
def test_a_against_b_is_the_explanation_of_the_difference(method):
    network, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=3)
    difference = Function(lambda x, network: network(x)[:, 2:] - network(x)[:, :1], network)
    found = attribution.attribute(network, inputs, (2, 0), method)
    torch.testing.assert_close(found, attribution.attribute(difference, inputs, 0, method))
    each = attribution.attribute(network, inputs, ([2, 1, 0], [0, 0, 1]), method)
    torch.testing.assert_close(
        each[1:2], attribution.attribute(network, inputs[1:2], (1, 0), method)
    )
    with pytest.raises(ParameterError, match="Target 3 does not exist"):
        attribution.attribute(network, inputs, (0, 3), method)


def test_the_predicted_class_is_the_highest_logit_of_each_clip():
    network, inputs = kaiming(waveform_net().double(), seed=3), signals((1, 40), n=9)
    predicted = network(inputs).argmax(1)
    assert len(set(predicted.tolist())) > 1
    torch.testing.assert_close(
        attribution.attribute(network, inputs, "predicted"),
        attribution.attribute(network, inputs, predicted),
    )


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient"])
@pytest.mark.parametrize(
    "end", [nn.Softmax(1), nn.Sigmoid(), nn.LogSoftmax(1), Function(lambda y: y.softmax(1)[:, :])]
)
def test_logits_are_explained_where_a_network_ends_in_probabilities_and_it_is_said(end, method):
    network, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=2)
    ending = nn.Sequential(network, end)
    with pytest.warns(attribution.ProbabilityWarning, match="the logit, is explained"):
        found = attribution.attribute(ending, inputs, 1, method)
    torch.testing.assert_close(found, attribution.attribute(network, inputs, 1, method))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = attribution.attribute(ending, inputs, 1, method, probabilities=True)
    assert largest_error(asked, found) > 1e-3


@pytest.mark.parametrize("method", ["lrp-epsilon", "gradient", "occlusion", "integrated-gradients"])
def test_further_arguments_go_through_with_their_clips(method):
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = kaiming(waveform_net().double(), bias=0.1)

        def forward(self, x, mask, scale):
            return scale * self.inner(x * mask)

    network, inputs = Masked(), signals((1, 40), n=3)
    masks = (signals((1, 40), seed=1, n=3) > 0).double()
    found = attribution.attribute(network, inputs, 1, method, additional_forward_args=(masks, 2.0))
    for clip in range(3):
        alone = Function(lambda x, inner, m=masks[clip]: 2.0 * inner(x * m), network.inner)
        torch.testing.assert_close(
            found[clip], attribution.attribute(alone, inputs[clip : clip + 1], 1, method)[0]
        )


class Heard(nn.Module):
    """A network of the magnitudes of a spectrogram."""

    def __init__(self, n=32, hop=8):
        super().__init__()
        torch.manual_seed(0)
        self.n, self.hop = n, hop
        self.register_buffer("window", torch.hann_window(n))
        self.spectrogram = Function(self.magnitudes)
        self.body = nn.Sequential(
            nn.Conv1d(n // 2 + 1, 6, 3, bias=False),
            nn.ReLU(),
            nn.Flatten(),
            nn.LazyLinear(3, bias=False),
        )

    def magnitudes(self, x):
        return torch.stft(x[:, 0], self.n, self.hop, window=self.window, return_complex=True).abs()

    def forward(self, x):
        return self.body(self.spectrogram(x))


def test_relevance_reaches_the_waveform_or_stops_at_the_front_end_with_the_same_sum():
    network, inputs = Heard().double(), signals((1, 160), n=2)
    network(inputs)
    waveform = attribution.attribute(network, inputs, 1, epsilon=1e-12)
    stopped = attribution.attribute(network, inputs, 1, epsilon=1e-12, at="spectrogram")
    assert stopped.shape == network.spectrogram(inputs).shape
    expected = attribution.attribute(network.body, network.spectrogram(inputs), 1, epsilon=1e-12)
    torch.testing.assert_close(stopped, expected)
    torch.testing.assert_close(waveform.sum((1, 2)), stopped.sum((1, 2)))
    with pytest.raises(UnknownNameError, match="layer of the model 'mel'"):
        attribution.attribute(network, inputs, 1, at="mel")


def test_the_map_on_a_spectrum_is_that_of_dft_lrp_of_the_waveform():
    """One frame as long as the signal: exactly, since x = sum of its frequencies on both ways."""

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.spectrum = Function(lambda x: torch.view_as_real(torch.fft.rfft(x[:, 0])))
            self.back = Function(lambda s: torch.fft.irfft(torch.view_as_complex(s), n=64)[:, None])
            self.body = nn.Sequential(
                nn.Conv1d(1, 4, 5, bias=False),
                nn.ReLU(),
                nn.Flatten(),
                nn.LazyLinear(2, bias=False),
            )

        def forward(self, x):
            return self.body(self.back(self.spectrum(x)))

    network, inputs = Whole().double(), signals((1, 64), n=2)
    network(inputs)
    parts = attribution.attribute(network, inputs, 1, epsilon=1e-12, at="spectrum").sum(-1)
    waveform = attribution.attribute(network.body, inputs, 1, epsilon=1e-12)
    expected = attribution.dft_lrp.dft_lrp(waveform[:, 0], inputs[:, 0], epsilon=0.0)
    np.testing.assert_allclose(parts.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_the_former_name_of_a_method_is_understood_with_a_warning():
    network, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=2)
    with pytest.warns(DeprecationWarning, match="called 'lrp-kiyan2022' now"):
        former = attribution.attribute(network, inputs, 1, "sound-direction")
    assert torch.equal(former, attribution.attribute(network, inputs, 1, "lrp-kiyan2022"))
    assert "sound-direction" not in attribution.methods()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_in_low_precision_is_no_error(dtype):
    network = kaiming(waveform_net(), bias=0.1).to(dtype)
    found = attribution.attribute(network, signals((1, 40), dtype=dtype), 1)
    exact = attribution.attribute(
        kaiming(waveform_net(), bias=0.1).to(dtype).double(),
        signals((1, 40), dtype=dtype).double(),
        1,
    )
    assert (
        found.dtype == dtype and largest_error(found.double(), exact) < 500 * torch.finfo(dtype).eps
    )


def test_an_operation_without_a_rule_is_refused_only_where_relevance_reaches_it():
    codes = torch.tensor([[1.0, 2.0], [-3.0, 0.5]], dtype=torch.float64)

    def straight_through(x):
        nearest = codes[torch.digamma(torch.cdist(x, codes)).argmin(-1)]
        return total(x + (nearest - x).detach())

    np.testing.assert_allclose(relevance(straight_through, [1.5, 2.5]), [1.5, 2.5], atol=1e-8)
    with pytest.raises(ParameterError, match="no rule for the operation 'digamma'"):
        relevance(lambda x: total(torch.digamma(torch.cdist(x, codes))), [1.5, 2.5])


def test_what_is_computed_again_on_the_way_back_is_refused():
    def checkpointed(x):
        layer = torch.utils.checkpoint.checkpoint(torch.tanh, 2 * x, use_reentrant=False)
        return total(layer)

    with pytest.raises(ParameterError, match="switch checkpoints off"):
        relevance(checkpointed, [1.5, 2.5])


def test_values_overwritten_in_place_are_explained_where_pytorch_fails():
    def overwriting(x):
        y = (2 * x).tanh()
        z = y.relu()
        z += y
        return total(z)

    np.testing.assert_allclose(
        relevance(overwriting, [0.5, -1.0]), [2 * np.tanh(1.0), -np.tanh(2.0)], atol=1e-8
    )
