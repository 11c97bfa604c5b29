"""What makes a signal speech, on pulse trains through resonances, tones, digits and noise."""

import numpy as np
import pytest
import scipy.signal

from earwitness import corpora, evaluation
from earwitness.errors import AudioError, ParameterError

RATE = 16000


def voice(f0_hz: float, formants_hz, seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    """A pulse train through resonances of 80 Hz bandwidth, with a little noise."""
    n = int(seconds * RATE)
    phase = np.cumsum(np.full(n, f0_hz / RATE))
    sound = np.diff(np.floor(phase), prepend=0.0)
    for formant_hz in formants_hz:
        radius = np.exp(-np.pi * 80 / RATE)
        sound = scipy.signal.lfilter(
            [1], [1, -2 * radius * np.cos(2 * np.pi * formant_hz / RATE), radius**2], sound
        )
    return sound / np.abs(sound).max() + 1e-4 * np.random.default_rng(seed).standard_normal(n)


OH = voice(120, (550, 1000, 2500, 3500))
EE = voice(120, (300, 2300, 3000, 3700))
HIGH_OH = voice(190, (550, 1000, 2500, 3500))
NOISE = np.random.default_rng(1).standard_normal(len(OH))
SILENCE = np.zeros(len(OH))


@pytest.mark.parametrize(
    "measure",
    [
        evaluation.speech.waveform_correlation,
        lambda a, b: evaluation.speech.f0_agreement(a, b, RATE),
        lambda a, b: evaluation.speech.period_agreement(a, b, RATE),
        lambda a, b: evaluation.speech.envelope_correlation(a, b, RATE, 0.25),
        lambda a, b: evaluation.speech.harmonic_correlation(a, b, RATE, 0.25),
        lambda a, b: evaluation.speech.formant_agreement(a, b, RATE, [0.2, 0.3]).mean(),
    ],
)
def test_a_signal_resembles_its_multiple_wholly_and_silence_not_at_all(measure):
    assert measure(OH, 1e-6 * OH) == pytest.approx(1, abs=1e-6)
    assert measure(OH, SILENCE) == 0


def test_f0_and_period_follow_the_pitch_and_not_the_vowel():
    for agreement in (evaluation.speech.f0_agreement, evaluation.speech.period_agreement):
        assert agreement(OH, EE, RATE) > 0.95
        assert agreement(OH, HIGH_OH, RATE) == 0
        assert agreement(OH, NOISE, RATE) < 0.2


def test_envelope_and_formants_follow_the_vowel_and_not_the_pitch():
    assert evaluation.speech.envelope_correlation(OH, HIGH_OH, RATE, 0.25) > 0.9
    assert evaluation.speech.envelope_correlation(OH, EE, RATE, 0.25) < 0.8
    assert evaluation.speech.formant_agreement(OH, HIGH_OH, RATE, [0.2, 0.3]).all()
    assert not evaluation.speech.formant_agreement(OH, EE, RATE, [0.2, 0.3]).any()


def test_harmonics_agree_between_vowels_of_one_pitch_only():
    assert evaluation.speech.harmonic_correlation(OH, EE, RATE, 0.25) > 0.5
    assert evaluation.speech.harmonic_correlation(OH, HIGH_OH, RATE, 0.25) < 0.3


def test_f0_agreement_is_not_defined_without_a_voice():
    assert np.isnan(evaluation.speech.f0_agreement(NOISE, OH, RATE))


@pytest.mark.parametrize("relevance", [np.ones(10), np.full(len(OH), np.nan)])
def test_signals_that_do_not_fit_are_refused(relevance):
    with pytest.raises(ParameterError):
        evaluation.speech.f0_agreement(OH, relevance, RATE)


EDGES_HZ = np.arange(0, 8001, 500)


def tone(freq_hz, n_samples=8000):
    return np.sin(2 * np.pi * freq_hz * np.arange(n_samples) / 16000)


def test_the_f_ratio_by_hand():
    levels = [[1, 0], [3, 0], [5, 1], [9, 5]]  # means 2, 7 and 0, 3; variances within 1, 4 and 0, 4
    np.testing.assert_allclose(
        evaluation.f_ratio(levels, ["a", "a", "b", "b"]), [6.25 / 2.5, 2.25 / 2]
    )
    np.testing.assert_allclose(
        evaluation.f_ratio(np.array(levels)[[2, 0, 3, 1]], ["b", "a", "b", "a"]), [2.5, 1.125]
    )
    assert evaluation.f_ratio([[0.0], [0], [1], [1]], ["a", "a", "b", "b"])[0] == np.inf


def test_bands_in_which_speakers_differ_stand_out_and_others_give_their_expected_value():
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(400), 5)
    levels = rng.standard_normal((2000, 3))
    levels[:, 1] += 3 * rng.standard_normal(400)[speakers]
    ratio = evaluation.f_ratio(levels, speakers)
    assert ratio[[0, 2]] == pytest.approx(1 / 4, rel=0.2)
    assert ratio[1] == pytest.approx((9 + 1 / 5) / (4 / 5), rel=0.2)
    assert evaluation.f_ratio(levels, rng.permutation(speakers))[1] == pytest.approx(1 / 4, rel=0.2)


