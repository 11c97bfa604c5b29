"""Pictures along frequency: spectra, filters, bands, F-ratio."""

import numpy as np
import pytest

from earwitness import figures

LINES = np.linspace(0, 8000, 17)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_formants_are_marked_and_named_at_their_frequencies_and_missing_ones_left_out(ax):
    lines = figures.short_time_spectrum(
        ax, LINES, -LINES / 100, lp_db=-LINES / 200, formants_hz=[700, np.nan, 2500]
    )
    dotted = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert dotted == [700, 2500]
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("F1", 700), ("F3", 2500)]
    assert set(lines) == {"spectrum", "LP"} == set(labels(ax))


def test_filters_stand_in_the_order_of_their_peaks_each_divided_by_its_maximum(ax):
    responses = np.full((3, 17), 0.1)
    responses[0, 9], responses[1, 2], responses[2, 5] = 0.5, 4, 2
    mesh = figures.filter_bank(ax, LINES, responses)
    picture = mesh.get_array().reshape(17, 3)
    assert picture.argmax(axis=0).tolist() == [2, 5, 9]
    assert np.allclose(picture.max(axis=0), 1) and picture[0, 2] == pytest.approx(0.1 / 0.5)


def test_bands_are_shaded_and_named_where_they_lie(ax):
    figures.by_frequency(
        ax, LINES, {"phone-cnn": np.zeros(17)}, bands={"mid": (2000, 3500), "high": (3500, 5000)}
    )
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert spans == [(2000, 3500), (3500, 5000)]
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("mid", 2750), ("high", 4250)]


def test_networks_keep_their_colour_and_the_spread_lies_around_the_curve(ax):
    curve = np.linspace(-3, 3, 17)
    lines = figures.by_frequency(
        ax,
        LINES,
        {"speaker-cnn": curve, "random-weights": 0 * curve},
        spread={"speaker-cnn": np.full(17, 0.5)},
    )
    assert lines["speaker-cnn"].get_color() == figures.method_style("speaker-cnn")["color"]
    assert lines["random-weights"].get_color() == figures.method_style("random-weights")["color"]
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(3.5) and corners[:, 1].min() == pytest.approx(-3.5)
    assert not set(lines["speaker-cnn"].get_markevery()) & set(
        lines["random-weights"].get_markevery()
    )


def test_f_ratio_has_a_step_per_sub_band_and_the_shuffled_level(ax):
    steps = figures.f_ratio(ax, [0, 1000, 2000, 4000], [1.0, 3.0, 2.0], shuffled=0.4)
    values, edges, _ = steps.get_data()
    assert list(values) == [1, 3, 2] and list(edges) == [0, 1000, 2000, 4000]
    shuffled = next(line for line in ax.get_lines() if line.is_dashed())
    assert shuffled.get_ydata()[0] == 0.4 and ax.get_ylim()[1] > 3
