"""Shared by the tests of corpora."""

import pytest
from noises import write

from earwitness import corpora
from earwitness.corpora import base


@pytest.fixture
def same_names_afterwards(monkeypatch, tmp_path):
    """Corpora that a test registers are forgotten after it."""
    corpora.registered()
    monkeypatch.setattr(base, "REGISTERED", dict(base.REGISTERED))
    monkeypatch.setattr(corpora, "REGISTERED", base.REGISTERED)
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def recordings(tmp_path):
    """Six speakers saying two digits twice, named ``digit_speaker_take``; half of the endings in
    capitals, one hidden companion.
    """
    folder = tmp_path / "mine"
    for i, speaker in enumerate("abcdef"):
        for digit in (3, 7):
            for take in (0, 1):
                suffix = "wav" if i % 2 else "WAV"
                write(folder / f"{digit}_{speaker}_{take}.{suffix}", seed=i)
    (folder / "._3_a_0.WAV").write_bytes(b"\x00\x05\x16\x07" + bytes(200))
    return folder
