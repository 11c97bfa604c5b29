"""Relevance signals: the windows' relevances, how they are put together, targets, batches, the
grid, bad input.
"""

import copy

import numpy as np
import pytest
import torch
from captum.attr import GuidedBackprop
from networks import kaiming, largest_error
from torch import nn

from earwitness import attribution, features
from earwitness.errors import AudioError, ParameterError, UnknownNameError
from earwitness.models import PhoneCNN


def listener(n_samples=300, n_classes=4, bias=0.1, dtype=torch.float32):
    """Return a small network in the order of the paper: convolution, max-pooling, ReLU."""
    length = ((((n_samples - 12) // 4 + 1) // 3) - 4) // 3
    return kaiming(
        nn.Sequential(
            nn.Conv1d(1, 6, 12, 4),
            nn.MaxPool1d(3),
            nn.ReLU(),
            nn.Conv1d(6, 5, 5),
            nn.MaxPool1d(3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(5 * length, 8),
            nn.ReLU(),
            nn.Linear(8, n_classes),
        ).to(dtype),
        bias=bias,
    )


def voice(n_samples, seed=0):
    return np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)


SMALL = {"hop": 40, "length": 300}


def test_guided_backprop_of_the_phone_network_equals_captums():
    model = kaiming(PhoneCNN(5).double(), bias=0.1)
    signals = [voice(4000, seed) for seed in range(3)]
    signals[2][2500:] = (
        0  # silence: equal candidates under the max-poolings, rounding chooses among silent samples
    )
    found = attribution.relevance_signals(model, signals, 2, hop=4000)
    inputs = torch.tensor(features.normalised(np.stack(signals)), dtype=torch.float64)[
        :, None
    ].requires_grad_()
    theirs = GuidedBackprop(copy.deepcopy(model)).attribute(inputs, target=2).detach()
    found = torch.tensor(np.stack(found), dtype=torch.float64)[:, None]
    assert largest_error(found[:2], theirs[:2]) < 1e-6  # signals are handed out in float32
    assert largest_error(found[2:, :, :2500], theirs[2:, :, :2500]) < 1e-6
    plain = attribution.relevance_signals(model, signals, 2, hop=4000, method="gradient")
    assert np.abs(plain[0] - found[0, 0].numpy()).max() > 0.1 * found[0].abs().max()


@pytest.mark.parametrize("n_samples", [700, 131])
def test_the_mean_is_over_the_windows_that_contain_a_sample(n_samples):
    model, samples = listener(), voice(n_samples)
    found = attribution.relevance_signal(model, samples, 1, **SMALL)
    said = {t: [] for t in range(n_samples)}
    for centre in range(20, n_samples, 40):
        window = [
            samples[t] if 0 <= t < n_samples else 0 for t in range(centre - 150, centre + 150)
        ]
        z = torch.tensor(
            (np.array(window) - np.mean(window)) / np.std(window), dtype=torch.float32
        )[None, None]
        for t, value in enumerate(
            attribution.attribute(model, z, 1, "guided-backprop").flatten(), centre - 150
        ):
            if t in said:
                said[t].append(float(value))
    expected = np.array([np.mean(values) for values in said.values()])
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    assert found.dtype == np.float32


def test_the_mean_of_gradients_is_the_gradient_of_all_scores_over_the_number_of_windows():
    model, samples = listener(dtype=torch.float64), voice(500)
    leaf = torch.tensor(samples, dtype=torch.float64, requires_grad=True)
    cut = torch.nn.functional.pad(leaf, (150, 149)).unfold(0, 300, 1)[
        features.frame_centres(500, 40)
    ]
    mean, scale = (
        cut.mean(1, keepdim=True).detach(),
        cut.std(1, keepdim=True, correction=0).detach(),
    )
    scores = model(((cut - mean) / scale)[:, None])[:, 1]
    gradient = torch.autograd.grad((scale[:, 0] * scores).sum(), leaf)[
        0
    ].numpy()  # each in units of its own window
    n_windows = [sum(c - 150 <= t < c + 150 for c in range(20, 500, 40)) for t in range(500)]
    found = attribution.relevance_signal(model, samples, 1, method="gradient", **SMALL)
    np.testing.assert_allclose(found, gradient / n_windows, atol=1e-5 * np.abs(found).max())


@pytest.mark.parametrize("n_samples", [700, 735, 35])
def test_centre_takes_each_sample_from_the_window_in_whose_middle_hop_it_lies(n_samples):
    model, samples = listener(), voice(n_samples)
    found = attribution.relevance_signal(model, samples, 1, overlap="centre", **SMALL)
    centres = features.frame_centres(n_samples, 40)
    inputs = torch.tensor(features.normalised(features.windows(samples, centres, 300)))[:, None]
    each = attribution.attribute(model, inputs, 1, "guided-backprop")[:, 0].numpy()
    frames = [min(t // 40, len(centres) - 1) for t in range(n_samples)]
    expected = [each[i, t - centres[i] + 150] for t, i in enumerate(frames)]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_utterances_explained_together_are_those_explained_alone_whatever_the_batches():
    model, signals = listener(), [voice(n, n) for n in (700, 131, 300)]
    together = attribution.relevance_signals(model, signals, [0, 1, 3], batch_size=5, **SMALL)
    for samples, target, found in zip(signals, [0, 1, 3], together, strict=True):
        alone = attribution.relevance_signal(model, samples, target, batch_size=100, **SMALL)
        np.testing.assert_allclose(found, alone, atol=1e-5 * np.abs(alone).max())


def test_targets_may_differ_from_frame_to_frame_and_predicted_is_what_the_network_answers():
    model, samples = listener(bias=0.5), voice(2400, 9) * np.repeat([1, 2, 0, 1, 2, 0], 400)
    centres = features.frame_centres(2400, 40)
    inputs = torch.tensor(features.normalised(features.windows(samples, centres, 300)))[:, None]
    with torch.no_grad():
        answers = model(inputs).argmax(1).numpy()
    assert len(set(answers)) > 1
    by_frame = attribution.relevance_signal(model, samples, answers, **SMALL)
    np.testing.assert_array_equal(
        attribution.relevance_signal(model, samples, "predicted", **SMALL), by_frame
    )
    mixed = attribution.relevance_signals(model, [samples, samples], ["predicted", 1], **SMALL)
    np.testing.assert_allclose(mixed[0], by_frame, atol=1e-5 * np.abs(by_frame).max())
    assert np.abs(mixed[1] - by_frame).max() > 0.01 * np.abs(by_frame).max()


@pytest.mark.parametrize(
    "method", ["gradient-x-input", "integrated-gradients", "lrp-epsilon", "random"]
)
def test_other_methods_slide_as_well_and_take_their_options(method):
    model, samples = listener(), voice(300)
    options = {
        "integrated-gradients": {"n_steps": 3},
        "lrp-epsilon": {"epsilon": 0.1},
        "random": {"seed": 5},
    }
    chosen = options.get(method, {})
    found = attribution.relevance_signal(
        model, samples, 1, method=method, hop=300, length=300, **chosen
    )
    inputs = torch.tensor(features.normalised(samples[None]))[:, None]
    expected = attribution.attribute(model, inputs, 1, method, **chosen)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_random_relevance_differs_between_batches_and_comes_back_the_same():
    model, signals = listener(), [voice(300)] * 2
    first, second = attribution.relevance_signals(
        model, signals, 0, method="random", batch_size=1, hop=300, length=300
    )
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.2
    again = attribution.relevance_signals(
        model, signals, 0, method="random", batch_size=1, hop=300, length=300
    )
    np.testing.assert_array_equal(again[1], second)


def test_the_model_and_the_samples_stay_as_they_were():
    model, samples = listener().train(), voice(400)
    kept, weights = samples.copy(), copy.deepcopy(model.state_dict())
    attribution.relevance_signal(model, samples, "predicted", **SMALL)
    np.testing.assert_array_equal(samples, kept)
    assert model.training and all(
        torch.equal(weights[name], value) for name, value in model.state_dict().items()
    )


def pattern_share(relevance, period):
    """The share of power that is one pattern repeated every ``period`` samples."""
    folded = relevance[: len(relevance) // period * period].reshape(-1, period).astype(float)
    return folded.mean(0).var() / folded.var()


def test_a_hop_on_the_stride_keeps_the_grid_of_the_first_layer_and_a_coprime_hop_averages_it_away():
    model, samples = listener(), voice(6000)  # stride 4
    aligned, spread = [
        attribution.relevance_signal(model, samples, 1, hop=hop, length=300) for hop in (24, 25)
    ]
    assert pattern_share(aligned, 4) > 0.05
    assert pattern_share(spread, 4) < 0.005


def test_the_hop_that_is_taken_unasked_has_no_common_factor_with_the_grid_of_the_papers_network():
    samples, step = (
        voice(8000),
        10 * 3,
    )  # the first convolution moves by 10 samples, its pooling by 3 of these
    assert (PhoneCNN(4).conv1.stride[0], PhoneCNN(4).pool1.kernel_size) == (10, 3)
    model = kaiming(PhoneCNN(4))
    unasked = attribution.relevance_signal(model, samples, 1)
    on_the_grid = attribution.relevance_signal(model, samples, 1, hop=160)
    assert (
        pattern_share(unasked[2000:-2000], step) < pattern_share(on_the_grid[2000:-2000], step) / 3
    )


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (voice(29), "29 samples; the network takes 300 at a time"),
        (np.zeros(400), "Utterance 1 is silent"),
        (np.full(400, np.nan), "Utterance 1 holds 400 samples that are NaN"),
        (np.ones((2, 400)), "one channel"),
    ],
)
def test_an_utterance_that_cannot_be_explained_is_named(samples, said):
    with pytest.raises(AudioError, match=said):
        attribution.relevance_signals(listener(), [voice(400), samples], 0, **SMALL)


def test_an_utterance_shorter_than_the_window_is_explained_in_silence():
    assert attribution.relevance_signal(listener(), voice(30), 0, **SMALL).shape == (30,)


@pytest.mark.parametrize(
    ("targets", "change", "said"),
    [
        ([0], {}, "2 utterances and 1 targets"),
        ([0, [1, 2]], {}, "Utterance 1: a target is"),
        ([0, -1], {}, "index >= 0"),
        ([0, 0.5], {}, "index >= 0"),
        (9, {}, "Target 9 does not exist"),
        (0, {"hop": 301}, "leaves gaps"),
        (0, {"hop": 0}, "hop must be a positive"),
        (0, {"batch_size": 0}, "batch_size"),
        (0, {"steps": 3}, "has no option steps"),
    ],
)
def test_wrong_targets_and_sizes_are_told_in_a_sentence(targets, change, said):
    with pytest.raises(ParameterError, match=said):
        attribution.relevance_signals(listener(), [voice(400)] * 2, targets, **(SMALL | change))


def test_unknown_names_and_no_utterances_are_errors():
    for change in ({"targets": "predict"}, {"overlap": "middle"}, {"method": "guided"}):
        with pytest.raises(UnknownNameError):
            attribution.relevance_signals(
                **({"model": listener(), "signals": [voice(400)], "targets": 0} | change)
            )
    with pytest.raises(ParameterError, match="no utterance"):
        attribution.relevance_signals(listener(), [], 0)


def test_a_network_at_another_rate_that_takes_samples_as_they_are():
    model, sound = listener(), 0.01 * voice(900)
    found = attribution.relevance_signal(
        model,
        sound,
        1,
        method="gradient-x-input",
        sample_rate=44100,
        normalise=False,
        hop=300,
        length=300,
        overlap="centre",
    )
    inputs = torch.from_numpy(sound).view(3, 1, 300)
    expected = attribution.attribute(model, inputs, 1, "gradient-x-input").reshape(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_method_that_needs_the_rate_is_told():
    model, sound = listener(), voice(900)
    asked = {"hop": 300, "length": 300, "low_hz": 0.0, "high_hz": 500.0}
    slow, fast = (
        attribution.relevance_signal(model, sound, 1, method="dft-lrp", sample_rate=rate, **asked)
        for rate in (8000, 48000)
    )
    assert not np.allclose(slow, fast)
