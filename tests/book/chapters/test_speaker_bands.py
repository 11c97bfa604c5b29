import numpy as np
import pandas as pd
import pytest
import scipy.stats

from earwitness import attribution, evaluation
from earwitness_book.chapters import speaker_bands, speaker_draws

OURS = "raw-waveform/ours"
FREQS = np.arange(0, 8001, 250.0)


def profiles(rng, n=6):
    made = {
        name: rng.uniform(0.5, 1.5, (n, len(FREQS)))
        for name in ("speaker", "phone", "random weights")
    }
    made["random weights"] = made["speaker"] / 10  # 10 dB below, in every sentence
    return made


def test_levels_are_those_of_mean_power_and_compared_within_the_same_draws():
    given = profiles(np.random.default_rng(0))
    found = speaker_bands.level_records(given, FREQS, list("aabbcc"))
    level = found[f"{OURS}/speaker-2000-3500hz"]
    inside = (FREQS >= 2000) & (FREQS < 3500)
    assert level["value"] == pytest.approx(10 * np.log10(given["speaker"][:, inside].mean()))
    assert level["n"] == 3 and level["interval"][0] < level["value"] < level["interval"][1]
    against = level["against"]
    assert max(against[f"{OURS}/random-weights-2000-3500hz"]) == pytest.approx(10)
    low, high = against[f"{OURS}/phone-2000-3500hz"]
    assert low < high and f"{OURS}/speaker-1000-2000hz" in against


def test_a_level_with_random_weights_is_the_mean_of_networks_that_are_drawn():
    given = profiles(np.random.default_rng(0))
    apart = 10.0 ** np.array([-2, -1, 0])[:, None, None]  # 20, 10 and 0 dB below
    given["random weights"] = given["speaker"] * apart
    bands = (FREQS, 2000, 3500)
    wanted = speaker_bands.levels(given["speaker"], *bands) - 10
    assert speaker_bands.levels(given["random weights"], *bands).mean() == pytest.approx(wanted)
    found = speaker_bands.level_records(given, FREQS, list("aabbcc"))
    blank = found[f"{OURS}/random-weights-2000-3500hz"]
    assert (blank["value"], blank["seeds"]) == (pytest.approx(wanted), 3)
    against = found[f"{OURS}/speaker-2000-3500hz"]["against"]
    low, high = against[f"{OURS}/random-weights-2000-3500hz"]
    assert low < 0 < 10 < high, "three networks that differ by 10 dB"


def test_dictionary_power_is_that_of_every_frame():
    rng = np.random.default_rng(1)
    kernels, sounds = rng.normal(size=(4, 30)), [rng.normal(size=n) for n in (8300, 30000)]
    short, long = speaker_bands.dictionary_power(kernels, sounds)
    spectra = [
        attribution.dictionary_response(kernels, sounds[0][at : at + 30], 400) ** 2
        for at in (8000, 8200)
    ]
    assert short == pytest.approx((np.sum(spectra, 0)[50:125].sum(), np.sum(spectra)))
    assert 0 < long[0] < long[1] and long[1] > 20 * short[1]  # 80 frames


def test_high_bands_of_dictionary_and_relevance_are_of_the_same_sentences():
    relevance = np.array([50.0, 60, 70])
    power = np.array([[30.0, 100], [40, 100], [50, 100]])
    found = speaker_bands.high_band_records(
        {"speaker": power, "phone": power}, relevance, list("abc")
    )
    own = found[f"{OURS}/relevance-2000-5000hz-speaker"]
    assert own["value"] == 60 and own["n"] == 3
    lead = own["against"][f"{OURS}/dictionary-2000-5000hz-speaker"]
    assert max(lead) == pytest.approx(20)
    assert found[f"{OURS}/dictionary-2000-5000hz-phone"]["value"] == 40


