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


def test_a_mean_over_networks_is_of_all_first_and_then_of_those_drawn():
    found = records.over_networks(np.tile([[0.0], [1], [2]], 101))
    assert found[0] == 1 and len(found) == 101
    assert found.min() < 0.7 and found.max() > 1.3
    np.testing.assert_array_equal(records.over_networks(np.array([[0.3, 0.4]])), [0.3, 0.4])


def test_of_several_networks_the_mean_is_recorded_and_they_are_drawn_with_the_clips():
    rng = np.random.default_rng(0)
    own, apart = rng.normal(1, 0.1, 12), np.array([[0.0], [0.8], [1.6]]) + np.zeros(12)
    found = records.from_clips({"own": own, "blank": apart})
    assert found["blank"]["value"] == pytest.approx(0.8) and found["blank"]["seeds"] == 3
    low, high = found["own"]["against"]["blank"]
    assert low < 0 < high  # another network could as well have 1.6
    low, high = records.from_clips({"own": own, "blank": apart * 0 + 0.8})["own"]["against"][
        "blank"
    ]
    assert 0 < low < 0.2 < high
    backwards = records.from_clips({"blank": apart, "own": own})["blank"]["against"]["own"]
    assert backwards[0] < 0 < backwards[1]
    assert "seeds" not in found["own"]


def test_networks_are_drawn_with_the_draws_of_a_statistic():
    clips = records.drawn(20, 1000, seed=0)
    own = np.arange(20.0)[clips].mean(1)
    apart = own - np.array([[-8.0], [2.0], [12.0]])  # each network with the same clips
    for values in ({"own": own, "blank": apart}, {"own": own, "blank": apart[[1, 1, 1]]}):
        found = records.from_draws(values, 20, "clips", [("own", "blank")])
        assert found["blank"]["value"] == 7.5 and found["blank"]["seeds"] == 3
        differ = values["blank"] is apart
        low, high = found["own"]["against"]["blank"]
        assert (low < 0 < 4 < high) if differ else (low == pytest.approx(2) == high)
        assert found["blank"]["std"] == pytest.approx(10 if differ else 0)
    assert "seeds" not in found["own"]
    assert records.from_draws({"a": own[None]}, 20, "clips")["a"]["seeds"] == 1


@pytest.mark.parametrize("n", [5, 20])
def test_draws_of_networks_do_not_follow_those_of_as_many_clips(n):
    """Else who is drawn often would always come with the same network."""
    seen = np.linspace(0, 1, n)
    networks = np.tile(seen[:, None], 2001)
    clips = seen[records.drawn(n, 2000, seed=0)].mean(1)
    for seed in (0, 1):
        both = np.corrcoef(clips[1:], records.over_networks(networks, seed)[1:])
        assert abs(both[0, 1]) < 0.1


def test_a_share_beside_that_of_networks_keeps_its_doubt():
    """The mean over networks is no 0 or 100, but each of them has such shares."""
    blank = np.tile([0.0, 100.0, 100.0], (3, 7))
    blank[0] = 100 - blank[0]
    own = records.from_clips({"own": [100.0] * 21, "blank": blank})["own"]
    assert own["interval"] == pytest.approx((84.5, 100), abs=0.1)


def test_the_interval_of_few_networks_covers_what_others_would_give():
    """Were only clips drawn, it would hold the mean of all networks in about half of the cases."""
    rng, covered = np.random.default_rng(1), 0
    for _ in range(60):
        networks = 5 + rng.normal(0, 1, (4, 1)) + rng.normal(0, 1, (4, 30))
        low, high = records.from_clips({"blank": networks})["blank"]["interval"]
        covered += low <= 5 <= high
    assert covered >= 54
    drawn = records.drawn(30, 300, 0)
    values = networks[:, drawn].mean(2)
    other = records.from_draws({"blank": values}, 30, "clips")["blank"]["interval"]
    assert other == pytest.approx((low, high), abs=0.4)


def test_an_interval_stays_within_what_can_be(checkout):
    two = np.repeat([[0.0], [100.0]], 21, axis=1)
    found = records.from_clips({"toy/share": two, "toy/chance": two[::-1]})
    assert found["toy/share"]["interval"] == (0, 100)
    assert found["toy/share"]["against"]["toy/chance"] == (-100, 100)


def test_a_statistic_that_is_certain_in_every_draw_is_a_share_of_so_many(checkout):
    drawn = {"toy/share": np.zeros(101), "toy/new": np.zeros(101)}
    found = records.from_draws(drawn, 21, "clips")
    assert found["toy/share"]["interval"] == pytest.approx((0, 15.5), abs=0.1)
    assert found["toy/new"]["interval"] == (0, 0)  # nobody says that it is a share


def test_a_network_without_a_value_is_left_out_and_not_counted():
    known = np.arange(20.0)[records.drawn(20, 300, 0)].mean(1)
    some = np.stack([known, np.full(301, np.nan), known + 1])
    found = records.from_draws({"own": known, "blank": some}, 20, "clips", [("own", "blank")])
    assert (found["blank"]["value"], found["blank"]["seeds"]) == (10, 2)
    assert "blank" in found["own"]["against"]
