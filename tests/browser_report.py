"""Open a report from the disk in Chromium: it asks for nothing, and its player plays."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from browser_players import press, wait
from torch import nn

import earwitness


def report(folder: Path) -> Path:
    """Write the report of a small network on a tone, and return its page."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(1, 8, 25, 4), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 4)
    )
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    return (
        earwitness.explain((tone, 8000), network, sample_rate=8000).save(folder / "report")
        / "report.html"
    )


async def check(tab) -> None:
    """Play, switch and pause with the keyboard; raise AssertionError with what went wrong."""
    with TemporaryDirectory() as scratch:
        await tab.open(report(Path(scratch)).as_uri())
        await wait(
            tab, "document.querySelector('.ew-compare .ew-deck .ew-wave')", "the player is drawn"
        )
        await tab.evaluate("document.querySelector('.ew-wave').focus()")
        await press(tab, " ")
        await wait(
            tab, "document.querySelector('.ew-compare').deck.currentTime > 0.05", "the sound plays"
        )
        await press(tab, "2")
        await wait(
            tab,
            "document.querySelector('.ew-choice input[value=\"1\"]').checked",
            "the explanation is chosen",
        )
        await press(tab, " ")
        await wait(tab, "document.querySelector('.ew-compare').deck.paused", "the sound pauses")
        broken = await tab.evaluate(
            "[...document.images].filter((image) => !image.naturalWidth).length"
        )
        wide = await tab.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if broken or wide > 1:
            raise AssertionError(f"{broken} pictures are broken, the page is {wide} px too wide")