def test_f_ratios_of_draws_are_those_of_the_speakers_who_are_drawn():
    rng = np.random.default_rng(2)
    speakers = np.repeat(list("abcd"), [3, 2, 4, 3])
    levels = (
        rng.normal(size=(12, 5))
        + np.array([0, 1, 5, 2])[np.unique(speakers, return_inverse=True)[1], None]
    )
    counts = np.array([[1, 1, 1, 1], [2, 0, 1, 1]])
    found = speaker_bands.f_ratio_draws(levels, speakers, counts)
    assert found[0] == pytest.approx(evaluation.f_ratio(levels, speakers))
    twice = np.concatenate([levels[speakers == name] for name in "aacd"])
    names = np.repeat(list("abcd"), [3, 3, 4, 3])  # a stands for two
    assert found[1] == pytest.approx(4 / 3 * evaluation.f_ratio(twice, names))


def test_f_ratios_lie_on_average_around_that_of_all_speakers():
    rng = np.random.default_rng(3)
    speakers = np.repeat(np.arange(6), 4)
    levels = rng.normal(size=(24, 3)) + 3 * rng.normal(size=6)[speakers, None]
    counts = speaker_draws.drawn_counts(6, 4000)
    drawn = speaker_bands.f_ratio_draws(levels, speakers, counts)
    own = np.stack([levels[speakers == i].var(0) for i in range(6)])
    between = drawn[1:] * (counts[1:] @ own) / 6
    wanted = drawn[0] * own.mean(0)
    assert between.mean(0) == pytest.approx(wanted, rel=0.03)


def test_f_ratios_inside_are_compared_with_outside_and_with_shuffled_names():
    lows = np.arange(0, 8000, 500)
    drawn = np.tile(np.where((lows >= 2000) & (lows < 4000), 3.0, 1.0), (5, 1))
    drawn *= np.array([1, 0.9, 1.1, 1.2, 0.8])[:, None]
    found = speaker_bands.f_ratio_records(drawn, drawn.mean(1) / 10, lows, range(12))
    value = found[f"{OURS}/f-ratio-2000-4000hz"]
    assert value["value"] == 3 and value["n"] == 12
    lead = value["against"][f"{OURS}/f-ratio-outside-2000-4000hz"]
    assert lead == pytest.approx(evaluation.statistics.ends([1.8, 2.2, 2.4, 1.6], 12))
    assert f"{OURS}/f-ratio-shuffled" in value["against"]
    assert f"{OURS}/f-ratio-outside-1000-2000hz" not in found


def test_shuffled_names_leave_no_difference_but_that_of_few_utterances():
    rng = np.random.default_rng(4)
    speakers = np.repeat(np.arange(8), 10)
    levels = rng.normal(size=(80, 4)) + 5 * rng.normal(size=8)[speakers, None]
    shuffled = [rng.permutation(speakers) for _ in range(20)]
    counts = speaker_draws.drawn_counts(8, 300)
    found = speaker_bands.shuffled_draws(levels, shuffled, counts)
    wanted = np.mean([evaluation.f_ratio(levels, names) for names in shuffled])
    assert found[0] == pytest.approx(wanted) and found.shape == (301,)
    assert np.median(found) == pytest.approx(wanted, rel=0.1)


def test_rank_correlations_are_spearmans_in_every_draw():
    rng = np.random.default_rng(5)
    one, other = rng.integers(0, 5, (4, 9)).astype(float), rng.normal(size=(4, 9))
    found = speaker_bands.rank_correlations(one, other)
    wanted = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    assert found == pytest.approx(wanted)
    one[1, 3] = np.nan
    assert np.isnan(speaker_bands.rank_correlations(one, other)).tolist() == [0, 1, 0, 0]


def test_bands_are_averaged_over_the_sentences_of_drawn_speakers():
    levels = np.array([[1.0, 0], [3, 0], [9, 6]])
    counts = {"a": np.array([1, 2, 0, 0]), "b": np.array([1, 1, 1, 0]), "c": np.ones(4)}
    found = speaker_bands.band_draws(levels, ["a", "a", "b"], counts)
    assert found[:3] == pytest.approx(np.array([[13 / 3, 2], [17 / 5, 6 / 5], [9, 6]]))
    assert np.isnan(found[3]).all()
    both = speaker_bands.band_draws(np.stack([levels, 2 * levels]), ["a", "a", "b"], counts)
    assert both == pytest.approx(np.stack([found, 2 * found]), nan_ok=True)


