import numpy as np
import pandas as pd
import pytest

from earwitness import training
from earwitness.evaluation import statistics
from earwitness_book import records
from earwitness_book.chapters import sentence_records, speaker_draws

SPEAKERS = ["a", "a", "b", "b", "c"]


def test_a_sentence_without_voice_is_left_out_of_value_and_control():
    columns = {
        "figure4/f0-contour": [90, np.nan, 80, 70, 60],
        "ours/f0-contour-random-weights-phone": [80, np.nan, 70, 60, 50],
    }
    found = sentence_records.mean_records(columns, SPEAKERS)
    value = found["raw-waveform/figure4/f0-contour"]
    assert value["value"] == 75 and value["n"] == 3 and value["of"] == "speakers"
    lead = value["against"]["raw-waveform/ours/f0-contour-random-weights-phone"]
    assert max(lead) == pytest.approx(10)  # in each sentence: only pairs know


def vowels(envelope):
    n = len(envelope)
    return pd.DataFrame(
        {
            "envelope": envelope,
            "harmonics": 0.5,
            "F1": [True] + [False] * (n - 1),
            "F2": [True] * n,
        }
    )


def test_vowels_are_drawn_by_speakers_who_have_some():
    n_vowels, own = [1, 0, 2, 0, 0], np.array([0.9, 0.5, 0.8])
    signals = {
        "phone network": own,
        "phone, random weights": own - 0.1,
        "speaker network": own,
        "white noise": own * 0,
    }
    others = [np.array([0.4, 0.2]), np.array([]), np.array([0.05]), np.array([]), np.array([])]
    found = sentence_records.vowel_records(
        {name: vowels(each) for name, each in signals.items()},
        {"phone network": others, "phone, random weights": others},
        n_vowels,
        SPEAKERS,
    )
    envelope = found["raw-waveform/figure5/envelope"]
    assert envelope["value"] == 0.8 and envelope["n"] == 2  # c has no such vowel
    assert envelope["interval"] == pytest.approx((0.65, 0.9))  # of b alone, of a alone
    lead = envelope["against"]
    assert max(lead["raw-waveform/ours/envelope-random-weights"]) == pytest.approx(0.1)
    # of a alone, of b alone and of both: only pairs know
    assert max(lead["raw-waveform/ours/envelope-other-vowel"]) == pytest.approx(0.6)
    assert found["raw-waveform/ours/envelope-other-vowel"]["value"] == pytest.approx(0.2)
    assert found["raw-waveform/figure5/f1"]["value"] == pytest.approx(100 / 3)
    assert found["raw-waveform/figure5/f1"]["interval"] == pytest.approx((0, 100))


def mistakes(speakers, wrong):
    return pd.DataFrame({"speaker": speakers, "frames": 10, "wrong": wrong})


def test_the_most_frequent_phone_is_counted_over_labelled_frames_of_all_sentences(monkeypatch):
    labels = {0: np.array([-1, 7, 7, 3]), 1: np.array([3, 7, -1, -1]), 2: np.array([3, 3, 3, 3])}
    monkeypatch.setattr(training, "frame_targets", lambda speech, task, row: labels[row])
    speech = type("Speech", (), {"table": pd.DataFrame({"speaker": ["a", "b", "c"]})})
    found = sentence_records.frequent_mistakes(speech, [1, 0])
    assert found["speaker"].to_list() == ["b", "a"]
    assert found["frames"].to_list() == [2, 3] and found["wrong"].to_list() == [1, 1]
    assert sentence_records.frame_error(found) == 40


def fold_errors(speakers):
    """Return the error of each fold of the test below, of whose speakers one or more are drawn."""
    wrong, frames = np.array([2, 4 + 6, 5, 5]), np.array([10, 20, 10, 10])
    folds = {1: speakers[speakers < 2], 2: speakers[speakers >= 2]}
    return {fold: 100 * wrong[of].sum() / frames[of].sum() for fold, of in folds.items() if len(of)}


def test_frame_errors_are_drawn_by_speaker_together_with_their_chance():
    tested = [mistakes(["a", "b", "b"], [2, 4, 6]), mistakes(["c", "d"], [5, 5])]
    frequent = [mistakes(["a", "b", "b"], [9, 9, 9]), mistakes(["c", "d"], [7, 7])]
    validated = mistakes(["e", "f"], [1, 3])
    found = sentence_records.frame_error_records(tested, validated, frequent)
    test = found["raw-waveform/ours/frame-error-test"]
    assert test["value"] == pytest.approx(45) and test["n"] == 4  # mean of 40 % and 50 %
    drawn = records.drawn(4, speaker_draws.N_RESAMPLES, 0)[1:]
    errors = [fold_errors(speakers) for speakers in drawn]
    ends = statistics.ends([np.mean(list(each.values())) for each in errors], 4)
    assert test["interval"] == pytest.approx(ends)
    chance = found["raw-waveform/ours/chance-phone-error"]
    assert chance["value"] == 80 and chance["n"] == 4  # mean of 90 % and 70 %
    lead = test["against"]["raw-waveform/ours/chance-phone-error"]
    by_chance = {1: 90, 2: 70}
    leads = [np.mean([each[k] - by_chance[k] for k in each]) for each in errors]
    assert lead == pytest.approx(statistics.ends(leads, 4, value=-35))
    dev = found["raw-waveform/ours/frame-error-dev"]
    assert dev["value"] == 20 and dev["interval"] == (10, 30) and dev["n"] == 2


def test_networks_are_counted_where_there_is_one_a_fold():
    made = {
        "raw-waveform/figure4/f0-contour": {"value": 1.0},
        "raw-waveform/figure6/f0-contour": {"value": 2.0},
    }
    counted = sentence_records.of_networks(made, 4)
    assert counted["raw-waveform/figure4/f0-contour"] == {"value": 1.0, "seeds": 4}
    assert "seeds" not in counted["raw-waveform/figure6/f0-contour"]
    assert "seeds" not in made["raw-waveform/figure4/f0-contour"]
