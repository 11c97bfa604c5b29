"""Flipping against a slow loop, quantus, networks whose curve is known, and what holds of any
curve.
"""

import copy
import warnings

import numpy as np
import pytest
import quantus
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from earwitness import evaluation, runtime
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.evaluation import flipping
from earwitness.models import AlexNet, AudioNet, inference

FRACTIONS = [0.0, 0.1, 0.25, 0.5, 0.9, 1.0]


class Sums(nn.Module):
    """Two logits, the sum of the first and of the second half of the clip; counts the clips that it
    saw.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        seen.append(len(x))
        half = x.shape[-1] // 2
        return (
            torch.stack([x[..., :half].sum((1, 2)), x[..., half:].sum((1, 2))], dim=1) * self.weight
        )


seen: list[int] = []  # outside of the model, because it is a copy of it that answers


def clips(n=5, length=40, seed=0, dtype=torch.float32):
    """Return clips (n, 1, length) with zeros before and after the sound, as many as the clip's
    number.
    """
    inputs = torch.randn(
        (n, 1, length), generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    ).to(dtype)
    for i in range(n):
        inputs[i, :, :i] = 0
        inputs[i, :, length - 2 * i :] = 0
    return inputs


def slow_curve(model, inputs, targets, keys, fractions, candidates):
    """Flip clip by clip, value by value, as section 3.3.2 of the paper reads; (correct,
    probability).
    """
    correct, probability = np.zeros((2, len(inputs), len(fractions)))
    for i, clip in enumerate(inputs):
        flat, key = clip.flatten().tolist(), keys[i].flatten().tolist()
        allowed = [place for place in range(len(flat)) if candidates == "any" or flat[place] != 0]
        order = sorted(allowed, key=lambda place, key=key: -key[place])
        n_nonzero = sum(value != 0 for value in flat)
        for j, fraction in enumerate(fractions):
            changed = list(flat)
            for place in order[: int(fraction * n_nonzero + 0.5)]:
                changed[place] = 0.0
            with torch.no_grad():
                logits = model(torch.tensor(changed, dtype=inputs.dtype).view(1, *clip.shape))[0]
            correct[i, j] = logits.argmax() == targets[i]
            probability[i, j] = logits.softmax(0)[targets[i]]
    return correct, probability


@pytest.mark.parametrize("candidates", ["any", "nonzero"])
def test_flipping_by_relevance_equals_the_slow_loop(candidates):
    inputs, relevance = clips(), clips(seed=1) + 0.3  # relevance also where the input is zero
    targets = torch.tensor([0, 1, 0, 1, 1])
    curve = evaluation.pixel_flipping(
        Sums(), inputs, targets, relevance, FRACTIONS, candidates, batch_size=3
    )
    correct, probability = slow_curve(Sums(), inputs, targets, relevance, FRACTIONS, candidates)
    np.testing.assert_array_equal(curve.correct, correct)
    np.testing.assert_allclose(curve.probability, probability, rtol=1e-5)
    np.testing.assert_allclose(curve.accuracy, correct.mean(0))
    np.testing.assert_allclose(curve.score, probability.mean(0), rtol=1e-5)


def test_flipping_by_amplitude_equals_the_slow_loop():
    inputs, targets = clips(), [0, 1, 0, 1, 1]
    curve = evaluation.pixel_flipping(Sums(), inputs, targets, "amplitude", FRACTIONS)
    np.testing.assert_allclose(
        curve.probability,
        slow_curve(Sums(), inputs, targets, inputs.abs(), FRACTIONS, "nonzero")[1],
        rtol=1e-5,
    )


def test_relevance_is_taken_with_its_sign_highest_first():
    inputs = torch.tensor([[[1.0, 1.0, 1.0, 1.0]]])
    relevance = torch.tensor([[[-9.0, 0.5, 2.0, -1.0]]])
    assert flipping.flipping_ranks(inputs, relevance).flatten().tolist() == [3, 1, 0, 2]


def test_equal_relevance_is_flipped_in_the_order_of_time():
    assert flipping.flipping_ranks(
        torch.ones(1, 1, 50), torch.zeros(1, 1, 50)
    ).flatten().tolist() == list(range(50))


def test_random_and_amplitude_take_values_that_are_not_zero_and_relevance_takes_any():
    inputs = clips(n=4)
    relevance = (inputs == 0).float()  # relevance in the padding alone
    for order, changed in (("random", True), ("amplitude", True), (relevance, False)):
        ranks = flipping.flipping_ranks(inputs, order)
        for clip, rank in zip(inputs[1:].flatten(1), ranks[1:].flatten(1), strict=True):
            first = clip[rank < 3]
            assert bool((first != 0).all()) is changed and bool((first == 0).any()) is not changed


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    order=st.sampled_from(["random", "amplitude", "relevance"]),
    fractions=st.lists(st.floats(0, 1), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_ranks_are_an_order_and_counts_grow_to_all_values_that_are_not_zero(seed, order, fractions):
    inputs = clips(seed=seed)
    ranks = flipping.flipping_ranks(
        inputs, clips(seed=seed + 1) if order == "relevance" else order, seed=seed
    )
    assert torch.equal(ranks.flatten(1).sort(dim=1).values, torch.arange(40).expand(5, -1))
    counts = flipping.flipped_counts(inputs, fractions)
    n_nonzero = (inputs != 0).flatten(1).sum(1)
    assert (
        (counts.diff(dim=1) >= 0).all()
        and (counts >= 0).all()
        and (counts <= n_nonzero[:, None]).all()
    )
    assert torch.equal(flipping.flipped_counts(inputs, [1.0])[:, 0], n_nonzero)
    exact = n_nonzero[:, None] * torch.tensor(fractions, dtype=torch.float64)
    assert ((counts - exact).abs() <= 0.5).all()


@pytest.mark.parametrize("order", ["random", "amplitude"])
def test_with_all_samples_flipped_the_answer_is_the_models_answer_to_silence(order):
    model, inputs = AudioNet(3).eval(), clips(n=3, length=8000)
    curve = evaluation.pixel_flipping(model, inputs, [0, 1, 2], order, [0.0, 1.0])
    with torch.no_grad():
        sound, silence = model(inputs).softmax(1), model(torch.zeros(1, 1, 8000)).softmax(1)
    np.testing.assert_allclose(curve.probability[:, 0], sound.diagonal(), rtol=1e-5)
    np.testing.assert_allclose(curve.probability[:, 1], silence[0], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    permutation=st.permutations(range(5)), batch_size=st.integers(1, 40), factor=st.floats(0.1, 50)
)
def test_curves_depend_neither_on_the_order_of_clips_nor_batches_nor_on_the_scale_of_relevance(
    permutation, batch_size, factor
):
    inputs, relevance, targets = clips(), clips(seed=1), torch.tensor([0, 1, 0, 1, 1])
    whole = evaluation.pixel_flipping(Sums(), inputs, targets, relevance, FRACTIONS)
    other = evaluation.pixel_flipping(
        Sums(),
        inputs[permutation],
        targets[permutation],
        factor * relevance[permutation],
        FRACTIONS,
        batch_size=batch_size,
    )
    np.testing.assert_array_equal(other.correct, whole.correct[permutation])
    np.testing.assert_allclose(other.probability, whole.probability[permutation], rtol=1e-5)


def test_flipping_by_the_opposite_order_gives_another_curve():
    inputs, targets = clips(), torch.zeros(5, dtype=torch.long)
    relevance = inputs.clone()
    relevance[..., 20:] *= -1  # what speaks for the first half
    best, worst = (
        evaluation.pixel_flipping(Sums(), inputs, targets, sign * relevance, FRACTIONS)
        for sign in (1, -1)
    )
    assert best.auc("score") < worst.auc("score") - 0.2


def test_random_orders_follow_their_seed():
    inputs = clips()
    first, again, other = (
        evaluation.pixel_flipping(Sums(), inputs, 0, "random", FRACTIONS, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.probability, again.probability)
    assert not np.array_equal(first.probability, other.probability)


def test_a_clip_goes_through_the_network_once_for_each_fraction_that_changes_it():
    seen.clear()
    inputs = clips(n=4)
    curve = evaluation.pixel_flipping(Sums(), inputs, 0, "random", FRACTIONS, batch_size=7)
    assert seen == [1, 7, 7, 7, 3]  # one clip tells how the network ends
    assert curve.n_forwards == 4 * len(FRACTIONS)


def test_a_fraction_that_takes_only_zeros_away_costs_nothing_and_repeats_the_answer():
    seen.clear()
    inputs = torch.ones(1, 1, 20)
    inputs[..., 10:] = 0
    relevance = torch.arange(20.0).view(1, 1, 20)  # the padding is the most relevant
    curve = evaluation.pixel_flipping(Sums(), inputs, 0, relevance, [0.0, 0.5, 1.0])
    assert seen == [1, 1] and curve.n_forwards == 1  # the first tells how the network ends
    np.testing.assert_allclose(curve.probability, 1 / (1 + np.exp(-10)), rtol=1e-6)


def test_inputs_relevance_and_model_are_left_as_they_were():
    model, inputs, relevance = (
        AudioNet(3).train(),
        clips(n=2, length=8000),
        clips(n=2, length=8000, seed=1),
    )
    before = copy.deepcopy((model.state_dict(), inputs, relevance))
    evaluation.pixel_flipping(model, inputs, 0, relevance, [0.0, 0.5])
    assert torch.equal(inputs, before[1]) and torch.equal(relevance, before[2]) and model.training
    assert all(torch.equal(value, before[0][name]) for name, value in model.state_dict().items())
    assert [name for name, _ in model.named_children()][:2] == ["conv1", "relu1"] and type(
        model.conv1
    ) is nn.Conv1d


@pytest.mark.parametrize(("network", "shape"), [(AudioNet, (1, 8000)), (AlexNet, (1, 227, 227))])
def test_the_copy_that_answers_gives_the_models_answers(network, shape):
    torch.manual_seed(0)
    model, inputs = network(5).train(), torch.randn(3, *shape)
    answering = inference.for_prediction(model, inputs)
    with torch.no_grad():
        torch.testing.assert_close(answering(inputs), model.eval()(inputs), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 6, 5, stride=2, padding=3, dilation=2, groups=2),
        nn.Conv1d(4, 6, 3, bias=False),
        nn.Conv1d(4, 6, 3, padding="same"),
        nn.Conv1d(4, 6, 3, padding=1, padding_mode="circular"),
        nn.MaxPool1d(3, 2, padding=1, ceil_mode=True),
        nn.MaxPool1d(2, dilation=2),
        nn.MaxPool1d((3,), (2,)),
    ],
)
def test_every_kind_of_layer_keeps_its_answer_in_the_copy(layer):
    model = nn.Sequential(layer, nn.Flatten()).double()
    inputs = torch.randn(2, 4, 31, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(inference.for_prediction(model, inputs)(inputs), model(inputs))


def test_bfloat16_differs_by_less_than_the_curves_standard_error():
    torch.manual_seed(0)
    model, inputs = AudioNet(4).eval(), clips(n=24, length=8000)
    with torch.no_grad():
        model.fc9.weight *= 50  # so that probabilities are not all a quarter
        targets = model(inputs).argmax(1)
    fractions = [0, 0.1, 0.5, 0.9]
    single, half = (
        evaluation.pixel_flipping(model, inputs, targets, "amplitude", fractions, autocast=autocast)
        for autocast in (False, True)
    )
    assert (single.precision, half.precision) == ("float32", "bfloat16")
    assert 0 < np.abs(half.score - single.score).max()
    assert (
        np.abs(half.score - single.score) < np.maximum(single.standard_error("score"), 1e-3)
    ).all()


def test_autocast_auto_follows_the_processor_and_leaves_double_precision_alone():
    fast = runtime.has_fast_bfloat16(torch.device("cpu"))
    curve = evaluation.pixel_flipping(Sums(), clips(), 0, "random", [0.5], autocast="auto")
    assert curve.precision == ("bfloat16" if fast else "float32")
    double = evaluation.pixel_flipping(
        Sums().double(), clips(), 0, "random", [0.5], autocast="auto"
    )
    assert double.precision == "float64"


def test_curves_equal_quantus_where_it_can_be_set_to_the_same_question():
    torch.manual_seed(0)
    model = AudioNet(3).eval()
    inputs, relevance = torch.randn(2, 1, 8000), torch.randn(2, 1, 8000)  # no zeros, no ties
    targets = np.array([2, 0])
    metric = quantus.PixelFlipping(
        features_in_step=2000,
        perturb_baseline=0.0,
        abs=False,
        normalise=False,
        disable_warnings=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = np.array(
            metric(
                model=model,
                x_batch=inputs.numpy(),
                y_batch=targets,
                a_batch=relevance.numpy(),
                softmax=True,
                batch_size=2,
                channel_first=True,
                device="cpu",
            )
        )
    ours = evaluation.pixel_flipping(model, inputs, targets, relevance, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(ours.probability, theirs, rtol=1e-4)


def curve_of(correct, fractions):
    correct = np.asarray(correct, dtype=bool)
    return evaluation.FlippingCurve(
        np.asarray(fractions, dtype=float), correct, correct * 0.5, correct.size, "float32"
    )


def test_area_under_the_curve_equals_the_one_solved_by_hand():
    curve = curve_of([[1, 1, 0], [1, 0, 0]], [0.0, 0.2, 1.0])  # accuracy 1, 0.5, 0
    assert curve.auc() == pytest.approx(0.2 * 0.75 + 0.8 * 0.25)
    assert curve.auc("score") == pytest.approx(0.5 * curve.auc())
    assert curve_of([[1, 1], [1, 1]], [0.1, 0.3]).auc() == 1.0
    assert curve.standard_error()[1] == pytest.approx(0.5)  # sd 0.7071 / sqrt 2


def test_the_interval_holds_the_area_and_has_the_width_of_the_normal_approximation():
    rng = np.random.default_rng(0)
    curve = curve_of(rng.random((400, 2)) < 0.5, [0.0, 1.0])
    low, high = curve.auc_interval(seed=1)
    areas = curve.correct.mean(axis=1)
    assert low < curve.auc() < high
    assert high - low == pytest.approx(2 * 1.96 * areas.std(ddof=1) / 20, rel=0.1)
    assert curve.auc_interval(seed=1) == (low, high) != curve.auc_interval(seed=2)
    assert curve.auc_interval(level=0.5)[1] - curve.auc_interval(level=0.5)[0] < 0.5 * (high - low)


def test_clips_of_one_speaker_make_the_interval_wider():
    per_speaker = np.random.default_rng(0).random(20) < 0.5
    curve = curve_of(np.repeat(per_speaker, 10)[:, None].repeat(2, axis=1), [0.0, 1.0])
    alone, speakers = curve.auc_interval(), curve.auc_interval(groups=np.repeat(np.arange(20), 10))
    assert speakers[1] - speakers[0] > 2.5 * (alone[1] - alone[0])  # sqrt 10 = 3.2
    assert 0 <= speakers[0] < curve.auc() < speakers[1] <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fractions": []}, "fractions must increase"),
        ({"fractions": [0.5, 0.1]}, "fractions must increase"),
        ({"fractions": [0.1, 0.1]}, "fractions must increase"),
        ({"fractions": [-0.1, 1.0]}, "fractions must increase"),
        ({"fractions": [0.0, 1.1]}, "fractions must increase"),
        ({"fractions": [float("nan")]}, "fractions must increase"),
        ({"order_by": torch.full((5, 1, 40), float("nan"))}, "Relevance holds NaN"),
        ({"order_by": torch.zeros(5, 1, 39)}, "Relevance must be shaped as the inputs"),
        ({"order_by": torch.zeros(5, 40)}, "Relevance must be shaped as the inputs"),
        ({"targets": 2}, "outputs go from 0 to 1"),
        ({"targets": [0, 1]}, "one for each of 5 clips"),
        ({"inputs": torch.full((5, 1, 40), float("nan"))}, "NaN or infinite"),
        ({"inputs": torch.ones(0, 1, 40)}, "clip"),
        ({"batch_size": 0}, "batch_size"),
        ({"autocast": "yes"}, "autocast must be"),
        ({"model": Sums().double(), "autocast": True}, "autocast is for float32"),
    ],
)
def test_what_makes_no_curve_is_refused(change, message):
    arguments = {
        "model": Sums(),
        "inputs": clips(),
        "targets": 0,
        "order_by": "random",
        "fractions": [0.5],
        **change,
    }
    with pytest.raises(ParameterError, match=message):
        evaluation.pixel_flipping(**arguments)


@pytest.mark.parametrize("change", [{"order_by": "amplitud"}, {"candidates": "nonzeros"}])
def test_unknown_orders_and_candidates_name_the_nearest(change):
    with pytest.raises(UnknownNameError, match="Did you mean '(amplitude|nonzero)'"):
        evaluation.pixel_flipping(
            **{
                "model": Sums(),
                "inputs": clips(),
                "targets": 0,
                "order_by": "random",
                "fractions": [0.5],
                **change,
            }
        )


@pytest.mark.parametrize(
    "ask",
    [
        lambda curve: curve.auc("precision"),
        lambda curve: curve.auc_interval(level=1.0),
        lambda curve: curve.auc_interval(groups=[1]),
        lambda curve: curve_of([[1]], [0.5]).auc(),
        lambda curve: curve_of([[1]], [0.5]).standard_error(),
    ],
)
def test_questions_that_a_curve_cannot_answer_are_refused(ask):
    with pytest.raises((ParameterError, UnknownNameError)):
        ask(curve_of([[1, 0], [1, 1]], [0.0, 1.0]))


class Counting(nn.Module):
    """Class 1 has as logit, at every frame, the weighted sum of the whole input; class 0 has
    zero.
    """

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights)[:, None, None])

    def forward(self, x):
        total = (x * self.weights).sum((1, 2, 3))
        return torch.stack([torch.zeros_like(total), total], -1)[:, None].expand(-1, x.shape[2], -1)


INPUTS = torch.arange(1.0, 13.0).reshape(1, 2, 2, 3) / 10  # (scene, channel, frame, bin)
ORDER = torch.tensor([[[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("channels", [None, [0], [1]])
def test_bins_go_in_order_and_only_in_the_channels_named(channels):
    curve = evaluation.bin_flipping(
        Counting([1.0, 0.5]), INPUTS, 1, ORDER, [0, 1 / 6, 0.5, 1], channels
    )
    flat = INPUTS[0].flatten(1).numpy().astype(float)  # (channel, bin)
    for score, gone in zip(curve.score, (0, 1, 3, 6), strict=True):
        left = flat.copy()
        left[[0, 1] if channels is None else channels, :gone] = 0
        assert score == pytest.approx(sigmoid(left[0].sum() + 0.5 * left[1].sum()), rel=1e-5)
    assert curve.correct.shape == (1, 4) and curve.fractions.tolist() == [0, 1 / 6, 0.5, 1]


def test_the_score_is_the_softmax_averaged_over_frames_and_scenes():
    class ByFrame(nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            logits = x.sum((1, 3))  # (batch, frames)
            return torch.stack([torch.zeros_like(logits), logits], -1) + self.nothing

    inputs = torch.rand(5, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    curve = evaluation.bin_flipping(ByFrame(), inputs, 1, torch.rand(5, 2, 3), [0.0], batch_size=2)
    expected = sigmoid(inputs.sum((1, 3)).numpy().astype(float)).mean(1)
    np.testing.assert_allclose(curve.probability[:, 0], expected, rtol=1e-5)
    assert curve.score[0] == pytest.approx(expected.mean(), rel=1e-5) and curve.correct.all()


class Ending(nn.Module):
    """Logits of :class:`Counting`, of which ``end`` makes something."""

    def __init__(self, end):
        super().__init__()
        self.logits, self.end = Counting([1.0, 0.5]), end

    def forward(self, x):
        return self.end(self.logits(x))


@pytest.mark.parametrize(
    "end",
    [
        lambda logits: logits.softmax(-1),
        lambda logits: logits.log_softmax(-1),
        torch.sigmoid,
        F.logsigmoid,
        lambda logits: logits.mT.softmax(1),
        lambda logits: (logits.softmax(-1), None),
    ],
)
def test_bins_are_flipped_on_probabilities_as_they_are(end):
    options = {"output": 0} if isinstance(end(torch.zeros(1, 1, 2)), tuple) else {}
    curve = evaluation.bin_flipping(Ending(end), INPUTS, 1, ORDER, [0.0, 0.5], **options)
    first, second = INPUTS[0].flatten(1).numpy().astype(float)
    expected = [sigmoid(first[n:].sum() + 0.5 * second[n:].sum()) for n in (0, 3)]
    np.testing.assert_allclose(curve.score, expected, rtol=1e-5)
    assert curve.correct.all()


def test_classes_before_the_frames_are_found_and_one_output_is_neither_right_nor_wrong():
    before = nn.Sequential(nn.Flatten(2, 3), nn.Conv1d(2, 5, 1))  # (scene, class, frame and bin)
    with torch.no_grad():
        expected = before(INPUTS).softmax(1).mean(-1)[:, 1]
    curve = evaluation.bin_flipping(before, INPUTS, 1, ORDER, [0.0])
    np.testing.assert_allclose(curve.probability[:, 0], expected, rtol=1e-5)
    single = evaluation.bin_flipping(
        Ending(lambda logits: logits[..., 1:]), INPUTS, 0, ORDER, [0.0, 1.0]
    )
    assert single.score[0] > 1 and single.score[1] == 0 and np.isnan(single.accuracy).all()


def test_inputs_and_model_stay_as_they_are():
    model, kept = Counting([1.0, 1.0]).train(), INPUTS.clone()
    evaluation.bin_flipping(model, INPUTS, 1, ORDER, [0.5])
    assert torch.equal(INPUTS, kept) and model.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_by": ORDER[:, None]}, "ordered by finite values"),
        ({"order_by": ORDER * torch.nan}, "finite values"),
        ({"channels": [2]}, "Channels go from 0 to 1"),
        ({"channels": []}, "Channels go from 0 to 1"),
        ({"fractions": [0.5, 0.2]}, "fractions must increase"),
        ({"targets": [0, 1]}, "one for each of 1 clips"),
        ({"targets": 2}, "Target 2 does not exist"),
        ({"autocast": "yes"}, "True, False or 'auto', got 'yes'"),
        ({"batch_size": 0}, "batch_size must be a positive integer"),
    ],
)
def test_what_cannot_be_flipped_is_refused(change, message):
    given = {"targets": 1, "order_by": ORDER, "fractions": [0.0, 0.5], **change}
    with pytest.raises(ParameterError, match=message):
        evaluation.bin_flipping(Counting([1.0, 1.0]), INPUTS, **given)


def test_half_a_bin_counts_as_a_whole_one():
    """Of six bins, a quarter is 1.5: two are gone. A twelfth is half a bin: one is."""
    curve = evaluation.bin_flipping(Counting([1.0, 0.5]), INPUTS, 1, ORDER, [1 / 12, 0.25])
    flat = INPUTS[0].flatten(1).numpy().astype(float)
    for score, gone in zip(curve.score, (1, 2), strict=True):
        assert score == pytest.approx(
            sigmoid(flat[0, gone:].sum() + 0.5 * flat[1, gone:].sum()), rel=1e-5
        )


class Multiplying(nn.Module):
    """Class 1 has the sum of the input as logit, by a matrix product that autocast makes coarse."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(6, 2, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.linear.weight.data[1] = 1 / 3

    def forward(self, x):
        return self.linear(x.transpose(1, 2).flatten(2))  # (batch, frames, 2)


