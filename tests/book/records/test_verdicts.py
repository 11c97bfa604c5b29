"""Verdicts follow from criterion, control and interval, and from nothing else."""

from dataclasses import replace

import pytest
import yaml
from toy_claims import DECLARATION, declare, executed, verdict

from earwitness.errors import DamagedDataError
from earwitness_book import records
from earwitness_book.records import verdicts


@pytest.mark.parametrize(
    "value, expected",
    [
        (90, "reproduced"),
        (94, "reproduced"),
        (86, "reproduced"),
        (94.1, "partly"),
        (98, "partly"),
        (81.9, "not reproduced"),
    ],
)
def test_a_value_is_reproduced_within_its_tolerance_and_partly_within_twice_of_it(
    checkout, value, expected
):
    assert verdict("toy/accuracy", value) == expected


@pytest.mark.parametrize(
    "value, expected",
    [(50, "reproduced"), (49.9, "partly"), (25, "partly"), (24.9, "not reproduced")],
)
def test_a_threshold_has_a_weaker_form(checkout, value, expected):
    assert verdict("toy/share", value) == expected


@pytest.mark.parametrize("value, expected", [(0, "reproduced"), (1e-9, "not reproduced")])
def test_a_threshold_from_above_without_weaker_form_is_met_or_not(checkout, value, expected):
    assert verdict("toy/silence", value) == expected


def test_a_published_value_beside_one_of_another_corpus_gets_no_verdict_but_a_threshold_does(
    checkout,
):
    assert verdict("toy/accuracy", 90, corpus="street") == "other data"
    assert verdict("toy/accuracy", 20, corpus="street") == "other data"
    assert verdict("toy/share", 80, corpus="street") == "reproduced"


def test_a_number_that_the_paper_prints_is_no_threshold_for_another_corpus(checkout):
    """That samples only matter once 60 % are gone is said of the paper's network and clips."""
    declare(checkout, value=60, at_least=60, measure="A share.", corpus="studio")
    for value in (20, 80):
        assert verdict("toy/new", value, corpus="street") == "other data"
    assert verdict("toy/new", 20) == "not reproduced" and verdict("toy/new", 80) == "reproduced"


def test_a_constant_of_the_design_is_listed_where_it_is_as_published():
    claim = records.published("audiomnist")["audiomnist/features/frames"]
    assert records.judge(claim, {"value": 227, "corpus": "voices"}) == "design"
    assert records.judge(claim, {"value": 228, "corpus": "voices"}) == "not reproduced"


def test_an_order_of_constants_holds_without_intervals():
    claim = records.published("raw-waveform")["raw-waveform/first-layer/too-short-for-f0"]
    (low, _, high), *_ = claim.steps

    def judged(f0, step):
        beside = {low: {"id": low, "value": f0}, high: {"id": high, "value": step}}
        return records.judge(claim, {"corpus": "aev"}, beside)

    assert judged(297, 533.3) == "design" and judged(600, 533.3) == "not reproduced"


def test_generated_voices_never_reproduce_anything(checkout):
    assert verdict("toy/share", 80, corpus="voices") == "partly"
    assert order_verdict([(50, 1), (80, 1), (100, 1)], corpus="voices") == "partly"
    assert verdict("toy/accuracy", 90, corpus="voices") == "other data"


# --- controls


@pytest.mark.parametrize(
    "chance, expected",
    [
        ({"value": 50}, "reproduced"),
        ({"value": 50, "interval": [45, 55]}, "reproduced"),
        ({"value": 86.9}, "reproduced"),
        ({"value": 87.1}, "not specific"),
        ({"value": 89.9, "interval": [89, 91]}, "not specific"),
        ({"value": 90}, "not specific"),
        ({"value": 95}, "not specific"),
        ({"value": 95, "interval": [94, 96]}, "not specific"),
        ({"value": 80, "interval": [70, 90]}, "not specific"),
    ],
)
def test_a_criterion_that_is_met_counts_only_if_the_control_is_beaten(checkout, chance, expected):
    """Accuracy 90 (87 to 93), published 90 +- 4."""
    assert (
        verdict("toy/accuracy", 90, beside={"toy/chance": {"id": "toy/chance", "n": 20, **chance}})
        == expected
    )


