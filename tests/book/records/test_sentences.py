"""Three sentences on a finding, computed from its row."""

import pytest
from toy_claims import executed

from earwitness.errors import MissingDataError
from earwitness_book import records

ACCURACY = {"id": "toy/accuracy", "value": 88, "corpus": "studio", "n": 20, "of": "speakers",
            "interval": [86, 91]}  # fmt: skip
CHANCE = {"id": "toy/chance", "value": 51.6, "corpus": "studio"}


def test_three_sentences_say_what_the_paper_says_what_came_out_and_what_the_control_says(checkout):
    executed(checkout, "real", [ACCURACY, CHANCE])
    row = records.finding(records.scoreboard())
    assert records.three(row) == (
        "<b>The paper</b> (T. 1, 90 ± 2 %): It works.",
        "<b>This build</b> on studio, n = 20 speakers: 88 % (95 % interval 86 to 91 %).",
        "<b>The control</b>: 51.6 % (guessing); verdict <b>✓ reproduced</b>.",
    )


def test_a_recorded_run_is_named_with_its_corpus_and_date(checkout):
    entry = records.record("toy/accuracy", 90, corpus="studio")
    made = {"command": "c", "commit": "a", "device": "cpu", "date": "2026-11-21", "profile": "real"}
    records.write_recorded("toy", [entry], made)
    found = records.three(records.finding(records.scoreboard()))[1]
    assert found == "<b>A full run, recorded 2026-11-21,</b> on studio: 90 %."


def test_a_sentence_without_its_number_is_refused(checkout):
    row = records.scoreboard().to_dict("records")[0]
    with pytest.raises(MissingDataError, match="toy/accuracy"):
        records.three(row)
    assert "Nothing that the paper claims was measured" in records.three_html(records.scoreboard())


def test_a_claim_speaks_before_our_own_measurement_which_gets_no_verdict(checkout):
    executed(checkout, "real", [{"id": "toy/ceiling", "value": 99, "corpus": "studio"}])
    row = records.finding(records.scoreboard(ours=True))
    assert row["id"] == "toy/ceiling" and "No verdict" in records.three(row)[2]
    executed(checkout, "real", [{"id": "toy/ceiling", "value": 99, "corpus": "studio"}, ACCURACY])
    assert records.finding(records.scoreboard(ours=True))["id"] == "toy/accuracy"


def test_what_is_not_known_of_a_row_is_left_out_of_its_sentences(checkout):
    bare = {"id": "toy/share", "value": 60, "corpus": "studio", "n": 4}
    executed(checkout, "real", [bare, {**ACCURACY, "corpus": "street"}])
    row = records.finding(records.rows(["toy/share"], [{**bare, "protocol": "speaker"}, ACCURACY
                                                       | {"protocol": "speaker"}]))  # fmt: skip
    assert "nan" not in " ".join(records.three(row)) and "n = 4: 60 %" in records.three(row)[1]
