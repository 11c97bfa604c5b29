"""Front page, game, networks and scoreboard, made by the book's own code, read in Chromium from
files.
"""

import io
import shutil
from pathlib import Path

import browser
import browser_axe
import browser_clinic
import browser_print
import browser_reader
import browser_study
import numpy as np
import pytest

from earwitness import figures
from earwitness.html import in_script
from earwitness_book import project, records
from earwitness_book.chapters import explorer, page_networks, study_page, untrained

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
RATE = 8000
EXPLORER = f"{browser_reader.EXPLORED}/intro"
OWN = (
    "index", "scoreboard-short", "spot-the-untrained", EXPLORER, browser_study.PAGE,
    browser_clinic.PAGE,
)  # fmt: skip


def clip(seed):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=RATE) * np.hanning(RATE)
    trained, control = samples**2, samples * rng.normal(size=RATE)
    return untrained.Clip(samples, trained, control, RATE, "nine")


def study():
    """Twelve items, half of them rightly predicted."""
    figure, ax = figures.panels(1, 1)
    ax.plot([0, 1])
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    sound, picture = (clip(0).samples * 0.1, RATE, "a sound"), stream.getvalue()
    shown = ("signal", "explanation")
    items = [
        study_page.StudyItem(n % 10, (n + n % 2) % 10, dict.fromkeys(shown, sound),
                             dict.fromkeys(shown, picture))
        for n in range(12)
    ]  # fmt: skip
    return study_page.Study(items, "noise")


def clinic():
    """Three networks, without the networks."""
    sound = untrained._sounds(clip(0), True)[0]
    picture = untrained._map(clip(0), clip(0).trained)
    kinds = ("hum", "healthy", "beep")
    shown = {
        "kinds": {"hum": "a hum", "beep": "a beep"}, "words": [sound, sound],
        "rule": {"informedness": 0.5},
        "networks": [{"kind": kind, "map": picture, "sounds": [sound, sound]} for kind in kinds],
    }  # fmt: skip
    script = f'<script type="application/json">{in_script(shown)}</script>'
    return f'<h1>Clinic</h1><div class="ew-clinic">{script}</div>'


def each_kind(board):
    """Return a claim of each kind of each chapter: axe reads seconds on end where rows are many."""
    chapter = board["id"].str.partition("/")[0]
    return board.groupby([chapter, "verdict", "ours", "design"]).head(1)


