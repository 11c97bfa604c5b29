"""Spectrograms become sound again: exactly with their own phase, nearly with a found one."""

import numpy as np
import pytest
import scipy.signal

from earwitness import audition
from earwitness.errors import AudioError, ParameterError

RATE = 8000


@pytest.fixture(scope="module")
def second():
    """Return a gliding, vowel-like harmonic sound with silence around it."""
    t = np.arange(4000) / RATE
    f0 = 120 + 40 * t
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    sound = sum(np.exp(-(((k * 140 - 700) / 900) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    padded = np.zeros(RATE)
    padded[2000:6000] = 0.3 * sound * np.hanning(4000)
    return padded


def pitch_hz(sound):
    """Return the pitch in the middle, 75 to 400 Hz, by autocorrelation."""
    middle = sound[3500:4500]
    correlation = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    return RATE / (20 + correlation[20:107].argmax())


@pytest.fixture(scope="module")
def analysis(second):
    return audition.analyse(second)


def test_an_untouched_spectrogram_with_its_own_phase_gives_the_clip_back(second, analysis):
    heard = audition.resynthesise(analysis.level_db, analysis.phase, analysis.reference)
    assert heard.shape == (8000,) and heard.dtype == np.float32
    assert (
        audition.snr_db(second, heard) > 60
    )  # the rest lies below the 80 dB that the spectrogram keeps


def test_it_is_scipys_inverse_with_the_papers_parameters(analysis):
    """The same from scipy: Hann 455, overlap 420, one more frame at the end, bin 227 and frames 0
    and 1 silent.
    """
    magnitude = np.zeros((228, 230))
    magnitude[:227, 2:229] = analysis.reference * 10 ** (analysis.level_db / 20)
    phase = np.zeros((228, 230))
    phase[:, :229] = analysis.phase
    magnitude[:, -1] = 0
    _, expected = scipy.signal.istft(magnitude * np.exp(1j * phase), RATE, "hann", 455, 420, 455)
    heard = audition.resynthesise(analysis.level_db, analysis.phase, analysis.reference)
    inner = slice(500, 7500)  # the windows that the 230th frame touches lie outside
    assert np.abs(heard[inner] - expected[: len(heard)][inner]).max() < 1e-6


def test_reference_is_the_magnitude_of_zero_db(analysis):
    t = np.arange(RATE) / RATE
    sine = audition.analyse(0.8 * np.sin(2 * np.pi * 57 * RATE / 455 * t))  # the centre of bin 57
    assert sine.reference == pytest.approx(0.4, rel=1e-3)
    assert np.unravel_index(sine.level_db.argmax(), (227, 227))[0] == 57


def test_griffin_lim_finds_a_sound_with_the_wished_spectrogram(analysis):
    heard = audition.resynthesise(analysis.level_db, reference=analysis.reference)
    short = audition.resynthesise(analysis.level_db, reference=analysis.reference, iterations=1)
    assert audition.consistency_db(analysis.level_db, heard) > 20
    assert (
        audition.consistency_db(analysis.level_db, heard)
        > audition.consistency_db(analysis.level_db, short) + 6
    )


def test_griffin_lim_serves_a_scaled_spectrogram_better_than_the_original_phase(analysis):
    rows = np.arange(227)
    scaled = np.stack(
        [np.interp(rows / 1.5, rows, column) for column in analysis.level_db.T], axis=1
    )
    robotic = audition.resynthesise(scaled, analysis.phase, analysis.reference)
    proper = audition.resynthesise(scaled, reference=analysis.reference)
    assert audition.consistency_db(scaled, proper) > audition.consistency_db(scaled, robotic) + 3


def test_griffin_lim_is_reproducible_and_its_seed_is_used(analysis):
    once, again, other = (
        audition.resynthesise(analysis.level_db, iterations=2, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(once, again) and not np.array_equal(once, other)


def test_scaling_frequencies_by_one_and_a_half_raises_the_pitch_of_what_is_heard(analysis):
    rows = np.arange(227)
    scaled = np.stack(
        [np.interp(rows / 1.5, rows, column) for column in analysis.level_db.T], axis=1
    )
    before, after = (
        pitch_hz(audition.resynthesise(level)) for level in (analysis.level_db, scaled)
    )
    assert before == pytest.approx(130, rel=0.05) and after == pytest.approx(1.5 * before, rel=0.05)


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"level_db": np.zeros((228, 227))}, "shape"),
        ({"level_db": np.full((227, 227), np.nan)}, "without NaN"),
        ({"level_db": np.zeros((227, 227)), "phase": np.zeros((227, 227))}, "phase"),
        ({"level_db": np.zeros((227, 227)), "reference": 0.0}, "positive"),
    ],
)
def test_what_is_no_spectrogram_or_phase_is_refused(arguments, complaint):
    with pytest.raises(ParameterError, match=complaint):
        audition.resynthesise(**arguments)


@pytest.mark.parametrize("second", [np.zeros(8000), np.ones(7999), np.ones((1, 8000))])
def test_what_is_no_second_of_sound_cannot_be_analysed(second):
    with pytest.raises(AudioError):
        audition.analyse(second)


def test_the_ratio_of_signal_to_noise_is_in_decibels():
    assert audition.snr_db([1.0, 0.0], [1.0, 0.1]) == pytest.approx(20)
    assert audition.snr_db([1.0], [1.0]) == float("inf")
    with pytest.raises(ParameterError):
        audition.snr_db([1.0, 2.0], [1.0])
