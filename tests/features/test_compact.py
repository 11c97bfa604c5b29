import numpy as np
import pytest
import torch

from earwitness import features
from earwitness.errors import AudioError

TIMES = np.arange(8000) / 8000


def tone(hz, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hz * TIMES)).astype(np.float32)


def test_a_tone_is_loudest_in_the_band_around_its_frequency():
    spectrogram = features.compact_spectrogram(tone(1000)[None])[0]
    centres = features.mel_edges_hz(40, 4000.0)[1:-1]
    band = int(spectrogram[:, 10:-10].mean(1).argmax())
    assert abs(centres[band] - 1000) < 60 and float(spectrogram.max()) == pytest.approx(1)


def test_its_level_does_not_matter_and_what_is_60_db_fainter_is_zero():
    loud, faint = (tone(500) + tone(3000, amplitude) for amplitude in (0.005, 0.0))
    both = features.compact_spectrogram(np.stack([loud, 0.1 * loud]))
    torch.testing.assert_close(both[0], both[1], rtol=1e-3, atol=1e-3)
    one = features.compact_spectrogram(np.stack([loud, faint]))[:, :, 40]
    above = features.mel_edges_hz(40, 4000.0)[1:-1] > 2900
    assert one[0, above].max() > 0.2 and one[1, above].max() == 0


def test_decibels_are_those_of_the_mel_spectrogram_of_the_quality_networks():
    noise = np.random.default_rng(0).normal(size=8000).astype(np.float32) * 0.1
    ours = features.compact_spectrogram(noise[None])[0]
    other = features.mel_spectrogram(noise, 8000, 40, 4000.0, 512, 0.0125, 0.032)
    expected = ((other - other.max()) / 60 + 1).clamp_min(0)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_silence_is_zero_everywhere():
    assert not features.compact_spectrogram(np.zeros((1, 8000), np.float32)).any()


@pytest.mark.parametrize("wrong", [np.zeros(8000), np.zeros((1, 7999)), np.full((1, 8000), np.nan)])
def test_what_is_no_batch_of_finite_seconds_is_refused(wrong):
    with pytest.raises(AudioError):
        features.compact_spectrogram(wrong)