def test_the_precision_named_is_the_one_in_which_bins_were_flipped(monkeypatch):
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda device: True)
    curves = {
        wanted: evaluation.bin_flipping(Multiplying(), INPUTS, 1, ORDER, [0.0], autocast=wanted)
        for wanted in (False, True, "auto")
    }
    assert [curve.precision for curve in curves.values()] == ["float32", "bfloat16", "bfloat16"]
    exact = sigmoid(INPUTS.transpose(1, 2).flatten(2).double().sum(-1).numpy() / 3).mean()
    assert curves[False].score[0] == pytest.approx(exact, rel=1e-6)
    assert (
        1e-5 < abs(curves[True].score[0] - exact) < 1e-2
        and curves["auto"].score[0] == curves[True].score[0]
    )


def test_a_float64_model_is_never_called_bfloat16(monkeypatch):
    monkeypatch.setattr(runtime, "has_fast_bfloat16", lambda device: True)
    model = Multiplying().double()
    assert (
        evaluation.bin_flipping(model, INPUTS, 1, ORDER, [0.0], autocast="auto").precision
        == "float64"
    )
    with pytest.raises(
        ParameterError, match="autocast is for float32 models, this one is torch.float64"
    ):
        evaluation.bin_flipping(model, INPUTS, 1, ORDER, [0.0], autocast=True)


