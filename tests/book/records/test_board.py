"""Published, recorded and measured values side by side, on the scoreboard and in closing tables."""

import datetime
import json

import pandas as pd
import pytest
import yaml
from toy_claims import DECLARATION, PROVENANCE, declare, executed

from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError
from earwitness_book import project, records
from earwitness_book.records.board import counted


def test_a_scoreboard_of_nothing_has_every_claim_as_not_run(checkout):
    board = records.scoreboard()
    assert list(board["id"]) == [
        "toy/accuracy",
        "toy/chance",
        "toy/share",
        "toy/silence",
        "toy/above",
    ]
    assert set(board["verdict"]) == {"not run"}
    assert board["measured"].isna().all() and board["recorded"].isna().all()


def test_this_build_is_judged_before_the_record_and_the_record_where_this_build_did_not_run(
    checkout,
):
    for value, corpus in ((90, "studio"), (89, "street")):
        entry = records.record("toy/accuracy", value, corpus=corpus)
        records.write_recorded("toy", [entry], PROVENANCE)
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 20, "corpus": "studio"}])
    rows = records.scoreboard().query("id == 'toy/accuracy'").set_index("corpus")
    shown = rows.loc["studio", ["recorded", "measured", "verdict", "profile"]].tolist()
    assert shown == [90, 20, "not reproduced", "real"]
    assert (
        rows.loc["street", "verdict"] == "other data" and rows.loc["street", "profile"] == "paper"
    )
    assert pd.isna(rows.loc["street", "measured"])


def test_the_profile_of_the_environment_chooses_the_build(checkout, monkeypatch):
    executed(checkout, "demo", [{"id": "toy/accuracy", "value": 80, "corpus": "voices"}])
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 90, "corpus": "studio"}])
    assert set(records.scoreboard()["corpus"].dropna()) == {"voices", "studio"}
    monkeypatch.setenv("EARWITNESS_PROFILE", "real")
    assert set(records.scoreboard()["corpus"].dropna()) == {"studio"}


def test_a_control_id_shows_its_measured_value_beside_the_claim(checkout):
    executed(
        checkout,
        "real",
        [
            {"id": "toy/accuracy", "value": 90, "corpus": "studio"},
            {"id": "toy/chance", "value": 51.6, "corpus": "studio"},
        ],
    )
    assert records.scoreboard().set_index("id").loc["toy/accuracy", "control"] == (
        "51.6 % (guessing)"
    )


@pytest.mark.parametrize("control", ["toy/unknown", "other/unknown"])
def test_a_control_that_nobody_declared_is_named_and_leaves_the_claim_undecided(checkout, control):
    declare(checkout, at_least=1, measure="A share.", control=control)
    executed(checkout, "real", [{"id": "toy/new", "value": 2, "corpus": "studio"}])
    row = records.scoreboard().iloc[0]
    assert (row["control"], row["verdict"]) == (f"not measured ({control})", "undecided")


@pytest.mark.parametrize("seeds, said", [(None, None), (1, None), (5, 5), (30, 20)])
def test_an_order_rests_on_the_fewest_networks_that_it_compares(checkout, seeds, said):
    """Twenty networks with random weights make no twenty of the one that was trained."""
    values = {"toy/chance": (50, 20), "toy/accuracy": (90, seeds), "toy/ceiling": (95, 20)}
    entries = [
        {"id": id, "value": value, "corpus": "studio", "seeds": n}
        for id, (value, n) in values.items()
    ]
    executed(checkout, "real", entries)
    found = records.scoreboard().set_index("id")["seeds"]["toy/above"]
    assert (None if found != found else found) == said


def test_what_was_to_stand_beside_a_value_is_named_only_where_a_verdict_waits_for_it(checkout):
    rows = yaml.safe_load(DECLARATION)
    rows["ours"].append({"id": "toy/new", "claim": "More.", "unit": "%", "beside": "toy/chance"})
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump(rows))
    accuracy = {"id": "toy/accuracy", "value": 90, "corpus": "studio", "seeds": 1, "n": 4}
    executed(checkout, "real", [accuracy, {**accuracy, "id": "toy/new", "seeds": 2}])
    rows = records.scoreboard(ours=True).set_index("id")
    assert rows.loc["toy/accuracy", "control"] == "not measured (guessing)"
    assert rows.loc["toy/new", "control"] == ""
    on = records.readable(records.scoreboard(ours=True))["on"]
    assert on.iloc[0].endswith("n = 4 1 network") and on.iloc[-1].endswith("n = 4 2 networks")


