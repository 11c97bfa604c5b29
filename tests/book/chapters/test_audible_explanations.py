"""Channels and the phones that they stand for, on shares that are worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness import figures
from earwitness.errors import ParameterError
from earwitness_book.chapters import audible_explanations as chapter

RATE = 10
PHONES = pd.DataFrame(
    {"start_s": [0.0, 0.2, 0.4], "end_s": [0.2, 0.4, 0.6], "phone": ["n", "aɪ", "n"]}
)


def test_a_clip_without_positive_relevance_is_left_out_and_the_others_keep_their_numbers():
    relevance = torch.tensor(
        [[3.0, 0, 1, 0, 0, -9], [-1, -1, -1, 0, 0, 0], [0, 0, 2, 2, 0, 4], [0, 0, 0, 0, 0, 0]]
    )
    found = chapter.share_on_phone(relevance, [PHONES] * 4, [0.0] * 4, RATE)
    assert found.to_dict() == {0: pytest.approx(25), 2: pytest.approx(50)}
    assert chapter.share_on_phone(relevance[1::2], [PHONES] * 2, [0.0] * 2, RATE).empty


def test_the_phone_is_looked_for_where_the_clip_begins():
    relevance = torch.tensor([[0.0, 0, 0, 1, 1, 0]])
    (found,) = chapter.share_on_phone(relevance, [PHONES], [0.1], RATE)
    assert found == pytest.approx(100)
    (found,) = chapter.share_on_phone(relevance, [PHONES], [0.0], RATE, position=3)
    assert found == pytest.approx(50)


def test_half_of_the_relevance_is_counted_in_channels_from_the_largest():
    shares = np.array([[0.1, 0.2, 0.7, 0.0], [0.25, 0.25, 0.25, 0.25]])
    assert chapter.channels_for_half(shares) == pytest.approx(100 * (1 + 2) / 2 / 4)


def test_a_class_without_clips_has_no_shares():
    shares = np.array([[0.2, 0.8], [0.4, 0.6]])
    found = chapter.shares_by_class(shares, np.array([2, 2]), 3)
    np.testing.assert_allclose(found, [[0, 0], [0, 0], [30, 70]])


def test_common_channels_are_those_that_two_words_share_and_others_lack():
    shares = np.array([[0.1, 0.4, 0.4, 0.1], [0.0, 0.5, 0.4, 0.1], [0.1, 0.6, 0.0, 0.3]])
    assert chapter.common_channels(shares, np.array([5, 9, 1]), (5, 9), 1) == [2]
    dead = np.array([[0.4, 0.6, 0.0], [0.3, 0.7, 0.0], [0.5, 0.5, 0.0]])
    assert chapter.common_channels(dead, np.array([5, 9, 1]), (5, 9), 2) == [1, 0]
    with pytest.raises(ParameterError, match="must be among the clips"):
        chapter.common_channels(shares[:2], np.array([5, 9]), (5, 9), 1)
    with pytest.raises(ParameterError, match="must be among the clips"):
        chapter.common_channels(shares, np.array([5, 1, 2]), (5, 9), 1)


def test_accuracy_is_in_per_cent_of_the_clips():
    inputs = torch.eye(4)
    assert chapter.accuracy(nn.Identity(), inputs, np.array([0, 1, 2, 0])) == 75


def test_spoken_clips_are_those_of_up_to_a_second_in_the_middle_of_it():
    class Clip:
        samples, sample_rate = np.ones(4000, np.float32) / 2, 8000

    class Trained:
        class corpus(list):
            table = pd.DataFrame({"longer_than_1s": [False, True, False]})

        class fold:
            test = [1, 2]

        @staticmethod
        def prepare(seconds):
            return torch.from_numpy(seconds)[:, None]

    Trained.corpus = type("Corpus", (list,), {"table": Trained.corpus.table})([Clip] * 3)
    table, inputs = chapter.spoken_clips(Trained)
    assert list(table.index) == [2] and inputs.shape == (1, 1, 8000)
    assert inputs[0, 0].nonzero().flatten()[[0, -1]].tolist() == [2000, 5999]


# Of twelve draws from six of each of two kinds, 1 or fewer are of one kind in 0.3 %, 2 or fewer in
# 1.9 %: at the expanded percentiles of twelve, 1.1 % from the ends, there are 2 and 10.
FEWEST, MOST = 2, 10


class Fold:
    """A network on a fold of two clips by each of twelve speakers, six like a, six like b; it says
    what it is given for a and b.
    """

    model = nn.Identity()
    fold = SimpleNamespace(test=np.arange(24))
    digits = torch.tensor([1, 1, 1, 0] * 6)
    corpus = SimpleNamespace(table=pd.DataFrame({"speaker": np.repeat(np.arange(12), 2)}))

    def __init__(self, said):
        self.said = said * 6

    def inputs(self, rows):
        return torch.eye(2)[self.said][rows]

    def targets(self, rows):
        return self.digits[rows]

    def test_rows(self, n_clips):
        return self.fold.test


def test_accuracy_is_recorded_beside_the_share_of_the_most_frequent_digit():
    networks = {"audionet": Fold([1, 1, 1, 0]), "alexnet": Fold([0, 1, 1, 0])}
    said = {name: chapter.answers(network) for name, network in networks.items()}
    assert said["alexnet"].tolist() == [0, 1, 1, 0] * 6
    found = chapter.accuracy_records(networks, said, "brief")
    best = found["audible-explanations/accuracy/audionet-digits"]
    low, high = best["interval"]
    assert best["value"] == 100 == high and 75 < low < 76  # of twelve speakers
    assert (best["n"], best["of"], best["control"]) == (12, "speakers", 75)
    assert best["note"] == "recipe brief, one fold, 24 clips"
    chance = "audible-explanations/ours/chance-digits"
    share_b = np.array([FEWEST, MOST]) / 12
    assert best["against"][chance] == pytest.approx(50 * share_b)  # a says ones alone, b one of two
    assert found[chance]["value"] == 75 and "control" not in found[chance]
    other = found["audible-explanations/accuracy/alexnet-digits"]
    assert other["value"] == 75 and other["interval"] == pytest.approx(50 + 50 * share_b)
    assert other["against"][chance] == pytest.approx(-50 + 100 * share_b)


def _shares(word, *, speakers, **of):
    """What lies on the vowel of a word, a share for each clip."""
    measures = {
        "relevance for the word": [0.5] * len(speakers),
        "relevance, random weights": [0.6] * len(speakers),
        "energy of the clip": [0.7] * len(speakers),
        "duration": [0.4] * len(speakers),
        "energy of the audible explanation": [0.9] * len(speakers),
    }
    rows = [
        {"part": f"{word}: aɪ", "what": what, "share": share, "clip": clip, "speaker": speaker}
        for what, shares in (measures | of).items()
        for clip, (share, speaker) in enumerate(zip(shares, speakers, strict=True))
    ]
    return pd.DataFrame(rows)


def test_a_word_that_was_not_recognised_has_no_vowel_to_record():
    nine, five = _shares("nine", speakers="aab"), _shares("five", speakers="ab")
    both = pd.concat([nine, five, five.assign(part="five: f")])
    found = chapter.vowel_records(both)
    assert len(found) == 8
    assert found["audible-explanations/relevance/nine-is-its-vowel"]["value"] == pytest.approx(90)
    assert found["audible-explanations/ours/nine-vowel-duration"]["value"] == pytest.approx(40)
    untrained = found["audible-explanations/ours/five-vowel-relevance-untrained"]
    assert untrained["value"] == pytest.approx(60)
    alone = chapter.vowel_records(five)
    audible = alone["audible-explanations/ours/five-vowel-audible"]
    assert audible["value"] == pytest.approx(90) and len(alone) == 3
    assert chapter.vowel_records(both[both["part"] == "five: f"]) == {}


def test_what_lies_on_the_vowel_is_compared_clip_by_clip_and_speakers_are_drawn():
    audible, energy = [0.9, 0.7, 0.2] * 6, [0.8, 0.6, 0.3] * 6
    shares = _shares(
        "nine",
        speakers=np.repeat(np.arange(12), [2, 1] * 6),  # six like a, with two clips, six like b
        **{"energy of the audible explanation": audible, "energy of the clip": energy},
    )
    shares = shares.sample(frac=1, random_state=0)
    found = chapter.vowel_records(shares)["audible-explanations/relevance/nine-is-its-vowel"]
    assert found["value"] == pytest.approx(60)  # the mean of clips, not of speakers
    a, b = np.array([FEWEST, MOST]), np.array([MOST, FEWEST])
    assert found["interval"] == pytest.approx((2 * 80 * a + 20 * b) / (2 * a + b))
    assert (found["n"], found["of"]) == (12, "speakers")
    lead = found["against"]["audible-explanations/ours/nine-vowel-energy"]
    assert lead == pytest.approx((2 * 10 * a - 10 * b) / (2 * a + b))


def test_positive_relevance_is_divided_among_bands_clip_by_clip():
    maps = np.array([[[1.0, -9], [2, 0], [1, 0]], [[0.0, 0], [0, 0], [2, 2]]])
    bands = {"low": (0, 100), "high": (100, 201)}
    shares = chapter.band_shares(maps, np.array([0.0, 100, 200]), bands)
    np.testing.assert_allclose(shares, [[25, 75], [0, 100]])
    means = pd.DataFrame({name: shares.mean() for name in ("trained", "random weights", "energy")})
    found = chapter.band_records(means.set_axis(["a", "b"]))
    assert found["audible-explanations/ours/below-1khz-untrained"] == pytest.approx(100)


def test_forms_are_recorded_with_both_of_their_scores():
    answers = torch.tensor([9, 5, 9, 1])
    again = {
        "heard-for": (75.0, 0.5, torch.tensor([9, 5, 9, 0])),
        "heard-random": (25.0, 0.0, torch.tensor([9, 0, 0, 0])),
    }
    found = chapter.again_records(again, answers, ["a", "a", "b", "b"])
    kept = found["audible-explanations/ours/heard-for"]
    assert kept["value"] == 75 and kept["interval"] == (50, 100)
    assert (kept["n"], kept["of"]) == (2, "speakers")
    assert max(kept["against"]["audible-explanations/ours/heard-random"]) == 50
    informed = found["audible-explanations/ours/informedness-for"]
    assert informed == {"value": 0.5, "n": 4, "of": "clips"}


def test_what_nines_are_taken_for_is_held_against_other_digits():
    given, nines = np.array([9, 5, 9, 1]), np.array([True, True, False, False])
    taken = chapter.taken_for(given, nines, ~nines, {9: "nine", 5: "five"})
    assert chapter.taken_for_records(taken) == {
        "audible-explanations/ours/nine-heard-as-nine": {"value": 50, "control": 50},
        "audible-explanations/ours/nine-heard-as-five": {"value": 50, "control": 0},
    }
    none = chapter.taken_for(given, nines & False, ~nines, {9: "nine"})
    assert none.empty and chapter.taken_for_records(none) == {}


def test_components_add_up_as_badly_as_in_the_worst_clip():
    signals = np.array([[0.0, 2, -4], [1, 1, 1], [5, 0, 0]])
    parts = [SimpleNamespace(signal=each) for each in signals + [[0, 0, 1], [0, 0, 0], [0, 1, 0]]]
    found = chapter.sum_records(parts, signals)
    assert found == {
        "audible-explanations/audiolime/adds-up": {"value": 0.25, "n": 3, "of": "clips"}
    }


def test_weights_that_were_found_again_count_their_own_clips():
    found = chapter.check_records({"lime-r2": ("", 0.9), "lime-stability": ("", 0.4)}, 10, 4)
    assert found == {
        "audible-explanations/ours/lime-r2": {"value": 0.9, "n": 10},
        "audible-explanations/ours/lime-stability": {"value": 0.4, "n": 4},
    }


def test_components_are_recorded_with_intervals_over_clips():
    rows = [
        {
            "clip": clip,
            "k": k,
            "share": k / 4,
            "kept_same": k == 4 or (k == 3 and clip < 6) or (k == 2 and clip > 8),
            "removed_changed": True,
        }
        for clip in range(12)
        for k in range(1, 5)
    ]
    table = pd.DataFrame(rows)
    tables = {"audiolime": table, "random": table.assign(kept_same=False)}
    found = chapter.keep_and_remove_records(tables)
    ours = "audible-explanations/ours"
    assert found[f"{ours}/kept-audiolime"]["value"] == pytest.approx(25)  # not the last k
    assert found[f"{ours}/removed-random"]["value"] == 100
    three = found["audible-explanations/audiolime/top-three-suffice"]
    assert three["value"] == 50 and three["n"] == 12 and three["of"] == "clips"
    ends = pytest.approx((100 * FEWEST / 12, 100 * MOST / 12))
    assert three["interval"] == ends and three["against"][f"{ours}/kept-3-random"] == ends


def test_curves_are_drawn_in_the_methods_colours():
    figure, axes = figures.panels(1, 2)
    curve = pd.DataFrame({"kept_same": [50.0, 100], "removed_changed": [0.0, 100]}, index=[0.5, 1])
    chapter.plot_curves(axes, {"audiolime": curve, "random": 0 * curve})
    one, other = axes[1].get_lines()
    np.testing.assert_array_equal(one.get_xydata(), [[50, 0], [100, 100]])
    assert (one.get_label(), other.get_label()) == ("audioLIME", "random")
    assert axes[1].get_ylabel() == "Changed prediction (%)"
