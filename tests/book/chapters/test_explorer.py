"""The explorer's maps: what a page unpacks is what the library attributes."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from earwitness import attribution, evaluation, features, models
from earwitness.errors import UnknownNameError
from earwitness_book import project
from earwitness_book.chapters import explorer


def unpacked(clip, methods, rows):
    """A clip's maps as the page scales them back, (question, method, network, rows, frames)."""
    limits = np.array(clip["limits"])
    maps = np.frombuffer(base64.b64decode(clip["maps"]), np.int8).reshape(len(limits), -1)
    shape = (len(clip["questions"]), len(methods), 2, rows, -1)
    return (maps * limits[:, None] / 127).reshape(shape)


def test_bytes_give_maps_back_to_a_part_of_full_colour_and_no_point_changes_its_sign():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 1, 2, 5, 7)) * 10.0 ** rng.integers(-6, 3, size=(2, 1, 2, 1, 1))
    clip = explorer.Clip("a clip", "said", rng.normal(size=600), ["one", "two"], maps)
    grid = explorer.Grid(8000, 100, np.arange(5) * 100.0)
    (packed,) = explorer.content(grid, ["gradient"], [clip])["clips"]
    limits = np.array(packed["limits"]).reshape(2, 1, 2, 1, 1)
    again = unpacked(packed, ["gradient"], 5)
    inside = np.abs(maps) <= limits
    assert inside.mean() > 0.9
    assert (np.abs(again - maps) / limits)[inside].max() <= 0.51 / 127 + 1e-3
    assert (again * maps >= 0).all() and np.abs(again).max((3, 4)) == pytest.approx(
        limits[..., 0, 0]
    )


def test_a_pair_in_the_page_is_what_the_library_attributes_to_nine_and_not_five():
    (script,) = explorer.scripts("audible-explanations").values()
    name, _, content = script.decode().partition("] = ")
    assert name.endswith('["explore-audible-explanations"')
    content = json.loads(content.strip().rstrip(";"))
    clip, found = content["clips"][0], models.pretrained("own-voice")
    heard = np.frombuffer(base64.b64decode(clip["samples"]), "<i2") / 32767
    inputs = found.model.represent(heard.astype(np.float32)[None])[:, None]
    shown = unpacked(clip, content["methods"], len(content["centres"]))[0, 0]
    assert clip["questions"][0] == "why “nine” and not “five”" and "nine" in clip["said"]
    for number, net in enumerate((found.model, evaluation.randomised(found.model, explorer.SEED))):
        map_ = attribution.attribute(net, inputs, (9, 5), "lrp-gamma")[0, 0].numpy()
        full = clip["limits"][number]  # the first question and method
        assert np.corrcoef(shown[number].ravel(), map_.clip(-full, full).ravel())[0, 1] > 0.99
    assert np.abs(np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1]) < 0.9


def test_rows_of_a_map_lie_at_the_frequencies_that_the_page_writes():
    grid = explorer.Grid(16000, 160, np.array([0.0, 1.0]))
    maps = np.arange(3.0)[None]  # at 0.00, 0.02 and 0.04 s
    assert grid.resampled(maps, np.array([0, 0.02, 0.04]), 640).tolist() == [[0, 0, 1, 1, 2]]
    assert features.mel_edges_hz(40, 4000)[-1] == 4000


def test_the_first_map_is_a_picture_until_the_explorer_is_started():
    (script,) = explorer.scripts("audible-explanations").values()
    said = explorer.first_map(script)
    shown = json.loads(script.decode().partition("] = ")[2].strip().rstrip(";"))
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", said)[1])
    image = np.array(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    red, blue = (
        (image[..., 0] - image[..., 2] > 60).sum(),
        (image[..., 2] - image[..., 0] > 60).sum(),
    )
    maps = np.frombuffer(base64.b64decode(shown["clips"][0]["maps"]), np.int8)
    first = maps.reshape(len(shown["clips"][0]["limits"]), -1)[0]
    assert red and blue and (red > blue) == ((first > 20).sum() > (first < -20).sum())
    assert "why “nine” and not “five”, by" in said and said in explorer.place(
        "audible-explanations"
    )
    start = (project.root() / "book/_extra/networks/start.js").read_text()
    assert 'replaceChildren(...root.querySelectorAll("figure")' in start


def test_the_place_names_its_scripts_from_where_the_page_lies_and_unknown_chapters_are_refused():
    said = explorer.place("audible-explanations", "../")
    assert 'src="../networks/start.js"' in said and "explore.js" in said and " MB" in said
    with pytest.raises(UnknownNameError, match="audiomnist"):
        explorer.place("audiomnits")
