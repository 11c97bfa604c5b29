import numpy as np
import pytest

from earwitness.evaluation import statistics
from earwitness_book import records


def test_values_of_clips_get_mean_interval_and_what_was_drawn():
    found = records.from_clips({"a": [0, 100, 100, 100]})["a"]
    assert found["value"] == 75 and found["n"] == 4 and found["of"] == "clips"
    assert found["interval"] == (0, 100)  # of four, the most extreme draws


def test_speakers_are_drawn_with_all_their_clips():
    values = {"a": [0] * 30 + [100] * 30}
    by_speaker = records.from_clips(values, ["x"] * 30 + ["y"] * 30)["a"]
    assert by_speaker["n"] == 2 and by_speaker["of"] == "speakers"
    assert by_speaker["interval"] == (0, 100)
    assert records.from_clips(values)["a"]["interval"][0] > 30


def test_a_lead_of_few_speakers_reaches_as_far_as_students_t():
    # the same lead of all four but one: percentiles of draws stop at 1
    lead = np.array([1.0, 2.0, 2.0, 2.0])
    found = records.from_clips({"a": lead, "b": 0 * lead})["a"]
    low, high = found["against"]["b"]
    spread = 3.182 * lead.std(ddof=1) / 2  # t of three degrees of freedom, standard error of four
    assert (low, high) == pytest.approx((1.75 - spread, 1.75 + spread), rel=0.05)
    assert found["interval"] == (1, 2)  # a value has limits, which no draw passes


def test_a_lead_is_that_of_the_same_clips():
    # both values scatter widely, their difference does not at all
    rng = np.random.default_rng(0)
    clips = rng.normal(0, 50, 30)
    found = records.from_clips({"a": clips + 1, "b": clips, "c": clips - 1})
    assert found["a"]["against"]["b"] == pytest.approx((1, 1))
    assert found["a"]["against"]["c"] == pytest.approx((2, 2))
    assert "against" not in found["c"]


def test_one_speaker_alone_has_no_interval():
    found = records.from_clips({"a": [0, 100], "b": [0, 0]}, ["x", "x"])
    assert found["a"] == {"value": 50, "n": 1, "of": "speakers"}


def test_intervals_are_those_of_the_drawn_scenes_and_leads_are_paired():
    drawn = records.drawn(20, 400, seed=1)
    assert drawn.shape == (401, 20) and drawn[0].tolist() == list(range(20))
    values = np.arange(20.0)
    means = {"a": values[drawn].mean(1), "b": (values - 1)[drawn].mean(1)}
    found = records.from_draws(means, 20, "scenes", [("a", "b")])
    assert found["a"]["value"] == 9.5 and found["a"]["n"] == 20 and found["a"]["of"] == "scenes"
    low, high = found["a"]["interval"]
    expected = statistics.ends(means["a"][1:], 20)
    assert (low, high) == pytest.approx(expected)
    assert found["a"]["against"]["b"] == pytest.approx((1, 1)) and "against" not in found["b"]
    once = {"a": means["a"], "b": np.append(1.0, np.full(400, np.nan))}
    bare = records.from_draws(once, 20, "scenes", [("a", "b")])
    assert bare["b"] == {"value": 1, "n": 20, "of": "scenes"} and "against" not in bare["a"]
    undefined = {"a": means["a"], "c": np.full(401, np.nan)}
    assert list(records.from_draws(undefined, 20, "scenes", [("a", "c")])) == ["a"]


def test_an_interval_of_draws_that_lie_aside_is_widened_to_what_everything_gives():
    """Else the record is refused, or its lead falls back on intervals without pairs, unsaid."""
    aside = {"a": np.append(1.0, np.full(50, 0.9)), "b": np.append(0.0, np.full(50, 0.1))}
    found = records.from_draws(aside, 20, "clips", [("a", "b")])
    assert found["a"]["interval"] == (0.9, 1) and found["b"]["interval"] == (0, 0.1)
    assert found["a"]["against"]["b"] == (0.8, 1)


def test_what_was_right_everywhere_is_no_certainty():
    always, mixed = [100.0] * 21, [100.0, 0.0, 100.0] * 7
    found = records.from_clips({"always": always, "never": [0.0] * 21, "mixed": mixed})
    low, high = found["always"]["interval"]
    assert low == pytest.approx(84.5, abs=0.1) and high == pytest.approx(100)
    low, high = found["never"]["interval"]
    assert low == pytest.approx(0) and high == pytest.approx(15.5, abs=0.1)
    assert found["mixed"]["interval"][0] < 67 < found["mixed"]["interval"][1]
    by_speaker = records.from_clips({"always": always}, ["a", "b", "c"] * 7)["always"]
    assert by_speaker["interval"][0] == pytest.approx(43.9, abs=0.1)  # three of three
    assert records.from_clips({"correlation": [0.0] * 21})["correlation"]["interval"] == (0, 0)


def test_what_was_right_nowhere_is_as_doubtful_as_what_was_right_everywhere(checkout):
    """Alone, too, where no other share says that these are shares: then their unit does."""
    nowhere, everywhere = (
        records.from_clips({"toy/share": [value] * 21})["toy/share"]["interval"]
        for value in (0.0, 100.0)
    )
    assert nowhere == pytest.approx((0, 15.5), abs=0.1)
    assert nowhere == pytest.approx((100 - everywhere[1], 100 - everywhere[0]))
    pair = records.from_clips({"toy/share": [0.0] * 21, "toy/silence": [0.0] * 21})
    assert pair["toy/share"]["interval"] == pair["toy/silence"]["interval"] == nowhere
    for id in ("toy/unknown", "other/share"):
        assert records.from_clips({id: [0.0] * 21})[id]["interval"] == (0, 0)