def test_one_of_nobody_says_what_is_no_reason_to_fail(checkout):
    rows = [("toy/accuracy", {"n": 1}), ("toy/chance", {"n": 2, "of": "clips"})]
    entries = [{"id": id, "value": 50, "corpus": "studio", **counted} for id, counted in rows]
    executed(checkout, "real", entries)
    on = records.readable(records.scoreboard())["on"]
    assert list(on[:2]) == ["studio speaker n = 1", "studio speaker n = 2 clips"]


def test_json_tells_protocols_apart_and_has_the_dates_of_a_history(checkout):
    history = [{"date": datetime.date(2026, 11, 29), "old": "a", "new": "b", "reason": "c"}]
    declare(checkout, at_least=1, measure="A share.", history=history)
    entry = {"id": "toy/new", "value": 2, "corpus": "fsdd"}
    executed(checkout, "real", [{**entry, "protocol": name} for name in ("speaker", "repetition")])
    rows = json.loads(records.to_json(records.scoreboard()))
    assert {row["protocol"] for row in rows} == {"speaker", "repetition"}
    assert rows[0]["history"] == [{"date": "2026-11-29", "old": "a", "new": "b", "reason": "c"}]


def one_network(checkout, **more):
    """Declare that one network stands behind a share, a floor of random weights and a sum."""
    common = {"source": "Figure 1", "unit": "%", "measure": "A share."}
    share = {"id": "toy/a/share", "claim": "Much.", "at_least": 50, "control": "toy/a/untrained"}
    sums = {"id": "toy/a/sum", "claim": "It adds up.", "at_most": 1, "anywhere": True}
    other = {"id": "toy/b/share", "claim": "Much.", "at_least": 50}
    floor = {"id": "toy/a/untrained", "claim": "The same, random weights.", "unit": "%"}
    claims = [{**common, **row} for row in (share, sums, other)]
    declared = {"chapter": "toy", "claims": claims, "ours": [floor], "one_network": ["toy/a/"]}
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump(declared))
    values = dict.fromkeys(("toy/a/share", "toy/a/sum", "toy/b/share", "toy/a/untrained"), 60)
    entries = [
        {"id": id, "value": value, "corpus": "studio", **more} for id, value in values.items()
    ]
    executed(checkout, "real", entries)
    return records.scoreboard(ours=True).set_index("id")


def test_one_network_is_said_where_the_chapter_says_so_and_nothing_where_nobody_knows(checkout):
    board = one_network(checkout)
    seeds = [None if seeds != seeds else seeds for seeds in board["seeds"]]
    assert seeds == [1, None, None, None], "not of a sum, of what is not listed, of no claim"
    assert board["control"].iloc[0] == "60 % (the same, random weights; 1 network)"
    shown = records.readable(board.reset_index())["on"]
    assert shown.iloc[0] == "studio speaker 1 network" and shown.iloc[1] == "studio speaker"


def test_what_an_entry_says_of_its_networks_goes_before_what_the_chapter_says(checkout):
    board = one_network(checkout, seeds=20)
    assert set(board["seeds"]) == {20}
    assert board["control"].iloc[0] == "60 % (the same, random weights; 20 networks)"
    folds = records.readable(one_network(checkout, folds=[50, 60, 70]).reset_index())["on"]
    assert folds.iloc[0] == folds.iloc[2] == "studio speaker 3 networks, one a fold"


def test_an_order_of_two_runs_names_both(checkout):
    for id, value, day in (
        ("toy/chance", 50, 21),
        ("toy/accuracy", 80, 22),
        ("toy/ceiling", 90, 21),
    ):
        entry = records.record(id, value, corpus="street")
        made = PROVENANCE | {"date": f"2026-11-{day}", "profile": "paper" if day == 21 else "full"}
        records.write_recorded("toy", [entry], made)
    row = records.scoreboard().set_index("id").loc["toy/above"]
    assert (row["date"], row["profile"]) == ("2026-11-21 and 2026-11-22", "paper and full")
    assert "recorded 2026-11-21 and 2026-11-22" in records.to_html(records.scoreboard())


