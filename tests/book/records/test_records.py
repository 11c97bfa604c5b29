"""Claims are declared with source and criterion; verdicts follow from them and from nothing else."""

import json
import multiprocessing

import pandas as pd
import pytest
import yaml

from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError
from earwitness_book import records

PROVENANCE = {
    "command": "earwitness record audiomnist", "commit": "abc1234", "device": "cpu", "date": "2026-11-21",
    "profile": "paper",
}
DECLARATION = """
chapter: toy
paper: toy2020
corpus: studio
claims:
  - {id: toy/accuracy, claim: It works., source: T. 1, value: 90, std: 2, unit: "%", tolerance: 4, control: toy/chance}
  - {id: toy/chance, claim: Guessing., source: Table 1, value: 50, unit: "%", tolerance: 1}
  - {id: toy/share, claim: Most of it., source: Figure 2, at_least: 50, partly: 25, unit: "%", measure: A share.}
  - {id: toy/silence, claim: Nothing there., source: Figure 2, at_most: 0, unit: "%", measure: A share.}
  - {id: toy/above, claim: Better than guessing., source: Section 3, order: toy/chance < toy/accuracy <= toy/ceiling}
ours:
  - {id: toy/ceiling, claim: The best possible., unit: "%"}
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Return an empty checkout that declares the chapter ``toy``."""
    for folder in ("notebooks", "data/published", "data/recorded"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data/published/toy.yaml").write_text(DECLARATION)
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EARWITNESS_RECORDS", raising=False)
    monkeypatch.delenv("EARWITNESS_PROFILE", raising=False)
    records.forget()
    yield tmp_path
    records.forget()


def declare(checkout, **row):
    row = {"id": "toy/new", "claim": "Something.", "source": "Table 2", "unit": "%", **row}
    row = {key: item for key, item in row.items() if item is not None}
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump({"chapter": "toy", "claims": [row]}))


def verdict(id, value, corpus="studio"):
    entry = {"value": value, "corpus": corpus}
    return records.judge(records.published("toy")[id], entry)


def executed(checkout, profile, entries, name="01-a"):
    path = checkout / "_build" / profile / "executed" / "toy" / f"{name}.records.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    common = {"unit": "%", "protocol": "speaker", "profile": profile}
    path.write_text(json.dumps({str(number): {**common, **entry} for number, entry in enumerate(entries)}))
    return path


# --- the declarations of the book


def test_every_claim_of_the_book_has_a_source_a_criterion_and_a_claim_that_ends_as_a_sentence():
    for chapter in records.chapters():
        for claim in records.published(chapter).values():
            assert claim.claim.endswith(".") or claim.claim.endswith(")."), claim.id
            assert claim.ours or claim.source, claim.id


@pytest.mark.parametrize("id, value, std", [
    ("table1/alexnet-digits", 95.82, 1.49), ("table1/alexnet-sex", 95.87, 2.85),
    ("table1/audionet-digits", 92.53, 2.04),
    ("table1/audionet-sex", 91.74, 8.6), ("scaling/accuracy", 20.3, 12.6),
    ("flipping/digits-1pct-random", 92, None),
    ("flipping/digits-1pct-amplitude", 85, None), ("flipping/digits-1pct-lrp", 77, None),
    ("flipping/digits-0pct", 92.53, None), ("flipping/sex-random-robust", 60, None), ("corpus/clips", 30000, None),
    ("corpus/hours", 9.5, None), ("corpus/female-speakers", 12, None), ("corpus/male-speakers", 48, None),
])
def test_numbers_of_audiomnist_are_those_the_paper_prints(id, value, std):
    claim = records.published("audiomnist")[f"audiomnist/{id}"]
    assert (claim.value, claim.std) == (value, std)


# Table 2 of Muckenhirn et al. (2019) as printed: a row per quantity and sex, columns ah eh iy oa uw
VOWELS = ("ah", "eh", "iy", "oa", "uw")
TABLE_2 = {
    "f0": {"female": (93, 91, 91, 94, 92), "male": (92, 90, 89, 93, 90)},
    "f1": {"female": (90, 92, 93, 91, 93), "male": (88, 92, 92, 89, 93)},
    "f2": {"female": (94, 94, 94, 95, 94), "male": (94, 93, 94, 94, 93)},
}
CELLS = [(quantity, vowel, sex, value) for quantity, rows in TABLE_2.items() for sex, values in rows.items()
         for vowel, value in zip(VOWELS, values, strict=True)]


