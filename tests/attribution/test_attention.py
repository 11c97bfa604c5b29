"""LRP through self-attention: against gradients with frozen weights and scales, cases solved by
hand, and its laws.
"""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks import kaiming, largest_error, signals
from torch import nn

from earwitness import attribution
from earwitness.models.nisqa import AttentionPool, AveragePool, Nisqa, SelfAttention, Settings
from earwitness.models.sums import Add, MeanOverTime

METHODS = ["lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma", "lrp-alpha1-beta0"]
POOLS = {"attention": AttentionPool, "average": AveragePool}
WIDTH = 6


def filled(module, seed=0, bias=0.2):
    """Return the module in float64 with weights that let attention choose, and biases of deviation
    ``bias``.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.double().named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        scale = 1.5 / parameter.shape[-1] ** 0.5 if parameter.ndim > 1 else bias
        parameter.data = scale * noise + (1.0 if "norm" in name and "weight" in name else 0.0)
    return module.eval()


def network(n_heads=1, pool="attention", n_layers=2, bias=0.2, n_outputs=1, features=5):
    """Return NISQA's network behind the CNN, small: dense, norm, self-attention with residuals,
    pooling.
    """
    settings = Settings(time="attention", n_hidden=WIDTH, n_layers=n_layers)
    time = SelfAttention(features, settings)
    for layer in time.layers:
        layer.self_attn = nn.MultiheadAttention(WIDTH, n_heads, batch_first=True)
    return filled(nn.Sequential(time, POOLS[pool](WIDTH)), bias=bias)


def constant(x, frozen):
    return x.detach() if frozen else x


def plain_attention(layer, x, frozen):
    heads = []
    query_all, key_all, value_all = (
        x @ w.T + b
        for w, b in zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)
    )
    width = x.shape[-1] // layer.num_heads
    for head in range(layer.num_heads):
        own = slice(head * width, (head + 1) * width)
        score = torch.einsum("btc,bsc->bts", query_all[..., own], key_all[..., own]) / math.sqrt(
            width
        )
        heads.append(
            torch.einsum("bts,bsc->btc", constant(score.softmax(2), frozen), value_all[..., own])
        )
    return torch.cat(heads, 2) @ layer.out_proj.weight.T + layer.out_proj.bias


def plain_norm(layer, x, frozen):
    centred = x - x.mean(-1, keepdim=True)
    deviation = constant((centred.square().mean(-1, keepdim=True) + layer.eps).sqrt(), frozen)
    return centred / deviation * layer.weight + layer.bias


def plain(model, x, frozen):
    """Run the network once more, all by functions; ``frozen``: attention weights, scales and shares
    are constants.
    """
    time, pool = model
    x = plain_norm(time.norm1, x @ time.linear.weight.T + time.linear.bias, frozen)
    for layer in time.layers:
        x = plain_norm(layer.norm1, x + plain_attention(layer.self_attn, x, frozen), frozen)
        inner = (x @ layer.linear1.weight.T + layer.linear1.bias).relu()
        x = plain_norm(layer.norm2, x + inner @ layer.linear2.weight.T + layer.linear2.bias, frozen)
    if isinstance(pool, AveragePool):
        return x.mean(1) @ pool.linear.weight.T + pool.linear.bias
    share = pool.linear2(F.relu(pool.linear1(x))).softmax(1)
    return (x * constant(share, frozen)).sum(1) @ pool.linear3.weight.T + pool.linear3.bias


@pytest.mark.parametrize("pool", sorted(POOLS))
@pytest.mark.parametrize("n_heads", [1, 2])
def test_relevance_equals_input_times_the_gradient_with_weights_and_scales_frozen(n_heads, pool):
    model, inputs = network(n_heads, pool), signals((7, 5), n=3).requires_grad_()
    torch.testing.assert_close(plain(model, inputs, frozen=True), model(inputs))
    maps = [
        inputs * torch.autograd.grad(plain(model, inputs, frozen).sum(), inputs)[0]
        for frozen in (True, False)
    ]
    ours = attribution.attribute(model, inputs, 0, epsilon=1e-12)
    assert largest_error(ours, maps[0].detach()) < 1e-7
    assert largest_error(ours, maps[1].detach()) > 0.1  # the plain gradient is another map


class Bare(nn.Module):
    """One layer of attention, and an output that reads one step."""

    def __init__(self, layer, step=0):
        super().__init__()
        self.layer, self.step = layer, step

    def forward(self, x):
        return self.layer(x, x, x)[0][:, self.step]


def one_unit(value=2.0, value_bias=0.0, out=3.0, out_bias=0.0, key=0.0):
    """Return attention of one feature: weights 1/2 : 1/2 over two steps with ``key`` 0."""
    layer = nn.MultiheadAttention(1, 1, batch_first=True, dtype=torch.float64)
    layer.in_proj_weight.data = torch.tensor([[1.0], [key], [value]], dtype=torch.float64)
    layer.in_proj_bias.data = torch.tensor([0.0, 0.0, value_bias], dtype=torch.float64)
    layer.out_proj.weight.data.fill_(out)
    layer.out_proj.bias.data.fill_(out_bias)
    return layer


def column(*values):
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1)


@pytest.mark.parametrize(
    ("settings", "bias_factor", "expected"),
    [
        # x = 1, 3; values 2 x = 2, 6; mean 4; output 12
        ({}, 0.0, [3.0, 9.0]),
        # values 3, 7; mean 5; output 15: the values hold 4.5 and 10.5, of which 1/3 and 1/7 are
        # their bias
        ({"value_bias": 1.0}, 0.0, [3.0, 9.0]),
        ({"value_bias": 1.0}, 1.0, [4.5, 10.5]),
        # output 12 - 8 = 4; the mean gets 12 without, 4 with the bias handed down; a quarter and
        # three quarters each
        ({"out_bias": -8.0}, 0.0, [3.0, 9.0]),
        ({"out_bias": -8.0}, 1.0, [1.0, 3.0]),
        # output 15 + 5; half of the bias goes down: 17.5 = 5.25 + 12.25, of which half of 1.75 and
        # of 1.75 stays
        ({"value_bias": 1.0, "out_bias": 5.0}, 0.5, [5.25 - 0.875, 12.25 - 0.875]),
        # query 1 and keys ln 3, 3 ln 3: weights 1/10 and 9/10; values 2, 6; 5.6 in all; output 16.8
        ({"key": math.log(3.0)}, 0.0, [0.6, 16.2]),
    ],
)
def test_two_steps_of_attention_are_explained_as_solved_by_hand(settings, bias_factor, expected):
    model = Bare(one_unit(**settings))
    relevance = attribution.attribute(
        model, column(1.0, 3.0), 0, epsilon=1e-12, bias_factor=bias_factor
    )
    np.testing.assert_allclose(relevance[0, :, 0], expected, rtol=1e-9)


def test_the_stabiliser_of_a_dense_layer_takes_its_part_and_a_mean_needs_none():
    model, x = Bare(one_unit()), column(1.0, 3.0)  # values 2, 6; mean 4; output 12; epsilon 1
    of_mean = 12 * 12 / 13
    shares = np.array([1.0, 3.0]) * of_mean / 4
    np.testing.assert_allclose(
        attribution.attribute(model, x, 0, epsilon=1.0)[0, :, 0], shares * np.array([2 / 3, 6 / 7])
    )
    handed = attribution.attribute(model, x, 0, epsilon=1.0, bias_factor=1.0)[0, :, 0]
    np.testing.assert_allclose(handed, np.array([1.0, 3.0]) * 12 / 4)


def through(layer, x, method="lrp-epsilon", **options):
    """Return the relevance of ``x`` (values) for the first output of ``layer``."""
    options = {"epsilon": 1e-12, **options}
    return attribution.attribute(
        layer, torch.tensor([x], dtype=torch.float64), 0, method, **options
    )[0].numpy()


@pytest.mark.parametrize(("bias", "bias_factor"), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (-3.0, 1.0)])
def test_a_layer_norm_shares_what_it_centres_and_keeps_its_bias_as_solved_by_hand(
    bias, bias_factor
):
    layer = nn.LayerNorm(
        3, eps=2 / 3, dtype=torch.float64
    )  # x = 1, 2, 6: mean 3, variance 14/3, divided by 4/sqrt(3)
    layer.weight.data = torch.tensor([2.0, 1.0, 1.0], dtype=torch.float64)
    layer.bias.data.fill_(bias)
    contributions = 2 * math.sqrt(3) / 4 * np.array([1 * (1 - 1 / 3), 2 * (-1 / 3), 6 * (-1 / 3)])
    expected = contributions + bias_factor * bias / 3
    np.testing.assert_allclose(
        through(layer, [1.0, 2.0, 6.0], bias_factor=bias_factor), expected, rtol=1e-9
    )


def test_a_layer_norm_over_two_axes_and_without_weights_is_explained():
    layer, x = nn.LayerNorm((2, 3), elementwise_affine=False), signals((2, 3), n=4)
    deviation = (x.flatten(1).var(1, correction=0) + layer.eps).sqrt()[:, None, None]
    expected = -x / 6 / deviation
    expected[:, 0, 0] = x[:, 0, 0] * 5 / 6 / deviation[:, 0, 0]
    ours = attribution.attribute(nn.Sequential(layer, nn.Flatten()), x, 0, epsilon=1e-12)
    torch.testing.assert_close(ours, expected)


class Residual(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.branch, self.add = nn.Linear(1, 1, bias=False, dtype=torch.float64), Add()
        self.branch.weight.data.fill_(factor)

    def forward(self, x):
        return self.add(x, self.branch(x) if self.branch.weight > 0 else self.branch(x).detach())


def test_a_residual_sum_shares_in_proportion_to_its_terms_however_it_is_written():
    np.testing.assert_allclose(through(Residual(3.0), [2.0]), [8.0])  # both terms come from x
    np.testing.assert_allclose(through(Residual(3.0), [2.0], epsilon=2.0), [2.0 + 6 * 6 / 8])


def test_a_constant_term_of_a_sum_keeps_its_part_and_the_ledger_says_so():
    x = torch.tensor([[2.0]], dtype=torch.float64)
    np.testing.assert_allclose(through(Residual(-3.0), [2.0]), [2.0])  # x - 6
    np.testing.assert_allclose(
        attribution.conservation(Residual(-3.0), x, 0).absorbed["add"], [-6.0]
    )
    np.testing.assert_allclose(through(Residual(-3.0), [2.0], bias_factor=1.0), [-4.0])


class Weighed(nn.Module):
    """A mean over time whose shares are computed from the sequence itself."""

    def __init__(self, weigh=None):
        super().__init__()
        self.weigh, self.mean = weigh, MeanOverTime()

    def forward(self, x):
        return self.mean(x) if self.weigh is None else self.mean(x, self.weigh(x))


@pytest.mark.parametrize(
    ("weigh", "epsilon", "bias_factor", "expected"),
    [
        (None, 1e-12, 0.0, [0.5, 1.5]),
        (lambda x: x / 4, 1e-12, 0.0, [0.25, 2.25]),  # shares 1/4 and 3/4
        (None, 2.0, 0.0, [0.5, 1.5]),  # what has no weights needs no stabiliser
        (None, 2.0, 1.0, [0.5, 1.5]),
        (lambda x: x.softmax(1), 1e-12, 0.0, [1 / (1 + math.e**2), 3 / (1 + math.e**-2)]),
    ],
)
def test_a_mean_shares_by_what_each_step_contributes(weigh, epsilon, bias_factor, expected):
    relevance = attribution.attribute(
        Weighed(weigh), column(1.0, 3.0), 0, epsilon=epsilon, bias_factor=bias_factor
    )
    np.testing.assert_allclose(relevance[0, :, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("pool", sorted(POOLS))
@pytest.mark.parametrize("n_heads", [1, 2, 3])
def test_relevance_is_conserved_where_biases_hand_it_down_or_there_are_none(n_heads, pool):
    inputs = signals((9, 5), n=4)
    handing = attribution.conservation(
        network(n_heads, pool), inputs, 0, epsilon=0.01, bias_factor=1.0
    )
    torch.testing.assert_close(handing.relevance, handing.explained, rtol=1e-5, atol=0)
    assert all(
        (kept.abs() < 1e-5 * handing.explained.abs()).all() for kept in handing.absorbed.values()
    )
    unbiased = attribution.conservation(network(n_heads, pool, bias=0.0), inputs, 0, epsilon=1e-12)
    torch.testing.assert_close(unbiased.relevance, unbiased.explained, rtol=1e-5, atol=0)
    absorbing = attribution.conservation(network(n_heads, pool), inputs, 0)
    assert (
        (absorbing.relevance - absorbing.explained).abs() > 0.01 * absorbing.explained.abs()
    ).all()


def layers_of(pool):
    each = ["self_attn: linear", "norm1", "linear1", "linear2", "norm2"]
    last = {"attention": "1.linear3", "average": "1.linear"}[pool]
    return {"0.linear", "0.norm1", *(f"0.layers.{i}.{name}" for i in (0, 1) for name in each), last}


@pytest.mark.parametrize("bias_factor", [0.0, 0.3])
@pytest.mark.parametrize("pool", sorted(POOLS))
def test_relevance_and_what_each_layer_absorbs_add_up_to_the_output(pool, bias_factor):
    balance = attribution.conservation(
        network(2, pool), signals((9, 5), n=4), 0, epsilon=0.1, bias_factor=bias_factor
    )
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )
    keeping = {name for name, kept in balance.absorbed.items() if (kept.abs() > 1e-9).all()}
    assert keeping == layers_of(pool)  # the network that weighs the steps is not among them
    assert all((balance.absorbed[name] == 0).all() for name in set(balance.absorbed) - keeping)


def test_relevance_follows_attention_and_not_the_weights_that_make_it():
    model = network(1, "average", n_layers=1)
    inputs = signals((7, 5), n=3)
    before = attribution.attribute(model, inputs, 0)
    mixing = torch.linalg.qr(signals((WIDTH, WIDTH), n=1)[0])[0] @ torch.diag(
        torch.linspace(0.5, 2.0, WIDTH).double()
    )
    twin = copy.deepcopy(model)
    weight, bias = (
        twin[0].layers[0].self_attn.in_proj_weight.data,
        twin[0].layers[0].self_attn.in_proj_bias.data,
    )
    query, key = slice(0, WIDTH), slice(WIDTH, 2 * WIDTH)
    weight[query], bias[query] = mixing @ weight[query], mixing @ bias[query]
    weight[key], bias[key] = (
        torch.linalg.inv(mixing).T @ weight[key],
        torch.linalg.inv(mixing).T @ bias[key],
    )
    bias[key] += 5.0  # the same for all keys: softmax does not see it
    assert not torch.allclose(weight[key], model[0].layers[0].self_attn.in_proj_weight[key])
    assert largest_error(attribution.attribute(twin, inputs, 0), before) < 1e-9
    weight[key] *= 2
    assert largest_error(attribution.attribute(twin, inputs, 0), before) > 1e-3


def test_a_step_that_nobody_listens_to_gets_no_relevance():
    model = Bare(
        one_unit(key=-100.0)
    )  # query 1 and keys -100 x: all attention goes to the smaller x
    relevance = attribution.attribute(model, column(1.0, 3.0), 0)
    np.testing.assert_allclose(relevance[0, :, 0], [6.0, 0.0], atol=1e-5)


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_permuting_the_segments_permutes_the_relevance(pool):
    model, inputs = network(2, pool), signals((7, 5), n=2)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    permuted = attribution.attribute(model, inputs[:, order], 0, bias_factor=0.5)
    torch.testing.assert_close(
        permuted, attribution.attribute(model, inputs, 0, bias_factor=0.5)[:, order]
    )


class Calling(nn.Module):
    def __init__(self, call, **options):
        super().__init__()
        self.layer = filled(nn.MultiheadAttention(4, 2, **{"batch_first": True, **options}))
        self.call, self.dense = call, filled(nn.Linear(4, 2), seed=1)  # no draw of its own

    def forward(self, x):
        return self.dense(self.call(self.layer, x)).flatten(0, -2)[: len(x)]


def attend(layer, x):
    return layer(x, x, x)[0][:, 0]


@pytest.mark.parametrize(
    "call",
    [
        lambda layer, x: layer(query=x, key=x, value=x)[0][:, 0],
        lambda layer, x: layer(x, x, value=x, need_weights=False, is_causal=False, attn_mask=None)[
            0
        ][:, 0],
        lambda layer, x: layer(x, x, x, None, True, None, False)[0][:, 0],
    ],
)
def test_attention_is_explained_however_it_is_called(call):
    model, usual, inputs = Calling(call), Calling(attend), signals((3, 4), n=2)
    usual.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        attribution.attribute(model, inputs, 1), attribution.attribute(usual, inputs, 1)
    )


def frozen_call(layer, query, key, value, hidden=None):
    """Return multi-head attention with weights that are constants; ``hidden``: where not to listen,
    bool.
    """
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    query, key, value = (
        x @ w.T + b for x, w, b in zip((query, key, value), weights, biases, strict=True)
    )
    heads = [
        part.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2) for part in (query, key, value)
    ]
    score = heads[0] @ heads[1].mT / heads[0].shape[-1] ** 0.5
    score = score if hidden is None else score.masked_fill(hidden, -math.inf)
    read = score.softmax(-1).detach() @ heads[2]
    return layer.out_proj(read.transpose(1, 2).flatten(2))


LATER = torch.ones(3, 3).triu(1).bool()
MASKS = {
    "none": (
        lambda layer, x: layer(x, 2 * x, x)[0],
        lambda layer, x: frozen_call(layer, x, 2 * x, x),
    ),
    "other values": (
        lambda layer, x: layer(x, x, 3 * x)[0],
        lambda layer, x: frozen_call(layer, x, x, 3 * x),
    ),
    "float mask": (
        lambda layer, x: layer(
            x, x, x, attn_mask=torch.zeros(3, 3).masked_fill(LATER, -math.inf).to(x)
        )[0],
        lambda layer, x: frozen_call(layer, x, x, x, LATER),
    ),
    "padding": (
        lambda layer, x: layer(x, x, x, torch.tensor([[False, False, True]]).expand(len(x), 3))[0],
        lambda layer, x: frozen_call(layer, x, x, x, torch.tensor([False, False, True])),
    ),
    "causal": (
        lambda layer, x: layer(x, x, x, need_weights=False, is_causal=True, attn_mask=LATER)[0],
        lambda layer, x: frozen_call(layer, x, x, x, LATER),
    ),
    "one clip": (
        lambda layer, x: torch.stack([layer(clip, clip, clip)[0] for clip in x]),
        lambda layer, x: frozen_call(layer, x, x, x),
    ),
}


@pytest.mark.parametrize("mask", sorted(MASKS))
def test_attention_with_masks_and_to_other_sequences_equals_the_gradient_with_weights_frozen(mask):
    ours, frozen = (
        Calling(lambda layer, x, call=call: call(layer, x)[:, 0]) for call in MASKS[mask]
    )
    frozen.load_state_dict(ours.state_dict())
    inputs = signals((3, 4), n=2).requires_grad_()
    answers = frozen(inputs)
    torch.testing.assert_close(ours(inputs), answers)
    expected = inputs * torch.autograd.grad(answers[:, 1].sum(), inputs)[0]
    assert (
        largest_error(attribution.attribute(ours, inputs, 1, epsilon=1e-12), expected.detach())
        < 1e-7
    )


@pytest.mark.parametrize(
    "options", [{"batch_first": False}, {"add_bias_kv": True}, {"add_zero_attn": True}]
)
def test_unusual_layers_of_attention_are_explained_and_the_ledger_balances(options):
    def call(layer, x):
        x = x if layer.batch_first else x.transpose(0, 1)
        y = layer(x, x, x)[0]
        return (y if layer.batch_first else y.transpose(0, 1))[:, 0]

    balance = attribution.conservation(Calling(call, **options), signals((3, 4), n=2), 0)
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )
    assert (balance.relevance.abs() > 1e-3).all()


def plain_encoder_layer(layer, x):
    """Return torch's encoder layer, its norms behind the sums, with attention weights and scales as
    constants.
    """
    x = plain_norm(layer.norm1, x + plain_attention(layer.self_attn, x, frozen=True), frozen=True)
    inner = layer.linear2(F.relu(layer.linear1(x)))
    return plain_norm(layer.norm2, x + inner, frozen=True)


def test_a_layer_that_hides_its_residuals_is_explained_as_the_operations_it_consists_of():
    layer = filled(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True))
    model = nn.Sequential(nn.TransformerEncoder(layer, 1, enable_nested_tensor=True), nn.Flatten())
    inputs = signals((3, 4), n=2).requires_grad_()
    answers = plain_encoder_layer(model[0].layers[0], inputs).flatten(1)
    torch.testing.assert_close(model(inputs), answers)
    expected = inputs * torch.autograd.grad(answers[:, 2].sum(), inputs)[0]
    assert (
        largest_error(attribution.attribute(model, inputs, 2, epsilon=1e-12), expected.detach())
        < 1e-7
    )


def test_attention_without_biases_is_attention_whose_biases_are_zero():
    bare, full = Calling(attend, bias=False), Calling(attend)
    zeros = {
        f"layer.{name}": 0 * full.layer.get_parameter(name)
        for name in ("in_proj_bias", "out_proj.bias")
    }
    full.load_state_dict(bare.state_dict() | zeros)
    ours, same = (
        attribution.attribute(model, signals((3, 4), n=2), 1, bias_factor=1.0)
        for model in (bare, full)
    )
    torch.testing.assert_close(ours, same)


def whole(pool):
    settings = Settings(
        cnn="adapt",
        time="attention",
        pool=pool,
        n_hidden=8,
        n_layers=2,
        channels=(4, 6, 8),
        segment_hop=4,
        outputs=("mos", "noisiness"),
    )
    model = kaiming(Nisqa(settings).double(), bias=0.1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.LayerNorm):
            layer.weight.data += 1.0
            layer.eps = (
                1e-12  # zennit leaves that of a merged norm in the forward pass that is explained
            )
    return model


def spectrograms(n=2):
    return 10 * signals((48, 31), n=n) - 40


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pool", sorted(POOLS))
def test_one_call_explains_a_whole_network_of_the_family(pool, method):
    model, inputs = whole(pool), spectrograms()
    balance = attribution.conservation(model, inputs, [0, 1], method, epsilon=0.01)
    with torch.no_grad():
        torch.testing.assert_close(balance.explained, model(inputs)[[0, 1], [0, 1]])
    assert all(kept.shape == (2,) for kept in balance.absorbed.values())
    assert {
        "cnn.conv1",
        "time.layers.1.self_attn: linear",
        "pools.1.linear3" if pool == "attention" else "pools.1.linear",
    } <= set(balance.absorbed)
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained
    )


@pytest.mark.parametrize("pool", sorted(POOLS))
def test_clips_of_a_batch_are_explained_as_one_by_one_and_the_network_left_as_it_was(pool):
    model, inputs = whole(pool).train(), spectrograms(3)
    before = copy.deepcopy(model.state_dict())
    together = attribution.attribute(model, inputs, [0, 1, 0], "lrp-epsilon-plus")
    singly = [
        attribution.attribute(model, inputs[i : i + 1], i % 2, "lrp-epsilon-plus") for i in range(3)
    ]
    torch.testing.assert_close(together, torch.cat(singly))
    assert model.training and all(
        torch.equal(value, before[name]) for name, value in model.state_dict().items()
    )
    assert not any(module._forward_hooks for module in model.modules())
    balance = attribution.conservation(model, inputs, [0, 1, 0])
    alone = attribution.conservation(model, inputs[1:2], 1)
    for name, kept in alone.absorbed.items():
        torch.testing.assert_close(balance.absorbed[name][1:2], kept)