def test_our_own_measurements_get_no_verdict_and_stay_out_unless_asked_for(checkout):
    executed(checkout, "real", [{"id": "toy/ceiling", "value": 99, "corpus": "studio"}])
    assert "toy/ceiling" not in set(records.scoreboard()["id"])
    assert records.scoreboard(ours=True).set_index("id").loc["toy/ceiling", "verdict"] == ""


def test_a_damaged_notebook_of_a_build_is_named(checkout):
    path = executed(checkout, "real", [])
    path.write_text("{")
    with pytest.raises(DamagedDataError, match=path.name):
        records.scoreboard()


def test_a_measurement_whose_id_is_gone_is_left_out_with_a_warning(checkout):
    executed(checkout, "real", [{"id": "toy/former", "value": 90, "corpus": "studio"}])
    with pytest.warns(UserWarning, match="toy/former is no longer declared"):
        assert "toy/former" not in set(records.scoreboard()["id"])


def test_json_has_exactly_the_documented_keys_and_null_for_what_is_missing(checkout):
    executed(
        checkout,
        "real",
        [
            {"id": "toy/accuracy", "value": 90, "corpus": "studio", "n": 48, "interval": [86, 94]}
            | {"of": "clips", "seeds": 5}
        ],
    )
    rows = json.loads(records.to_json(records.scoreboard()))
    assert list(rows[0]) == [
        "id",
        "claim",
        "source",
        "published",
        "recorded",
        "measured",
        "unit",
        "corpus",
        "profile",
        "verdict",
        "n",
        "interval",
        "control",
        "criterion",
        "seeds",
        "protocol",
        "of",
        "why",
        "history",
    ]
    assert (rows[0]["n"], rows[0]["interval"], rows[0]["criterion"]) == (48, [86, 94], "± 4 %")
    assert [rows[0][key] for key in ("seeds", "protocol", "of", "why", "history")] == [
        5, "speaker", "clips", "the control was not measured", []
    ]  # fmt: skip
    assert all(rows[1][key] is None for key in ("n", "interval", "seeds", "protocol", "of"))
    assert (rows[0]["published"], rows[0]["measured"], rows[0]["recorded"]) == (90, 90, None)
    assert rows[-1]["published"] is True and rows[-1]["measured"] is None


# --- the closing table


def test_the_closing_table_shows_units_spread_verdict_and_control(checkout):
    records.record(
        "toy/accuracy", 88.5, std=1.25, corpus="studio", n=20, of="speakers", interval=(86, 91)
    )
    records.record("toy/chance", 51.5, corpus="studio")
    records.record("toy/ceiling", 99, corpus="studio")
    shown = records.table("toy").data.set_index("claim")
    assert shown.loc[
        "It works.", ["published", "recorded", "this build", "verdict", "on"]
    ].tolist() == [
        "90 ± 2 %",
        "–",
        "88.5 ± 1.25 %",
        "✓ reproduced",
        "studio speaker n = 20 speakers",
    ]
    assert shown.loc["It works.", "95 % interval"] == "86 to 91 %"
    assert shown.loc["The best possible.", "this build"] == "99 %"
    assert (
        shown.loc["Guessing.", "verdict"] == "◐ partly"
        and shown.loc["Most of it.", "verdict"] == "· not run"
    )


def test_the_closing_table_shows_the_numbers_an_order_compares(checkout):
    for id, value in (("toy/chance", 50), ("toy/accuracy", 80), ("toy/ceiling", 100)):
        records.record(id, value, corpus="street")
    shown = records.table("toy/above").data.iloc[0]
    assert (shown["published"], shown["this build"]) == ("yes", "yes (50 < 80; 80 <= 100)")


def test_an_order_that_is_left_open_says_no_where_its_own_numbers_say_so(checkout):
    near = {"corpus": "street", "interval": (40, 90)}
    for id, value in (("toy/chance", 60), ("toy/accuracy", 55), ("toy/ceiling", 70)):
        records.record(id, value, **near)
    shown = records.table("toy/above").data.iloc[0]
    assert shown["this build"] == "no (60 < 55; 55 <= 70)"
    assert "undecided" in shown["verdict"]


