"""How a segment repeats, and how F0 moves through an utterance."""

import numpy as np

from earwitness import figures


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_pitch_period_stands_at_its_lag_and_is_named_in_milliseconds(ax):
    figures.autocorrelations(
        ax, [0, 0.004, 0.008], {"original": [1, 0, 0.9], "speaker-cnn": [1, 0.1, 0.8]}, 0.008
    )
    marked = next(line for line in ax.get_lines() if "pitch period" in line.get_label())
    assert list(marked.get_xdata()) == [0.008, 0.008] and marked.is_dashed()
    assert labels(ax) == ["original sound", "speaker network", "pitch period, 8.0 ms"]


def test_signals_in_one_panel_differ_in_line_as_well_as_in_colour(ax):
    curves = {name: [1, 0] for name in ("phone-cnn", "speaker-cnn", "permuted", "something else")}
    lines = figures.autocorrelations(ax, [0, 0.01], curves).values()
    assert [line.get_linestyle() for line in lines] == ["-", "--", ":", ":"]
    assert len({line.get_color() for line in lines}) == 4


def test_an_f0_contour_is_broken_where_the_voice_is_and_the_axis_holds_all_of_it(ax):
    lines = figures.f0_contours(
        ax,
        {
            "original": ([0, 0.01, 0.02], [100, np.nan, 120]),
            "phone-cnn": ([0, 0.01, 0.02], [220, 110, np.nan]),
        },
        start_s=1,
    )
    assert np.isnan(lines["original"].get_ydata()[1])
    assert np.allclose(lines["phone-cnn"].get_xdata(), [1, 1.01, 1.02])
    low, high = ax.get_ylim()
    assert low < 100 and high > 220


def test_the_waveforms_contour_is_broad_so_that_others_can_lie_on_it(ax):
    lines = figures.f0_contours(
        ax, {"original": ([0, 1], [100, 100]), "phone-cnn": ([0, 1], [100, 100])}
    )
    assert lines["original"].get_linewidth() > 2 * lines["phone-cnn"].get_linewidth()
