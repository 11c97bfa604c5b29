from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from earwitness import features
from earwitness.evaluation import FlippingCurve, roc_area
from earwitness_book import records
from earwitness_book.chapters import audiomnist

TONE = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32)


class Trained:
    """A trained network that predicts the class of an input by its sign, on four clips."""

    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False))
    mean = torch.tensor(1.0)
    confusion = np.array([[3, 1], [0, 4]])
    accuracy = 7 / 8
    fold = SimpleNamespace(train=np.arange(4), test=np.arange(4))
    corpus = SimpleNamespace(
        table=pd.DataFrame({"sex": ["male", "female"] * 2, "speaker": ["a", "a", "b", "b"]})
    )

    def __init__(self):
        self.model[1].weight.data = torch.tensor([[-1.0], [1.0]])

    def inputs(self, rows):
        return torch.tensor([[-1.0], [1.0], [-1.0], [-1.0]])[rows]

    def targets(self, rows):
        return torch.tensor([0, 1, 0, 1])[rows]

    def seconds(self, rows):
        return np.stack([TONE] * len(rows))

    def test_rows(self, n_clips=0):
        return self.fold.test


class Turned(Trained):
    """The same with the opposite predictions."""

    def inputs(self, rows):
        return -super().inputs(rows)


def test_hits_count_right_predictions_in_per_cent():
    assert audiomnist.hits(Trained(), np.arange(4)).tolist() == [100, 100, 100, 0]
    turned = -Trained().inputs(np.arange(4))
    assert audiomnist.hits(Trained(), np.arange(4), turned).tolist() == [0, 0, 0, 100]


def test_table_1_holds_accuracy_chance_training_and_the_worst_class():
    task = SimpleNamespace(family="digits", task="digit")
    networks = {"AlexNet": [Trained(), Trained()], "AudioNet": [Trained(), Turned()]}
    found = audiomnist.table1_records(task, networks, "brief")
    own = found["audiomnist/table1/alexnet-digits"]
    assert own["value"] == 75 and own["folds"] == [87.5, 87.5] and own["control"] == 50
    assert own["n"] == 2 and own["of"] == "speakers"
    assert found["audiomnist/table1/audionet-digits"]["value"] == 50
    assert found["audiomnist/ours/train-alexnet-digits"]["value"] == 75
    assert found["audiomnist/ours/worst-class-alexnet-digits"]["value"] == 75
    task.family = "sex"
    single = audiomnist.table1_records(task, {"AudioNet": [Trained()]}, "brief")
    assert single["audiomnist/table1/audionet-sex"]["std"] is None
    assert not [id for id in single if "worst" in id]


def test_table_1_holds_how_far_one_network_leads_the_other_over_speakers():
    task = SimpleNamespace(family="digits", task="digit")
    networks = {"AlexNet": [], "AudioNet": []}
    for fold in range(6):  # of two other speakers each
        for folds, kind in zip(networks.values(), (Trained, Turned), strict=True):
            folds.append(kind())
            folds[-1].corpus = SimpleNamespace(
                table=pd.DataFrame({"speaker": np.repeat([f"a{fold}", f"b{fold}"], 2)})
            )
    found = audiomnist.table1_records(task, networks, "brief")["audiomnist/table1/alexnet-digits"]
    assert found["value"] == 75 and found["n"] == 12
    # of each a's clips all are right against none, of each b's one in two; and of twelve draws 1 or
    # fewer are of an a in 0.3 %, 2 or fewer in 1.9 %, with the expanded percentiles between
    lead = found["against"]["audiomnist/table1/audionet-digits"]
    assert lead == pytest.approx((100 * 2 / 12, 100 * 10 / 12))


def test_errors_on_one_speaker_are_held_against_the_largest_share_by_chance():
    names = np.repeat(list("abcde"), 20)
    wrong = (names == "a") & (np.arange(100) < 10)
    found = audiomnist.worst_speaker(wrong, names)
    assert found["value"] == 100 and found["n"] == 10 and found["note"] == "speaker a"
    assert 20 < found["control"] < 60 < found["interval"][0]  # above the even share of 20 %


