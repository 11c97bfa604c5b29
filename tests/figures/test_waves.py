"""Waveforms, and what each of their samples is worth."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from earwitness import figures
from earwitness.errors import ParameterError


def test_the_direction_of_a_bar_repeats_its_colour(ax):
    bars = figures.relevance_signal(ax, np.array([0.0, 2.0, -1.0, 0.0]), 4)
    (up, down), (first, second) = bars.get_segments(), bars.get_colors()[:, :3]
    assert up[1, 1] == 2 and first[0] > 0.8 > first[2]
    assert down[1, 1] == -1 and second[2] > 0.8 > second[0]
    assert (up[0, 0], down[0, 0]) == (0.25, 0.5)  # seconds


def test_the_overlaid_waveform_draws_what_matters_in_its_colour_and_leaves_the_rest_grey(ax):
    lines = figures.relevance_on_waveform(
        ax, np.array([0.5, -0.5, 0.5, 0.2]), np.array([2.0, -2.0, 0.01, 0.0]), 4
    )
    (first, second), colours = lines.get_segments(), lines.get_colors()[:, :3]
    assert first[1].tolist() == [0.0, 0.5] and colours[0, 0] > 0.8 > colours[0, 2]
    assert second[1].tolist() == [0.25, -0.5] and colours[1, 2] > 0.8 > colours[1, 0]
    assert np.ptp(to_rgb(ax.lines[0].get_color())) == 0


def test_the_zoom_shows_its_stretch_and_keeps_the_scale_of_the_whole(ax):
    relevance = np.zeros(1000)
    relevance[0], relevance[520] = 10.0, 1.0
    mappable = figures.coloured_waveform(ax, np.ones(1000), relevance, 1000, 0.5, 0.55)
    dots = ax.collections[0]
    assert len(dots.get_offsets()) == 50 and dots.get_offsets()[0, 0] == 0.5
    assert mappable.norm.vmax == 10
    sizes = dots.get_sizes()
    assert sizes[20] > sizes[0] == sizes[49]


def test_a_zoom_outside_the_clip_is_refused(ax):
    with pytest.raises(ParameterError, match="No two samples lie between 2.0 s"):
        figures.coloured_waveform(ax, np.ones(100), np.ones(100), 100, 2.0, 2.5)


def test_the_first_sample_stands_at_its_own_time(ax):
    line = figures.waveform(ax, np.ones(5), 10, start_s=0.5)
    assert np.allclose(line.get_xdata(), [0.5, 0.6, 0.7, 0.8, 0.9])
