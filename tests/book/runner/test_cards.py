"""A notebook in little: picture, sound and finding."""

import base64
import io

import toy
from PIL import Image

from earwitness_book.runner import cards, notebooks


def executed(*outputs, tags=()):
    cells = [
        {"cell_type": "code", "source": "", "outputs": [{"output_type": "display_data", "data": d}],
         "metadata": {"tags": list(tags), "mystnb": {"image": {"alt": "a rising line"}}}}
        for d in outputs
    ]  # fmt: skip
    return {"cells": cells, "metadata": {"earwitness": {"records": {}}}}


def png(width=2000):
    stream = io.BytesIO()
    Image.new("RGB", (width, 100), "red").save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_the_first_figure_becomes_a_picture_that_a_phone_loads_with_its_words():
    html = cards.picture(executed({"text/html": "<p>"}, {"image/png": png()}))
    assert 'alt="a rising line"' in html
    data = html.split("base64,")[1].split('"')[0]
    assert Image.open(io.BytesIO(base64.b64decode(data))).width == 640
    assert cards.picture(executed({"image/png": png()}, tags=["remove-cell"])) == ""


def test_a_figure_tagged_cover_goes_before_the_first():
    both = executed({"image/png": png(300)}, {"image/png": png(500)})
    both["cells"][1]["metadata"] |= {"tags": ["cover"]}
    data = cards.picture(both).split("base64,")[1].split('"')[0]
    assert Image.open(io.BytesIO(base64.b64decode(data))).width == 500


def test_the_first_sound_is_taken_whole_and_one_too_heavy_is_not():
    one = '<figure class="ew-player"><audio src="a"></audio></figure>'
    assert cards.sound(executed({"text/html": f"<div>{one}<p>more</p></div>"})) == one
    heavy = one.replace('"a"', f'"{"a" * 500_000}"')
    assert cards.sound(executed({"text/html": heavy}, {"text/html": one})) == one
    assert cards.sound(None) == ""


def test_a_card_links_its_chapter_and_says_when_nothing_was_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_HOME", str(toy.project(tmp_path / "toy")))
    notebook = notebooks.find("toy/passes")
    html = cards.card(notebook, None, "Toys & more", "toy/intro.html")
    assert '<a href="toy/intro.html">Toys &amp; more</a>' in html
    assert "Nothing that the paper claims was measured" in html
