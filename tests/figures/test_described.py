"""Maps in words: the middle half of what is red, in seconds and hertz."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from earwitness import figures
from earwitness.figures import described

TIMES, FREQS = np.arange(10) / 10, np.arange(8) * 100.0


@pytest.fixture
def spot():
    """Relevance of one red block, 0.3 to 0.5 s and 200 to 400 Hz, and a blue one elsewhere."""
    relevance = np.zeros((8, 10))
    relevance[2:5, 3:6], relevance[7, 9] = 1.0, -50.0
    return relevance


def test_words_say_where_the_red_is_and_nothing_of_the_blue(ax, spot):
    figures.relevance_map(ax, spot, TIMES, FREQS)
    said = "Half of what is red lies between 0.30 and 0.50 s and 200 and 400 Hz."
    assert described.where(ax.figure) == said


def test_of_a_mel_map_bands_are_said_in_hertz_and_of_a_waveform_times_alone(spot):
    figure, (mel, wave) = figures.panels(1, 2)
    figures.mel_relevance(mel, spot, FREQS + 50, hop_s=0.1)
    figures.relevance_on_waveform(wave, np.ones(10), spot[2], sample_rate=10)
    mel.set_title("bands", loc="left")
    said = described.where(figure)
    plt.close(figure)
    assert "bands: between 0.30 and 0.50 s and 250 and 450 Hz" in said
    assert said.endswith("panel 2: between 0.30 and 0.50 s.")


def test_bars_and_coloured_samples_say_when_too(spot):
    for draw, given in (
        (figures.relevance_signal, (spot[2],)),
        (figures.coloured_waveform, (np.ones(10), spot[2])),
    ):
        figure, ax = figures.panels()
        draw(ax, *given, sample_rate=10)
        plt.close(figure)
        assert described.where(figure) == "Half of what is red lies between 0.30 and 0.50 s."


def test_small_maps_of_relevance_say_when_and_levels_say_nothing(spot):
    figure, axes = figures.panels(1, 2)
    figures.tiles(axes, np.stack([spot, spot]), hop_s=0.1)
    levels, others = figures.panels(1, 2)
    figures.tiles(others, np.stack([spot, spot]), colours="magma")
    plt.close("all")
    assert described.where(figure).count("between 0.30 and 0.50 s") == 2
    assert described.where(levels) == ""


def test_a_map_without_red_lies_nowhere_many_panels_have_a_median_and_a_curve_says_nothing(spot):
    figure, axes = figures.panels(2, 5)
    for number, ax in enumerate(axes.flat):
        figures.relevance_map(ax, np.roll(spot, number % 3, axis=0), TIMES, FREQS)
    assert "in the median of 10 panels, between 0.30 and 0.50 s and 300 " in described.where(figure)
    blue, ax = figures.panels()
    figures.relevance_map(ax, np.minimum(spot, 0), TIMES, FREQS)
    assert described.where(blue) == "Half of what is red lies nowhere."
    plain, ax = figures.panels()
    ax.plot([0, 1])
    assert described.where(plain) == ""
    plt.close("all")
