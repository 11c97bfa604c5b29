"""Pictures of pitch, spectra and vowels show the numbers they are given, where and as what they are
given.
"""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgba

from earwitness import figures
from earwitness.errors import EarwitnessError

matplotlib.use("Agg")

FREQS = np.linspace(0, 8000, 17)
PHONES = pd.DataFrame(
    {
        "start_s": [0.0, 0.2, 0.5],
        "end_s": [0.2, 0.5, 0.9],
        "phone": ["h#", "aa", "t"],
        "phone_39": ["sil", "aa", "t"],
    }
)


@pytest.fixture
def ax():
    with plt.rc_context():
        figures.use_style()
        figure, ax = figures.panels()
        yield ax
        plt.close(figure)


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


# --- pitch


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


# --- spectra


def test_formants_are_marked_and_named_at_their_frequencies_and_missing_ones_left_out(ax):
    lines = figures.short_time_spectrum(
        ax, FREQS, -FREQS / 100, lp_db=-FREQS / 200, formants_hz=[700, np.nan, 2500]
    )
    dotted = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"]
    assert dotted == [700, 2500]
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("F1", 700), ("F3", 2500)]
    assert set(lines) == {"spectrum", "LP"} == set(labels(ax))


def test_filters_stand_in_the_order_of_their_peaks_each_divided_by_its_maximum(ax):
    responses = np.full((3, 17), 0.1)
    responses[0, 9], responses[1, 2], responses[2, 5] = 0.5, 4, 2
    mesh = figures.filter_bank(ax, FREQS, responses)
    picture = mesh.get_array().reshape(17, 3)
    assert picture.argmax(axis=0).tolist() == [2, 5, 9]
    assert np.allclose(picture.max(axis=0), 1) and picture[0, 2] == pytest.approx(0.1 / 0.5)


def test_bands_are_shaded_and_named_where_they_lie(ax):
    figures.by_frequency(
        ax, FREQS, {"phone-cnn": np.zeros(17)}, bands={"mid": (2000, 3500), "high": (3500, 5000)}
    )
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert spans == [(2000, 3500), (3500, 5000)]
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("mid", 2750), ("high", 4250)]


def test_networks_keep_their_colour_and_the_spread_lies_around_the_curve(ax):
    curve = np.linspace(-3, 3, 17)
    lines = figures.by_frequency(
        ax,
        FREQS,
        {"speaker-cnn": curve, "random-weights": 0 * curve},
        spread={"speaker-cnn": np.full(17, 0.5)},
    )
    assert lines["speaker-cnn"].get_color() == figures.NETWORKS["speaker-cnn"][0]
    assert lines["random-weights"].get_color() == figures.METHOD_COLOURS["random-weights"]
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


# --- over time and frequency


def test_spectral_relevance_is_the_magnitude_in_decibels_below_the_largest(ax):
    relevance = np.array([[10j, -1], [0.1, 0]])
    mesh = figures.spectral_relevance(ax, relevance, [0, 1], [0, 100], floor_db=-30)
    assert (
        np.allclose(mesh.get_array().ravel()[:3], [0, -20, -40])
        and mesh.get_array().ravel()[3] < -200
    )
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-30, 0)
    assert to_rgba(mesh.to_rgba(-30.0))[:3] == pytest.approx((1, 1, 1), abs=0.04)


def test_phones_are_written_above_the_middle_of_their_stretch_and_bounded_by_lines(ax):
    lines = figures.phones(ax, PHONES, column="phone_39", start_s=0.1)
    assert [(text.get_text(), round(text.xy[0], 6)) for text in ax.texts] == [
        ("aa", 0.35),
        ("t", 0.7),
    ]
    assert [segment[0][0] for segment in lines.get_segments()] == [0.2, 0.5, 0.9]


@pytest.mark.parametrize("seconds, rows", [(0.9, 1), (9, 2), (18, 4)])
def test_labels_of_phones_get_more_rows_the_closer_they_stand(ax, seconds, rows):
    ax.set_xlim(0, seconds)
    many = pd.DataFrame(
        {"start_s": 0.3 * np.arange(5), "end_s": 0.3 * np.arange(1, 6), "phone": list("abcde")}
    )
    figures.phones(ax, many)
    assert len({text.xyann[1] for text in ax.texts}) == rows