def test_the_order_of_figure_3_is_counted_between_the_ends():
    lrp, loud, random = (
        np.array(row) for row in ([0.9, 0.5, 0.6, 0.1], [0.9, 0.6, 0.5, 0.1], [0.9, 0.8, 0.7, 0.1])
    )
    assert audiomnist.flipping_order(lrp, loud, random) == 50
    assert audiomnist.flipping_order(lrp, loud, loud) == 0  # amplitude must be below random


def curve(*correct):
    correct = np.array(correct, bool)
    return FlippingCurve(np.array([0, 0.01, 0.5, 1]), correct, correct * 1.0, 0, "float32")


def test_flipping_records_areas_and_one_per_cent_with_leads_over_speakers():
    curves = {"lrp": curve(*[[1, 0, 0, 0]] * 4), "untrained": curve(*[[1, 1, 1, 0]] * 4)}
    found = audiomnist.flipping_records(curves, "sex", ["a", "a", "b", "b"])
    lead = found["audiomnist/ours/flipping-sex-auc-lrp"]["against"]
    assert min(lead["audiomnist/ours/flipping-sex-auc-untrained"]) == pytest.approx(-74.5)
    assert found["audiomnist/ours/flipping-sex-1pct-untrained"]["value"] == 100
    assert found["audiomnist/ours/flipping-sex-1pct-lrp"]["value"] == 0
    assert found["audiomnist/ours/flipping-sex-0pct"]["value"] == 100


def test_the_share_of_ordered_fractions_stands_beside_that_of_random_weights():
    right = {
        "lrp": np.array([[1, 0, 0, 0], [1, 0, 1, 0]], bool),
        "random-weights": np.array([[1, 1, 1, 0], [1, 1, 1, 0]], bool),
        "amplitude": np.array([[1, 0, 0, 0], [1, 0, 0, 0]], bool),
        "random": np.array([[1, 1, 1, 0], [1, 1, 1, 0]], bool),
    }
    found = audiomnist.order_records(right, ["a", "b"], "lrp", "sex")
    own, control = (
        found["audiomnist/flipping/sex-order"],
        "audiomnist/ours/flipping-sex-order-untrained",
    )
    assert (own["value"], found[control]["value"]) == (50, 0)
    low, high = own["interval"]
    assert low <= 50 and high >= 100  # speaker a drawn twice: 100
    low, high = own["against"][control]
    assert low <= 50 <= high and (own["n"], own["of"]) == (2, "speakers")
    alone = audiomnist.order_records(right, ["a", "a"], "lrp", "sex")
    assert alone["audiomnist/flipping/sex-order"] == {"value": 50, "n": 1, "of": "speakers"}


def test_robustness_has_an_interval_over_speakers_and_amplitude_for_a_control():
    random, fractions = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool), [0, 0.1, 0.5, 1]
    found = audiomnist.robust_records(random, random[:, [0, 3, 3, 3]], fractions, ["a", "b"])
    own, control = found.values()
    assert (own["value"], control["value"]) == (10, 0)
    assert own["interval"][0] <= 10 and own["interval"][1] >= 50
    same = audiomnist.robust_records(random, random, fractions, ["a", "b"])
    low, high = same["audiomnist/flipping/sex-random-robust"]["against"][
        "audiomnist/ours/flipping-sex-amplitude-robust"
    ]
    assert low <= 0 <= high  # drawn together: the same speakers for both
    alone = audiomnist.robust_records(random, random, fractions, ["a", "a"])
    assert not any("interval" in each for each in alone.values())


@given(st.integers(1, 5))
def test_a_curve_is_robust_until_the_last_fraction_before_it_falls(falls_at):
    fractions = [0, 0.1, 0.2, 0.4, 0.6, 0.9]
    accuracy = np.array([0.9] * falls_at + [0.5] * (6 - falls_at))
    assert audiomnist.robust_until(accuracy, fractions) == pytest.approx(
        100 * fractions[falls_at - 1]
    )
    assert audiomnist.robust_until(np.full(6, 0.9), fractions) == 90


