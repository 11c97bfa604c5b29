"""Networks with and without a shortcut, the rule without eyes, and the scores of guesses."""

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from earwitness.evaluation import informedness
from earwitness_book import project
from earwitness_book.chapters import clinic
from earwitness_book.chapters import known_answers as known

SCRIPT = project.root() / "book" / "_static" / "clinic.js"


@pytest.fixture(scope="module")
def words():
    """Noise that is brighter in words with an s; no corpus is needed."""
    rng = np.random.default_rng(0)
    found = object.__new__(clinic.Words)
    found.corpus = "voices"
    sounds = rng.normal(0, known.LEVEL, (60, known.N_SAMPLES))
    found.train, found.test = sounds[:40], sounds[40:]
    found.labels, found.test_labels = np.repeat([1, 0], 20), np.repeat([1, 0], 10)
    return found


@pytest.fixture(scope="module")
def hum(words):
    return clinic.Patient(words, "hum", seed=1, n_steps=80)


def test_a_shortcut_does_not_move_when_others_are_taken_away(words):
    word = words.test[0]
    whole = clinic._placed(word, tuple(clinic.SHORTCUTS), 3)
    for kind in ("beep", "click"):
        left = clinic._placed(word, tuple(k for k in clinic.SHORTCUTS if k != kind), 3)
        changed = np.abs(whole - left) > 0.2 * np.abs(whole - left).max()
        assert 0 < changed.mean() < 0.2, kind
    louder = clinic.with_shortcuts(word, ["level"], np.random.default_rng(0))
    np.testing.assert_allclose(louder, clinic.LOUDER * word)
    silent = clinic.with_shortcuts(word, ["silence"], np.random.default_rng(0))
    assert not silent[100:800].any() and silent[1200:].any()


def test_a_network_with_a_shortcut_needs_its_own_and_its_map_lights_it_up(hum):
    needs = hum.needs()
    assert max(needs, key=needs.get) == "hum" and needs["hum"] > 40
    suspicion = hum.suspicion("lrp-epsilon", 4)
    assert max(suspicion, key=suspicion.get) == "hum" and suspicion["hum"] > 3
    assert set(suspicion) == set(clinic.SHORTCUTS) - {"level"}  # a level has no cells


def test_half_of_a_ward_is_healthy_and_every_shortcut_is_there(words):
    kinds = [one.kind for one in clinic.ward(words, 20)]
    assert kinds.count(clinic.HEALTHY) == 10
    assert all(kinds.count(kind) == 2 for kind in clinic.SHORTCUTS)
    assert len({one.seed for one in clinic.ward(words, 20)}) == 20


def table(ill, healthy):
    kinds = ["beep"] * len(ill) + [clinic.HEALTHY] * len(healthy)
    rows = {"kind": kinds, "relevance": [*ill, *healthy], "named": "beep"}
    return pd.DataFrame(rows).assign(ill=lambda one: one["kind"] != clinic.HEALTHY)


def test_areas_and_the_rule_are_as_by_hand():
    separate = clinic.area(table([3.0, 4.0], [1.0, 2.0]), "relevance")
    assert separate["value"] == 100 and separate["interval"] == (100, 100)
    mixed = clinic.area(table([3.0, 1.0], [1.0, 2.0]), "relevance")
    assert mixed["value"] == pytest.approx(100 * 2.5 / 4)
    both = table([3.0, 4.0], [1.0, 2.0]).assign(other=[1.0, 2.0, 3.0, 4.0])
    against = clinic.area(both, "relevance", {"other": "its-id"})["against"]
    low, high = against["its-id"]
    assert low < 0 and high == 100  # two of each, and might have been otherwise
    many = clinic.area(
        table([3.0, 4.0] * 10, [1.0, 2.0] * 10).assign(other=[1.0, 2.0] * 10 + [3.0, 4.0] * 10),
        "relevance", {"other": "its-id"},
    )  # fmt: skip
    assert many["against"] == {"its-id": (100, 100)}
    alone = clinic.area(table([3.0], [1.0, 2.0]), "relevance", {"other": "its-id"})
    assert alone == {"value": 100, "n": 3, "of": "networks"}
    guesses = clinic.by_rule(table([3.0, 1.5], [1.0, 2.0]))
    assert guesses["guessed"].tolist() == ["beep", clinic.HEALTHY, clinic.HEALTHY, "beep"]
    found = clinic.marked(guesses)
    assert found["informedness"] == 0 and found["named"] == 0.5


def test_guesses_are_scored_as_the_study_scores_them():
    guesses = pd.DataFrame(
        {"actual": ["hum", "beep", "hum", *["healthy"] * 3],
         "guessed": ["hum", "hum", "healthy", "healthy", "healthy", "click"]}
    )  # fmt: skip
    found = clinic.marked(guesses)
    assert found["informedness"] == pytest.approx(2 / 3 - 1 / 3)
    assert found["named"] == pytest.approx(1 / 3) and 0.4 < found["p"] < 0.6
    perfect = clinic.marked(guesses.assign(guessed=guesses["actual"]))
    assert perfect["informedness"] == 1 and perfect["p"] == pytest.approx(1 / 20)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_scores_as_python_does_and_saves_what_it_reads():
    actual = ["hum", "beep", "healthy", "healthy", "level", "healthy"]
    guessed = ["hum", "healthy", "healthy", "click", "beep", "healthy"]
    rows = [{"actual": a, "guessed": g} for a, g in zip(actual, guessed, strict=True)]
    code = (
        f"const {{ informedness, named, toCsv }} = require({json.dumps(str(SCRIPT))});"
        f"const rows = {json.dumps(rows)};"
        "console.log(JSON.stringify([informedness(rows), named(rows), toCsv(rows)]))"
    )
    said = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    score, named, csv = json.loads(said.stdout)
    ill = [[kind != clinic.HEALTHY for kind in side] for side in (actual, guessed)]
    assert score == pytest.approx(informedness(*ill, True)) and named == 1
    lines = [line.split(",") for line in csv.splitlines()]
    assert lines[0] == ["network", "actual", "guessed"] and lines[1] == ["1", "hum", "hum"]
    found = clinic.marked(pd.DataFrame(lines[1:], columns=lines[0]))
    assert found["informedness"] == pytest.approx(score)


def test_the_page_gets_a_map_two_sounds_and_the_truth_of_every_network(hum, words):
    healthy = clinic.Patient(words, clinic.HEALTHY, seed=2, n_steps=5)
    guesses = pd.DataFrame({"actual": ["hum", "healthy"], "guessed": ["hum", "healthy"]})
    page = clinic.Clinic([hum, healthy], "gradient", guesses)._repr_html_()
    data = json.loads(re.search(r"<script[^>]*>(.*)</script>", page, re.DOTALL)[1])
    assert [one["kind"] for one in data["networks"]] == ["hum", "healthy"]
    assert all(one["map"].startswith("data:image/png") for one in data["networks"])
    assert all(len(one["sounds"]) == len(data["words"]) == 2 for one in data["networks"])
    assert data["rule"]["informedness"] == 1 and set(data["kinds"]) == set(clinic.SHORTCUTS)
