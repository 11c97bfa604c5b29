"""Each chapter's notebook ``explore`` runs, and what it offers is the chapter's."""

import json

import numpy as np
import pytest
import soundfile

from earwitness.errors import ParameterError, UnknownNameError
from earwitness_book.chapters import explorer, live
from earwitness_book.runner import notebooks, site

EVERY = notebooks.explorers()
each = pytest.mark.parametrize("notebook", EVERY, ids=[notebook.chapter for notebook in EVERY])


def code(notebook):
    return [
        notebooks.text(cell) for cell in notebook.content()["cells"] if cell["cell_type"] == "code"
    ]


def test_every_chapter_with_an_explorer_has_a_page_and_a_notebook_to_explore():
    chapters = {notebook.chapter for notebook in EVERY}
    assert chapters == set(live.CHAPTERS) == set(explorer.CHAPTERS)
    assert {notebook.page for notebook in EVERY} <= set(notebooks.toc_pages())
    assert not {notebook.page for notebook in notebooks.every()} & {one.page for one in EVERY}


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures take most of the time; the library's own test draws them."""
    monkeypatch.setattr("earwitness.explaining.report.pictures", lambda explanation, dpi: {})


@each
def test_its_cells_run_and_show_a_map_a_sound_and_a_control(notebook, undrawn):
    scope: dict = {}
    parameters, show, _ = code(notebook)
    cells = notebook.content()["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert notebook.content()["metadata"]["kernelspec"]["name"] == "python3"
    assert notebooks.text(cells[0]).startswith("# ") and "<!-- explorer" in notebooks.text(cells[0])
    assert set(notebook.parameters) <= {"sound", "trained", "seed"}
    exec(parameters + "\n" + show, scope)
    found = scope["explorer"]
    if "no registry" in found.said or "could not be fetched" in found.said:
        pytest.skip(found.said)
    first = found.explanation
    assert first.relevance.any() and first.sounds["explanation"].any()
    control = next(name for name in found.network.options if "random weights" in name)
    found.network.value = control
    assert found.explanation is not None and found.explanation.network == control
    assert not np.allclose(found.explanation.relevance, first.relevance)
    assert found.clip.value == found.clip.options[0] and "earwitness_book" in show


@each
def test_its_page_has_the_maps_made_before_and_neither_widget_nor_kernel(notebook, monkeypatch):
    asked = []
    monkeypatch.setattr(
        explorer, "place", lambda chapter, up="": asked.append((chapter, up)) or "<p>maps</p>"
    )
    page = json.loads(site._explored("smoke", notebook, [notebook.page]))
    assert asked == [(notebook.chapter, "../")]
    text = "".join(notebooks.text(cell) for cell in page["cells"])
    assert "<p>maps</p>" in text and "<!--" not in text
    assert not any(cell.get("outputs") for cell in page["cells"])  # which would load the widgets


def test_whoever_wants_to_run_one_is_told_to_open_it():
    with pytest.raises(UnknownNameError, match="open notebooks/audiomnist/explore.ipynb"):
        notebooks.find("audiomnist/explore")


def test_a_sound_of_the_readers_comes_first_where_a_network_takes_one(tmp_path, undrawn):
    path = tmp_path / "mine.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).normal(size=9000), 16000)
    found = live.of("audiomnist", sound=str(path))
    assert found.clip.options[0] == "mine.wav" == found.clip.value
    assert found.explanation.samples.any()
    with pytest.raises(ParameterError, match="four channels"):
        live.of("sound-direction", sound=str(path))


def test_what_a_chapter_does_not_train_and_unknown_chapters_are_refused():
    with pytest.raises(ParameterError, match="trained already"):
        live.of("raw-waveform", trained=True)
    with pytest.raises(UnknownNameError, match="audiomnist"):
        live.of("audiomnits")


def test_networks_of_the_chapter_are_trained_when_they_are_chosen(monkeypatch, undrawn):
    asked = []

    def fit(name, *_, **options):
        asked.append((name, options["recipe"]))
        raise ParameterError("not now")

    monkeypatch.setattr("earwitness.training.fit", fit)
    found = live.of("audiomnist", trained=True)
    assert {"AudioNet", "AlexNet, random weights"} <= set(found.network.options) and not asked
    found.network.value = "AlexNet"
    assert asked == [("AlexNet", "brief")] and "not now" in found.said
