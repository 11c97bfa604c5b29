"""What is recorded fits its declaration and is kept with what made it."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from toy_claims import DECLARATION, PROVENANCE, executed

from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError
from earwitness_book import project, records
from earwitness_book.runner import notebooks, reach


def test_an_unknown_id_is_refused_and_the_nearest_named(checkout):
    with pytest.raises(UnknownNameError, match="toy/accuracy"):
        records.record("toy/acuracy", 90, corpus="studio")
    with pytest.raises(UnknownNameError, match="toy"):
        records.record("tpy/accuracy", 90, corpus="studio")


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ({"value": float("nan")}, "must be finite"),
        ({"value": True}, "finite number"),
        ({"value": "90"}, "finite number"),
        ({"value": None}, "finite number"),
        ({"corpus": ""}, "corpus"),
        ({"unit": "dB"}, "declared in '%'"),
        ({"std": float("inf")}, "std of toy/accuracy must be finite"),
        ({"id": "toy/above"}, "follows from other ids"),
        ({"id": {}}, "id of record must be text"),
        ({"folds": 3}, "folds of record must be a sequence of numbers"),
        ({"details": "x"}, "details of record must be a mapping"),
        (
            {"details": {"confusion": [[1.0, float("nan")]]}},
            "details of toy/accuracy must be finite",
        ),
        ({"interval": (93.0, 87.0)}, "the lower first"),
        ({"interval": (1.0, 2.0, 3.0)}, "must be two numbers"),
        ({"interval": (30.0, 50.0)}, "must hold the value 90"),
        ({"against": {"toy/chance": 4.0}}, "toy/chance of"),
        ({"against": {"toy/chanse": (1.0, 2.0)}}, "There is no record id 'toy/chanse'"),
    ],
)
def test_a_measurement_that_does_not_fit_its_declaration_is_refused(checkout, arguments, complaint):
    arguments = {"id": "toy/accuracy", "value": 90.0, "corpus": "studio", **arguments}
    with pytest.raises((ParameterError, UnknownNameError), match=complaint):
        records.record(**arguments)
    assert records.measured() == {}


def test_many_are_recorded_at_once_or_none_of_them(checkout):
    kept = records.record_many(
        {"toy/accuracy": 90, "toy/chance": {"value": 50, "n": 7}}, corpus="studio", n=9
    )
    assert [(entry["id"], entry["value"], entry["n"]) for entry in kept] == [
        ("toy/accuracy", 90, 9),
        ("toy/chance", 50, 7),
    ]
    assert list(records.measured()) == ["toy/accuracy@studio/speaker", "toy/chance@studio/speaker"]
    with pytest.raises(ParameterError, match="finite number"):
        records.record_many({"toy/accuracy": 1, "toy/chance": None}, corpus="studio")
    assert records.measured()["toy/accuracy@studio/speaker"]["value"] == 90


def test_recording_needs_neither_the_board_nor_the_way_in_which_numbers_are_written():
    code = (
        "import sys\nfrom earwitness_book import records\nrecords.record\nrecords.table\n"
        "print([name for name in ('board', 'numbers', 'verdicts') if "
        "f'earwitness_book.records.{name}' in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "[]"


def test_one_id_can_be_measured_on_several_corpora_and_protocols(checkout):
    records.record("toy/accuracy", 90, corpus="studio")
    records.record("toy/accuracy", 70, corpus="street")
    records.record("toy/accuracy", 80, corpus="street", protocol="repetition")
    records.record("toy/accuracy", 71, corpus="street")
    assert {key: entry["value"] for key, entry in records.measured().items()} == {
        "toy/accuracy@studio/speaker": 90,
        "toy/accuracy@street/speaker": 71,
        "toy/accuracy@street/repetition": 80,
    }


def test_numbers_of_numpy_and_torch_are_stored_as_plain_ones_in_the_file_of_the_environment(
    checkout, monkeypatch
):
    import numpy as np
    import torch

    file = checkout / "records.json"
    monkeypatch.setenv("EARWITNESS_RECORDS", str(file))
    monkeypatch.setenv("EARWITNESS_PROFILE", "demo")
    records.record(
        "toy/accuracy",
        np.float32(90.5),
        std=torch.tensor(1.5),
        corpus="studio",
        n=np.int64(7),
        folds=np.array([89.0, 92.0]),
        details={"confusion": np.eye(2, dtype=int)},
        control=np.float64(50),
        interval=np.array([88.0, 93.0]),
        of="speakers",
        seeds=np.int64(5),
    )
    stored = json.loads(file.read_text())["toy/accuracy@studio/speaker"]
    assert stored == {
        "id": "toy/accuracy",
        "value": 90.5,
        "std": 1.5,
        "unit": "%",
        "corpus": "studio",
        "protocol": "speaker",
        "n": 7,
        "control": 50.0,
        "folds": [89.0, 92.0],
        "details": {"confusion": [[1, 0], [0, 1]]},
        "profile": "demo",
        "interval": [88.0, 93.0],
        "of": "speakers",
        "seeds": 5,
    }
    executed(checkout, "demo", [stored])
    row = records.scoreboard().set_index("id").loc["toy/accuracy"]
    assert (row["measured"], row["profile"], row["verdict"], row["control"]) == (
        90.5,
        "demo",
        "reproduced",
        "50 %",
    )


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
    workers = [
        multiprocessing.get_context("fork").Process(target=_record_in_process, args=(k,))
        for k in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(entry["value"] for entry in records.recorded("toy")) == list(range(8))


def test_a_notebook_that_records_does_not_reach_what_judges_and_draws(monkeypatch):
    monkeypatch.delenv("EARWITNESS_HOME", raising=False)
    source = Path(records.__file__).parents[1]
    graph = reach.Graph({"earwitness_book": source})
    for notebook in notebooks.every():
        reached = {
            name.rpartition(".")[2] for name in graph.reached(notebook, {}) if ".records." in name
        }
        computes = {"resampling", "said"}  # only of some: what they return is recorded, or shown
        assert reached - computes == {"claims", "closing", "measurements"}, notebook.id


@pytest.mark.parametrize(
    "part", [{"unit": None}, {"value": "9O"}, {"value": None}, {"interval": [1.0]}, {"std": "1"},
             {"interval": [1.0, "x"]}, {"against": {"toy/chance": 3}}, {"corpus": 7}]
)  # fmt: skip
def test_a_recorded_entry_of_another_kind_is_named(checkout, part):
    entry = {"id": "toy/accuracy", "value": 90.0, "unit": "%", "corpus": "studio"}
    entry |= {"protocol": "speaker", "provenance": PROVENANCE, **part}
    path = checkout / "data/recorded/toy.yaml"
    path.parent.mkdir(exist_ok=True)
    for entries in ([entry], "cut"):
        path.write_text(yaml.safe_dump({"chapter": "toy", "entries": entries}))
        with pytest.raises(DamagedDataError, match=f"toy.yaml.*({next(iter(part))}|are a list)"):
            records.scoreboard()


def test_what_made_a_recorded_value_stands_in_the_history():
    root = project.root()
    git = ["git", "-C", str(root)]
    told = subprocess.run([*git, "rev-parse", "--is-shallow-repository"], capture_output=True)
    if told.returncode or told.stdout.strip() != b"false":
        pytest.skip("no checkout with its whole history")
    history = subprocess.run([*git, "rev-list", "HEAD"], capture_output=True, text=True).stdout
    known = {commit[:7] for commit in history.split()}
    named = {
        str(entry["provenance"]["commit"]).rstrip("+")[:7]
        for chapter in records.chapters()
        for entry in records.recorded(chapter)
    }
    assert named and named <= known, "commits of a branch that was rebased: " + str(named - known)
