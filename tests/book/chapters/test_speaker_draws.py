import numpy as np
import pytest

from earwitness_book import records
from earwitness_book.chapters import speaker_draws

SPEAKERS = ["a", "a", "b", "c", "c", "c"]


def test_all_clips_of_a_speaker_are_drawn_together_and_first_everybody_once():
    weights = speaker_draws.speaker_weights(SPEAKERS, 200, seed=1)
    assert weights.shape == (201, 6) and (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(1) == 3).all()  # as many speakers as there are
    rows = records.drawn(3, 200, 1)
    assert (weights[7, [0, 2, 3]] == np.bincount(rows[7], minlength=3)).all()


def test_means_and_medians_are_those_of_a_list_with_each_value_as_often_as_drawn():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=6), speaker_draws.speaker_weights(SPEAKERS, 50)
    listed = [np.repeat(values, row) for row in weights]
    assert speaker_draws.weighted_median(values, weights) == pytest.approx(
        [np.median(each) for each in listed]
    )
    assert speaker_draws.weighted_mean(values, weights) == pytest.approx(
        [np.mean(each) for each in listed]
    )


def test_what_is_not_known_does_not_count():
    weights = np.array([[1, 1, 1], [0, 2, 1], [0, 3, 0]])
    values = [2.0, np.nan, 4.0]
    for statistic in (speaker_draws.weighted_mean, speaker_draws.weighted_median):
        assert statistic(values, weights)[:2] == pytest.approx([3, 4])
        assert np.isnan(statistic(values, weights)[2])
    assert np.isnan(speaker_draws.weighted_median([np.nan] * 3, weights)).all()


def test_speakers_are_counted_and_one_alone_has_no_interval():
    id, other = "ours/stoi-phone", "ours/stoi-noise"
    weights = speaker_draws.speaker_weights(SPEAKERS, 300)
    mean = speaker_draws.weighted_mean(np.arange(6.0), weights)
    found = speaker_draws.from_speakers({id: mean, other: mean - 1}, SPEAKERS, [(id, other)])
    value = found[f"raw-waveform/{id}"]
    assert value["value"] == 2.5 and value["n"] == 3 and value["of"] == "speakers"
    lead = value["against"][f"raw-waveform/{other}"]
    assert max(lead) == pytest.approx(1)  # the same draws for both
    low, high = value["interval"]
    assert low < 2.5 < high
    alone = speaker_draws.from_speakers({id: mean, other: mean}, ["a"] * 6, [(id, other)])
    assert alone[f"raw-waveform/{id}"] == {"value": 2.5, "n": 1, "of": "speakers"}


def test_an_interval_holds_what_all_speakers_give_even_if_no_draw_does():
    draws = {"ours/stoi-phone": np.array([1.0, 0.2, 0.4]), "ours/stoi-noise": np.zeros(3)}
    found = speaker_draws.from_speakers(draws, range(12), [("ours/stoi-phone", "ours/stoi-noise")])
    value = found["raw-waveform/ours/stoi-phone"]
    assert value["interval"][1] == 1 and value["interval"][0] < 0.21
    assert value["against"]["raw-waveform/ours/stoi-noise"][1] == 1


def test_medians_of_clips_are_compared_speaker_by_speaker():
    columns = {
        "section4-3/networks-differ": [0.1, 0.2, 0.3, 0.4, 0.9],
        "ours/likeness-random-weights": [0.3, 0.4, 0.5, 0.6, 1.1],
    }
    found = speaker_draws.median_records(columns, list("aabbc"), [tuple(columns)])
    value = found["raw-waveform/section4-3/networks-differ"]
    assert value["value"] == 0.3 and value["n"] == 3
    assert value["interval"][0] >= 0.1 and value["interval"][1] <= 0.9
    lead = value["against"]["raw-waveform/ours/likeness-random-weights"]
    assert min(lead) == pytest.approx(-0.2)