@pytest.mark.parametrize("quantity, vowel, sex, value", CELLS)
def test_a_cell_of_table_2_has_the_printed_share_the_binomial_tolerance_and_every_floor_beside_it(
        quantity, vowel, sex, value):
    claims = records.published("raw-waveform")
    claim = claims[f"raw-waveform/table2/{quantity}-{vowel}-{sex}"]
    share, n = value / 100, {"female": 48, "male": 45}[sex]
    assert (claim.value, claim.unit, claim.corpus) == (value, "%", "aev")
    assert claim.tolerance == pytest.approx(196 * (share * (1 - share) / n) ** 0.5, abs=0.05)
    for signal in ("original", "random-weights", "noise", "permuted", "constant"):
        assert claims[f"raw-waveform/ours/{signal}-{quantity}-{vowel}-{sex}"].unit == "%"


def test_a_quantity_of_table_2_counts_as_carried_only_if_it_beats_every_floor():
    claims = records.published("raw-waveform")
    for quantity in TABLE_2:
        steps = claims[f"raw-waveform/table2/{quantity}-carried"].steps
        ours = f"raw-waveform/ours/guided-backprop-{quantity}"
        floors = ("random-weights", "noise", "permuted", "constant")
        assert steps == [(f"raw-waveform/ours/{floor}-{quantity}", "<", ours) for floor in floors]


@pytest.mark.parametrize("id, value", [
    ("table1/input-ms", 250), ("table1/phone-fc", 1024), ("table1/speaker-fc", 100), ("table1/pool-width", 3),
    *[(f"table1/{layer}-{what}", value) for layer, values in {
        "phone-conv1": (30, 10, 80), "phone-conv2": (7, 1, 60), "phone-conv3": (7, 1, 60),
        "speaker-conv1": (30, 10, 80), "speaker-conv2": (10, 1, 80),
    }.items() for what, value in zip(("kw", "dw", "nf"), values, strict=True)],
])
def test_sizes_of_the_raw_waveform_networks_are_those_of_table_1_on_any_corpus(id, value):
    claim = records.published("raw-waveform")[f"raw-waveform/{id}"]
    assert claim.value == value
    assert records.judge(claim, {"value": value, "corpus": "voices"}) == "reproduced"
    assert records.judge(claim, {"value": value + 1, "corpus": "voices"}) == "not reproduced"


@pytest.mark.parametrize("id, value", [
    ("accuracy/phone-error-dev", 22.8), ("accuracy/phone-error-test", 23.6), ("accuracy/speaker-utterance", 98.3),
])
def test_accuracy_on_the_free_sample_of_timit_is_partly_at_most_since_the_paper_used_all_of_it(id, value):
    claim = records.published("raw-waveform")[f"raw-waveform/{id}"]
    assert claim.value == value
    assert records.judge(claim, {"value": value, "corpus": "timit-full"}) == "reproduced"
    assert records.judge(claim, {"value": value, "corpus": "timit"}) == "partly"


@pytest.mark.parametrize("chapter", records.chapters())
def test_every_number_of_the_papers_tables_meets_its_own_criterion(chapter):
    """A tolerance or threshold that the published value itself misses would be a slip."""
    for claim in records.published(chapter).values():
        if claim.value is not None and not claim.ours:
            assert records.judge(claim, {"value": claim.value, "corpus": claim.corpus}) == "reproduced", claim.id


@pytest.mark.parametrize("chapter", records.chapters())
def test_controls_that_look_like_ids_are_declared(chapter):
    claims = records.published(chapter)
    named = [claim.control for claim in claims.values() if claim.control.startswith(f"{chapter}/")]
    assert named and set(named) <= set(claims)


# --- declarations that cannot be checked


