"""The reference itself: hand-solved cases, invariants, and the same answer by other ways."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from networks import INPUT_SHAPES, kaiming, largest_error, signals, spectrogram_net, waveform_net
from textbook import lrp_epsilon
from torch import nn
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.rules import AlphaBeta, Epsilon, Gamma
from zennit.types import Convolution, Linear

from zoo import NETWORKS
from zoo.rules import ALL, METHODS, RECURRENT, REWRITTEN, Reference

EPSILON = METHODS["lrp-epsilon"]
PIECEWISE_LINEAR = (
    "PlainStack FunctionalStack ResNet1d PreActivation Bottleneck1d TCN Maxout MultiBranch "
    "SharedConvolution Framed InPlaceCode ReluInPlaceOnSkip BatchNormBehindReLU BatchNormFirst "
    "ParametrizedWeightNorm SpectralNorm UNet1d UpsamplingUNet Regression FramesClassBeforeTime "
    "VggLike ResNet18 ResNeXt50 DenseNet SqueezeNet ShuffleNetV2 Inception RnnReluBidirectional "
    "StereoMidSide RealAndImaginary DictOutput Compiled"
).split()


def referred(name):
    network = NETWORKS[name]
    model = network.model()
    return (
        network,
        model,
        Reference(getattr(model, "_orig_mod", model), network.inputs(), network.pick),
    )


class Function(nn.Module):
    """A module of one function, with its parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def by_hand(function, x, target=0, **changes):
    """Return the relevance of ``x`` (batch, n) for ``function(x)[:, target]``, rounded."""
    reference = Reference(Function(function), torch.tensor(x, dtype=torch.float64))
    return reference.relevance(target, replace(EPSILON, **changes)).tolist()


