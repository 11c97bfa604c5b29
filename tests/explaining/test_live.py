"""The widget shows what the library computes for the choices that stand in it."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import RATE, chirp, net

from earwitness import attribution, audition, evaluation, explaining
from earwitness.errors import MissingDataError, ParameterError, UnknownNameError
from earwitness.explaining import live
from earwitness.explaining.request import _BRIEF


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time."""
    monkeypatch.setattr("earwitness.explaining.report.pictures", lambda explanation, dpi: {})


@pytest.fixture
def explorer():
    small = explaining.find(net(), sample_rate=RATE, classes=["low", "middle", "high"])
    other = replace(small, model=evaluation.randomised(small.model, 1), name="random weights")
    words = replace(small, classes=["a", "b", "c"])
    clips = {"soft": (0.1 * chirp(), RATE), "loud": (chirp(), RATE)}
    return live.explore(
        clips, {"trained": small, "untrained": lambda clip: other, "other words": words}
    )


def test_map_sound_and_curve_are_those_of_the_library_for_what_is_chosen(explorer):
    explorer.clip.value, explorer.target.value, explorer.against.value = "loud", "high", "low"
    explorer.method.value, explorer.rule.value = "lrp-epsilon", "plus"
    explorer.epsilon.value = 0.1
    network, found = explorer.request.network, explorer.explanation
    inputs = network.prepare(chirp()).inputs
    rules = {"convolutions": "plus"}
    map_ = attribution.attribute(network.model, inputs, (2, 0), "lrp-epsilon", rules, epsilon=0.1)
    assert np.allclose(found.relevance, map_[0, 0].numpy(), atol=1e-6) and map_.any()
    heard = audition.relevance_times_signal(found.relevance, chirp())
    assert np.allclose(found.sounds["explanation"], heard)
    curve = evaluation.pixel_flipping(network.model, inputs, 2, map_.double(), _BRIEF[0])
    assert np.allclose(found.flipping["relevance"], curve.score, atol=1e-6)
    shown = explorer._shown.value
    assert shown.count("data:image/png") == 3 and shown.count("<audio") == 2
    assert "high against low" in explorer.said and "high against low by lrp-epsilon" in shown


def test_every_choice_changes_the_map(undrawn, explorer):
    explorer.clip.value, seen = "loud", []
    changes = {"target": "high", "against": "low", "method": "lrp-gamma", "rule": "plus",
               "epsilon": 1.0, "network": "untrained", "clip": "soft"}  # fmt: skip
    for name, value in changes.items():
        seen.append(explorer.explanation.relevance)
        getattr(explorer, name).value = value
        assert not np.array_equal(explorer.explanation.relevance, seen[-1]), name
    assert explorer.explanation.network == "random weights"


def test_a_refusal_is_a_sentence_in_the_widget_and_the_next_choice_is_shown_again(explorer):
    explorer.target.value = explorer.against.value = "low"
    assert explorer.explanation is None and "role='alert'" in explorer.said
    assert explorer._shown.value == ""
    explorer.against.value = "high"
    assert explorer.explanation is not None and "alert" not in explorer.said


def test_rule_and_epsilon_are_offered_where_the_method_has_them(undrawn, explorer):
    explorer.rule.value = "plus"
    explorer.method.value = "gradient"
    assert explorer.rule.disabled and explorer.epsilon.disabled
    assert explorer.explanation is not None and explorer.request.rules is None
    explorer.method.value = "lrp-epsilon"
    assert not explorer.rule.disabled and not explorer.epsilon.disabled


def test_the_classes_are_those_of_the_network_and_a_choice_stays_where_it_can(
    undrawn, explorer, monkeypatch
):
    explorer.target.value, computed, real = "high", [], live.Request.briefly
    monkeypatch.setattr(live.Request, "briefly", lambda asked: computed.append(1) or real(asked))
    explorer.network.value = "other words"
    assert explorer.target.value == live.PREDICTED and "a" in explorer.target.options
    assert len(computed) == 1, "one choice is computed once"
    explorer.network.value, explorer.target.value = "untrained", "high"
    assert explorer.target.options == (live.PREDICTED, "low", "middle", "high")
    assert explorer.target.value == "high" == explorer.explanation.explained


def test_networks_are_left_as_they_were(undrawn, explorer):
    model = explorer.request.network.model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for method in live.QUICK:
        explorer.method.value = method
    assert model.training and all(part.training for part in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks or part._backward_hooks for part in model.modules())


def test_the_whole_explanation_has_ledger_and_control(undrawn, explorer):
    whole = explorer.whole()
    assert whole.control is not None and abs(whole.ledger["missing"]) < 1e-3
    assert np.allclose(whole.relevance, explorer.explanation.relevance)


def test_nothing_to_choose_unknown_methods_and_a_missing_package_are_refused(monkeypatch):
    small = explaining.find(net(), sample_rate=RATE)
    clips = {"a": (chirp(), RATE)}
    with pytest.raises(ParameterError, match="no clip"):
        live.explore({}, {"net": small})
    with pytest.raises(UnknownNameError, match="lrp-epsilon"):
        live.explore(clips, {"net": small}, ["lrp-epsilo"])
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(MissingDataError, match="pip install ipywidgets"):
        live.explore(clips, {"net": small})
