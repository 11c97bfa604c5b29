"""Claims are declared with source and criterion; what cannot be checked is refused with its
place.
"""

import re
import subprocess
from dataclasses import replace

import pytest
import yaml
from toy_claims import declare, verdict

from earwitness.errors import DamagedDataError
from earwitness_book import project, records


def test_every_claim_of_the_book_has_a_source_a_criterion_and_a_claim_that_ends_as_a_sentence():
    for chapter in records.chapters():
        for claim in records.published(chapter).values():
            assert claim.claim.endswith(".") or claim.claim.endswith(")."), claim.id
            assert claim.ours or claim.source, claim.id


def test_a_cell_of_table_2_has_the_binomial_tolerance_and_every_floor_beside_it():
    claims = records.published("raw-waveform")
    cells = [id for id in claims if re.fullmatch(r"raw-waveform/table2/f\d-\w\w-\w+", id)]
    assert len(cells) == 30
    for id in cells:
        claim, cell = claims[id], id.rpartition("/")[2]
        share, n = claim.value / 100, 48 if cell.endswith("female") else 45
        tolerance = 196 * (share * (1 - share) / n) ** 0.5
        assert claim.tolerance == pytest.approx(tolerance, abs=0.05), id
        assert claim.control == f"raw-waveform/ours/random-weights-{cell}"
        for signal in ("original", "noise", "permuted", "oracle"):
            assert claims[f"raw-waveform/ours/{signal}-{cell}"].unit == "%"


def test_a_quantity_of_table_2_counts_as_carried_only_if_it_beats_every_floor():
    claims = records.published("raw-waveform")
    for quantity in ("f0", "f1", "f2"):
        steps = claims[f"raw-waveform/table2/{quantity}-carried"].steps
        ours = f"raw-waveform/ours/guided-backprop-{quantity}"
        floors = ("random-weights", "noise", "permuted", "constant-sex", "constant-all")
        assert steps == [(f"raw-waveform/ours/{floor}-{quantity}", "<", ours) for floor in floors]


@pytest.mark.parametrize("chapter", records.chapters())
def test_every_number_of_the_papers_tables_meets_its_own_criterion(chapter):
    """A tolerance or threshold that the published value itself misses would be a slip."""
    for claim in records.published(chapter).values():
        if claim.value is not None and not claim.ours:
            entry = {"value": claim.value, "corpus": claim.corpus}
            alone = replace(claim, control="")
            assert records.judge(alone, entry) in ("reproduced", "design"), claim.id


@pytest.mark.parametrize("chapter", records.chapters())
def test_what_is_shown_beside_a_claim_or_must_be_beaten_is_declared(chapter):
    claims = records.published(chapter)
    named = {name for claim in claims.values() for name in (claim.control, claim.beside)}
    ids = {name for name in named if name.startswith(f"{chapter}/")}
    assert ids and ids <= set(claims)


@pytest.mark.parametrize("chapter", records.chapters())
def test_constants_of_the_design_have_a_value_and_no_control(chapter):
    for claim in records.published(chapter).values():
        assert not claim.design or not claim.control or claim.order, claim.id


# --- declarations that cannot be checked


@pytest.mark.parametrize(
    "row, complaint",
    [
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
        ({"tolerance": 1, "value": 3, "control": "a", "beside": "b"}, "both 'control'"),
        (
            {"order": "toy/new < toy/gone", "control": "The lead, by speakers."},
            "words beat nothing",
        ),
        ({"tolerance": 1, "value": 3, "seeds": 5}, "no 'order' and so no 'seeds'"),
        ({"at_least": 1, "measure": "x", "partly": 2}, "no weaker form"),
        ({"at_most": 2, "measure": "x", "partly": 1}, "no weaker form"),
        ({"tolerance": 1, "value": 3, "partly": 2}, "no weaker form"),
        (
            {"tolerance": 1, "value": 3, "history": [{"date": "2026-11-21", "old": "1"}]},
            "'new' and 'reason'",
        ),
    ],
)
def test_a_declaration_that_cannot_be_checked_is_refused_with_its_place(checkout, row, complaint):
    declare(checkout, **row)
    with pytest.raises(DamagedDataError, match=complaint) as error:
        records.published("toy")
    assert "toy.yaml" in str(error.value)


def test_a_claim_may_be_about_another_corpus_than_its_chapter_but_a_measurement_of_ours_may_not(
    checkout,
):
    declare(checkout, tolerance=1, value=3, corpus="street")
    assert records.published("toy")["toy/new"].corpus == "street"
    assert verdict("toy/new", 3, corpus="street") == "reproduced"
    assert verdict("toy/new", 3, corpus="studio") == "other data"
    row = {"id": "toy/a", "claim": "A.", "unit": "%", "corpus": "street"}
    (checkout / "data/published/toy.yaml").write_text(
        yaml.safe_dump({"chapter": "toy", "ours": [row]})
    )
    with pytest.raises(DamagedDataError, match="cannot have 'corpus'"):
        records.published("toy")


def test_an_id_declared_twice_is_refused(checkout):
    row = {"id": "toy/a", "claim": "A.", "unit": "%"}
    (checkout / "data/published/toy.yaml").write_text(
        yaml.safe_dump({"chapter": "toy", "ours": [row, row]})
    )
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


FIRST_RUNS = "ce7dada"  # the commit after the first full runs, of 21 November 2026
ASKED = ("value", "tolerance", "at_least", "at_most", "partly", "order", "control", "measure")


def _told_at_first(chapter):
    """Return the claims of a chapter as they stood after the first full runs."""
    path = f"{FIRST_RUNS}:data/published/{chapter}.yaml"
    told = subprocess.run(
        ["git", "-C", str(project.root()), "show", path], capture_output=True, text=True
    )
    return yaml.safe_load(told.stdout)["claims"] if told.returncode == 0 else []


def _asks(row):
    there = [key for key in ASKED if row.get(key) not in ("", None)]
    return {key: " ".join(str(row[key]).split()) for key in there}


def test_claims_that_changed_or_went_since_the_first_full_runs_have_a_history():
    told = {chapter: _told_at_first(chapter) for chapter in records.chapters()}
    if not any(told.values()):
        pytest.skip("no checkout with its whole history")
    for chapter, rows in told.items():
        now = records.published(chapter)
        histories = str([claim.history for claim in now.values()])
        for row in rows:
            claim = now.get(row["id"])
            if claim is None:
                assert row["id"].removeprefix(f"{chapter}/") in histories, f"{row['id']} is gone"
            elif _asks(row) != _asks(vars(claim)):
                assert claim.history, f"{claim.id} asks something else"
