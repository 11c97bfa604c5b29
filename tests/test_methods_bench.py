"""The benchmark of every method reckons passes as it says."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import methods
from earwitness_book import project


def row(method, forward, backward, took_s, peer=None):
    seconds = {
        "forward": 1.0,
        "forward and backward": 3.0,
        method: took_s,
        f"{method}, captum": 2.0,
    }
    counted = SimpleNamespace(forward=forward, backward=backward)
    return methods._row(method, seconds, counted, peer, n_clips=2)


def test_the_ratio_is_to_the_passes_that_must_happen_forward_ones_and_those_with_a_way_back():
    found = row("integrated-gradients", 20, 16, 100.0, "captum")  # of two clips: 10 and 8 each
    assert found["to these passes"] == pytest.approx(100 / (2 * 1 + 8 * 3))
    assert found["ms a clip"] == 50_000 and found["to the peer"] == "50.00 (captum)"


def test_a_pass_of_relevance_counts_as_a_way_back_and_without_a_peer_the_cell_is_empty():
    found = row("lrp-epsilon", 2, 0, 6.0)
    assert found["to these passes"] == pytest.approx(6 / 3)
    assert found["backward"] == "1" and found["to the peer"] == ""


def test_perturbations_only_go_forward():
    assert row("rise", 16, 0, 16.0)["to these passes"] == pytest.approx(2)


def test_whatever_takes_more_than_twice_its_passes_is_named_on_the_page_with_the_reason():
    root = project.root()
    tables = json.loads((root / "benchmarks/results/methods.json").read_text())["tables"]
    rows = [row for table in list(tables.values())[1:] for row in table]
    dear = {row["method"] for row in rows if row["to these passes"] > 2}
    dear |= {row["method"] for row in rows if float(row["to the peer"].split(" ")[0] or 0) > 2}
    text = (root / "book/speeds.md").read_text()
    assert dear and {method for method in dear if f"`{method}`" not in text} == set()