def test_scaling_moves_a_tone_by_the_factor_of_its_speakers_sex():
    factors = {"male": 1.5, "female": 0.5}
    scaled = audiomnist.scaled_inputs(Trained(), np.array([0, 1]), factors)[:, 0] + 1
    peaks = features.frequencies_hz()[scaled[:, :, 100].argmax(1)]
    np.testing.assert_allclose(peaks, [1500, 500], atol=20)


def test_emptying_the_top_takes_it_from_women_alone():
    emptied = audiomnist.top_emptied(Trained(), np.array([0, 1]), 0.5)[:, 0] + 1
    whole = features.log_spectrogram(Trained().seconds([0, 1]))
    torch.testing.assert_close(emptied[0], whole[0])
    torch.testing.assert_close(emptied[1, :114], whole[1, :114])
    assert (emptied[1, 114:] == -80).all()


def test_similarity_is_one_within_equal_maps_and_zero_between_maps_apart():
    maps = torch.zeros(4, 1, 22, 22)
    maps[:2, :, :11], maps[2:, :, 11:] = 1, 1
    found = audiomnist.similarity(
        audiomnist.cosines(maps), torch.tensor([0, 0, 1, 1]), list("abab")
    )
    assert found == pytest.approx({"same word": 1, "different words": 0}, abs=1e-6)


def test_similarity_of_drawn_speakers_is_that_of_all_pairs_of_their_clips():
    rng = np.random.default_rng(0)
    alike = torch.tensor(rng.random((6, 6)))
    alike = alike + alike.T
    targets, names = torch.tensor([0, 1, 0, 0, 1, 1]), list("aabbcc")
    found = audiomnist.drawn_similarity(alike, targets, names, 20)
    for draw, speakers in enumerate(records.drawn(3, 20, 0)):
        clips = [clip for speaker in speakers for clip in (2 * speaker, 2 * speaker + 1)]
        pairs = [(i, j) for i in clips for j in clips if names[i] != names[j]]
        for side, same in (("same word", True), ("different words", False)):
            of = [float(alike[i, j]) for i, j in pairs if (targets[i] == targets[j]) == same]
            expected = pytest.approx(np.mean(of)) if of else pytest.approx(np.nan, nan_ok=True)
            assert found[side][draw] == expected


def test_the_area_of_drawn_speakers_is_that_of_all_pairs_of_their_clips():
    rng = np.random.default_rng(0)
    alike = torch.tensor(rng.integers(5, size=(6, 6)) / 4.0)  # with ties
    alike = torch.maximum(alike, alike.T)
    targets, names = torch.tensor([0, 1, 0, 0, 1, 1]), list("aabbcc")
    found = audiomnist.drawn_areas(alike, targets, names, 20)
    for draw, speakers in enumerate(records.drawn(3, 20, 0)):
        clips = [clip for speaker in speakers for clip in (2 * speaker, 2 * speaker + 1)]
        pairs = [(i, j) for i in clips for j in clips if names[i] != names[j]]
        same = [bool(targets[i] == targets[j]) for i, j in pairs]
        if len(set(same)) == 2:
            expected = roc_area([float(alike[pair]) for pair in pairs], same)
        else:
            expected = np.nan
        assert found[draw] == pytest.approx(expected, nan_ok=True)


def test_patterns_are_told_from_those_of_random_weights_on_the_same_draws():
    targets, names = torch.tensor([0, 1] * 12), np.repeat(np.arange(12), 2)
    same = (targets[:, None] == targets[None, :]).double()
    rng = np.random.default_rng(0)
    blank = []
    for _ in range(3):
        noise = torch.tensor(rng.random((24, 24)))
        blank.append(noise + noise.T)
    found = audiomnist.pattern_records(same, blank, blank[0] + same / 4, targets, names, 200)
    own, untrained, sounds = found.values()
    assert own["value"] == 1 and 0.4 < untrained["value"] < sounds["value"] < 1
    assert own["against"]["audiomnist/ours/pattern-area-random-weights"][0] > 0
    assert (untrained["seeds"], own["n"], own["of"]) == (3, 12, "speakers")
    assert audiomnist.pattern_records(same, blank, same, targets, ["a"] * 24, 9) == {}