@pytest.mark.parametrize(
    "lower, value, control, lead",
    [(False, 90, 88, "-1 to 5 %"), (True, 20, 21, "-2 to 4 %"), (False, 90, 87, "0 to 6 %")],
)
def test_how_far_a_value_is_ahead_of_its_control_is_said(checkout, lower, value, control, lead):
    declare(checkout, value=value, tolerance=4, lower=lower, control="untrained", corpus="studio")
    entry = {"value": value, "corpus": "studio", "interval": [value - 3, value + 3], "n": 20}
    judged = records.judgement(records.published("toy")["toy/new"], {**entry, "control": control})
    assert judged == ("not specific", f"control {control} may do as well: ahead of it by {lead}")


def test_without_an_interval_or_a_control_nothing_is_decided(checkout):
    assert verdict("toy/accuracy", 90, interval=None) == "undecided"
    assert verdict("toy/accuracy", 90, beside={}) == "undecided"
    claim = records.published("toy")["toy/accuracy"]
    entry = {"value": 90, "corpus": "studio"}
    assert records.judgement(claim, entry).why == "the control was not measured"
    alone = {**entry, "control": 50.0}
    assert records.judgement(claim, alone).why == "control 50; no interval recorded"


@pytest.mark.parametrize(
    "control, expected", [(50.0, "reproduced"), (88.0, "not specific"), ("a sentence", "undecided")]
)
def test_a_control_may_be_a_number_of_the_entry_itself(checkout, control, expected):
    assert verdict("toy/accuracy", 90, beside={}, control=control) == expected


@pytest.mark.parametrize("ends, expected", [([0.5, 5], "reproduced"), ([-0.5, 5], "not specific")])
def test_an_interval_of_the_difference_decides_before_the_intervals_of_the_two(
    checkout, ends, expected
):
    """Paired over speakers, a small difference can be certain though both values are not, and the
    other way round.
    """
    chance = {"id": "toy/chance", "value": 88, "interval": [84, 92], "n": 20}
    assert (
        verdict("toy/accuracy", 90, beside={"toy/chance": chance}, against={"toy/chance": ends})
        == expected
    )
    turned = {**chance, "against": {"toy/accuracy": [-ends[1], -ends[0]]}}
    assert verdict("toy/accuracy", 90, beside={"toy/chance": turned}) == expected


def test_the_interval_of_a_difference_that_was_measured_anew_since_decides_nothing(checkout):
    """A control that was recorded again leaves the interval of its old difference behind."""
    stale = {"toy/chance": [38, 42]}  # of a control of 50, which is 87 now
    again = {"id": "toy/chance", "value": 87, "interval": [84, 90], "n": 20}
    assert verdict("toy/accuracy", 90, beside={"toy/chance": again}, against=stale) == (
        "not specific"
    )
    assert (
        verdict("toy/accuracy", 90, beside={"toy/chance": again}, against=stale, interval=None)
        == "undecided"
    )
    lower = {"id": "toy/chance", "value": 95}
    upper = {"id": "toy/accuracy", "value": 90, "against": stale}
    assert verdicts.step_holds(lower, "<", upper) is False, "90 is not above 95"
    assert verdicts.difference(lower, upper) == (5, None, "")


def test_the_interval_of_a_difference_between_two_runs_decides_nothing(checkout):
    """It was of a control that another run measured, though it may hold the difference by luck."""
    made = {"command": "earwitness run toy", "commit": "abc1234"}
    lead = {"toy/chance": [0.5, 5]}
    chance = {"id": "toy/chance", "value": 88, "interval": [84, 92], "n": 20}

    def judged(**theirs):
        beside = {"toy/chance": {**chance, "provenance": {**made, **theirs}}}
        return verdict("toy/accuracy", 90, beside=beside, against=lead, provenance=made)

    assert judged() == judged(date="2026-11-30", corpus="studio") == "reproduced"
    assert judged(commit="def5678") == judged(command="earwitness record toy") == "not specific"


@pytest.mark.parametrize(
    "n, few",
    [(None, "an unknown number"), (0, "an unknown number"), (1, "1 clip"), (5, "5 clips"), (6, "")],
)
def test_fewer_than_six_decide_nothing(n, few):
    """All of n lie above chance by luck in one case of 2 ** n, and below it as often."""
    entry = {"id": "high", "value": 54.0, "interval": [52, 56], "n": n, "of": "clips"}
    chance = {"id": "low", "value": 50.0}
    alone = verdicts.difference(entry, chance)
    assert alone == (4, (2, 6), few) and alone.sign() == (None if few else 1)
    paired = verdicts.difference({**entry, "against": {"low": (3, 5)}}, chance)
    assert paired == (4, (3, 5), few)
    turned = verdicts.difference(chance, {**entry, "against": {"low": (3, 5)}})
    assert turned == (-4, (-5, -3), few)
    for step in ((chance, "<", entry), (entry, "<", chance)):
        assert verdicts.step_holds(*step) is (None if few else step[0] is chance)


