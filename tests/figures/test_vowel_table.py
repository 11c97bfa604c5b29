"""The picture of Table 2: shares by vowel and sex, beside ceiling and floors."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from earwitness import figures


def shares(**columns):
    rows = {
        "vowel": ["ah", "ah", "iy"],
        "sex": ["female", "male", "female"],
        "signal": ["guided-backprop"] * 3,
        "share": [90.0, 80.0, 70.0],
        "low": [85.0, 72.0, 60.0],
        "high": [95.0, 88.0, 79.0],
    }
    return pd.DataFrame({**rows, **columns})


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_women_stand_left_of_men_over_their_vowel_and_the_interval_is_drawn(ax):
    dots = figures.vowel_shares(ax, shares())["guided-backprop"]
    x, y = dots.get_data()
    assert list(y) == [90, 80, 70]
    assert x[0] < x[1] < x[2] and -0.5 < x[0] < 0.2 and 0 < x[1] < 0.5 < x[2]
    bars = [sorted(point[1] for point in segment) for segment in ax.collections[0].get_segments()]
    assert bars == [[85, 95], [72, 88], [60, 79]]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["/ah/", "/iy/"]
    assert [tick.get_text() for tick in ax.get_xticklabels(minor=True)] == ["F", "M", "F", "M"]


def test_paper_ceiling_and_every_floor_have_a_marker_of_their_own(ax):
    names = [
        "paper",
        "original",
        "guided-backprop",
        "random-weights",
        "noise",
        "permuted",
        "oracle",
    ]
    table = pd.concat([shares(signal=[name] * 3, share=[50.0, np.nan, 60.0]) for name in names])
    drawn = figures.vowel_shares(ax, table)
    assert list(drawn) == names and len({artist.get_marker() for artist in drawn.values()}) == len(
        names
    )
    assert drawn["paper"].get_markerfacecolor() == "white"
    assert to_hex(drawn["noise"].get_color()) == figures.method_style("noise")["color"].lower()
    assert "original (ceiling)" in labels(ax) and "paper" in labels(ax)


def test_only_one_of_several_panels_needs_the_legend(ax):
    figures.vowel_shares(ax, shares(), legend=False)
    assert ax.get_legend() is None
