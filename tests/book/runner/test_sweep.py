"""Combinations and values of a sweep."""

import pandas as pd
import pytest
import toy

from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book.runner import notebooks, sweep


def test_combinations_and_values_of_a_sweep(make_toy):
    make_toy({"toy/02-quick": toy.lines("n")})
    tried = sweep.values(notebooks.find("quick"), {"n": "1, 2", "words": "a,b;c"})
    assert tried == {"n": [1, 2], "words": [["a", "b"], ["c"]]}
    made = sweep.combinations(tried)
    assert made == [
        {"n": 1, "words": ["a", "b"]},
        {"n": 1, "words": ["c"]},
        {"n": 2, "words": ["a", "b"]},
        {"n": 2, "words": ["c"]},
    ]
    labels = [sweep.label(each) for each in [*made, {"path": "a/b\\c" * 40}]]
    assert len(set(labels)) == 5 and all(len(name) <= 120 and "/" not in name for name in labels)


def test_a_file_in_the_place_of_the_table_is_not_overwritten(tmp_path):
    for notes in ("my,notes\n1,2\n", "one\n1,2,3\n"):
        (tmp_path / "table.csv").write_text(notes)
        with pytest.raises(DamagedDataError, match="no table of a sweep"):
            sweep.write(sweep.table(["n"], [], tmp_path), ["n"], tmp_path / "table.csv")
        assert (tmp_path / "table.csv").read_text() == notes


def test_an_average_needs_values_to_average(tmp_path):
    rows = pd.DataFrame({"seed": [1, 1], "id": ["a/b", "a/b"], "value": [1.0, 2.0]})
    for name in ("seed", "sead"):
        with pytest.raises(ParameterError, match=f"average over {name} needs a sweep of it"):
            sweep.averaged(rows, name)


def test_a_sweep_of_another_parameter_stands_below_the_first(tmp_path):
    for name in ("hop", "seed"):
        row = dict.fromkeys(sweep.table([name], [], tmp_path), "") | {name: 1, "value": 2.0}
        sweep.write(pd.DataFrame([row]), [name], tmp_path / "table.csv")
    kept = pd.read_csv(tmp_path / "table.csv", dtype=str, keep_default_na=False)
    assert kept[["hop", "seed", "value"]].to_numpy().tolist() == [
        ["1", "", "2.0"],
        ["", "1", "2.0"],
    ]