def test_a_pair_counts_the_fewer_of_the_two():
    """Noise was hidden in 32 clips, silence in four."""
    noise = {"id": "noise", "value": 45, "n": 32, "against": {"silence": (28, 49)}}
    silence = {"id": "silence", "value": 6, "interval": (3, 10), "n": 4, "of": "clips"}
    assert verdicts.difference(noise, silence) == (39, (28, 49), "4 clips")
    assert verdicts.difference(noise, {"id": "silence", "value": 6}) == (39, (28, 49), "")


@pytest.mark.parametrize("n, expected", [(5, "undecided"), (6, "reproduced")])
def test_a_lead_of_few_pairs_leaves_a_claim_open_and_says_why(checkout, n, expected):
    """Even against an order: five for which it does not hold refute it no more."""
    entry = {"corpus": "street", "n": n, "of": "speakers", "unit": "%"}
    values = {
        "toy/chance": {"value": 50},
        "toy/accuracy": {"value": 80, "against": {"toy/chance": (28, 32)}},
        "toy/ceiling": {"value": 90, "against": {"toy/accuracy": (8, 12)}},
    }
    beside = {id: {**entry, "id": id, **each} for id, each in values.items()}
    claim = records.published("toy")["toy/above"]
    found = records.judgement(claim, {"value": True, "corpus": "street"}, beside)
    open_steps = "open: 50 < 80; 80 <= 90; 5 speakers decide nothing"
    assert found == (expected, open_steps if n == 5 else "")
    beside["toy/accuracy"] |= {"value": 20, "against": {"toy/chance": (-32, -28)}}
    beside["toy/ceiling"] |= {"value": 10, "against": {"toy/accuracy": (-12, -8)}}
    judged = records.judge(claim, {"value": False, "corpus": "street"}, beside)
    assert judged == ("undecided" if n == 5 else "not reproduced")


def test_a_control_that_is_known_exactly_is_not_beaten_by_four_clips(checkout):
    declare(checkout, at_least=50, measure="A share.", control="guessing")
    claim = records.published("toy")["toy/new"]
    entry = {"value": 60, "corpus": "studio", "interval": [55, 65], "control": 50, "n": 4}
    assert records.judgement(claim, entry) == ("undecided", "control 50; 4 decide nothing")
    assert records.judge(claim, entry | {"n": 6}) == "reproduced"


def test_an_error_rate_beats_its_control_from_below(checkout):
    declare(checkout, value=20, tolerance=2, lower=True, control="untrained", corpus="studio")
    assert verdict("toy/new", 20, control=70) == "reproduced"
    assert verdict("toy/new", 20, control=10) == "not specific"


def test_a_value_that_must_be_low_beats_its_control_from_below(checkout):
    declare(checkout, at_most=50, measure="A share.", control="untrained")
    assert verdict("toy/new", 40, control=70) == "reproduced"
    assert verdict("toy/new", 40, control=30) == "not specific"


def test_what_is_only_shown_beside_a_value_need_not_be_beaten(checkout):
    declare(checkout, at_least=50, measure="A share.", beside="the other network")
    assert verdict("toy/new", 60, control=70, interval=None) == "reproduced"


def test_the_difference_of_two_independent_values_has_the_limits_of_zou_and_donner():
    first, second = {"value": 10.0, "interval": [7, 14]}, {"value": 4.0, "interval": [1, 8]}
    first["n"] = second["n"] = 20
    found = verdicts.difference(first, second)
    assert found.value == 6 and found.interval == pytest.approx((6 - 5, 6 + 5))  # 3-4-5 triangles


# --- orders


def certain(value):
    """Return what nine clips and an interval of +- 1 make of a value."""
    return {"interval": [value - 1, value + 1], "n": 9}


def order_verdict(values, corpus="street", claim="toy/above"):
    """Return the verdict on chance < accuracy <= ceiling for (value, half its interval)."""
    ids = ("toy/chance", "toy/accuracy", "toy/ceiling")
    beside = {
        id: {"id": id, "value": value, "corpus": corpus, "n": 20}
        | ({"interval": [value - half, value + half]} if half else {})
        for id, (value, half) in zip(ids, values, strict=True)
    }
    entry = {"id": claim, "value": True, "corpus": corpus}
    return records.judge(records.published("toy")[claim], entry, beside)