def test_an_order_has_the_interval_of_its_least_sure_step(checkout):
    for id, value, ends in (
        ("toy/chance", 50, (49, 51)),
        ("toy/accuracy", 80, (78, 82)),
        ("toy/ceiling", 81, (80, 82)),
    ):
        drawn = {} if id == "toy/chance" else {"n": 20, "of": "speakers"}
        records.record(id, value, corpus="street", interval=ends, unit="%", **drawn)
    shown = records.table("toy/above").data.iloc[0]
    # 81 - 80, with half widths 2 and 1: less sure than 80 - 50
    assert shown["95 % interval"] == "-1.236 to 3.236 %, of the lead"
    assert shown["control"] == "the lower value of each step"
    assert shown["on"] == "street speaker n = 20 speakers"  # chance was drawn from nobody
    records.record("toy/ceiling", 81, corpus="street")
    assert records.table("toy/above").data.iloc[0]["95 % interval"].endswith("of the lead")


def test_an_order_of_bare_values_has_no_interval(checkout):
    for id, value in (("toy/chance", 50), ("toy/accuracy", 80), ("toy/ceiling", 100)):
        records.record(id, value, corpus="street")
    assert records.table("toy/above").data.iloc[0]["95 % interval"] == ""


def test_what_must_hold_exactly_says_that_it_has_no_interval(checkout):
    declare(checkout, at_most=1e-6, anywhere=True, measure="The largest deviation.")
    records.forget()
    records.record("toy/new", 1e-9, corpus="street", n=3)
    shown = records.table("toy/new").data.iloc[0]
    assert shown["95 % interval"] == "none, a largest deviation"
    assert shown["verdict"] == "✓ reproduced" and shown["control"] == "nothing to beat"


def test_what_nothing_was_drawn_for_says_why_it_has_no_interval(checkout):
    declare(checkout, at_most=1, measure="A share.", no_interval="one sound")
    records.forget()
    records.record("toy/new", 0.5, corpus="street")
    assert records.table("toy/new").data.iloc[0]["95 % interval"] == "none, one sound"
    records.record("toy/new", 0.5, corpus="street", interval=(0.4, 0.6))
    assert records.table("toy/new").data.iloc[0]["95 % interval"] == "0.4 to 0.6 %"


def test_a_statement_without_a_number_shows_the_threshold_that_we_ask_for(checkout):
    shown = records.table("toy").data.set_index("claim")["published"]
    assert (
        shown["Most of it."] == "yes (we ask ≥ 50 %)"
        and shown["Nothing there."] == "yes (we ask ≤ 0 %)"
    )


def test_the_closing_table_is_html_with_a_caption_and_no_script(checkout):
    html = records.table("toy/acc")._repr_html_()
    assert (
        "<caption" in html
        and "It works." in html
        and "Guessing." not in html
        and "<script" not in html
    )


def test_a_beginning_that_no_id_has_is_refused(checkout):
    with pytest.raises(UnknownNameError, match="beginning of a record id"):
        records.table("toy/fliping")


def test_a_site_draws_the_closing_table_anew_from_what_the_notebook_recorded(checkout):
    records.record("toy/share", 60, corpus="studio")
    output = {
        "output_type": "execute_result",
        "data": records.table("toy/share")._repr_mimebundle_(),
    }
    (checkout / "data/published/toy.yaml").write_text(
        DECLARATION.replace("at_least: 50", "at_least: 70")
    )
    fresh = records.redrawn(output, records.measured())["data"]
    assert "reproduced" in output["data"]["text/html"] and "partly" in fresh["text/html"]
    assert list(fresh) == ["text/html"]
    plain = {"output_type": "display_data", "data": {"text/html": "<p>a</p>"}}
    assert records.redrawn(plain, {}) == plain