@given(st.integers(0, 1000))
def test_voices_that_are_alike_are_no_pattern_of_words(seed):
    """One clip of each word by each speaker, maps that know only who speaks."""
    targets, names = torch.tensor([0, 1] * 8), np.repeat(np.arange(8), 2)
    voices = torch.tensor(np.random.default_rng(seed).random((8, 8))).repeat_interleave(2, 0)
    alike = voices @ voices.T
    found = audiomnist.similarity_records(alike, alike, targets, names, 20)
    within, between = found.values()
    assert within["value"] == pytest.approx(between["value"])
    assert audiomnist.drawn_areas(alike, targets, names, 0)[0] == pytest.approx(0.5)


def test_patterns_of_words_are_compared_on_the_same_draws_of_speakers():
    targets, names = torch.tensor([0, 1] * 12), np.repeat(np.arange(12), 2)
    same = targets[:, None] == targets[None, :]
    level = torch.tensor(
        np.repeat([0.0, 0.1, 0.2, 0.3] * 3, 2)
    )  # a speaker whose maps are all alike
    maps = 0.2 * same + level[:, None] + level[None, :]
    found = audiomnist.similarity_records(maps, same.double(), targets, names, 200)
    within = found["audiomnist/ours/similarity-within-classes"]
    between = found["audiomnist/ours/similarity-between-classes"]
    assert (within["value"], between["value"]) == pytest.approx((0.5, 0.3))
    assert (within["n"], within["of"]) == (12, "speakers")
    assert (within["control"], between["control"]) == (1, 0)
    low, high = within["against"]["audiomnist/ours/similarity-between-classes"]
    wide = within["interval"][1] - within["interval"][0]
    assert (
        0 < low < 0.21 and 0.19 < high and high - low < wide / 2
    )  # paired: the speakers' levels cancel
    assert (
        audiomnist.similarity_records(maps[:2, :2], maps[:2, :2], targets[:2], ["a", "b"], 9) == {}
    )
    assert audiomnist.similarity_records(maps, maps, targets, ["a"] * 24, 9) == {}


def test_speakers_are_sorted_by_their_pitch():
    times = np.arange(8000) / 8000
    clips = [
        SimpleNamespace(
            labels={"speaker": name, "sex": sex},
            sample_rate=8000,
            samples=np.float32(0.1) * np.sign(np.sin(2 * np.pi * f0 * times)).astype(np.float32),
        )
        for name, sex, f0 in (("high", "female", 220), ("low", "male", 110))
    ]
    table = audiomnist.speaker_pitch(clips)
    assert list(table["speaker"]) == ["low", "high"]
    np.testing.assert_allclose(table["f0_hz"], [110, 220], rtol=0.02)


def test_recipes_are_compared_on_the_same_clips_and_the_later_leads_the_first():
    networks = {"fast": Turned(), "paper": Trained()}  # 1 and 3 of 4 clips right
    for each, iterations in zip(networks.values(), (400, 10_000), strict=True):
        each.specification = {"recipe": {"iterations": iterations}}
    found = audiomnist.recipe_records("AlexNet", "sex", networks)
    first, second = (f"audiomnist/ours/{name}-recipe-alexnet-sex" for name in networks)
    assert [found[id]["value"] for id in (first, second)] == [25, 75]
    low, high = found[second]["against"][first]
    assert low <= 50 <= high and found[second]["n"] == 2 and found[second]["of"] == "speakers"
    assert found[second]["note"] == "first fold, 4 clips, 10000 iterations"
    table = audiomnist.recipe_table(found)
    assert table["fast-recipe-alexnet-sex"]["lead (points)"] == "–"
    assert table["paper-recipe-alexnet-sex"]["lead (points)"].startswith("+50.0 [")
    assert list(audiomnist.recipe_table({first: found[first]})) == ["fast-recipe-alexnet-sex"]