@pytest.mark.parametrize(
    "values, expected",
    [
        ([(50, 1), (80, 1), (100, 1)], "reproduced"),
        ([(50, 1), (100, 1), (100, 1)], "undecided"),
        ([(50, 1), (80, 30), (81, 30)], "undecided"),
        ([(50, 1), (103, 1), (100, 1)], "partly"),
        ([(50, 1), (40, 1), (30, 1)], "not reproduced"),
        ([(50, 0), (80, 0), (100, 0)], "undecided"),
        ([(50, 1), (80, 1), (100, 0)], "reproduced"),
        ([(50, 20), (60, 20), (100, 1)], "undecided"),
        ([(50, 0), (40, 0), (30, 0)], "not reproduced"),
        ([(50, 1), (80, 1), (79.9, 1)], "undecided"),
    ],
)
def test_a_step_of_an_order_counts_only_if_the_difference_is_certain(checkout, values, expected):
    """Chance < accuracy <= ceiling: for the second step the lower end of the lead may be zero."""
    assert order_verdict(values) == expected


@pytest.mark.parametrize(
    "control, expected", [("toy/ceiling", "not specific"), ("toy/chance", "partly")]
)
def test_an_order_that_holds_but_for_the_step_of_its_control_is_not_specific(
    checkout, control, expected
):
    """103 <= 100 is the step that is lost, 50 < 103 the one that holds."""
    claim = replace(records.published("toy")["toy/above"], control=control)
    values = {"toy/chance": 50, "toy/accuracy": 103, "toy/ceiling": 100}
    beside = {
        id: {"id": id, "value": value, "corpus": "street", **certain(value)}
        for id, value in values.items()
    }
    judged = records.judgement(claim, {"value": True, "corpus": "street"}, beside)
    assert judged.verdict == expected
    said = "the step of its control is not so: 103 <= 100"
    assert (judged.why == said) == (control == "toy/ceiling")


@pytest.mark.parametrize(
    "ends, at_least, above",
    [((0, 0), True, None), ((0, 2), True, None), ((-1, 3), None, None), ((1, 3), True, True)],
)
def test_at_least_as_much_is_certain_where_no_part_of_the_interval_is_below(ends, at_least, above):
    upper = {"value": 80 + sum(ends) / 2, "against": {"low": ends}, "n": 20}
    lower = {"id": "low", "value": 80}
    assert verdicts.step_holds(lower, "<=", upper) is at_least
    assert verdicts.step_holds(lower, "<", upper) is above


@pytest.mark.parametrize("untrained, expected", [(40, "reproduced"), (85, "not specific")])
def test_each_end_of_an_order_beats_a_control_outside_of_it(checkout, untrained, expected):
    """50 < 80 and 50 < 100: a control of 85 is below the second alone."""
    order = "toy/chance < toy/accuracy | toy/chance < toy/ceiling"
    claim = replace(records.published("toy")["toy/above"], order=order, control="toy/share")
    values = {"toy/chance": 50, "toy/accuracy": 80, "toy/ceiling": 100, "toy/share": untrained}
    beside = {
        id: {"id": id, "value": value, "corpus": "street", **certain(value)}
        for id, value in values.items()
    }
    assert records.judge(claim, {"value": True, "corpus": "street"}, beside) == expected


def test_an_open_step_is_named(checkout):
    for id, value in (("toy/chance", 50), ("toy/accuracy", 80), ("toy/ceiling", 100)):
        executed(checkout, "demo", [{"id": id, "value": value, "corpus": "street"}], name=id[4:])
    row = records.scoreboard().set_index("id").loc["toy/above"]
    assert (row["measured"], row["verdict"]) == (True, "undecided")
    assert row["why"] == "open: 50 < 80; 80 <= 100"


def test_a_step_that_fails_is_named_beside_one_that_is_open(checkout):
    ends = {"toy/chance": None, "toy/accuracy": None, "toy/ceiling": [78, 79.5]}
    for (id, interval), value in zip(ends.items(), (50, 80, 79), strict=True):
        entry = {"id": id, "value": value, "corpus": "street", "interval": interval, "n": 20}
        executed(checkout, "demo", [entry], name=id[4:])
    row = records.scoreboard().set_index("id").loc["toy/above"]
    assert (row["verdict"], row["why"]) == ("undecided", "not so: 80 <= 79; open: 50 < 80")