def test_constants_are_listed_apart_and_not_counted(checkout):
    text = DECLARATION.replace('unit: "%", tolerance: 1}', 'unit: "%", tolerance: 1, design: true}')
    (checkout / "data/published/toy.yaml").write_text(text)
    executed(
        checkout,
        "real",
        [
            {"id": "toy/chance", "value": 50, "corpus": "studio"},
            {"id": "toy/share", "value": 60, "corpus": "studio"},
        ],
    )
    board = records.scoreboard()
    assert board.set_index("id").loc["toy/chance", "verdict"] == "design"
    assert {name: n for name, n in records.tally(board).items() if n} == {
        "reproduced": 1,
        "not run": 3,
    }
    results, constants = records.to_html(board).split("</table>")[:2]
    assert 'id="claim-toy-chance"' in constants and 'id="claim-toy-chance"' not in results
    assert "<strong>1</strong> reproduced" in records.tally_html(board, "toy")


def test_a_network_that_differs_in_one_bias_is_counted_with_the_other(checkout):
    common = {"id": "toy/share", "value": 60, "corpus": "studio"}
    executed(
        checkout,
        "real",
        [{**common, "protocol": "nisqa"}, {**common, "protocol": "nisqa_mos_only"}],
    )
    assert records.tally(records.scoreboard())["reproduced"] == 1


def test_a_changed_criterion_shows_its_history(checkout):
    change = "history: [{date: 2026-11-21, old: some, new: all, reason: A review.}]"
    (checkout / "data/published/toy.yaml").write_text(
        DECLARATION.replace("partly: 25", f"partly: 25, {change}")
    )
    assert "2026-11-21: some → all. A review." in records.to_html(records.scoreboard())


def sets(chapter):
    """Yield the entries of each corpus and protocol by id."""
    found = {}
    for entry in records.recorded(chapter):
        found.setdefault((entry["corpus"], entry["protocol"]), {})[entry["id"]] = entry
    return found.values()


def apart(one, other) -> bool:
    """Tell whether two values differ: by the interval of the difference, else each by the other's
    and its own.
    """
    ends = one.get("against", {}).get(other.get("id")) or other.get("against", {}).get(one["id"])
    if ends:
        return ends[0] > 0 or ends[1] < 0
    known = [entry["interval"] for entry in (one, other) if entry.get("interval")]
    values = [entry["value"] for entry in (one, other) if not entry.get("interval")]
    assert known, f"{one['id']} is judged without any interval"
    outside = [value for value in values if not known[0][0] <= value <= known[0][1]]
    return outside == values and not any(
        low <= each["value"] <= high
        for (low, high), each in zip(known, (other, one), strict=False)
        if len(known) == 2
    )


def reproduced(chapter):
    """Yield claim, entry and the entries beside it of every recorded row that is reproduced."""
    for beside in sets(chapter):
        for claim in records.published(chapter).values():
            steps = {id for step in claim.steps for id in step[::2]}
            entry = beside.get(claim.id) or (steps and steps <= set(beside) and {"id": claim.id})
            if entry and not claim.design and not claim.ours:
                entry = {**next(iter(beside.values())), **entry} if claim.order else entry
                if records.judge(claim, entry, beside) == "reproduced":
                    yield claim, entry, beside


@pytest.mark.parametrize("chapter", records.chapters())
def test_nothing_recorded_is_reproduced_with_its_control_inside_its_interval(chapter):
    for claim, entry, beside in reproduced(chapter):
        for lower, sign, upper in claim.steps:
            held = sign == "<=" and beside[lower]["value"] <= beside[upper]["value"]
            assert held or apart(beside[upper], beside[lower]), claim.id
        control = beside.get(claim.control) or (
            {"value": entry["control"]} if isinstance(entry.get("control"), float) else None
        )
        if control and not claim.order and not claim.beside:
            assert apart(entry, control), claim.id


# recorded with a number of what nobody says, and not measured again since
OF_WHAT = {
    "sound-direction/auralization/reconstruction",
    "sound-direction/lrp/conservation",
}


def test_every_recorded_row_has_n_an_interval_and_a_control(tmp_path):
    board = records.scoreboard(tmp_path, ours=True)  # no build: recorded runs alone
    judged = board[~board["design"] & ~board["verdict"].isin(["", "not run"])]
    assert (judged["control"] != "").all()
    drawn = judged[judged["bare"] == ""]
    assert not len(drawn[drawn["n"].isna()])
    assert not len(drawn[drawn["interval"].isna()])
    counted = judged[judged["n"].notna()]
    assert set(counted[counted["of"].fillna("") == ""]["id"]) == OF_WHAT