def test_agreement_is_recorded_beside_that_of_other_profiles():
    ratio = np.tile([1.0, 2, 3, 4], (6, 1))
    by_band = {name: ratio for name in ("speaker", "phone", "random weights", "speech itself")}
    by_band["phone"] = -ratio
    found = speaker_bands.agreement_records(by_band, ratio, ratio, "abc")
    value = found["raw-waveform/section4-3/f-ratio-agrees"]
    assert value["value"] == pytest.approx(1) and value["n"] == 3  # speakers, not bands
    assert max(value["against"][f"{OURS}/f-ratio-phone"]) == pytest.approx(2)
    assert found[f"{OURS}/band-loss-phone"]["value"] == pytest.approx(-1)


def test_networks_with_random_weights_agree_on_average():
    ratio = np.tile([1.0, 2, 3, 4], (6, 1))
    by_band = {name: ratio for name in ("speaker", "phone", "speech itself")}
    by_band["random weights"] = np.stack([ratio, -ratio, ratio, ratio])
    found = speaker_bands.agreement_records(by_band, ratio, ratio, "abc")
    for id in ("f-ratio", "band-loss"):
        blank = found[f"{OURS}/{id}-random-weights"]
        assert (blank["value"], blank["seeds"]) == (pytest.approx(0.5), 4)


def network(rows, outputs):
    corpus = type("Corpus", (), {"table": pd.DataFrame({"speaker": ["x", "y", "x", "y"]})})
    corpus.targets = staticmethod(lambda task: np.array([0, 1, 0, 1]))
    fold = type("Fold", (), {"test": np.array(rows)})
    made = type("Network", (), {"corpus": corpus, "fold": fold})
    made.utterances = type("Scores", (), {"argmax": staticmethod(lambda _: Numbers(outputs))})
    return made


class Numbers(list):
    def numpy(self):
        return np.array(self)


def test_sentences_of_all_folds_stand_with_their_speakers():
    right, speakers = speaker_bands.named_right([network([0, 1], [0, 0]), network([3, 2], [1, 0])])
    assert right.tolist() == [True, False, True, True]
    assert speakers.tolist() == ["x", "y", "y", "x"]


def test_accuracy_is_drawn_by_speaker_and_led_over_chance():
    right = np.array([1, 0] * 6 + [1] * 12, bool)
    found = speaker_bands.accuracy_records(right, [*range(12), *range(12)], 25)
    value = found["raw-waveform/accuracy/speaker-utterance"]
    assert value["value"] == 75 and value["n"] == 12
    # of twelve draws 1 or fewer are of who is always right in 0.3 %, 2 or fewer in 1.9 %, with the
    # expanded percentiles between
    low, high = 50 + 50 * 2 / 12, 50 + 50 * 10 / 12
    assert value["interval"] == pytest.approx((low, high))
    assert value["against"][f"{OURS}/chance-speaker"] == pytest.approx((low - 25, high - 25))
    assert found[f"{OURS}/chance-speaker"]["value"] == 25


def test_of_each_speaker_as_many_is_no_certainty():
    found = speaker_bands.accuracy_records(np.tile([True, False], 3), list("aabbcc"), 6.25)
    low, high = found["raw-waveform/accuracy/speaker-utterance"]["interval"]
    assert low < 25 and high > 75  # of three


def test_all_right_is_no_certainty():
    found = speaker_bands.accuracy_records(np.ones(16, bool), range(16), 6.25)
    value = found["raw-waveform/accuracy/speaker-utterance"]
    assert value["value"] == 100 and value["interval"] == pytest.approx((80.6, 100), abs=0.1)