def _page(folder, name, body, *scripts):
    up = "../" * name.count("/")
    head = (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<link rel="stylesheet" href="{up}_static/earwitness.css">'
        + "".join(f'<script src="{up}_static/{script}"></script>' for script in scripts)
    )
    (folder / f"{name}.html").write_text(f"{head}<body class=bd-content><article>{body}</article>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of pages that the book's functions made."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(project.root() / "book" / "_static", folder / "_static")
    shutil.copytree(project.root() / "book" / "_extra" / "vendor", folder / "vendor")
    board = records.scoreboard(folder)  # nothing was built: recorded values
    _page(folder, "index", untrained.Opening(clip(0))._repr_html_(), "player.js")
    _page(folder, "scoreboard", records.to_html(board), "scoreboard.js")
    _page(folder, "scoreboard-short", records.to_html(each_kind(board)), "scoreboard.js")
    game = untrained.Game([clip(seed) for seed in range(1, 11)])
    _page(folder, "spot-the-untrained", game._repr_html_(), "spot.js")
    shutil.copytree(project.root() / "book" / page_networks.FOLDER, folder / "networks")
    for name in page_networks.PAGES:
        for path, content in page_networks.scripts(name).items():
            (folder / "networks" / Path(path).name).write_bytes(content)
        _page(folder, name, page_networks.place(name), "tables.js")
    (folder / browser_study.PAGE).parent.mkdir()
    chapter = browser_reader.EXPLORED
    for path, content in explorer.scripts(chapter).items():
        (folder / "networks" / Path(path).name).write_bytes(content)
    _page(folder, EXPLORER, explorer.place(chapter, "../"), "player.js")
    _page(folder, browser_study.PAGE, study()._repr_html_(), "study.js", "after.js")
    (folder / "audiomnist").mkdir()
    _page(folder, "audiomnist/01-classifiers", BAD)
    (folder / browser_clinic.PAGE).parent.mkdir()
    _page(folder, browser_clinic.PAGE, clinic(), "clinic.js")
    return folder.as_uri()


def test_a_reader_hears_a_sound_finds_a_claim_again_and_plays_all_to_the_end(site):
    async def read(port):
        tab = await browser.attach(port)
        await browser_reader.check(tab, site)
        tab.listening.cancel()
        return tab.errors, tab.hosts

    errors, hosts = browser.drive(read)
    assert not errors and hosts <= {""}


def test_who_took_the_study_hears_every_item_again_and_sees_a_class_together(site):
    async def take(port):
        tab = await browser.attach(port)
        await browser_study.check(tab, site)
        tab.listening.cancel()
        return tab.errors, tab.hosts

    errors, hosts = browser.drive(take)
    assert not errors and hosts <= {""}


def test_the_clinic_scores_who_calls_all_healthy_and_who_is_right(site):
    async def go(port):
        tab = await browser.attach(port)
        await browser_clinic.check(tab, site)
        tab.listening.cancel()
        return tab.errors, tab.hosts

    errors, hosts = browser.drive(go)
    assert not errors and hosts <= {""}


@pytest.mark.skipif(not browser_axe.here(), reason="needs axe-core-python")
def test_axe_finds_nothing_on_the_books_own_pages_by_day_and_night_at_a_desk_and_on_a_phone(site):
    started = "document.querySelector('.ew-net button').click()"

    async def look(port):
        tab, wrong = await browser.attach(port), []
        for form, mode in (("desktop", "light"), ("desktop", "dark"), ("phone", "light"),
                           ("phone", "dark")):  # fmt: skip
            await browser_reader.look(tab, form, mode)
            for name in OWN:
                await tab.open(f"{site}/{name}.html")
                if name == EXPLORER:
                    await tab.evaluate(started)
                    await browser_reader.settled(tab)
                wrong += [f"{name}: {each}" for each in await browser_axe.found(tab, "'article'")]
        tab.listening.cancel()
        return wrong

    assert browser.drive(look) == []


BAD = """<h1>Bad</h1><div style="height: 1000px"></div><h2>1. Too late</h2>
<table class="ew-records"><tr><td style="position: absolute; left: 3000px">cut</td></tr></table>
<p>nan</p><img src="missing.png"><span class="math">x</span><audio controls></audio>
<script>console.error("trouble"); fetch("https://example.org/x").catch(() => 0)</script>"""


def test_a_page_that_breaks_the_bounds_is_told_which_and_the_scoreboard_keeps_them(
    site, monkeypatch
):
    """What ``make look`` asks of every page of a built site, and how it fails."""
    axe = browser_axe.here()

    async def look(port):
        tab = await browser.attach(port)
        await tab.resize("desktop")
        _, wrong = await browser.visit(tab, site, "audiomnist/01-classifiers", "desktop", "dark")
        monkeypatch.setattr(browser_axe, "here", lambda: False)  # there is no theme around it
        good, none = await browser.visit(tab, site, "scoreboard", "desktop", "light")
        tab.listening.cancel()
        return wrong, good, none

    wrong, good, none = browser.drive(look)
    for words in (
        "console: ", "asks example.org", "px too wide", "1 images did not load", "1 formulas are",
        "1 players have no sound", "1 cells of claims are cut off", "1 numbers are none",
        "section 1 begins at 1", *(["image-alt"] if axe else []),
    ):  # fmt: skip
        assert any(words in each for each in wrong), (words, wrong)
    assert 1 < good["sheets"] <= browser_print.SHEETS
    assert none == []
    heavy = {"section": 0, "weight": 5.1e6, "sheets": 11}
    said = browser.bounds(heavy, "audiomnist/01-classifiers", "phone")
    assert said == ["weighs 5.1 MB", "is printed on 11 sheets"]


def test_the_search_shows_the_title_of_a_section_and_whole_sentences(site):
    page = (
        "<article><section><h1>Page</h1><p>Nothing of it here.</p><section><h2>Phones<a>#</a></h2>"
        "<p>One sentence before. Relevance lies on the <b>diphthong</b> of nine. Another one.</p>"
        "</section></section></article>"
    )

    async def look(port):
        tab = await browser.attach(port)
        await tab.open("about:blank")
        await tab.evaluate("var Search = {}, DOCUMENTATION_OPTIONS = {}; 0")
        code = (project.root() / "book" / "_static" / "snippets.js").read_text()
        await tab.evaluate(code + "; document.dispatchEvent(new Event('DOMContentLoaded')); 0")
        said = await tab.evaluate(f"Search.makeSearchSummary({page!r}, ['diphthong']).innerText")
        none = await tab.evaluate(f"Search.makeSearchSummary({page!r}, ['absent'])")
        tab.listening.cancel()
        return said, none

    said, none = browser.drive(look)
    assert none is None and said.startswith("Phones")
    assert said.endswith("Relevance lies on the diphthong of nine. Another one.")
    assert "before" not in said
