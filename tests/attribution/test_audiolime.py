"""audioLIME on networks whose answer is known to be a sum of parts, and against the weighted
regression written out.
"""

import numpy as np
import pytest
import torch
from networks import kaiming, signals, waveform_net
from torch import nn

from earwitness import attribution, runtime
from earwitness.attribution import audiolime
from earwitness.errors import AudioError, ParameterError, UnknownNameError

RATE = 8000


def sound(n=400, start=0, total=None, seed=0):
    samples = np.zeros(total or n)
    samples[start : start + n] = np.random.default_rng(seed).standard_normal(n)
    return samples


class Energy(nn.Module):
    """Answers weighted energies of four quarters of 100 samples: additive in time segments."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(
            torch.tensor([[3.0, -2.0, 0.0, 1.0], [0.0, 0.0, 5.0, 0.0]], dtype=torch.float64)
        )

    def forward(self, x):
        return (x.view(len(x), 4, 100) ** 2).mean(-1) @ self.weight.T


def test_components_are_sources_times_segments_of_where_it_sounds_and_add_up():
    signal = sound(400, start=300, total=1000)
    parts = audiolime.components(signal, RATE, n_segments=5)
    assert (
        len(parts) == 15
        and parts.sources == ("harmonic",) * 5 + ("percussive",) * 5 + ("rest",) * 5
    )
    assert parts.spans[:5].tolist() == [[300, 380], [380, 460], [460, 540], [540, 620], [620, 700]]
    np.testing.assert_allclose(parts.signal, signal, atol=1e-14)
    for part, (start, stop) in zip(parts.parts, parts.spans, strict=True):
        assert not part[:start].any() and not part[stop:].any()
    assert parts.label(6) == "percussive, 0.05 to 0.06 s"


def test_silence_around_a_clip_changes_nothing():
    clip = sound(1000)
    padded = np.r_[np.zeros(3000), clip, np.zeros(4000)]
    alone, inside = (audiolime.components(samples, RATE) for samples in (clip, padded))
    np.testing.assert_array_equal(inside.parts[:, 3000:4000], alone.parts)
    np.testing.assert_array_equal(inside.spans, alone.spans + 3000)


def test_what_a_network_adds_up_from_segments_is_found_exactly():
    signal = sound()
    parts = audiolime.components(signal, RATE, "none", n_segments=4)
    found = audiolime.explain(Energy(), parts, 0, n_samples=50, alpha=1e-9)
    expected = (signal.reshape(4, 100) ** 2).mean(1) * [3, -2, 0, 1]
    np.testing.assert_allclose(found.weights, expected, atol=1e-6)
    assert found.r2 == pytest.approx(1) and found.intercept == pytest.approx(0, abs=1e-6)
    assert found.order.tolist() == [0, 3, 2, 1] and found.top(2).tolist() == [0, 3]
    np.testing.assert_allclose(found.listen(2), np.r_[signal[:100], np.zeros(200), signal[300:]])
    np.testing.assert_allclose(found.without(2) + found.listen(2), signal, atol=1e-14)


@pytest.mark.parametrize("of", ["logit", "probability"])
def test_weights_solve_the_weighted_ridge_regression_on_the_networks_answers(of):
    model, alpha, width = kaiming(waveform_net().double(), bias=0.1), 0.7, 0.4
    parts = audiolime.components(sound(40), RATE, "none", n_segments=4)
    found = audiolime.explain(
        model, parts, 2, n_samples=30, alpha=alpha, kernel_width=width, of=of, seed=5
    )
    switches = np.random.default_rng(5).integers(0, 2, (30, 4))
    switches[0] = 1
    sounds = torch.as_tensor(np.stack([(row[:, None] * parts.parts).sum(0) for row in switches]))
    logits = torch.stack([model(mixture[None, None])[0] for mixture in sounds])
    answers = (logits if of == "logit" else logits.softmax(1)).detach().numpy()[:, 2]
    distance = 1 - np.array(
        [row.sum() / np.sqrt(4 * max(row.sum(), 1)) for row in switches]
    )  # cosine to all ones
    weight = np.sqrt(np.exp(-(distance**2) / width**2))
    design = np.c_[switches, np.ones(30)]
    penalty = alpha * np.diag([1, 1, 1, 1, 0])
    expected = np.linalg.solve(
        design.T @ (weight[:, None] * design) + penalty, design.T @ (weight * answers)
    )
    np.testing.assert_allclose([*found.weights, found.intercept], expected, atol=1e-8)
    residual = answers - design @ expected
    spread = answers - np.average(answers, weights=weight)
    assert found.r2 == pytest.approx(1 - (weight @ residual**2) / (weight @ spread**2))


def test_the_kernel_is_one_for_the_whole_and_falls_with_what_is_missing():
    near = audiolime.kernel(
        np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]), 0.25
    )
    assert near[0] == 1 and near[1] == pytest.approx(
        np.exp(-(((1 - np.sqrt(0.5)) / 0.25) ** 2) / 2)
    )
    assert (np.diff(near) < 0).all() and near[3] == pytest.approx(np.exp(-8))


def test_every_mixture_is_asked_about_once_and_in_batches():
    seen = []

    class Counting(Energy):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    audiolime.explain(
        Counting(), audiolime.components(sound(), RATE, "nmf", 8), 0, n_samples=250, batch_size=100
    )
    assert seen == [100, 100, 50]
    seen.clear()
    audiolime.explain(
        Counting(), audiolime.components(sound(), RATE, "none", 4), 0, n_samples=250, batch_size=10
    )
    assert seen == [10, 6]  # two to the fourth: each mixture once


def test_another_representation_can_be_prepared_from_the_mixtures():
    class Levels(nn.Module):
        def forward(self, x):
            return x  # (batch, 2): already the answer

    def prepare(mixtures):
        assert mixtures.shape[1] == 400
        return mixtures.view(-1, 2, 200).square().mean(-1)

    signal = sound()
    parts = audiolime.components(signal, RATE, "none", 4)
    found = audiolime.explain(Levels(), parts, 1, n_samples=40, alpha=1e-9, prepare=prepare)
    np.testing.assert_allclose(found.weights[:2], 0, atol=1e-6)
    np.testing.assert_allclose(found.weights[2:].sum(), (signal[200:] ** 2).mean(), rtol=1e-5)


def test_relevance_of_a_component_is_spread_by_its_energy_and_adds_up_to_the_weights():
    parts = audiolime.components(sound(40, start=10, total=60), RATE, "none", 2)
    found = audiolime.Explanation(parts, np.array([2.0, -1.0]), 0.0, 1.0)
    relevance = audiolime.spread(found)
    assert (
        relevance.sum() == pytest.approx(1.0)
        and not relevance[:10].any()
        and not relevance[50:].any()
    )
    first = parts.signal[10:30] ** 2
    np.testing.assert_allclose(relevance[10:30], 2 * first / first.sum())


def test_as_a_method_it_adds_up_to_the_weights_of_the_same_mixtures():
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40), n=2)
    options = {"separator": "nmf", "n_segments": 3, "n_samples": 60, "seed": 4}
    options["separator_options"] = {"n_sources": 2}
    relevance = attribution.attribute(model, inputs, [1, 2], "audiolime", **options)
    for clip, target in enumerate([1, 2]):
        parts = audiolime.components(inputs[clip, 0], RATE, "nmf", 3, n_sources=2)
        weights = audiolime.explain(model, parts, target, n_samples=60, seed=4).weights
        assert float(relevance[clip].sum()) == pytest.approx(weights.sum())
    other = attribution.attribute(model, inputs, [1, 2], "audiolime", **options | {"seed": 1})
    assert not torch.equal(relevance, other)


def test_bfloat16_gives_nearly_the_same_weights():
    model = kaiming(waveform_net(), bias=0.1)
    parts = audiolime.components(sound(40), RATE, "none", 4)
    exact, fast = (
        audiolime.explain(model, parts, 1, n_samples=100, autocast=a).weights for a in (False, True)
    )
    assert not np.array_equal(exact, fast)
    np.testing.assert_allclose(fast, exact, atol=0.05 * np.abs(exact).max())
    chosen = audiolime.explain(model, parts, 1, n_samples=100, autocast="auto").weights
    np.testing.assert_array_equal(
        chosen, fast if runtime.has_fast_bfloat16(torch.device("cpu")) else exact
    )


@pytest.mark.parametrize("k", [0, -1, 5])
def test_more_components_than_there_are_cannot_be_heard(k):
    found = audiolime.Explanation(
        audiolime.components(sound(), RATE, "none", 4), np.arange(4.0), 0.0, 1.0
    )
    with pytest.raises(
        ParameterError, match=f"There are 4 components; k must lie between 1 and that, got {k}"
    ):
        found.listen(k)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(100), "The clip is silent"),
        (np.ones((2, 100)), "one channel"),
        (np.array([1.0, np.nan]), "finite"),
    ],
)
def test_what_has_no_components_is_refused(signal, message):
    with pytest.raises(AudioError, match=message):
        audiolime.components(signal, RATE)


@pytest.mark.parametrize("n_segments", [0, 101])
def test_segments_must_have_samples(n_segments):
    with pytest.raises(ParameterError, match="n_segments must lie between 1 and the 100 samples"):
        audiolime.components(sound(100, start=5, total=200), RATE, "none", n_segments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_samples": 1}, ParameterError, "n_samples >= 2"),
        ({"kernel_width": 0}, ParameterError, "kernel_width > 0"),
        ({"alpha": -1}, ParameterError, "alpha >= 0"),
        ({"batch_size": 0}, ParameterError, "batch_size must be a pos"),
        ({"of": "loss"}, UnknownNameError, "There is no output to explain 'loss'"),
        ({"autocast": "yes"}, ParameterError, "autocast must be True, False or 'auto'"),
        (
            {"autocast": True},
            ParameterError,
            "autocast is for float32 models, this one is torch.float64",
        ),
        ({"target": 2}, ParameterError, "outputs go from 0 to 1"),
        ({"target": 0.5}, ParameterError, "integers"),
    ],
)
def test_options_outside_their_range_are_refused(change, error, message):
    parts = audiolime.components(sound(), RATE, "none", 4)
    with pytest.raises(error, match=message):
        audiolime.explain(Energy(), parts, **{"target": 0, "n_samples": 4, **change})
