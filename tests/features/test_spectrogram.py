"""The spectrogram of the paper: equal to scipy and librosa on its definition, known answers,
frequency scaling.
"""

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import features
from earwitness.errors import AudioError, ParameterError


def noise(seed=0):
    second = np.random.default_rng(seed).standard_normal(8000).astype(np.float32)
    second[:2000] = 0
    return second


def test_log_spectrogram_equals_the_authors_definition():
    _, _, transform = scipy.signal.stft(noise(), 8000, nperseg=455, noverlap=420, window="hann")
    assert transform.shape == (228, 230)
    reference = librosa.amplitude_to_db(np.abs(transform[:227, 2:-1]), ref=np.max)
    np.testing.assert_allclose(features.log_spectrogram(noise()), reference, atol=1e-3)


def test_a_tone_stands_in_its_row_and_a_click_in_its_column():
    time = np.arange(8000) / 8000
    tone = features.log_spectrogram(np.sin(2 * np.pi * 1000 * time))
    assert abs(features.frequencies_hz()[int(tone.mean(1).argmax())] - 1000) < 9
    click = np.zeros(8000)
    click[4000] = 1
    assert (
        abs(features.frame_times_s()[int(features.log_spectrogram(click).mean(0).argmax())] - 0.5)
        < 0.0045
    )


def test_a_batch_is_its_clips_and_loudness_does_not_matter():
    clips = np.stack([noise(1), noise(2)])
    batch = features.log_spectrogram(clips)
    assert batch.shape == (2, 227, 227)
    torch.testing.assert_close(batch[1], features.log_spectrogram(noise(2)))
    heard = batch > -60  # softer cells meet the floor of 0.00001 that the authors' decibels have
    torch.testing.assert_close(
        batch[heard], features.log_spectrogram(clips * 0.1)[heard], atol=1e-2, rtol=0
    )
    assert float(batch.max()) == 0 and float(batch.min()) == -80


def test_a_wrong_length_is_refused():
    with pytest.raises(AudioError, match="8000"):
        features.log_spectrogram(np.ones(7999))


def test_scaling_moves_a_tone_by_the_factor():
    time = np.arange(8000) / 8000
    picture = features.log_spectrogram(np.sin(2 * np.pi * 1000 * time))
    for factor in (0.66, 1.5):
        row = int(features.scale_frequencies(picture, factor).mean(1).argmax())
        assert abs(features.frequencies_hz()[row] - 1000 * factor) < 18


def test_scaling_by_one_changes_nothing_and_compression_leaves_silence_on_top():
    picture = features.log_spectrogram(noise())
    torch.testing.assert_close(features.scale_frequencies(picture, 1.0), picture)
    compressed = features.scale_frequencies(picture, 0.5)
    assert (compressed[114:] == -80).all()
    torch.testing.assert_close(compressed[:113], picture[0:226:2])


@given(st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_scaling_stays_within_the_values_it_reads(factor):
    picture = torch.linspace(-80, 0, 227)[:, None].expand(227, 3)
    scaled = features.scale_frequencies(picture, factor)
    assert float(scaled.min()) >= -80 and float(scaled.max()) <= 0


@pytest.mark.parametrize("factor", [0, -1.0])
def test_a_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(ParameterError, match="positive"):
        features.scale_frequencies(torch.zeros(3, 3), factor)
