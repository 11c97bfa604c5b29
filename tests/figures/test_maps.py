"""Maps over time and frequency: zero is white, limits are symmetric and printed."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgba

from earwitness import figures
from earwitness.errors import ParameterError

TIMES, FREQS = np.linspace(0, 1, 12), np.linspace(0, 4000, 9)


def test_zero_relevance_is_white_positive_red_and_negative_blue(ax):
    relevance = np.zeros((9, 12))
    relevance[2, 3], relevance[5, 7] = 1.0, -1.0
    mesh = figures.relevance_map(ax, relevance, TIMES, FREQS)
    colours = mesh.to_rgba(mesh.get_array()).reshape(9, 12, 4)[..., :3]
    red, blue = colours[2, 3], colours[5, 7]
    assert red[0] == 1 and red[2] == 0 and blue[2] == 1 and blue[0] == 0
    colours[2, 3] = colours[5, 7] = 1
    assert (colours > 0.99).all()


def test_limits_are_symmetric_though_relevance_is_not(ax):
    mesh = figures.relevance_map(ax, np.linspace(-1, 3, 108).reshape(9, 12), TIMES, FREQS)
    assert (mesh.norm.vmin, mesh.norm.vmax) == (-3, 3)


def test_the_colour_bar_prints_both_limits(ax, relevance):
    mesh = figures.relevance_map(ax, relevance, TIMES, FREQS, limit=2.5)
    bar = figures.relevance_bar(mesh, ax, "Relevance for 'zero' (logit)", clipped=True)
    assert [tick.get_text() for tick in bar.ax.get_yticklabels()] == ["−2.5", "0", "+2.5"]
    assert bar.extend == "both" and bar.ax.get_ylabel() == "Relevance for 'zero' (logit)"


def test_relevance_with_nan_is_refused(ax, relevance):
    relevance[0, 0] = np.nan
    with pytest.raises(ParameterError, match="NaN"):
        figures.relevance_map(ax, relevance, TIMES, FREQS)


def test_the_overlay_shows_the_spectrogram_where_relevance_is_zero_and_hides_it_where_it_is_largest(
    ax, level_db
):
    relevance = np.zeros((9, 12))
    relevance[4, 6] = 1.0
    figures.relevance_on_spectrogram(ax, relevance, level_db, TIMES, FREQS)
    below, above = ax.collections
    opacity = above.get_alpha().reshape(9, 12)
    assert opacity[4, 6] == 1 and np.delete(opacity.ravel(), 4 * 12 + 6).max() == 0
    assert below.get_alpha() is None
    grey = below.to_rgba(below.get_array())[..., :3]
    assert np.ptp(grey, axis=-1).max() < 0.02  # no hue of its own


def test_torch_tensors_are_drawn_like_arrays(ax, relevance):
    tensor = torch.tensor(relevance, requires_grad=True)
    mesh = figures.relevance_map(ax, tensor, TIMES, FREQS)
    assert np.array_equal(np.asarray(mesh.get_array()).reshape(9, 12), relevance)


def test_weak_relevance_is_seen_on_the_spectrogram_by_a_power_of_six_tenths(ax, level_db):
    relevance = np.zeros((9, 12))
    relevance[4, 6], relevance[2, 3], relevance[7, 1] = 1.0, 0.1, -0.5
    figures.relevance_on_spectrogram(ax, relevance, level_db, TIMES, FREQS)
    opacity = ax.collections[1].get_alpha().reshape(9, 12)
    assert opacity[2, 3] == pytest.approx(0.2512, abs=1e-4)
    assert opacity[7, 1] == pytest.approx(0.6598, abs=1e-4)


SPOKEN = pd.DataFrame(
    {
        "start_s": [0.0, 0.2, 0.5],
        "end_s": [0.2, 0.5, 0.9],
        "phone": ["h#", "aa", "t"],
        "phone_39": ["sil", "aa", "t"],
    }
)


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
    lines = figures.phones(ax, SPOKEN, column="phone_39", start_s=0.1)
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
