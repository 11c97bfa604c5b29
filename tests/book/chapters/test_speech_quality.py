from types import SimpleNamespace

import numpy as np
import pytest
import torch

from earwitness import attribution
from earwitness.evaluation import units
from earwitness_book.chapters import speech_quality


def ledger(monkeypatch, absorbed, relevance=2.0, explained=3.0):
    found = SimpleNamespace(
        explained=torch.tensor([explained]),
        relevance=torch.tensor([relevance]),
        absorbed={name: torch.tensor([value]) for name, value in absorbed.items()},
    )
    monkeypatch.setattr(attribution, "conservation", lambda *_: found)


def test_what_is_kept_is_summed_by_part_of_the_network(monkeypatch):
    ledger(
        monkeypatch,
        {"cnn.conv1": 0.25, "model.cnn.conv2: add": 0.25, "time.lstm": 0.3, "pools.fc": 0.2},
    )
    found = speech_quality.balance(None, torch.zeros(2, 2), "lrp-epsilon")
    assert found["estimate"] == 3 and found["on the spectrogram"] == 2
    assert found["kept: convolutional part"] == 0.5
    assert found["kept: recurrent part or attention"] == pytest.approx(0.3)
    assert found["kept: silence itself"] == 0


def test_a_ledger_with_a_hole_is_an_error(monkeypatch):
    ledger(monkeypatch, {"cnn.conv1": 0.25})
    with pytest.raises(AssertionError, match="misses 0.75 of 3"):
        speech_quality.balance(None, torch.zeros(2, 2), "lrp-epsilon")


def test_a_role_is_held_against_the_best_features_of_untrained_networks_clip_by_clip():
    rng = np.random.default_rng(0)
    clips = np.repeat(np.arange(12), 20)
    truth = rng.random(240) < 0.5
    knows = np.stack([rng.normal(size=240), truth + 0.3 * rng.normal(size=240)], axis=1)
    guesses = [rng.normal(size=(240, 2)) for _ in range(3)]
    best = [units.Best(1, 1, 0.97), *[units.Best(0, -1, 0.5)] * 3]
    found = speech_quality.role_records("speech", best, [knows, *guesses], truth, clips)
    own, control = found.values()
    low, high = own["against"]["speech-quality/ours/speech-random-weights"]
    assert 0.3 < low < high < 0.6 and own["interval"][0] > 0.9
    assert own["n"] == 12 and own["of"] == "clips" and control["seeds"] == 3
    alike = speech_quality.role_records("speech", best[:2], [knows, knows], truth, clips)
    low, high = next(iter(alike.values()))["against"]["speech-quality/ours/speech-random-weights"]
    assert low < high  # another unit of it