# --- Table 2


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
        "constant",
    ]
    table = pd.concat([shares(signal=[name] * 3, share=[50.0, np.nan, 60.0]) for name in names])
    drawn = figures.vowel_shares(ax, table)
    assert list(drawn) == names and len({artist.get_marker() for artist in drawn.values()}) == len(
        names
    )
    assert drawn["paper"].get_markerfacecolor() == "white"
    assert to_hex(drawn["noise"].get_color()) == figures.METHOD_COLOURS["noise"].lower()
    assert "original (ceiling)" in labels(ax) and "paper" in labels(ax)


def test_only_one_of_several_panels_needs_the_legend(ax):
    figures.vowel_shares(ax, shares(), legend=False)
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    "draw, complaint",
    [
        (
            lambda ax: figures.autocorrelations(ax, [0, 0.01], {"original": [1, 0, 0]}),
            "one value per lag",
        ),
        (lambda ax: figures.f0_contours(ax, {"original": ([0, 1], [100])}), "one value per time"),
        (
            lambda ax: figures.f0_contours(ax, {"original": ([0, 1], [np.nan, np.nan])}),
            "no F0 to draw",
        ),
        (lambda ax: figures.f0_contours(ax, {}), "no F0 to draw"),
        (lambda ax: figures.short_time_spectrum(ax, FREQS, np.zeros(16)), "17 frequencies"),
        (lambda ax: figures.filter_bank(ax, FREQS, np.ones((80, 16))), "17 frequencies"),
        (
            lambda ax: figures.filter_bank(ax, FREQS, np.eye(18)[:, :17]),
            "Filter 17 is zero everywhere",
        ),
        (lambda ax: figures.by_frequency(ax, FREQS, {"phone-cnn": np.zeros(16)}), "17 frequencies"),
        (lambda ax: figures.by_frequency(ax, FREQS, {"phone-cmm": np.zeros(17)}), "phone-cnn"),
        (lambda ax: figures.f_ratio(ax, FREQS, np.zeros(17)), "17 sub-bands have 18 edges"),
        (lambda ax: figures.phones(ax, PHONES, start_s=2.0), "No phone begins between 2.0 s"),
        (lambda ax: figures.vowel_shares(ax, shares().drop(columns="sex")), "missing: sex"),
        (lambda ax: figures.vowel_shares(ax, shares(sex=["female", "male", "boy"])), "'boy'"),
        (
            lambda ax: figures.vowel_shares(ax, shares(signal=["guided-backdrop"] * 3)),
            "'guided-backdrop'",
        ),
        (lambda ax: figures.vowel_shares(ax, shares(share=[0.9, 80, 101])), "per cent"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(ax, draw, complaint):
    with pytest.raises(EarwitnessError, match=complaint):
        draw(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: figures.vowel_shares(ax, shares()),
        lambda ax: figures.by_frequency(
            ax, FREQS, {"phone-cnn": FREQS}, bands={"mid": (2000, 3500)}
        ),
        lambda ax: figures.f0_contours(
            ax, {"original": ([0, 1], [100, 110]), "speaker-cnn": ([0, 1], [101, 109])}
        ),
        lambda ax: figures.phones(ax, PHONES),
    ],
)
def test_legend_and_labels_above_the_axes_stay_inside_the_figure_and_below_the_title(ax, draw):
    ax.set_title("F0")
    draw(ax)
    ax.figure.canvas.draw()
    box, (width, height) = ax.figure.get_tightbbox(), ax.figure.get_size_inches()
    assert (
        box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02
    )
    renderer = ax.figure.canvas.get_renderer()
    above = [ax.get_legend()] if ax.get_legend() else ax.texts
    assert (
        ax._left_title.get_window_extent(renderer).y0
        >= max(a.get_window_extent(renderer).y1 for a in above) - 2
    )
