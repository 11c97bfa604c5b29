"""The benchmark of every method reckons passes as it says."""

from types import SimpleNamespace

import pytest

from benchmarks import methods


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