def test_a_network_with_one_output_has_a_curve_of_its_answer_and_no_accuracy():
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 1, bias=False))
    model[1].weight.data[:] = torch.arange(1.0, 9.0)
    inputs = torch.ones(2, 1, 8)
    curve = evaluation.pixel_flipping(
        model, inputs, 0, inputs * model[1].weight.detach(), [0, 0.25, 1]
    )
    np.testing.assert_allclose(curve.score, [36, 21, 0])  # without 8 and 7
    assert curve.auc("score") == pytest.approx((36 + 21) / 2 * 0.25 + 21 / 2 * 0.75)
    assert np.isnan(curve.accuracy).all() and curve.accuracy.shape == (3,)
    with pytest.raises(ParameterError, match="neither right nor wrong"):
        curve.auc()


def _one_layer(*behind):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(1, 3, 4, 4), *behind).eval()


def test_frames_are_scored_by_the_softmax_over_classes_and_averaged_over_time():
    model, inputs = _one_layer(), torch.randn(2, 1, 20)
    curve = evaluation.pixel_flipping(model, inputs, 2, "random", [0, 1])
    expected = model(inputs).softmax(1)[:, 2].mean(-1)  # (clip, class, time)
    np.testing.assert_allclose(curve.probability[:, 0], expected.detach(), rtol=1e-6)
    assert curve.probability.shape == curve.correct.shape == (2, 2)
    last = nn.Sequential(model, Transposed())
    same = evaluation.pixel_flipping(last, inputs, 2, "random", [0, 1])
    np.testing.assert_allclose(same.probability, curve.probability, rtol=1e-6)
    swapped = evaluation.pixel_flipping(last, inputs, 2, "random", [0], class_axis=1)
    assert abs(swapped.probability - curve.probability[:, :1]).max() > 1e-3