@pytest.mark.parametrize(
    "floor, expected", [(50, "reproduced"), (99.5, "not specific"), (110, "not specific")]
)
def test_the_last_id_of_an_order_must_beat_a_control_that_is_no_step(checkout, floor, expected):
    rows = yaml.safe_load(DECLARATION)
    rows["claims"][-1]["control"] = "toy/floor"
    rows["ours"].append({"id": "toy/floor", "claim": "Nothing learnt.", "unit": "%"})
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump(rows))
    values = {"toy/chance": 50, "toy/accuracy": 80, "toy/ceiling": 100, "toy/floor": floor}
    executed(
        checkout,
        "demo",
        [
            {"id": id, "value": value, "corpus": "street", **certain(value)}
            for id, value in values.items()
        ],
    )
    assert records.scoreboard().set_index("id").loc["toy/above", "verdict"] == expected


def test_an_order_of_which_no_step_holds_is_not_reproduced(checkout):
    entries = [("toy/chance", 50), ("toy/accuracy", 40), ("toy/ceiling", 30)]
    executed(
        checkout, "demo", [{"id": id, "value": value, "corpus": "studio"} for id, value in entries]
    )
    assert records.scoreboard().set_index("id").loc["toy/above", "verdict"] == "not reproduced"


def test_an_order_never_compares_two_corpora_or_two_protocols(checkout):
    executed(
        checkout,
        "demo",
        [
            {"id": "toy/chance", "value": 50, "corpus": "studio"},
            {"id": "toy/accuracy", "value": 80, "corpus": "street"},
            {"id": "toy/ceiling", "value": 100, "corpus": "street"},
            {"id": "toy/chance", "value": 50, "corpus": "street", "protocol": "repetition"},
        ],
    )
    assert records.scoreboard().set_index("id").loc["toy/above", "verdict"] == "not run"


def expected_by_us(checkout, **more):
    row = {"id": "toy/ours/share", "claim": "More than half.", "unit": "%", "at_least": 50}
    row |= {"measure": "A share.", "control": "toy/ours/floor"} | more
    floor = {"id": "toy/ours/floor", "claim": "Nothing learnt.", "unit": "%"}
    declaration = {"chapter": "toy", "ours": [row, floor]}
    (checkout / "data" / "published" / "toy.yaml").write_text(yaml.safe_dump(declaration))


@pytest.mark.parametrize(
    "value, floor, verdict", [(80, 20, "held"), (40, 20, "not held"), (80, 85, "not specific")]
)
def test_an_expectation_of_ours_is_judged_in_words_of_its_own(checkout, value, floor, verdict):
    expected_by_us(checkout)
    rows = [
        {"id": "toy/ours/share", "value": value, "corpus": "tones", "interval": [value - 1, value]}
        | {"n": 20},
        {"id": "toy/ours/floor", "value": floor, "corpus": "tones"},
    ]
    executed(checkout, "real", rows)
    board = records.scoreboard(ours=True)
    assert board.set_index("id").loc["toy/ours/share", "verdict"] == verdict
    assert not len(records.scoreboard()), "the papers' claims are counted without it"
    html = records.closing_html(board)
    assert "What we expected" in html.split("<details")[0] and f"{verdict}<" in html
    assert "We expected" in records.three_html(board)
    assert "What we expected ourselves" in records.to_html(board)


def test_an_expectation_of_ours_says_what_is_measured(checkout):
    expected_by_us(checkout, measure="")
    with pytest.raises(DamagedDataError, match="needs 'measure'"):
        records.scoreboard(ours=True)


def test_kinds_of_training_are_compared_by_several_networks_of_each():
    claim = records.published("sound-direction")["sound-direction/accuracy/higher-order-helps"]
    (low, _, high), *_ = claim.steps

    def judged(seeds):
        beside = {
            low: {"id": low, "value": 80, "interval": (79, 81), "seeds": 5},
            high: {"id": high, "value": 90, "interval": (89, 91), "seeds": seeds},
            claim.control: {"id": claim.control, "value": 50, "interval": (49, 51)},
        }
        beside = {id: {**entry, "n": 20} for id, entry in beside.items()}
        return records.judgement(claim, {"value": True, "corpus": "timit"}, beside)

    assert judged(5).verdict == "reproduced"
    assert judged(None) == ("undecided", "1 trained network of each kind; 5 are asked")
    assert judged(4).verdict == "undecided"
