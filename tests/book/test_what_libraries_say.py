"""The page about other libraries says what was recorded, and nothing else."""

import json
import re

import pytest
import torch
from captum.attr import LRP
from zoo import NETWORKS

from benchmarks import peers
from benchmarks.peers_page import HELD, KINDS, PAGE, page


@pytest.fixture(scope="module")
def results():
    return json.loads(peers.RESULTS.read_text())


def test_the_page_is_what_the_recorded_results_make_of_it(results):
    assert PAGE.read_text() == page(results)


def test_the_tally_on_the_page_is_counted_from_the_rows(results):
    text = PAGE.read_text()
    for peer, held in HELD.items():
        own = [row["kind"] for row in results["rows"] if row["peer"] == peer]
        cells = " | ".join(str(own.count(kind)) for kind in KINDS)
        assert f"| {peer} | {held} | {cells} |" in text
    marks = re.findall(r"✗", text.partition("✗ wrong without a word.")[2])
    assert len(marks) == sum(row["kind"] == "wrong" for row in results["rows"])


def test_every_peer_was_run_on_every_network_that_ends_in_logits(results):
    names = {row["network"] for row in results["rows"]}
    here = {row["network"] for row in results["rows"] if row["family"] != "installed"}
    assert here <= set(NETWORKS) and len(here) >= 60
    cells = [(row["network"], row["peer"]) for row in results["rows"]]
    assert sorted(cells) == sorted((name, peer) for name in names for peer in peers.PEERS)


def test_the_page_names_the_versions_and_the_day(results):
    text = " ".join(PAGE.read_text().split())
    assert results["date"] in text
    for package in ("captum", "lxt", "torch", "zennit"):
        assert f"{package} {results['versions'][package]}" in text


def test_an_error_is_a_refusal_only_where_the_library_itself_raises():
    flat, clip = torch.nn.Sequential(torch.nn.Flatten()), torch.ones(1, 2)
    with pytest.raises(TypeError) as refused:
        LRP(flat).attribute(clip, target=0)
    assert peers._is_refusal(refused.value, "captum")
    with pytest.raises(IndexError) as crashed:
        LRP(torch.nn.Sequential(torch.nn.Linear(2, 2))).attribute(clip, target=7)
    assert not peers._is_refusal(crashed.value, "captum")
