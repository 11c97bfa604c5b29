"""Slides: what is on them, and that they need no network."""

import re
import sys
from urllib.parse import unquote

import pytest
import toy

from earwitness.errors import MissingDataError
from earwitness_book.course import slides
from earwitness_book.runner import check, execute, notebooks, site

ALT = {"mystnb": {"image": {"alt": "a line that rises"}}}
CELLS = [
    toy.words("# Shows\n\nA first sentence with $a_1 * b_2 < c$."),
    toy.code(toy.PARAMETERS, ["parameters"]),
    toy.words("## What is seen\n\n:::{note}\nRead {term}`relevance`.\n:::\n\n$$\n\\frac{a}{b}\n$$"),
    toy.code("draw()", **ALT),
    toy.code(toy.PLAYER),
    toy.words("```{exercise} Twice (●●○, 10 min)\n:label: twice\nTwice what?\n```\n\n"
              "```{solution-start} twice\n```"),
    toy.code("2 * 2"),
    toy.words("It is.\n```{solution-end}\n```"),
]  # fmt: skip
DRAWN = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AAAA"}}
SOUND = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"text/html": ["<p>two</p>\n", '<audio src="data:audio/wav;base64,UklGRg==">']},
}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "a progress bar"}  # fmt: skip


@pytest.fixture
def made(make_toy, tmp_path):
    """Return the folder and text of the slides of a notebook as an execution left it."""
    pytest.importorskip(slides.REVEAL, reason="reveal.js is part of earwitness[course]")
    make_toy({"first/01-shows": CELLS})
    notebook = notebooks.find("shows")
    content = notebook.content()
    for cell, output in ((3, DRAWN), (4, SOUND)):
        content["cells"][cell]["outputs"] = [PRINTED, output]
    content["metadata"]["earwitness"] = {}
    executed = execute.Executed(notebook.id, toy.json.dumps(content), None, 1.0, cached=False)
    execute.place(executed, site.folder("demo") / "executed")
    (path,) = slides.make(["first"], tmp_path / "course", "demo")
    return path.parent, path.read_text()


def test_slides_load_only_what_lies_beside_them(made):
    folder, text = made
    page = check.read(text)
    assert page.wrong == [] and "default-src 'self'" in page.policy
    files = [address for address in page.loads if not address.startswith("data:")]
    assert len(files) >= 5 and all((folder / unquote(each)).is_file() for each in files)
    for sheet in folder.rglob("*.css"):
        css = sheet.read_text()
        assert not check.style_loads(css), sheet
        for name in re.findall(r"url\(['\"]?(\.[^)'\"]+)", css):
            assert (sheet.parent / name).is_file() or not name.endswith(("css", "woff"))
    assert (folder / "reveal" / "LICENSE").is_file()


def test_what_is_shown_stands_on_slides_and_what_is_said_in_the_notes(made):
    _, text = made
    said = "".join(re.findall(r'(?s)<aside class="notes">.*?</aside>', text))
    shown = re.sub(r'(?s)<aside class="notes">.*?</aside>', "", text)
    assert "Read relevance." in said and "first sentence" in said and ":::" not in text
    assert "What is seen" in shown and "first sentence" not in shown
    assert 'alt="a line that rises"' in shown and re.search(r"<p>two</p>\s*<audio", shown)
    assert "a progress bar" not in text and "draw()" not in text and "n_clips" not in text
    asked, solved = shown.index("Twice what?"), shown.index("It is.")
    assert asked < shown.index('class="fragment"') < solved


def test_formulas_reach_the_script_that_sets_them_as_they_were_written(made):
    _, text = made
    places = re.findall(r'(?s)<(span|div) class="math">(.*?)</\1>', text)
    from html import unescape

    assert [(tag, unescape(source)) for tag, source in places] == [
        ("span", "a_1 * b_2 < c"),
        ("div", "\\frac{a}{b}"),
    ]


def test_without_reveal_or_an_executed_notebook_a_sentence_says_what_to_do(make_toy, monkeypatch):
    make_toy({"first/01-shows": CELLS})
    monkeypatch.setattr(slides, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match=r"earwitness\[course\]"):
        slides.make(["first"], None, "demo")
    monkeypatch.setattr(slides, "find_spec", lambda name: sys)
    with pytest.raises(MissingDataError, match="first/shows was not executed"):
        slides.make(["first"], None, "demo")
