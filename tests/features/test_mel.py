"""Mel spectrograms: equal to librosa's, silent where nothing can be."""

import warnings

import librosa
import numpy as np
import pytest

from earwitness import features
from earwitness.errors import AudioError, ParameterError
from earwitness.features import mel


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32) * 0.1


@pytest.mark.parametrize(
    ("sample_rate", "fmax_hz", "n"),
    [(16000, 8000, 16000), (48000, 20000, 20000), (8000, 20000, 1601)],
)
def test_mel_spectrograms_are_librosas_amplitudes_in_decibels(sample_rate, fmax_hz, n):
    samples = noise(n) * np.linspace(0, 1, n, dtype=np.float32) ** 4
    with warnings.catch_warnings(action="ignore"):
        bands = librosa.feature.melspectrogram(
            y=samples,
            sr=sample_rate,
            n_fft=4096,
            hop_length=sample_rate // 100,
            win_length=sample_rate // 50,
            pad_mode="reflect",
            power=1.0,
            n_mels=48,
            fmax=fmax_hz,
        )
    expected = librosa.amplitude_to_db(bands, ref=1.0, amin=1e-4, top_db=80.0)
    ours = features.mel_spectrogram(samples, sample_rate, fmax_hz=fmax_hz)
    assert ours.shape == (48, n // (sample_rate // 100) + 1)
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_silence_is_80_db_below_one_everywhere():
    assert (features.mel_spectrogram(np.zeros(8000), 16000) == -80).all()


def test_whole_numbers_are_refused_as_their_full_scale_is_not_known():
    with pytest.raises(AudioError, match=r"whole numbers \(int16\); scale them to -1..1"):
        features.mel_spectrogram((32767 * noise(8000)).astype(np.int16), 16000)


def test_nothing_is_more_than_80_db_below_the_loudest_point():
    samples = np.zeros(16000, np.float32)
    samples[8000:9000] = 30 * noise(1000)
    spectrogram = features.mel_spectrogram(samples, 16000)
    assert spectrogram.max() > 0
    assert spectrogram.min() == pytest.approx(float(spectrogram.max()) - 80)


@pytest.mark.parametrize("frequency_hz", [250.0, 1000.0, 5000.0])
def test_a_tone_is_loudest_in_the_band_around_its_frequency(frequency_hz):
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(16000) / 16000)
    edges = features.mel_edges_hz(48, 8000)
    band = int(features.mel_spectrogram(tone, 16000).mean(1).argmax())
    assert edges[band] < frequency_hz < edges[band + 2]


def test_bands_that_begin_above_nyquist_are_counted_and_are_silent():
    empty = mel.bands_above(16000, 48, 20000.0)
    assert empty == int(np.sum(features.mel_edges_hz(48, 20000.0)[:-2] >= 8000)) > 5
    spectrogram = features.mel_spectrogram(noise(16000) * 0.1, 16000, fmax_hz=20000.0)
    assert (spectrogram[-empty:] == spectrogram.min()).all()
    assert (spectrogram[: -empty - 1].mean(1) > spectrogram.min() + 10).all()
    assert mel.bands_above(16000, 48, 8000.0) == 0


def test_a_rate_too_low_for_a_hop_is_refused():
    with pytest.raises(ParameterError, match="a hop of 0.01 s is 0 samples"):
        features.mel_spectrogram(noise(100), 50)
    with pytest.raises(ParameterError, match="1 to 4096 are needed"):
        features.mel_spectrogram(noise(100), 400_000)