@pytest.mark.parametrize("row, complaint", [
    ({"tolerance": 1, "value": 3, "source": None}, "needs 'source'"),
    ({"value": 3}, "exactly one criterion"),
    ({"value": 3, "tolerance": 1, "at_least": 2, "measure": "x"}, "exactly one criterion"),
    ({"tolerance": 1}, "no numeric 'value'"),
    ({"tolerance": 1, "value": "about 3"}, "no numeric 'value'"),
    ({"tolerance": 1, "value": 3, "unit": None}, "needs 'unit'"),
    ({"at_least": 1}, "needs 'measure'"),
    ({"tolerance": 1, "value": 3, "tolerence": 1}, "does not know 'tolerence'"),
    ({"tolerance": 1, "value": 3, "id": "other/new"}, "begins with 'toy/'"),
    ({"order": "toy/new < toy/gone"}, "nothing measures"),
    ({"order": "toy/new"}, "is not 'id < id'"),
])
def test_a_declaration_that_cannot_be_checked_is_refused_with_its_place(checkout, row, complaint):
    declare(checkout, **row)
    with pytest.raises(DamagedDataError, match=complaint) as error:
        records.published("toy")
    assert "toy.yaml" in str(error.value)


def test_a_claim_may_be_about_another_corpus_than_its_chapter_but_a_measurement_of_ours_may_not(checkout):
    declare(checkout, tolerance=1, value=3, corpus="street")
    assert records.published("toy")["toy/new"].corpus == "street"
    assert verdict("toy/new", 3, corpus="street") == "reproduced"
    assert verdict("toy/new", 3, corpus="studio") == "partly"
    row = {"id": "toy/a", "claim": "A.", "unit": "%", "corpus": "street"}
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump({"chapter": "toy", "ours": [row]}))
    with pytest.raises(DamagedDataError, match="cannot have 'corpus'"):
        records.published("toy")


def test_an_id_declared_twice_is_refused(checkout):
    row = {"id": "toy/a", "claim": "A.", "unit": "%"}
    (checkout / "data/published/toy.yaml").write_text(yaml.safe_dump({"chapter": "toy", "ours": [row, row]}))
    with pytest.raises(DamagedDataError, match="toy/a twice"):
        records.published("toy")


def test_broken_yaml_is_named(checkout):
    (checkout / "data/published/toy.yaml").write_text("claims: [")
    with pytest.raises(DamagedDataError, match="toy.yaml is not readable YAML"):
        records.published("toy")


def test_an_edited_declaration_is_read_again(checkout):
    assert "toy/accuracy" in records.published("toy")
    declare(checkout, tolerance=1, value=3)
    assert list(records.published("toy")) == ["toy/new"]


# --- verdicts


@pytest.mark.parametrize("value, expected", [
    (90, "reproduced"), (94, "reproduced"), (86, "reproduced"), (94.1, "partly"), (98, "partly"),
    (81.9, "not reproduced"),
])
def test_a_value_is_reproduced_within_its_tolerance_and_partly_within_twice_of_it(checkout, value, expected):
    assert verdict("toy/accuracy", value) == expected


@pytest.mark.parametrize("value, expected", [
    (50, "reproduced"), (49.9, "partly"), (25, "partly"), (24.9, "not reproduced"),
])
def test_a_threshold_has_a_weaker_form(checkout, value, expected):
    assert verdict("toy/share", value) == expected


@pytest.mark.parametrize("value, expected", [(0, "reproduced"), (1e-9, "not reproduced")])
def test_a_threshold_from_above_without_weaker_form_is_met_or_not(checkout, value, expected):
    assert verdict("toy/silence", value) == expected


def test_a_value_met_on_another_corpus_is_partly_but_a_threshold_may_be_reproduced(checkout):
    assert verdict("toy/accuracy", 90, corpus="street") == "partly"
    assert verdict("toy/accuracy", 50, corpus="street") == "not reproduced"
    assert verdict("toy/share", 80, corpus="street") == "reproduced"


def test_a_claim_that_does_not_depend_on_recordings_is_reproduced_anywhere():
    claim = records.published("audiomnist")["audiomnist/features/frames"]
    assert records.judge(claim, {"value": 227, "corpus": "voices"}) == "reproduced"
    assert records.judge(claim, {"value": 228, "corpus": "voices"}) == "not reproduced"


def test_generated_voices_never_reproduce_anything(checkout):
    claims = records.published("toy")
    entries = {"value": True, "steps_held": 2, "corpus": "voices"}
    assert records.judge(claims["toy/above"], entries) == "partly"
    assert verdict("toy/share", 80, corpus="voices") == "partly"


