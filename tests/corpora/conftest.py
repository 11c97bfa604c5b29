"""Shared by the tests of corpora."""

import pytest
from noises import write


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


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
