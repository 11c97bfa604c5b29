"""Resemblance of signals as speech: known answers on pulse trains through resonances."""

import numpy as np
import pytest
import scipy.signal

from earwitness.errors import ParameterError
from earwitness.evaluation import speech as resemblance

RATE = 16000


def voice(f0_hz: float, formants_hz, seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    """A pulse train through resonances of 80 Hz bandwidth, with a little noise."""
    n = int(seconds * RATE)
    phase = np.cumsum(np.full(n, f0_hz / RATE))
    sound = np.diff(np.floor(phase), prepend=0.0)
    for formant_hz in formants_hz:
        radius = np.exp(-np.pi * 80 / RATE)
        sound = scipy.signal.lfilter([1], [1, -2 * radius * np.cos(2 * np.pi * formant_hz / RATE), radius**2], sound)
    return sound / np.abs(sound).max() + 1e-4 * np.random.default_rng(seed).standard_normal(n)


OH = voice(120, (550, 1000, 2500, 3500))
EE = voice(120, (300, 2300, 3000, 3700))
HIGH_OH = voice(190, (550, 1000, 2500, 3500))
NOISE = np.random.default_rng(1).standard_normal(len(OH))
SILENCE = np.zeros(len(OH))


@pytest.mark.parametrize("measure", [
    resemblance.likeness,
    lambda a, b: resemblance.f0_agreement(a, b, RATE),
    lambda a, b: resemblance.period_agreement(a, b, RATE),
    lambda a, b: resemblance.envelope_likeness(a, b, RATE, 0.25),
    lambda a, b: resemblance.harmonic_likeness(a, b, RATE, 0.25),
    lambda a, b: resemblance.formant_agreement(a, b, RATE, [0.2, 0.3]).mean(),
])
def test_a_signal_resembles_its_multiple_wholly_and_silence_not_at_all(measure):
    assert measure(OH, 1e-6 * OH) == pytest.approx(1, abs=1e-6)
    assert measure(OH, SILENCE) == 0


def test_f0_and_period_follow_the_pitch_and_not_the_vowel():
    for agreement in (resemblance.f0_agreement, resemblance.period_agreement):
        assert agreement(OH, EE, RATE) > 0.95
        assert agreement(OH, HIGH_OH, RATE) == 0
        assert agreement(OH, NOISE, RATE) < 0.2


def test_envelope_and_formants_follow_the_vowel_and_not_the_pitch():
    assert resemblance.envelope_likeness(OH, HIGH_OH, RATE, 0.25) > 0.9
    assert resemblance.envelope_likeness(OH, EE, RATE, 0.25) < 0.8
    assert resemblance.formant_agreement(OH, HIGH_OH, RATE, [0.2, 0.3]).all()
    assert not resemblance.formant_agreement(OH, EE, RATE, [0.2, 0.3]).any()


def test_harmonics_agree_between_vowels_of_one_pitch_only():
    assert resemblance.harmonic_likeness(OH, EE, RATE, 0.25) > 0.5
    assert resemblance.harmonic_likeness(OH, HIGH_OH, RATE, 0.25) < 0.3


def test_f0_agreement_is_not_defined_without_a_voice():
    assert np.isnan(resemblance.f0_agreement(NOISE, OH, RATE))


def test_the_grid_holds_its_share_of_noise_and_all_of_a_pulse_every_thirty_samples():
    noise = np.random.default_rng(0).standard_normal(160_000)
    pulses = np.zeros(16_000)
    pulses[::30] = 1
    assert resemblance.grid_share(noise) == pytest.approx(0.114, abs=0.005)
    assert resemblance.grid_share(pulses) > 0.95
    assert resemblance.grid_share(np.zeros(1000)) == 0


@pytest.mark.parametrize("relevance", [np.ones(10), np.full(len(OH), np.nan)])
def test_signals_that_do_not_fit_are_refused(relevance):
    with pytest.raises(ParameterError):
        resemblance.f0_agreement(OH, relevance, RATE)
