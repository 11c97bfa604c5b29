"""LRP through LSTMs against published code, a textbook loop, a case solved by hand, and the laws it
must obey.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lstm_textbook import lstm_relevance
from networks import kaiming, largest_error, signals
from torch import nn

from earwitness import attribution
from earwitness.errors import ParameterError
from earwitness.models.doacrnn import DoaCRNN

REFERENCE = Path(__file__).parent / "lstm_reference.npz"


class AtTheEnd(nn.Module):
    """An LSTM read where each direction has heard everything, through a dense layer: the network of
    the reference.
    """

    def __init__(self, lstm, n_classes, bias=False):
        super().__init__()
        self.lstm = lstm
        width = lstm.hidden_size * (1 + lstm.bidirectional)
        self.dense = nn.Linear(width, n_classes, bias=bias)

    def forward(self, x):
        out, _ = self.lstm(x)
        d = self.lstm.hidden_size
        return self.dense(torch.cat([out[:, -1, :d], out[:, 0, d:]], dim=-1))


class AtEveryStep(nn.Module):
    """An LSTM read at every step: logits (batch, time, n_classes)."""

    def __init__(self, lstm, n_classes=3, bias=True):
        super().__init__()
        self.lstm, self.dense = (
            lstm,
            nn.Linear(lstm.hidden_size * (1 + lstm.bidirectional), n_classes, bias=bias),
        )

    def forward(self, x):
        x = x if self.lstm.batch_first else x.transpose(0, 1)
        out = self.lstm(x)[0]
        return self.dense(out if self.lstm.batch_first else out.transpose(0, 1))


def random_lstm(features=4, units=3, seed=0, **options):
    lstm = nn.LSTM(features, units, **{"batch_first": True, "dtype": torch.float64, **options})
    generator = torch.Generator().manual_seed(seed)
    for parameter in lstm.parameters():
        parameter.data = (
            torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.6
        )
    return lstm


def every_step(seed=0, bias=True, **options):
    model = AtEveryStep(random_lstm(seed=seed, **options), bias=bias).double().eval()
    generator = torch.Generator().manual_seed(seed + 1)
    for parameter in model.dense.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model


def reference_network(case):
    """Return the reference's network and input (1, time, features); its gates stand in the order i,
    g, f, o.
    """
    units, features = case["Whh_Left"].shape[1], case["X"].shape[1]
    model = AtTheEnd(
        nn.LSTM(features, units, batch_first=True, bidirectional=True), len(case["scores"])
    ).double()
    for side, suffix in (("Left", ""), ("Right", "_reverse")):
        for ours, theirs in (
            ("weight_ih", "Wxh"),
            ("weight_hh", "Whh"),
            ("bias_ih", "bxh"),
            ("bias_hh", "bhh"),
        ):
            i, g, f, o = np.split(case[f"{theirs}_{side}"], 4)
            getattr(model.lstm, f"{ours}_l0{suffix}").data = torch.tensor(
                np.concatenate([i, f, g, o])
            )
    model.dense.weight.data = torch.tensor(
        np.concatenate([case["Why_Left"], case["Why_Right"]], axis=1)
    )
    return model.eval(), torch.tensor(case["X"])[None]


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}


@pytest.mark.parametrize("bias_factor", [0, 1])
@pytest.mark.parametrize("name", ["small", "rand60"])
def test_relevance_equals_the_published_code_of_arras(reference, name, bias_factor):
    case = {
        key.removeprefix(f"{name}/"): value
        for key, value in reference.items()
        if key.startswith(name)
    }
    model, x = reference_network(case)
    targets = torch.tensor(case["classes"]).long()
    expected = case[f"bias_factor_{bias_factor}/Rx"]
    with torch.no_grad():
        np.testing.assert_allclose(model(x)[0], case["scores"], rtol=1e-6)
    ours = attribution.attribute(
        model,
        x.expand(len(targets), -1, -1),
        targets,
        epsilon=0.001,
        bias_factor=float(bias_factor),
    )
    assert largest_error(ours, torch.tensor(expected)) < 1e-5


@pytest.mark.parametrize("bias_factor", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("layers", "bidirectional"), [(1, False), (1, True), (3, True), (2, False)]
)
def test_relevance_at_every_step_equals_the_textbook_loop(layers, bidirectional, bias_factor):
    model = every_step(num_layers=layers, bidirectional=bidirectional)
    inputs = signals((6, 4), n=3)
    ours = attribution.attribute(model, inputs, [0, 1, 2], epsilon=0.01, bias_factor=bias_factor)
    for clip, target, relevance in zip(inputs, (0, 1, 2), ours, strict=True):
        expected = lstm_relevance(model.lstm, model.dense, clip.numpy(), target, 0.01, bias_factor)
        np.testing.assert_allclose(relevance, expected, rtol=1e-9, atol=1e-11)


def test_two_steps_of_one_unit_are_explained_as_solved_by_hand():
    # all gates half open (their weights are zero); g = tanh(x + 2 h), logit = 3 h_2
    lstm = nn.LSTM(1, 1, batch_first=True, bias=False, dtype=torch.float64)
    lstm.weight_ih_l0.data = torch.tensor([[0.0], [0.0], [1.0], [0.0]], dtype=torch.float64)
    lstm.weight_hh_l0.data = torch.tensor([[0.0], [0.0], [2.0], [0.0]], dtype=torch.float64)
    model = AtTheEnd(lstm, 1).double()
    model.dense.weight.data.fill_(3.0)
    x1, x2 = 1.0, -0.25
    c1 = 0.5 * np.tanh(x1)
    h1 = 0.5 * np.tanh(c1)
    g2 = x2 + 2 * h1
    c2 = 0.5 * c1 + 0.5 * np.tanh(g2)
    logit = 3 * 0.5 * np.tanh(c2)
    of_g2 = (
        0.5 * np.tanh(g2) / c2 * logit
    )  # the rest of c2 is the older half, which x1 alone has made
    expected = [logit - of_g2 + of_g2 * 2 * h1 / g2, of_g2 * x2 / g2]
    inputs = torch.tensor([[[x1], [x2]]], dtype=torch.float64)
    relevance = attribution.attribute(model, inputs, 0, epsilon=1e-12)
    np.testing.assert_allclose(relevance[0, :, 0], expected, rtol=1e-9)
    assert expected[1] < 0 < expected[0]


def test_the_states_before_the_first_step_keep_what_they_keep_in_the_published_code(reference):
    for name in ("small", "rand60"):
        case = {
            key.removeprefix(f"{name}/"): value
            for key, value in reference.items()
            if key.startswith(name)
        }
        model, x = reference_network(case)
        targets = torch.tensor(case["classes"]).long()
        balance = attribution.conservation(
            model, x.expand(len(targets), -1, -1), targets, epsilon=0.001, bias_factor=1.0
        )
        np.testing.assert_allclose(
            balance.absorbed["lstm"], case["bias_factor_1/R_rest"], rtol=1e-5, atol=1e-8
        )
        torch.testing.assert_close(balance.relevance + balance.absorbed["lstm"], balance.explained)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_relevance_is_conserved_by_the_papers_rules(layers, bidirectional):
    model = every_step(num_layers=layers, bidirectional=bidirectional, seed=4)
    inputs = signals((40, 4), n=3)
    balance = attribution.conservation(model, inputs, 1, "lrp-kiyan2022")
    torch.testing.assert_close(balance.relevance, balance.explained, rtol=1e-6, atol=0)
    assert all(
        (kept.abs() < 1e-6 * balance.explained.abs()).all() for kept in balance.absorbed.values()
    )
    absorbing = attribution.conservation(model, inputs, 1, "lrp-kiyan2022", bias_factor=0.0)
    assert (
        (absorbing.relevance - absorbing.explained).abs() > 0.3 * absorbing.explained.abs()
    ).all()


def test_one_step_hands_the_bias_down_to_its_input_alone():
    lstm = nn.LSTM(2, 1, batch_first=True, dtype=torch.float64)
    for parameter in lstm.parameters():
        parameter.data.fill_(0.5)
    model = AtTheEnd(lstm, 1).double()
    inputs = torch.tensor(
        [[[2.0, -1.0]]], dtype=torch.float64
    )  # g before its tanh: 1 - 0.5 and a bias of 1
    with torch.no_grad():
        logit = model(inputs).item()
    relevance = attribution.attribute(model, inputs, 0, "lrp-kiyan2022", epsilon=1e-12)
    np.testing.assert_allclose(
        relevance[0, 0], [logit * (1 + 0.5) / 1.5, logit * (-0.5 + 0.5) / 1.5], atol=1e-9
    )
    counting_h = attribution.attribute(model, inputs, 0, epsilon=1e-12, bias_factor=1.0)
    np.testing.assert_allclose(
        counting_h[0, 0], [logit * (1 + 1 / 3) / 1.5, logit * (-0.5 + 1 / 3) / 1.5], atol=1e-9
    )


def test_a_batch_is_explained_as_its_clips_one_by_one_and_the_model_left_as_it_was():
    model = every_step(num_layers=2, bidirectional=True, dropout=0.5).train()
    before = copy.deepcopy(model.state_dict())
    inputs = signals((7, 4), n=5)
    kept = inputs.clone()
    together = attribution.attribute(model, inputs, [0, 1, 2, 0, 1], "lrp-kiyan2022")
    singly = [
        attribution.attribute(model, inputs[i : i + 1], i % 3, "lrp-kiyan2022") for i in range(5)
    ]
    torch.testing.assert_close(together, torch.cat(singly))
    assert model.training and model.lstm.training and torch.equal(inputs, kept)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.lstm._forward_hooks and all(
        parameter.requires_grad for parameter in model.parameters()
    )


def test_dropout_between_layers_is_off_as_in_evaluation():
    model = every_step(num_layers=2, dropout=0.9)
    twin = copy.deepcopy(model)
    twin.lstm.dropout = 0.0
    inputs = signals((7, 4), n=2)
    assert torch.equal(
        attribution.attribute(model.train(), inputs, 1), attribution.attribute(twin, inputs, 1)
    )


def test_time_may_come_before_the_batch():
    model = every_step(num_layers=2, bidirectional=True)
    twin = copy.deepcopy(model)
    twin.lstm.batch_first = False
    inputs = signals((6, 4), n=2)
    torch.testing.assert_close(
        attribution.attribute(twin, inputs, 1, "lrp-kiyan2022"),
        attribution.attribute(model, inputs, 1, "lrp-kiyan2022"),
    )


def test_what_an_lstm_absorbs_is_counted_by_clip_also_where_time_comes_first():
    model = every_step()
    twin = copy.deepcopy(model)
    twin.lstm.batch_first = False
    inputs = signals((6, 4), n=2)
    ours, usual = (
        attribution.conservation(network, inputs, 1).absorbed["lstm"] for network in (twin, model)
    )
    torch.testing.assert_close(ours, usual)


def test_an_lstm_without_biases_is_an_lstm_whose_biases_are_zero():
    bare = every_step(num_layers=2, bidirectional=True, bias=True)
    bare.lstm = random_lstm(num_layers=2, bidirectional=True, bias=False)
    full = copy.deepcopy(bare)
    full.lstm = random_lstm(num_layers=2, bidirectional=True)
    for name, parameter in full.lstm.named_parameters():
        parameter.data = (
            getattr(bare.lstm, name).data if "weight" in name else torch.zeros_like(parameter)
        )
    inputs = signals((6, 4), n=2)
    torch.testing.assert_close(
        attribution.attribute(bare, inputs, 1), attribution.attribute(full, inputs, 1)
    )


class FromStates(nn.Module):
    """Answers from what an LSTM returns beside its outputs."""

    def __init__(self, lstm, read):
        super().__init__()
        self.lstm, self.read, self.dense = lstm, read, nn.LazyLinear(2, dtype=torch.float64)

    def forward(self, x):
        return self.dense(self.read(self.lstm(x)))


def last_hidden(answer):
    return torch.cat([answer[1][0][-2], answer[1][0][-1]], dim=-1)


def last_outputs(answer):
    return torch.cat([answer[0][:, -1, :3], answer[0][:, 0, 3:]], dim=-1)


def test_the_last_h_of_the_last_layer_is_explained_as_the_outputs_that_it_is():
    lstm, inputs = random_lstm(num_layers=2, bidirectional=True), signals((6, 4), n=2)
    from_states, from_outputs = FromStates(lstm, last_hidden), FromStates(lstm, last_outputs)
    with torch.no_grad():
        from_states(inputs), from_outputs(inputs)
    from_outputs.load_state_dict(from_states.state_dict())
    ours = attribution.attribute(from_states, inputs, 1, "lrp-kiyan2022")
    torch.testing.assert_close(
        ours, attribution.attribute(from_outputs, inputs, 1, "lrp-kiyan2022")
    )
    assert ours.abs().max() > 0


class Calling(nn.Module):
    def __init__(self, lstm, call):
        super().__init__()
        self.lstm, self.call, self.dense = lstm, call, nn.Linear(3, 2, dtype=torch.float64)

    def forward(self, x):
        return self.dense(self.call(self.lstm, x))


def test_an_lstm_called_with_its_input_by_name_is_explained():
    lstm, inputs = random_lstm(), signals((6, 4), n=2)
    by_name = Calling(lstm, lambda lstm, x: lstm(input=x)[0][:, -1])
    by_place = Calling(lstm, lambda lstm, x: lstm(x, None)[0][:, -1])
    by_place.load_state_dict(by_name.state_dict())
    assert torch.equal(
        attribution.attribute(by_name, inputs, 1), attribution.attribute(by_place, inputs, 1)
    )


@pytest.mark.parametrize(
    "method", ["lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0", "lrp-gamma"]
)
@pytest.mark.parametrize("bias_factor", [-0.1, 1.1, float("nan")])
def test_a_bias_factor_outside_0_to_1_is_refused(method, bias_factor):
    with pytest.raises(
        ParameterError, match="bias_factor (must lie between 0 and 1|.*must be a number)"
    ):
        attribution.attribute(every_step(), signals((6, 4)), 1, method, bias_factor=bias_factor)


class Crnn(nn.Module):
    """The kinds of layers of the network for directions, small: convolutions, norms, pooling,
    LSTMs, dense layers.
    """

    def __init__(self, n_channels=2, n_classes=5):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(n_channels, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ELU(),
            nn.MaxPool2d((1, 4)),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ELU(),
            nn.MaxPool2d((1, 2)),
        )
        self.lstm = nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Linear(12, 10), nn.ELU(), nn.Linear(10, n_classes))

    def forward(self, x):
        x = self.convolutions(x)  # (batch, 4, time, 2)
        x = x.permute(0, 2, 1, 3).flatten(2)  # (batch, time, 8)
        return self.dense(self.lstm(x)[0])


def crnn():
    model = kaiming(Crnn().double(), bias=0.1)
    for layer in model.convolutions:
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.fill_(1.2)
            layer.running_mean.fill_(0.1)
            layer.running_var.fill_(0.8)
    return model


@pytest.mark.parametrize(
    "method", ["lrp-kiyan2022", "lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0", "lrp-gamma"]
)
def test_one_call_explains_a_whole_convolutional_recurrent_network(method):
    model, inputs = crnn(), signals((2, 12, 16), n=3)
    balance = attribution.conservation(model, inputs, [0, 3, 4], method, epsilon=0.01)
    assert list(balance.absorbed) == [
        "convolutions.0",
        "convolutions.4",
        "lstm",
        "dense.0",
        "dense.2",
    ]
    with torch.no_grad():
        logits = model(inputs)
    torch.testing.assert_close(balance.explained, logits[[0, 1, 2], :, [0, 3, 4]].sum(1))
    # zennit leaves the merged norms' own 1e-5 in the forward pass that is explained
    torch.testing.assert_close(
        balance.relevance + sum(balance.absorbed.values()), balance.explained, rtol=1e-4, atol=0
    )


def test_the_papers_rules_conserve_relevance_layer_by_layer_through_a_whole_network():
    balance = attribution.conservation(
        crnn(), signals((2, 12, 16), n=3), [0, 3, 4], "lrp-kiyan2022"
    )
    for kept in balance.absorbed.values():
        assert (kept.abs() < 1e-4 * balance.explained.abs()).all()


@pytest.mark.parametrize("method", ["lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma"])
def test_what_biases_would_keep_is_handed_down(method):
    model, inputs = crnn(), signals((2, 12, 16), n=3)
    model.lstm = nn.LSTM(
        8, 12, batch_first=True
    ).double()  # without states before the first step to keep anything
    model.lstm.requires_grad_(False)
    for name, parameter in model.lstm.named_parameters():
        parameter.data = (
            0.3 * kaiming(copy.deepcopy(model.lstm)).get_parameter(name)
            if "weight" in name
            else torch.zeros_like(parameter)
        )
    keeping = attribution.conservation(model, inputs, 1, method, epsilon=0.01)
    handing = attribution.conservation(model, inputs, 1, method, epsilon=0.01, bias_factor=1.0)
    for layer in ("convolutions.0", "convolutions.4", "dense.0", "dense.2"):
        assert (handing.absorbed[layer].abs() < 3e-3 * handing.explained.abs()).all(), layer
    for layer in ("convolutions.4", "dense.0", "dense.2"):
        assert (keeping.absorbed[layer].abs() > 10 * handing.absorbed[layer].abs()).all(), layer


def test_a_convolution_hands_its_bias_to_the_inputs_it_sees_and_not_to_its_padding():
    model = nn.Sequential(nn.Conv1d(1, 1, 3, padding=1, dtype=torch.float64), nn.Flatten())
    model[0].weight.data.fill_(0.0)
    model[0].bias.data.fill_(6.0)
    relevance = attribution.attribute(
        model, signals((1, 4), n=1), 0, epsilon=1e-12, bias_factor=1.0
    )
    np.testing.assert_allclose(relevance[0, 0], [3, 3, 0, 0])  # the first output sees two samples


def test_the_papers_own_epsilon_holds_unless_another_is_given():
    model, inputs = every_step(), signals((6, 4), n=2)
    ours = attribution.attribute(model, inputs, 1, "lrp-kiyan2022")
    assert torch.equal(ours, attribution.attribute(model, inputs, 1, "lrp-kiyan2022", epsilon=0.01))
    assert not torch.equal(
        ours, attribution.attribute(model, inputs, 1, "lrp-kiyan2022", epsilon=1e-6)
    )


def test_normalisation_inside_the_network_passes_relevance_as_it_is():
    model = kaiming(DoaCRNN(2, n_classes=4).double(), bias=0.1)
    normal, raw = signals((2, 3, 512), n=1), copy.deepcopy(model)
    raw.normalisation.mean.fill_(5.0)
    raw.normalisation.std.fill_(0.01)
    torch.testing.assert_close(
        attribution.attribute(raw, 5.0 + 0.01 * normal, 1, "lrp-kiyan2022"),
        attribution.attribute(model, normal, 1, "lrp-kiyan2022"),
        rtol=1e-6,
        atol=1e-9,
    )


class GivenStates(nn.Module):
    """A recurrent layer that begins with states made of the first frame and is read at every step
    and in its last states; or the same written out.
    """

    def __init__(self, layer: nn.Module, written_out: bool):
        super().__init__()
        self.layer, self.written_out = layer, written_out
        n_states = getattr(layer, "proj_size", 0) or layer.hidden_size
        self.state, self.cell = nn.Linear(4, n_states), nn.Linear(4, layer.hidden_size)
        n_read = 2 * n_states + (layer.hidden_size if isinstance(layer, nn.LSTM) else 0)
        self.last = nn.Linear(n_read, 2)

    def forward(self, x):
        states = [self.state(x[:, 0]).tanh()]
        states += [self.cell(x[:, 0])] if isinstance(self.layer, nn.LSTM) else []
        if self.written_out:
            outputs, states = _written_out(self.layer, x, states)
        else:
            given = tuple(state[None] for state in states)
            outputs, states = self.layer(x, given if len(given) == 2 else given[0])
            states = [state[0] for state in (states if len(given) == 2 else (states,))]
        return self.last(torch.cat([outputs.sum(1), *states], dim=-1))


def _written_out(layer, x, states):
    outputs = []
    for frame in x.unbind(1):
        of_x = F.linear(frame, layer.weight_ih_l0, layer.bias_ih_l0)
        of_h = F.linear(states[0], layer.weight_hh_l0, layer.bias_hh_l0)
        if isinstance(layer, nn.LSTM):
            write, keep, content, opening = (of_x + of_h).chunk(4, dim=-1)
            cell = keep.sigmoid() * states[1] + write.sigmoid() * content.tanh()
            state = opening.sigmoid() * cell.tanh()
            states = [F.linear(state, layer.weight_hr_l0) if layer.proj_size else state, cell]
        else:
            (reset, keep, new), (reset_h, keep_h, new_h) = of_x.chunk(3, -1), of_h.chunk(3, -1)
            keep = (keep + keep_h).sigmoid()
            new = (new + (reset + reset_h).sigmoid() * new_h).tanh()
            states = [keep * states[0] + (1 - keep) * new]
        outputs.append(states[0])
    return torch.stack(outputs, 1), states


@pytest.mark.parametrize(
    ("kind", "options"), [(nn.LSTM, {}), (nn.LSTM, {"proj_size": 2}), (nn.GRU, {})]
)
def test_a_layer_with_states_given_and_read_is_explained_as_its_operations_are(kind, options):
    torch.manual_seed(0)
    layer = kind(4, 3, batch_first=True, **options)
    whole, by_hand = (GivenStates(layer, written_out).double() for written_out in (False, True))
    by_hand.load_state_dict(whole.state_dict())
    x = torch.randn(2, 5, 4, dtype=torch.float64)
    found, expected = (
        attribution.attribute(model, x, 1, "lrp-epsilon", epsilon=1e-12)
        for model in (whole, by_hand)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("bias_factor", [0.0, 1.0])
def test_what_a_projection_keeps_is_counted_or_handed_down(bias_factor):
    """One step of two units, projected to one state, whose stabiliser is as large as itself."""
    layer = nn.LSTM(1, 2, proj_size=1, batch_first=True)
    for weight in layer.parameters():
        weight.data.zero_()
    layer.weight_ih_l0.data[4:6] = torch.tensor([[1.0], [2.0]])  # the contents; gates are one half
    layer.weight_hr_l0.data.fill_(1.0)
    model, x = nn.Sequential(layer, Only(), nn.Flatten()).double(), torch.ones(1, 1, 1).double()
    logit = model(x).item()
    options = {"method": "lrp-kiyan2022", "epsilon": logit, "bias_factor": bias_factor}
    balance = attribution.conservation(model, x, 0, **options)
    if bias_factor:
        assert balance.relevance.item() == pytest.approx(logit)
    else:
        absorbed = sum(float(kept) for kept in balance.absorbed.values())
        assert balance.relevance.item() < logit / 2  # half is lost on the first of three sums
        assert balance.relevance.item() + absorbed == pytest.approx(logit)


class Only(nn.Module):
    """The outputs of a recurrent layer, without its states."""

    def forward(self, answer):
        return answer[0]