@pytest.mark.parametrize("accuracy, holds, expected", [(80, True, "reproduced"), (100, True, "reproduced"),
                                                       (101, False, "partly"), (50, False, "partly")])
def test_an_order_follows_from_the_ids_it_names(checkout, accuracy, holds, expected):
    """Chance 50 < accuracy <= ceiling 100: equal is enough for the second step, not for the first."""
    for id, value in (("toy/chance", 50), ("toy/accuracy", accuracy), ("toy/ceiling", 100)):
        executed(checkout, "demo", [{"id": id, "value": value, "corpus": "street"}], name=id[4:])
    row = records.scoreboard().set_index("id").loc["toy/above"]
    assert (row["measured"], row["verdict"]) == (holds, expected)


def test_an_order_of_which_no_step_holds_is_not_reproduced(checkout):
    entries = [("toy/chance", 50), ("toy/accuracy", 40), ("toy/ceiling", 30)]
    executed(checkout, "demo", [{"id": id, "value": value, "corpus": "studio"} for id, value in entries])
    assert records.scoreboard().set_index("id").loc["toy/above", "verdict"] == "not reproduced"


def test_an_order_never_compares_two_corpora_or_two_protocols(checkout):
    executed(checkout, "demo", [
        {"id": "toy/chance", "value": 50, "corpus": "studio"}, {"id": "toy/accuracy", "value": 80, "corpus": "street"},
        {"id": "toy/ceiling", "value": 100, "corpus": "street"},
        {"id": "toy/chance", "value": 50, "corpus": "street", "protocol": "repetition"},
    ])
    assert records.scoreboard().set_index("id").loc["toy/above", "verdict"] == "not run"


# --- recording


def test_an_unknown_id_is_refused_and_the_nearest_named(checkout):
    with pytest.raises(UnknownNameError, match="toy/accuracy"):
        records.record("toy/acuracy", 90, corpus="studio")
    with pytest.raises(UnknownNameError, match="toy"):
        records.record("tpy/accuracy", 90, corpus="studio")


@pytest.mark.parametrize("arguments, complaint", [
    ({"value": float("nan")}, "must be finite"), ({"value": True}, "finite number"), ({"value": "90"}, "finite number"),
    ({"value": None}, "finite number"), ({"corpus": ""}, "corpus"), ({"unit": "dB"}, "declared in '%'"),
    ({"std": float("inf")}, "std of toy/accuracy must be finite"), ({"id": "toy/above"}, "follows from other ids"),
    ({"details": {"confusion": [[1.0, float("nan")]]}}, "details of toy/accuracy must be finite"),
])
def test_a_measurement_that_does_not_fit_its_declaration_is_refused(checkout, arguments, complaint):
    arguments = {"id": "toy/accuracy", "value": 90.0, "corpus": "studio", **arguments}
    with pytest.raises(ParameterError, match=complaint):
        records.record(**arguments)
    assert records.measured() == {}


def test_one_id_can_be_measured_on_several_corpora_and_protocols(checkout):
    records.record("toy/accuracy", 90, corpus="studio")
    records.record("toy/accuracy", 70, corpus="street")
    records.record("toy/accuracy", 80, corpus="street", protocol="repetition")
    records.record("toy/accuracy", 71, corpus="street")
    assert {key: entry["value"] for key, entry in records.measured().items()} == {
        "toy/accuracy@studio/speaker": 90, "toy/accuracy@street/speaker": 71, "toy/accuracy@street/repetition": 80,
    }