def matrix(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def learned(*rows):
    return nn.Parameter(matrix(*rows))


def test_a_sum_with_bias_shares_by_contributions_and_the_bias_keeps_its_part():
    weight, bias = matrix([1.0, 3.0]), torch.tensor([5.0], dtype=torch.float64)
    assert by_hand(lambda x: F.linear(x, weight, bias), [[2.0, -1.0]]) == [[2.0, -3.0]]


def test_what_a_bias_kept_goes_evenly_to_all_inputs_with_bias_factor_one():
    weight, bias = matrix([1.0, 3.0]), torch.tensor([6.0], dtype=torch.float64)
    found = by_hand(lambda x: F.linear(x, weight, bias), [[2.0, -1.0]], bias_factor=1.0)
    assert found == [[5.0, 0.0]]


def test_the_plus_rule_counts_positive_contributions_of_either_kind_and_the_bias():
    weight, bias = learned([1.0, -3.0, 1.0]), torch.tensor([5.0], dtype=torch.float64)
    found = by_hand(lambda x: F.linear(x, weight, bias), [[2.0, -1.0, -4.0]], dense="plus")
    assert found == [[pytest.approx(6 * 2 / 10), pytest.approx(6 * 3 / 10), 0.0]]  # logit 2+3-4+5


def test_the_gamma_rule_favours_contributions_of_the_sign_of_the_output():
    weight = nn.Parameter(matrix([1.0, -1.0, 1.0]).view(1, 3, 1))
    model = Function(lambda x: F.conv1d(x, weight).flatten(1))
    x = torch.tensor([[[2.0], [-1.0], [-5.0]]], dtype=torch.float64)  # contributions 2, 1, -5: -2
    found = Reference(model, x).relevance(0, replace(METHODS["lrp-gamma"], gamma=1.0))
    assert found.flatten().tolist() == pytest.approx([-2 * 2 / -7, -2 / -7, -2 * -10 / -7])


NOTATIONS = {
    "linear": lambda x, w: F.linear(x, w),
    "matmul": lambda x, w: x @ w.T,
    "left": lambda x, w: (w @ x.T).T,
    "einsum": lambda x, w: torch.einsum("bi,ji->bj", x, w),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_learned_matrix_is_a_dense_layer_in_every_notation_a_fixed_one_a_plain_sum(notation):
    def explained(weight):
        return by_hand(lambda x: NOTATIONS[notation](x, weight), [[2.0, -1.0, 3.0]], dense="plus")

    assert explained(matrix([1.0, 3.0, 2.0])) == [[2.0, -3.0, 6.0]]
    assert explained(learned([1.0, 3.0, 2.0])) == [[5 * 2 / 8, 0.0, 5 * 6 / 8]]


def test_a_filter_computed_from_parameters_is_a_layer_one_computed_from_constants_is_not():
    def explained(weight):
        model = Function(lambda x: F.conv1d(x, 2 * weight.view(1, 3, 1)).flatten(1))
        x = torch.tensor([[[2.0], [-1.0], [3.0]]], dtype=torch.float64)
        return Reference(model, x).relevance(0, METHODS["lrp-epsilon-plus"]).flatten().tolist()

    assert explained(matrix([1.0, 3.0, 2.0])) == [4.0, -6.0, 12.0]
    assert explained(learned([1.0, 3.0, 2.0])) == [10 * 4 / 16, 0.0, 10 * 12 / 16]


def test_a_logarithm_counts_from_that_of_silence():
    found = by_hand(lambda x: torch.log10(x.clamp(min=0.01)), [[10.0, 1.0]])
    plain = by_hand(torch.log10, [[10.0, 1.0]])
    handed = by_hand(lambda x: torch.log10(x.clamp(min=0.01)), [[10.0, 1.0]], bias_factor=1.0)
    assert found[0] == pytest.approx([3.0, 0.0]) and plain[0] == handed[0] == [1.0, 0.0]


def test_the_projections_of_torchs_attention_share_by_contributions_in_every_method():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2, batch_first=True).double()
    model = Function(lambda x: attention(x, x, x)[0])
    model.attention = attention
    x = torch.randn(1, 3, 4, dtype=torch.float64)
    reference = Reference(model, x)
    found = reference.relevance(1, METHODS["lrp-alpha1-beta0"])
    assert torch.equal(found, reference.relevance(1, EPSILON))


def test_a_norm_is_merged_unless_somebody_else_reads_what_it_reads():
    torch.manual_seed(0)
    conv, norm = nn.Conv1d(1, 2, 1).double(), nn.BatchNorm1d(2).double().eval()
    x = torch.randn(1, 1, 3, dtype=torch.float64)

    def steps(function):
        return [step.name for step in Reference(Function(function), x).steps]

    assert steps(lambda x: norm(conv(x)).sum(-1)) == ["conv1d", "sum"]
    assert steps(lambda x: (lambda y: (norm(y) + y).sum(-1))(conv(x))) == [
        "conv1d",
        "batch_norm",
        "add",
        "sum",
    ]


def test_a_residual_sum_counts_both_ways_once():
    assert by_hand(lambda x: x + 2 * x.relu(), [[3.0, 1.0]]) == [[9.0, 0.0]]


def test_a_gate_gets_nothing_and_two_signals_half_each():
    halves = by_hand(lambda x: (x[:, :1] * x[:, 1:]).repeat(1, 2), [[3.0, 4.0]])
    gated = by_hand(
        lambda x: (x[:, :1] * x[:, 1:].sigmoid().unsqueeze(0)[0]).repeat(1, 2), [[3.0, 4.0]]
    )
    assert halves == [[6.0, 6.0]]
    assert gated == [[pytest.approx(3 * torch.tensor(4.0).sigmoid().item()), 0.0]]


def test_a_mean_shares_by_size_and_a_maximum_gives_all_to_the_largest():
    assert by_hand(lambda x: x.mean(1, keepdim=True), [[1.0, 3.0, -1.0]]) == [
        [pytest.approx(1 / 3), 1.0, pytest.approx(-1 / 3)]
    ]
    assert by_hand(lambda x: x.amax(1, keepdim=True), [[1.0, 3.0, -1.0]]) == [[0.0, 3.0, 0.0]]


def test_an_activation_passes_all_relevance_whatever_its_slope():
    logit = torch.tanh(torch.tensor(2.0, dtype=torch.float64)).item()
    assert by_hand(torch.tanh, [[2.0, 1.0]]) == [[pytest.approx(logit), 0.0]]


def test_what_was_overwritten_in_place_gets_nothing():
    def overwritten(x):
        y = x.clone()
        y[:, 0] = 7.0
        y[:, 1:] *= y[:, :1]
        return y.sum(1, keepdim=True)

    assert by_hand(overwritten, [[1.0, 2.0]]) == [[0.0, 14.0]]


def test_a_layer_norm_centres_and_its_scale_is_a_constant():
    x = torch.tensor([[1.0, 2.0, 6.0]], dtype=torch.float64)
    scale = (x.var(correction=0) + 1e-5).rsqrt().item()
    found = by_hand(lambda x: F.layer_norm(x, (3,)), x.tolist(), target=2)
    assert found[0] == pytest.approx([-scale / 3, -2 * scale / 3, 6 * scale * 2 / 3])


def test_a_magnitude_shares_by_the_squares_of_its_parts():
    found = by_hand(lambda x: torch.view_as_complex(x.view(1, 1, 2)).abs(), [[3.0, 4.0]])
    assert found[0] == pytest.approx([9 / 5, 16 / 5])


def test_attention_hands_all_to_the_values_by_their_weights():
    q, k = torch.randn(1, 2, 3).double(), torch.randn(1, 2, 3).double()
    weights = (q @ k.mT / 3**0.5).softmax(-1)[0]
    found = by_hand(
        lambda v: F.scaled_dot_product_attention(q + 0 * v.sum(), k, v.view(1, 2, 1))[
            ..., 0
        ].clone(),
        [[5.0, -2.0]],
        target=1,
    )
    assert found[0] == pytest.approx([5 * weights[1, 0].item(), -2 * weights[1, 1].item()])


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_where_everything_is_piecewise_linear_epsilon_is_gradient_times_input(name):
    network, model, reference = referred(name)
    leaf = network.inputs().requires_grad_()
    logits = network.pick(model(leaf))
    (gradient,) = torch.autograd.grad(logits[..., network.target].sum(), leaf)
    assert largest_error(reference.relevance(network.target, EPSILON), leaf * gradient) < 1e-9


@pytest.mark.parametrize(
    "name, last", [("SoftmaxAtTheEnd", "body"), ("SigmoidAtTheEnd", "0"), ("M5", "fc")]
)
def test_a_softmax_or_sigmoid_at_the_end_is_explained_before_it(name, last):
    network, model, reference = referred(name)
    found = {}
    layer = model.get_submodule(last)
    layer.register_forward_hook(lambda layer, inputs, output: found.update(logits=output))
    leaf = network.inputs().requires_grad_()
    model(leaf)
    (gradient,) = torch.autograd.grad(found["logits"][..., network.target].sum(), leaf)
    assert largest_error(reference.relevance(network.target, EPSILON), leaf * gradient) < 1e-9


SUMS_TO_THE_LOGIT = (
    "PlainStack FunctionalStack M5 TCN Maxout MultiBranch Framed Regression SincNet Highway "
    "GroupNorm1d InstanceNorm1d RmsNormByHand GatedLinearUnits EinsumAxes VggLike MagnitudeFront "
    "PowerFront LogMelFront MfccFront CompressedFront NormalisedByTheClip MlpMixer GruTimeFirst "
    "LstmTimeFirst LinearAttention Conformer RotaryPositions TransformerPreNorm AttentionModule"
).split()


@pytest.mark.parametrize("name", SUMS_TO_THE_LOGIT)
def test_with_bias_factor_one_relevance_sums_to_the_logit(name):
    network, _, reference = referred(name)
    found = reference.relevance(network.target, replace(EPSILON, bias_factor=1.0))
    logit = reference.logits()[..., network.target].reshape(len(found), -1).sum(1)
    torch.testing.assert_close(found.flatten(1).sum(1), logit, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("net", [waveform_net, spectrogram_net])
def test_on_plain_stacks_it_equals_the_textbook_in_numpy(net):
    model, x = kaiming(net().double(), bias=0.3), signals(INPUT_SHAPES[net])
    found = Reference(model, x).relevance(2, EPSILON)
    for clip, relevance in zip(x, found, strict=True):
        expected = torch.tensor(lrp_epsilon(model, clip, 2, 1e-300)[0])
        torch.testing.assert_close(relevance, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "method, layers",
    [
        ("lrp-epsilon-plus", [(Convolution, AlphaBeta(1, 0, stabilizer=1e-14))]),
        ("lrp-alpha1-beta0", [(Linear, AlphaBeta(1, 0, stabilizer=1e-14))]),
        ("lrp-gamma", [(Convolution, Gamma(0.25, stabilizer=1e-14))]),
    ],
)
@pytest.mark.parametrize("net", [waveform_net, spectrogram_net])
def test_on_plain_stacks_it_equals_zennit(net, method, layers):
    model, x = kaiming(net().double(), bias=0.3), signals(INPUT_SHAPES[net])
    rest = [(Linear, Epsilon(1e-14)), *layer_map_base(stabilizer=1e-14)]
    composite = LayerMapComposite(layers + rest)
    leaf = x.clone().requires_grad_()
    with composite.context(model) as changed:
        logits = changed(leaf)
        start = torch.zeros_like(logits)
        start[:, 2] = logits[:, 2]
        (expected,) = torch.autograd.grad(logits, leaf, start.detach())
    found = Reference(model, x).relevance(2, METHODS[method])
    assert largest_error(found, expected) < 1e-8


@pytest.mark.parametrize(
    "name",
    [
        "CrnnLstm",
        "CrnnBiLstm",
        "BiLstmLastHidden",
        "LstmTimeFirst",
        "LstmProjected",
        "CrnnGru",
        "CrnnBiGru",
        "GruTimeFirst",
        "RnnTanh",
        "RnnReluBidirectional",
        "PackedLstm",
        "PackedGru",
        "PackedLastHidden",
        "EncoderDecoder",
        "CellsByHand",
    ],
)
def test_recurrent_layers_by_cells_equal_the_parts_that_torch_makes_of_them(name):
    network, model, _ = referred(name)
    for parameter_name, parameter in model.named_parameters():
        if "bias_hh" in parameter_name:  # at a GRU's first step all that a gate multiplies is this
            parameter.data.zero_()
    reference = Reference(model, network.inputs(), network.pick)
    parts = Reference(model, network.inputs(), network.pick, known=ALL - RECURRENT)
    assert not {step.name for step in parts.steps} & RECURRENT
    found = parts.relevance(network.target, METHODS["lrp-epsilon-plus"])
    whole = reference.relevance(network.target, METHODS["lrp-epsilon-plus"])
    assert largest_error(found, whole) < 1e-8


def _layer_norm(x, shape, weight=None, bias=None, eps=1e-5, cudnn=True):
    axes = tuple(range(-len(shape), 0))
    scale = torch.rsqrt(x.var(axes, correction=0, keepdim=True) + eps)
    y = (x - x.mean(axes, keepdim=True)) * scale
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores + torch.full_like(scores, -torch.inf).triu(1)
    return (scores if attn_mask is None else scores + attn_mask).softmax(-1) @ v


WRITTEN_OUT = {
    "layer_norm": _layer_norm,
    "scaled_dot_product_attention": _attention,
    "glu": lambda x, dim=-1: x.chunk(2, dim)[0] * x.chunk(2, dim)[1].sigmoid(),
    "silu": lambda x: x * x.sigmoid(),
    "rms_norm": lambda x, shape, weight=None, eps=None: (
        x
        * weight
        * torch.rsqrt(
            x.square().mean(-1, keepdim=True) + (2.220446049250313e-16 if eps is None else eps)
        )
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        "SincNet",
        "MlpMixer",
        "SpectrogramTransformer",
        "SwinTransformer",
        "TransformerPreNorm",
        "TransformerPostNorm",
        "TransformerMasked",
        "TransformerDecoder",
        "RotaryPositions",
        "GatedLinearUnits",
        "Conformer",
        "RmsNormOfTorch",
        "GatedMlp",
        "ClassTokenSdpa",
    ],
)
def test_norms_attention_and_gates_equal_what_they_are_made_of(name):
    network, model, reference = referred(name)
    parts = Reference(model, network.inputs(), network.pick, rewritten=REWRITTEN | WRITTEN_OUT)
    assert len(parts.steps) > len(reference.steps)
    for method in METHODS.values():
        found = parts.relevance(network.target, method)
        assert largest_error(found, reference.relevance(network.target, method)) < 1e-8


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_map_by_every_method(name):
    network, model, reference = referred(name)
    with torch.no_grad():
        torch.testing.assert_close(network.pick(model(network.inputs())), reference.output)
    for method in METHODS.values():
        found = reference.relevance(network.target, method)
        assert found.isfinite().all() and (found.flatten(1).abs().amax(1) > 0).all()
