from types import SimpleNamespace

import pytest
import torch

from earwitness import attribution
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