def test_numbers_of_numpy_and_torch_are_stored_as_plain_ones_in_the_file_of_the_environment(checkout, monkeypatch):
    import numpy as np
    import torch

    file = checkout / "_build" / "demo" / "executed" / "toy" / "01-a.records.json"
    monkeypatch.setenv("EARWITNESS_RECORDS", str(file))
    monkeypatch.setenv("EARWITNESS_PROFILE", "demo")
    records.record("toy/accuracy", np.float32(90.5), std=torch.tensor(1.5), corpus="studio", n=np.int64(7),
                   folds=np.array([89.0, 92.0]), details={"confusion": np.eye(2, dtype=int)}, control=np.float64(50))
    stored = json.loads(file.read_text())["toy/accuracy@studio/speaker"]
    assert stored == {
        "id": "toy/accuracy", "value": 90.5, "std": 1.5, "unit": "%", "corpus": "studio", "protocol": "speaker", "n": 7,
        "control": 50.0, "folds": [89.0, 92.0], "details": {"confusion": [[1, 0], [0, 1]]}, "profile": "demo",
    }
    row = records.scoreboard().set_index("id").loc["toy/accuracy"]
    assert (row["measured"], row["profile"], row["verdict"], row["control"]) == (90.5, "demo", "reproduced", "50 %")


# --- recorded values


def test_what_is_recorded_comes_back_with_its_provenance(checkout):
    entry = records.record("toy/accuracy", 91, std=2, corpus="studio", n=10)
    records.write_recorded("toy", [entry], PROVENANCE)
    (kept,) = records.recorded("toy")
    assert kept["value"] == 91 and "profile" not in kept
    assert kept["provenance"] == {"corpus": "studio", "protocol": "speaker", **PROVENANCE}


@pytest.mark.parametrize("missing", records.PROVENANCE)
def test_nothing_is_recorded_without_provenance(checkout, missing):
    entry = records.record("toy/accuracy", 91, corpus="studio")
    with pytest.raises(ParameterError, match=missing):
        records.write_recorded("toy", [entry], {**PROVENANCE, missing: ""})
    assert records.recorded("toy") == []


def test_recording_one_notebook_keeps_the_values_of_the_others_and_replaces_its_own(checkout):
    records.write_recorded("toy", [records.record("toy/accuracy", 91, corpus="studio")], PROVENANCE)
    records.write_recorded("toy", [records.record("toy/chance", 50, corpus="studio")], PROVENANCE)
    records.write_recorded("toy", [records.record("toy/accuracy", 92, corpus="studio")], PROVENANCE)
    kept = [(entry["id"], entry["value"]) for entry in records.recorded("toy")]
    assert kept == [("toy/accuracy", 92), ("toy/chance", 50)]


def test_an_entry_of_another_chapter_is_not_recorded(checkout):
    (checkout / "data/published/other.yaml").write_text(DECLARATION.replace("toy", "other"))
    entry = records.record("other/accuracy", 91, corpus="studio")
    with pytest.raises(ParameterError, match="does not belong to the chapter toy"):
        records.write_recorded("toy", [entry], PROVENANCE)


def _record_in_process(value):
    entry = {"id": "toy/accuracy", "value": value, "corpus": f"corpus{value}"}
    records.write_recorded("toy", [entry], PROVENANCE)


def test_two_processes_that_record_at_once_lose_nothing(checkout):
    workers = [multiprocessing.get_context("fork").Process(target=_record_in_process, args=(k,)) for k in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(entry["value"] for entry in records.recorded("toy")) == list(range(8))


# --- the scoreboard


def test_a_scoreboard_of_nothing_has_every_claim_as_not_run(checkout):
    board = records.scoreboard()
    assert list(board["id"]) == ["toy/accuracy", "toy/chance", "toy/share", "toy/silence", "toy/above"]
    assert set(board["verdict"]) == {"not run"}
    assert board["measured"].isna().all() and board["recorded"].isna().all()


def test_this_build_is_judged_before_the_record_and_the_record_where_this_build_did_not_run(checkout):
    for value, corpus in ((90, "studio"), (89, "street")):
        entry = records.record("toy/accuracy", value, corpus=corpus)
        records.write_recorded("toy", [entry], PROVENANCE)
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 20, "corpus": "studio"}])
    rows = records.scoreboard().query("id == 'toy/accuracy'").set_index("corpus")
    shown = rows.loc["studio", ["recorded", "measured", "verdict", "profile"]].tolist()
    assert shown == [90, 20, "not reproduced", "real"]
    assert rows.loc["street", "verdict"] == "partly" and rows.loc["street", "profile"] == "paper"
    assert pd.isna(rows.loc["street", "measured"])


