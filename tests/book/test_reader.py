"""Front page, game and scoreboard, made by the book's own code, read in Chromium from files."""

import shutil

import browser
import browser_reader
import numpy as np
import pytest

from earwitness_book import project, records
from earwitness_book.chapters import untrained

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
RATE = 8000


def clip(seed):
    rng = np.random.default_rng(seed)
    samples = rng.normal(size=RATE) * np.hanning(RATE)
    trained, control = samples**2, samples * rng.normal(size=RATE)
    return untrained.Clip(samples, trained, control, RATE, "nine")


def _page(folder, name, body, script):
    head = (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="_static/earwitness.css">'
        f'<script src="_static/{script}"></script>'
    )
    (folder / f"{name}.html").write_text(f"{head}<body class=bd-content><article>{body}</article>")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of three pages that the book's functions made."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(project.root() / "book" / "_static", folder / "_static")
    shutil.copytree(project.root() / "book" / "_extra" / "vendor", folder / "vendor")
    board = records.scoreboard(folder)  # nothing was built: recorded values
    _page(folder, "index", untrained.Opening(clip(0))._repr_html_(), "player.js")
    _page(folder, "scoreboard", records.to_html(board), "scoreboard.js")
    game = untrained.Game([clip(seed) for seed in range(1, 11)])
    _page(folder, "spot-the-untrained", game._repr_html_(), "spot.js")
    return folder.as_uri()


def test_a_reader_hears_a_sound_finds_a_claim_again_and_plays_the_game_to_its_end(site):
    async def read(port):
        tab = await browser.attach(port)
        await browser_reader.check(tab, site)
        tab.listening.cancel()
        return tab.errors, tab.hosts

    errors, hosts = browser.drive(read)
    assert not errors and hosts <= {""}
