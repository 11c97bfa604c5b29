import numpy as np
import pandas as pd
import pytest

from earwitness_book.chapters import raw_waveform

RATE = 16000


def vowel(f0, formants, seconds=0.5):
    """A sum of harmonics whose levels peak at formants."""
    times, sound = np.arange(int(seconds * RATE)) / RATE, 0
    for harmonic in np.arange(f0, 5000, f0):
        gain = sum(1 / (1 + ((harmonic - f) / 100) ** 2) for f in formants)
        sound = sound + gain * np.cos(2 * np.pi * harmonic * times)
    return (0.1 * sound / np.abs(sound).max()).astype(np.float32)


def test_a_sound_has_its_own_envelope_harmonics_and_formants():
    sound = vowel(125, (700, 1200, 2600))
    found = raw_waveform.vowel_correlations([sound], [sound], [[0.2, 0.3]], RATE)
    assert len(found) == 2 and list(found) == ["envelope", "harmonics", "F1", "F2"]
    assert found["envelope"].min() > 0.999 and found["harmonics"].min() > 0.999
    assert found[["F1", "F2"]].all().all()


def test_another_vowels_relevance_resembles_less_than_its_own():
    sound = np.concatenate(
        [vowel(125, (700, 1200, 2600), 0.25), vowel(125, (300, 2300, 3000), 0.25)]
    )
    own = raw_waveform.vowel_correlations([sound], [sound], [[0.1]], RATE)["envelope"].median()
    (other,) = raw_waveform.other_vowels([sound], [sound], [[0.1]], [[0.4]], RATE)
    (same,) = raw_waveform.other_vowels([sound], [sound], [[0.1]], [[0.12]], RATE)
    assert other[0] < 0.9 < same[0] <= 1 and own > same[0] - 0.01


def test_other_vowels_are_kept_sentence_by_sentence():
    sound = vowel(125, (700, 1200, 2600))
    found = raw_waveform.other_vowels(
        [sound] * 3, [sound] * 3, [[0.1, 0.2], [0.1], []], [[0.3, 0.4], [], [0.3]], RATE
    )
    assert [len(each) for each in found] == [4, 0, 0]


def test_the_summary_has_medians_of_correlations_and_shares_of_formants():
    found = pd.DataFrame(
        {
            "envelope": [0.1, 0.2, 0.9],
            "harmonics": [0.0, 0.5, 0.7],
            "F1": [True, False, False],
            "F2": [True, True, False],
        }
    )
    row = raw_waveform.correlation_summary({"net": found}).loc["net"]
    assert row.to_list() == pytest.approx([0.2, 0.5, 100 / 3, 200 / 3])


def test_shares_count_only_the_frames_that_count():
    predicted, truth = [np.array([1, 2, 3, 4])], [np.array([1, 2, 0, 0])]
    kept = [np.array([True, True, True, False])]
    assert raw_waveform.share_where(predicted, truth, kept) == pytest.approx([2 / 3])
    assert raw_waveform.share_where(predicted, truth, kept, equal=False) == pytest.approx([1 / 3])


def test_the_grid_holds_its_share_of_noise_and_all_of_a_pulse_every_thirty_samples():
    noise = np.random.default_rng(0).standard_normal(160_000)
    pulses = np.zeros(16_000)
    pulses[::30] = 1
    assert raw_waveform.grid_share(noise) == pytest.approx(0.114, abs=0.005)
    assert raw_waveform.grid_share(pulses) > 0.95
    assert raw_waveform.grid_share(np.zeros(1000)) == 0