def test_the_profile_of_the_environment_chooses_the_build(checkout, monkeypatch):
    executed(checkout, "demo", [{"id": "toy/accuracy", "value": 80, "corpus": "voices"}])
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 90, "corpus": "studio"}])
    assert set(records.scoreboard()["corpus"].dropna()) == {"voices", "studio"}
    monkeypatch.setenv("EARWITNESS_PROFILE", "real")
    assert set(records.scoreboard()["corpus"].dropna()) == {"studio"}


def test_a_control_id_shows_its_measured_value_beside_the_claim(checkout):
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 90, "corpus": "studio"},
                                {"id": "toy/chance", "value": 51.6, "corpus": "studio"}])
    assert records.scoreboard().set_index("id").loc["toy/accuracy", "control"] == "51.6 % (chance)"


def test_our_own_measurements_get_no_verdict_and_stay_out_unless_asked_for(checkout):
    executed(checkout, "real", [{"id": "toy/ceiling", "value": 99, "corpus": "studio"}])
    assert "toy/ceiling" not in set(records.scoreboard()["id"])
    assert records.scoreboard(ours=True).set_index("id").loc["toy/ceiling", "verdict"] == ""


def test_a_damaged_records_file_is_named(checkout):
    path = executed(checkout, "real", [])
    path.write_text("{")
    with pytest.raises(DamagedDataError, match=path.name):
        records.scoreboard()


def test_a_measurement_whose_id_is_gone_is_left_out_with_a_warning(checkout):
    executed(checkout, "real", [{"id": "toy/former", "value": 90, "corpus": "studio"}])
    with pytest.warns(UserWarning, match="toy/former is no longer declared"):
        assert "toy/former" not in set(records.scoreboard()["id"])


def test_json_has_exactly_the_documented_keys_and_null_for_what_is_missing(checkout):
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 90, "corpus": "studio"}])
    rows = json.loads(records.to_json(records.scoreboard()))
    assert list(rows[0]) == ["id", "claim", "source", "published", "recorded", "measured", "unit", "corpus", "profile",
                             "verdict"]
    assert (rows[0]["published"], rows[0]["measured"], rows[0]["recorded"]) == (90, 90, None)
    assert rows[-1]["published"] is True and rows[-1]["measured"] is None


# --- the closing table


def test_the_closing_table_shows_units_spread_verdict_and_control(checkout):
    records.record("toy/accuracy", 88.5, std=1.25, corpus="studio")
    records.record("toy/ceiling", 99, corpus="studio")
    shown = records.table("toy").data.set_index("claim")
    assert shown.loc["It works.", ["published", "recorded", "this build", "verdict", "on"]].tolist() == [
        "90 ± 2 %", "–", "88.5 ± 1.25 %", "✓ reproduced", "studio speaker"]
    assert shown.loc["The best possible.", "this build"] == "99 %"
    assert shown.loc["Guessing.", "verdict"] == "· not run"


def test_the_closing_table_shows_the_numbers_an_order_compares(checkout):
    for id, value in (("toy/chance", 50), ("toy/accuracy", 80), ("toy/ceiling", 100)):
        records.record(id, value, corpus="street")
    shown = records.table("toy/above").data.iloc[0]
    assert (shown["published"], shown["this build"]) == ("yes", "yes (50 < 80; 80 <= 100)")


def test_a_statement_without_a_number_shows_the_threshold_that_we_ask_for(checkout):
    shown = records.table("toy").data.set_index("claim")["published"]
    assert shown["Most of it."] == "yes (we ask ≥ 50 %)" and shown["Nothing there."] == "yes (we ask ≤ 0 %)"


def test_the_closing_table_is_html_with_a_caption_and_no_script(checkout):
    html = records.table("toy/acc")._repr_html_()
    assert "<caption" in html and "It works." in html and "Guessing." not in html and "<script" not in html


def test_a_scoreboard_can_be_shown_whole(checkout):
    executed(checkout, "real", [{"id": "toy/accuracy", "value": 90, "std": 1, "corpus": "studio"}])
    shown = records.show(records.scoreboard())
    assert len(shown.data) == 5 and "90 ± 1 %" in shown._repr_html_() and "· not run" in shown._repr_html_()


def test_a_beginning_that_no_id_has_is_refused(checkout):
    with pytest.raises(UnknownNameError, match="beginning of a record id"):
        records.table("toy/fliping")