class Transposed(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


@pytest.mark.parametrize(
    "last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sigmoid(), nn.LogSigmoid()], ids=lambda m: str(m)
)
def test_probabilities_at_the_end_are_scores_as_they_are(last):
    model, inputs = _one_layer(nn.AvgPool1d(5), nn.Flatten(), last), torch.randn(4, 1, 20)
    curve = evaluation.pixel_flipping(model, inputs, 1, "random", [0])
    output = model(inputs).detach()
    expected = output.exp() if "Log" in str(last) else output
    np.testing.assert_allclose(curve.probability[:, 0], expected[:, 1], rtol=1e-6)
    of_sigmoid = expected[:, 1] > 0.5
    right = of_sigmoid if "Sigmoid" in str(last) else expected.argmax(1) == 1
    assert curve.correct[:, 0].tolist() == right.tolist()


class Causal(nn.Module):
    """Pads by the kernel's size, which the faster copy has on another axis."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 8, 9, dilation=2), nn.Linear(8, 5)

    def forward(self, x):
        padded = nn.functional.pad(x, ((self.conv.kernel_size[0] - 1) * self.conv.dilation[0], 0))
        return self.fc(self.conv(padded).relu().mean(-1))


def test_a_faster_copy_that_answers_differently_is_not_used():
    torch.manual_seed(0)
    model, inputs = Causal().eval(), torch.randn(3, 1, 60)
    curve = evaluation.pixel_flipping(model, inputs, 3, "random", [0, 0.5])
    np.testing.assert_allclose(
        curve.probability[:, 0], model(inputs).softmax(-1)[:, 3].detach(), rtol=1e-6
    )
