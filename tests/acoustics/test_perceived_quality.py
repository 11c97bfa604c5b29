"""PESQ: a value or a sentence, also where its own code ends the process."""

import numpy as np
import pytest

from earwitness.acoustics import perceived_quality as quality
from earwitness.acoustics.perceived_quality import pesq_wideband
from earwitness.errors import AudioError

rng = np.random.default_rng(0)
SPEECH = (0.1 * rng.standard_normal(24000) * (np.sin(np.arange(24000) / 2000) ** 2)).astype(
    np.float32
)


def test_a_clip_is_as_good_as_itself_and_noise_makes_it_worse():
    noisy = SPEECH + 0.05 * rng.standard_normal(24000)
    same, worse = pesq_wideband(SPEECH, SPEECH), pesq_wideband(SPEECH, noisy)
    assert same == pytest.approx(4.644, abs=0.001) and 1 < worse < 3
    assert pesq_wideband(SPEECH, noisy, np.float32(16000)) == worse


@pytest.mark.parametrize(
    ("sent", "received", "rate", "match"),
    [
        (SPEECH, 0 * SPEECH, 16000, "received is silent"),
        (0 * SPEECH, SPEECH, 16000, "sent is silent"),
        (SPEECH, SPEECH * np.nan, 16000, "NaN"),
        (SPEECH, SPEECH, 8000, "8000 samples a second, not 16000"),
        (SPEECH, SPEECH, 48000, "not 16000"),
        (np.stack([SPEECH] * 2), SPEECH, 16000, "one channel"),
        (SPEECH[:0], SPEECH, 16000, "is empty"),
        (SPEECH[:900], SPEECH[:900], 16000, "PESQ cannot judge"),
        (32768 * SPEECH, SPEECH, 16000, "far above full scale"),
    ],
)
def test_clips_that_pesq_has_no_value_for_are_refused(sent, received, rate, match):
    with pytest.raises(AudioError, match=match):
        pesq_wideband(sent, received, rate)


def test_a_process_that_pesq_ends_is_an_error_of_ours():
    bursts = np.zeros(60 * 16000, np.float32)
    for k in range(60):
        bursts[k * 16000 : k * 16000 + 6000] = 0.1 * rng.standard_normal(6000)
    with pytest.raises(
        AudioError, match="PESQ cannot judge this clip of 60.00 s: its process ended with -"
    ):
        pesq_wideband(bursts, bursts)
    assert pesq_wideband(SPEECH, SPEECH) > 4.6, "the next clip is judged by another process"


def test_a_program_that_does_not_come_back_is_given_up(monkeypatch, tmp_path):
    (tmp_path / "endless.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(quality, "_PROGRAM", tmp_path / "endless.py")
    monkeypatch.setattr(quality, "_running", {})
    monkeypatch.setattr(quality, "_CLIP_S", 0.5)
    with pytest.raises(AudioError, match="its process ended with -9, after 0 s at most"):
        pesq_wideband(SPEECH, SPEECH)


def test_one_process_serves_many_clips(monkeypatch):
    pesq_wideband(SPEECH, SPEECH)
    monkeypatch.setattr(quality, "_start", lambda: pytest.fail("another process was started"))
    pesq_wideband(SPEECH, SPEECH)