def test_one_row_leads_a_claim_the_papers_corpus_first_and_generated_voices_last(checkout):
    executed(
        checkout,
        "real",
        [
            {"id": "toy/accuracy", "value": 70, "corpus": "voices", "n": 4000},
            {"id": "toy/accuracy", "value": 90, "corpus": "studio", "n": 20},
        ],
    )
    board = records.scoreboard()
    assert len(board.query("id == 'toy/accuracy'")) == 2
    assert records.leading(board).set_index("id").loc["toy/accuracy", "corpus"] == "studio"
    assert sum(records.tally(board).values()) == board["id"].nunique()


def test_the_papers_own_network_leads_before_more_clips_of_another(checkout):
    toy = checkout / "data/published/toy.yaml"
    declared = toy.read_text()
    toy.write_text(declared.replace("chapter: toy\n", "chapter: toy\nprotocol: theirs\n", 1))
    assert toy.read_text() != declared
    accuracy = {"id": "toy/accuracy", "value": 90, "corpus": "street", "of": "clips"}
    rows = [("theirs", 20), ("another", 216)]
    executed(checkout, "real", [{**accuracy, "protocol": name, "n": n} for name, n in rows])
    lead = records.leading(records.scoreboard()).set_index("id")
    assert lead.loc["toy/accuracy", "protocol"] == "theirs"


def test_more_masks_do_not_lead_before_fewer_clips(checkout):
    accuracy = {"id": "toy/accuracy", "value": 90, "corpus": "studio"}
    rows = [("old", 6276, ""), ("new", 216, "clips"), ("small", 40, "clips")]
    executed(
        checkout,
        "real",
        [{**accuracy, "protocol": name, "n": n, "of": of} for name, n, of in rows],
    )
    assert records.leading(records.scoreboard()).set_index("id")["protocol"]["toy/accuracy"] == (
        "new"
    )


@pytest.mark.parametrize("name", ["..", "../..", "a/b", "/"])
def test_a_profile_that_is_a_path_is_refused(checkout, monkeypatch, name):
    monkeypatch.setenv("EARWITNESS_PROFILE", name)
    with pytest.raises(ParameterError, match="EARWITNESS_PROFILE is .* no profile's name"):
        records.scoreboard()


@pytest.mark.parametrize("home", ["~nobody-here/x", "x" * 5000])
def test_a_home_that_can_be_no_folder_is_a_sentence_that_names_the_variable(monkeypatch, home):
    monkeypatch.setenv("EARWITNESS_HOME", home)
    with pytest.raises(ParameterError, match="EARWITNESS_HOME is .* cannot be a folder"):
        project.root()


@pytest.mark.parametrize(
    "content, said",
    [
        ("chapter: toy\nclaims:\n- id: 2026-13-45\n", "not readable YAML: month must be in 1..12"),
        ("chapter: toy\nclaims: [null]\n", "toy.yaml, claims 1: None is no claim"),
        ("chapter: toy\nclaims: abc\n", "toy.yaml, claims 1: 'a' is no claim"),
        (None, "toy.yaml cannot be read"),
        ("", "toy.yaml cannot be read"),
    ],
)
def test_what_is_no_declaration_is_named(checkout, content, said):
    """Edited by hand, replaced by a folder (``None``) or by a link to itself (empty)."""
    path = checkout / "data/published/toy.yaml"
    path.unlink()
    if content:
        path.write_text(content)
    elif content is None:
        path.mkdir()
    else:
        path.symlink_to(path.name)
    with pytest.raises(DamagedDataError, match=said):
        records.scoreboard()


@pytest.mark.parametrize(
    ("folds", "said"), [(1, "1 network"), (3, "3 networks, one a fold"), (None, None)]
)
def test_networks_of_folds_are_counted_and_one_of_them_is_one_network(folds, said):
    row = {"n": 6, "of": "speakers", "seeds": None, "folds": folds}
    assert counted(row) == ["n = 6 speakers", *([said] if said else [])]
