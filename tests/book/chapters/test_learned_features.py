"""Counts, ranks and areas over clips that are drawn, against the slow way and by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from earwitness.evaluation import statistics, units
from earwitness_book import records
from earwitness_book.chapters import learned_features

RNG = np.random.default_rng(0)
OUTPUTS = [
    (np.maximum(RNG.normal(size=(9, 6)), 0) * [1, 1, 1, 3, 0, 1]).astype(np.float32)
    for _ in range(8)
]
for number, clip in enumerate(OUTPUTS):
    clip[:, 1] = 2 * clip[:, 0] + 0.01 * clip[:, 2]  # a near double
    clip[:, 5] *= number == 3  # reacts in a single clip
QUIET = np.zeros(6, np.float32)
DRAWN = records.drawn(8, 40, 1)
OURS, FEATURES = "speech-quality/ours", "speech-quality/features"


def test_a_census_of_everything_is_that_of_the_library():
    found = learned_features.census(OUTPUTS, QUIET, DRAWN)
    present = units.presence(OUTPUTS, QUIET)
    assert found["always"][0] == (present >= 0.9).sum()
    assert found["rare"][0] == ((present > 0) & (present <= 0.25)).sum() == 1
    assert found["never"][0] == units.constant(OUTPUTS).sum() == 1
    for level in (0.05, 0.5):
        drawn = learned_features.drawn_presence(OUTPUTS, QUIET, DRAWN, level)
        np.testing.assert_array_equal(drawn[:, 0], units.presence(OUTPUTS, QUIET, level))


def test_a_census_counts_a_clip_as_often_as_it_is_drawn():
    drawn = np.array([np.arange(8), [3] * 8, [3, 3, 3, 3, 0, 0, 0, 0], [0, 1, 2, 4, 5, 6, 7, 7]])
    present = learned_features.drawn_presence(OUTPUTS, QUIET, drawn)
    np.testing.assert_array_equal(present[5], [0.125, 1, 0.5, 0])  # it reacts in clip 3 alone
    found = learned_features.census(OUTPUTS, QUIET, drawn)
    assert found["rare"].tolist() == [1, 0, 0, 0] and found["never"].tolist() == [1, 1, 1, 1]
    assert found["always"].tolist() == [4, 5, 4, 4]


def test_the_range_is_that_of_all_clips_whichever_are_drawn():
    outputs = [np.array([[0.0], [size]]) for size in (1.0, 2, 10)]
    found = learned_features.drawn_presence(outputs, np.zeros(1), np.array([[0, 1, 1]]), 0.5)
    assert found.tolist() == [[0]]  # half of the range is 5


def test_the_census_is_recorded_beside_that_of_random_weights_on_the_same_clips():
    twice, drawn = 2 * OUTPUTS, records.drawn(16, 40, 1)
    still = [np.zeros_like(clip) for clip in twice]
    found = learned_features.census_records([(twice, QUIET), (still, QUIET)], drawn)
    rare = found[f"{FEATURES}/rare"]
    assert rare["value"] == 1 and rare["n"] == 16 and rare["of"] == "clips"
    assert rare["interval"] == (0, 1) and rare["against"][f"{OURS}/rare-random-weights"] == (0, 1)
    alike = learned_features.census_records([(twice, QUIET)] * 2, drawn)
    assert alike[f"{FEATURES}/rare"]["against"][f"{OURS}/rare-random-weights"] == (0, 0)


def test_what_never_reacts_is_counted_over_all_clips_and_drawn_with_the_networks_alone():
    """Of drawn clips, some react in none of them: their interval would lie above the count."""
    rng, drawn = np.random.default_rng(0), records.drawn(30, 200, 1)

    def reacting(units_often, units_once):
        outputs = rng.random((30, 4, 6)) * (np.arange(6) < units_often)
        for unit in range(units_often, units_often + units_once):
            outputs[unit, 0, unit] = 1
        return list(outputs), np.zeros(6)

    own, *untrained = reacting(1, 3), *(reacting(often, 0) for often in (3, 4, 5, 6))
    found = learned_features.census_records([own, *untrained], drawn)
    never, control = found[f"{FEATURES}/never"], found[f"{OURS}/never-random-weights"]
    assert (never["value"], never["n"]) == (2, 30) and "interval" not in never
    assert (control["value"], control["seeds"]) == (1.5, 4)
    low, high = never["against"][f"{OURS}/never-random-weights"]
    assert low < -1 and high > 2  # t of four networks that have none to three
    single = learned_features.census_records([own, untrained[0]], drawn)
    never, control = single[f"{FEATURES}/never"], single[f"{OURS}/never-random-weights"]
    assert not {"interval", "against"} & {*never} and "interval" not in control
    assert records.published("speech-quality")[f"{FEATURES}/never"].bare


def test_near_doubles_of_drawn_clips_are_those_of_a_set_made_of_them():
    found = learned_features.drawn_doubles(OUTPUTS, DRAWN)
    for count, rows in zip(found, DRAWN, strict=True):
        correlations, _ = units.redundancy(np.concatenate([OUTPUTS[row] for row in rows]))
        others = np.abs(correlations - np.eye(6)).max(0)
        assert count == (others >= 0.9).sum()
    assert found[0] == 2


def test_of_features_that_do_not_move_none_is_a_double():
    still = [np.full((4, 3), 0.1, np.float32) for _ in range(3)]
    still[0][0] = 7  # moves in one clip alone, all three alike
    found = learned_features.drawn_doubles(still, np.array([[0, 1, 2], [1, 2, 2]]))
    assert found.tolist() == [3, 0]


def test_a_focus_is_counted_in_the_clips_that_are_drawn():
    bottom, top = [0.6, 0.2, 0.2], [0.1, 0.1, 0.8]
    shares = np.array([[bottom, bottom], [bottom, bottom], [bottom, top], [bottom, top]])
    drawn = np.array([[0, 1, 2, 3], [0, 1, 1, 2], [0, 0, 2, 3]])
    assert learned_features.drawn_focus(shares, drawn).tolist() == [1, 2, 1]


def test_rank_correlations_of_drawn_clips_are_those_of_a_set_made_of_them():
    values = np.stack([RNG.integers(3, size=8), RNG.normal(size=8), np.ones(8)], axis=1)
    quality = RNG.integers(5, size=8).astype(float)
    found = learned_features.drawn_rank_correlations(values, quality, DRAWN)
    for one, rows in zip(found, DRAWN, strict=True):
        for column in (0, 1):
            slow = scipy.stats.spearmanr(values[rows, column], quality[rows]).statistic
            assert one[column] == pytest.approx(slow)
        assert one[2] == 0


def test_the_feature_of_gaps_is_held_against_the_median_one_in_every_draw():
    quality = np.arange(8.0)
    peaks = np.stack([-quality, quality, quality], axis=1)
    found = learned_features.quality_records(peaks, quality, 0, DRAWN)
    low = found[f"{FEATURES}/interruption-means-low-quality"]
    median = f"{OURS}/features-against-quality-median"
    assert low["value"] == pytest.approx(-1) and found[median]["value"] == pytest.approx(1)
    assert min(low["against"][median]) == pytest.approx(-2) and low["n"] == 8
    rare = learned_features.rarity_records(np.array([[0.1, 0.2], [0.6, 0.5], [0.9, 0.9]]), 0, 12)
    assert rare[f"{FEATURES}/interruption-is-rare"]["value"] == 10
    assert rare[f"{OURS}/presence-median"]["value"] == 60
    against = rare[f"{FEATURES}/interruption-is-rare"]["against"]
    assert against[f"{OURS}/presence-median"] == (-50, -30)  # of all clips, and of every draw


def test_noise_is_told_from_clean_pauses_clip_by_clip():
    clips = np.repeat(np.arange(12), 10)
    noisy = clips >= 6
    outputs = np.stack([-1.0 * noisy, RNG.normal(size=120), RNG.normal(size=120)], axis=1)
    found = learned_features.noise_records(outputs, noisy, clips, 0)
    despite = found[f"{FEATURES}/no-voice-despite-noise"]
    assert despite["value"] == 1 and despite["n"] == 12  # lower in noise tells, too
    assert despite["interval"] == (1, 1)
    low, high = despite["against"][f"{OURS}/no-voice-despite-noise-median"]
    assert 0.2 < low < high < 0.5


def test_further_features_are_counted_beside_those_of_networks_that_are_drawn():
    rng = np.random.default_rng(0)  # its own: whichever tests run before, noise knows nothing
    clips = np.repeat(np.arange(12), 10)
    truth = rng.random(120) < 0.5
    knows = np.stack([truth, truth, truth, rng.normal(size=120)], axis=1).astype(float)
    blind, half = knows[:, [3, 3, 3, 3]], knows[:, [0, 1, 3, 3]]
    found = learned_features.further_records([knows, blind, half], [0, 0, 1], truth, clips)
    own = found[f"{FEATURES}/no-voice-in-others"]
    control = found[f"{OURS}/no-voice-in-others-random-weights"]
    assert own["value"] == 2 and own["interval"] == (2, 2) and own["n"] == 12
    assert control["value"] == 0.5 and control["seeds"] == 2
    assert control["std"] == pytest.approx(0.5**0.5)
    low, high = control["interval"]
    assert (
        low == 0 and high > 3
    )  # of two networks nothing is known, but that no count is below zero
    low, high = own["against"][f"{OURS}/no-voice-in-others-random-weights"]
    assert low < 0 and high > 3  # two networks that differ leave it open
    alone = learned_features.further_records([knows, blind], [0, 0], truth, clips)
    assert "std" not in alone[f"{OURS}/no-voice-in-others-random-weights"]


def test_methods_are_recorded_by_their_agreement_and_by_what_they_miss():
    sums = SimpleNamespace(relative=torch.tensor([[0.1, 0.2, 0.9]]))
    cosine = torch.tensor([[0.8, 0.6, 0.9, 0.9], [0.8, 0.7, 0.9, 0.9]], dtype=torch.float64)
    drawn = records.drawn(4, 200, 0)
    found = learned_features.method_records(cosine, cosine - 1, sums, sums, drawn)
    agree = found[f"{FEATURES}/methods-agree"]
    assert agree["value"] == float(cosine.median()) == 0.8  # the lower of two in the middle
    medians = [np.sort(cosine.numpy()[:, clips], axis=None)[3] for clips in drawn[1:]]
    assert agree["n"] == 4 and agree["interval"] == statistics.ends(medians, 4)
    assert 0.5 < agree["interval"][0] < 0.8 < agree["interval"][1]
    assert max(agree["against"][f"{OURS}/methods-agree-other-feature"]) == pytest.approx(1)
    assert found[f"{OURS}/deeplift-completeness"]["value"] == pytest.approx(0.9)
    assert found[f"{OURS}/ig-completeness"]["value"] == pytest.approx(0.2)


def test_of_a_single_clip_there_is_no_interval():
    one = learned_features.beside_untrained({"redundant": ([3, 3], [1, 1])}, np.array([[0], [0]]))
    assert one[f"{FEATURES}/redundant"] == {"value": 3, "n": 1, "of": "clips"}


def test_baselines_are_recorded_by_what_they_leave_on_pauses():
    ratios = pd.DataFrame({"silence": [0.6, 0.8, np.nan], "noise floor": [0.2, 0.4, 9.0]})
    pauses, stripes = learned_features.baseline_records(ratios, ratios * np.nan)
    floor = pauses["speech-quality/ours/pauses-noise-floor"]
    assert floor["value"] == pytest.approx(0.3) and floor["n"] == 2 and stripes == {}
    silence = pauses["speech-quality/ours/pauses-silence"]
    assert max(silence["against"]["speech-quality/ours/pauses-noise-floor"]) == pytest.approx(0.4)


def test_a_role_is_held_against_the_best_features_of_untrained_networks_clip_by_clip():
    rng = np.random.default_rng(0)
    clips = np.repeat(np.arange(12), 20)
    truth = rng.random(240) < 0.5
    knows = np.stack([rng.normal(size=240), truth + 0.3 * rng.normal(size=240)], axis=1)
    guesses = [rng.normal(size=(240, 2)) for _ in range(3)]
    best = [units.Best(1, 1, 0.97), *[units.Best(0, -1, 0.5)] * 3]
    found = learned_features.role_records("speech", best, [knows, *guesses], truth, clips)
    own, control = found.values()
    low, high = own["against"]["speech-quality/ours/speech-random-weights"]
    assert 0.3 < low < high < 0.7 and own["interval"][0] > 0.9  # three networks
    assert own["n"] == 12 and own["of"] == "clips" and control["seeds"] == 3
    alike = learned_features.role_records("speech", best[:2], [knows, knows], truth, clips)
    low, high = next(iter(alike.values()))["against"]["speech-quality/ours/speech-random-weights"]
    assert low < high  # another unit of it
    single = learned_features.role_records("speech", best[:2], [knows, knows], truth, 0 * clips)
    assert all(each["n"] == 1 and each["interval"] is None for each in single.values())
    assert not any("against" in each for each in single.values())


def test_stripes_are_what_stays_the_same_in_time():
    bands = np.array([1.0, -2.0, 0.5])[None, None, :, None]
    stripes = np.tile(bands, (2, 4, 1, 5))
    assert learned_features.horizontal_structure(stripes) == pytest.approx(1)
    noise = np.random.default_rng(0).standard_normal((2, 40, 48, 15))
    assert learned_features.horizontal_structure(noise) < 0.01
    half = np.concatenate([stripes, -stripes], axis=1)  # the second half takes the first away
    assert learned_features.horizontal_structure(half) == pytest.approx(0)
    silent = np.concatenate([stripes, 0 * stripes], axis=0)  # features without an explanation
    assert learned_features.horizontal_structure(silent) == pytest.approx(1)
    assert np.isnan(learned_features.horizontal_structure(np.zeros((2, 0, 3, 5))))


def test_counts_of_networks_with_random_weights_are_drawn_with_the_networks():
    drawn = records.drawn(16, 400, 0)
    own, *untrained = (np.full(401, count) for count in (20, 0, 5, 10, 15))
    found = learned_features.beside_untrained({"always": [own, *untrained]}, drawn)
    value, control = found[f"{FEATURES}/always"], found[f"{OURS}/always-random-weights"]
    assert (value["value"], control["value"], control["seeds"]) == (20, 7.5, 4)
    assert value["interval"] == (20, 20) and control["std"] == pytest.approx(6.455, abs=1e-3)
    assert control["interval"][0] < 5 and control["interval"][1] > 10
    low, high = value["against"][f"{OURS}/always-random-weights"]
    assert low < 4 and high > 21  # t of four: 12.5 -+ 10.3