def test_f_ratio_does_not_change_with_unit_or_offset():
    rng = np.random.default_rng(1)
    levels, speakers = rng.standard_normal((20, 4)), np.repeat(["a", "b", "c", "d"], 5)
    np.testing.assert_allclose(
        evaluation.f_ratio(3 * levels - 50, speakers), evaluation.f_ratio(levels, speakers)
    )


@pytest.mark.parametrize(
    ("levels", "speakers", "said"),
    [
        (np.ones((4, 2)), ["a"] * 4, "at least two speakers"),
        (np.ones((3, 2)), ["a", "a", "b"], "two utterances each"),
        (np.ones(4), ["a", "a", "b", "b"], "n_utterances, n_bands"),
        (np.ones((4, 2)), ["a", "b"], "a speaker for each"),
        (np.full((4, 2), -np.inf), ["a", "a", "b", "b"], "finite"),
    ],
)
def test_too_little_for_an_f_ratio_is_told_in_a_sentence(levels, speakers, said):
    with pytest.raises(ParameterError, match=said):
        evaluation.f_ratio(levels, speakers)


def test_a_tone_raises_the_level_of_its_band_alone():
    noise = 1e-3 * np.random.default_rng(2).standard_normal(8000)
    quiet, loud = (
        evaluation.band_levels(signal, 16000, EDGES_HZ) for signal in (noise, noise + tone(2240))
    )
    assert (loud - quiet).argmax() == 4 and loud[4] - quiet[4] > 30
    assert np.abs(loud - quiet)[6:].max() < 0.1
    np.testing.assert_allclose(
        evaluation.band_levels(10 * noise, 16000, EDGES_HZ), quiet + 20, atol=1e-3
    )


@pytest.mark.parametrize(
    ("edges_hz", "said"),
    [
        ([0, 500, 500], "must rise"),
        ([100], "at least two"),
        ([0, 41, 79], "No bin lies between 41 and 79 Hz"),
        ([0, 9000, 9500], "No bin lies between 9000"),
    ],
)
def test_bands_that_hold_nothing_are_told_in_a_sentence(edges_hz, said):
    with pytest.raises(ParameterError, match=said):
        evaluation.band_levels(tone(100), 16000, edges_hz)


def test_recordings_too_short_or_silent_are_refused():
    with pytest.raises(ParameterError, match="shorter than a frame"):
        evaluation.band_levels(tone(100, 200), 16000, EDGES_HZ)
    with pytest.raises(AudioError, match="silent"):
        evaluation.band_levels(np.zeros(8000), 16000, EDGES_HZ)


@pytest.fixture(scope="module")
def speech():
    """Return a second and a half of generated digits at 16 kHz."""
    corpus = corpora.load("voices", n_speakers=2, repetitions=1)
    return np.concatenate([corpus[i].samples for i in range(4)])[:24000].astype(float)


@pytest.mark.parametrize(("extended", "floor"), [(False, 0.45), (True, 0.15)])
def test_speech_is_intelligible_and_noise_is_not(speech, extended, floor):
    noise = np.random.default_rng(0).standard_normal(len(speech))
    level = np.sqrt(np.mean(speech**2))
    assert evaluation.stoi(speech, speech, 16000, extended=extended) == pytest.approx(1, abs=1e-6)
    assert evaluation.stoi(speech, noise, 16000, extended=extended) < floor
    falling = [
        evaluation.stoi(speech, speech + gain * level * noise, 16000, extended=extended)
        for gain in (0.1, 1, 4)
    ]
    assert (
        falling[0] > 0.8
        and falling == sorted(falling, reverse=True)
        and falling[2] < falling[0] - 0.2
    )


def test_scale_and_sign_do_not_matter(speech):
    heard = speech + 0.1 * np.random.default_rng(1).standard_normal(len(speech))
    expected = evaluation.stoi(speech, heard, 16000)
    assert evaluation.stoi(speech, -1e-25 * heard, 16000) == pytest.approx(expected, abs=1e-6)


def test_what_lies_above_its_bands_is_not_heard(speech):
    whistle = np.sin(2 * np.pi * 6500 * np.arange(len(speech)) / 16000)
    assert evaluation.stoi(speech, speech + whistle, 16000) > 0.999


def test_unusable_signals_are_told_in_a_sentence(speech):
    with pytest.raises(ParameterError, match="as long as the clean speech"):
        evaluation.stoi(speech, speech[:-1], 16000)
    for reference, signal, said in (
        (0 * speech, speech, "The clean speech is silent"),
        (speech, 0 * speech, "silent"),
        (speech[:6000], speech[:6000], "this clip lasts 375 ms"),
        (speech, np.where(np.arange(len(speech)) == 5, np.nan, speech), "NaN"),
    ):
        with pytest.raises(AudioError, match=said):
            evaluation.stoi(reference, signal, 16000)


def test_pauses_do_not_count_as_speech(speech):
    mostly_pause = speech * (np.arange(len(speech)) < 4000)
    with pytest.raises(AudioError, match="without its pauses"):
        evaluation.stoi(mostly_pause, speech, 16000)
