"""Figures of channels: what is drawn is what was given, and nothing else is taken."""

import numpy as np
import pytest

from earwitness import figures
from earwitness.errors import ParameterError
from earwitness.figures import channel_shares


def test_bars_are_means_dots_are_medians_and_whiskers_reach_5_and_95_per_cent():
    shares = np.random.default_rng(0).random((200, 3)) ** 2 * 100
    kept = shares.copy()
    _, ax = figures.panels()
    bars = channel_shares.channel_relevance(ax, shares, ["x", "y", "z"], matching=[1])
    np.testing.assert_allclose([bar.get_height() for bar in bars], shares.mean(0))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(shares, 0))
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(ends, np.percentile(shares, [5, 95], axis=0).T)
    assert not any(bar.get_hatch() for bar in bars)  # hatched are controls
    assert np.array_equal(shares, kept)


def test_scores_are_drawn_over_the_percentage_of_bins():
    _, ax = figures.panels()
    scores = np.array([0.5, 0.3, 0.1])
    lines = channel_shares.flipped_scores(
        ax, [0, 0.1, 1], {"all channels": scores}, {"all channels": scores / 10}
    )
    np.testing.assert_allclose(lines["all channels"].get_xdata(), [0, 10, 100])
    np.testing.assert_allclose(lines["all channels"].get_ydata(), scores)


def test_what_does_not_fit_is_refused():
    _, ax = figures.panels()
    with pytest.raises(ParameterError, match="Shares must be"):
        channel_shares.channel_relevance(ax, np.ones((4, 2)), ["x", "y", "z"])
    with pytest.raises(ParameterError, match="A line of 2 scores"):
        channel_shares.flipped_scores(ax, [0, 1], {"all channels": [0.5]})
    with pytest.raises(ParameterError, match="under one of"):
        channel_shares.flipped_scores(ax, [0, 1], {"some": [0.5, 0.1]})
