"""Curves of accuracy, with their spread over folds."""

import numpy as np
import pytest

from earwitness import figures


def test_flipping_draws_mean_and_standard_error_over_folds_and_the_chance_level(ax):
    folds = np.array([[1.0, 0.6], [0.8, 0.2]])
    line = figures.flipping(ax, [0, 0.5], {"lrp-epsilon": folds}, chance=0.1)["lrp-epsilon"]
    assert np.allclose(line.get_xydata(), [[0, 90], [50, 40]])
    band = ax.collections[0].get_paths()[0].vertices
    error = (
        100 * 0.4 / np.sqrt(2) / np.sqrt(2)
    )  # two folds 0.4 apart: SD 0.4/sqrt2, SE that over sqrt2
    at_half = band[np.isclose(band[:, 0], 50), 1]
    assert np.isclose(at_half.min(), 40 - error) and np.isclose(at_half.max(), 40 + error)
    chance = next(drawn for drawn in ax.get_lines() if drawn.get_label() == "chance")
    assert chance.get_ydata()[0] == pytest.approx(10) and chance.is_dashed()


def test_one_fold_has_no_band_unless_a_spread_is_given(ax):
    figures.flipping(ax, [0, 1], {"random": [1.0, 0.5]})
    assert not ax.collections
    figures.flipping(ax, [0, 1], {"random": [1.0, 0.5]}, spread={"random": [0.0, 0.1]})
    assert len(ax.collections) == 1


def test_the_marked_factor_lies_on_its_curve(ax):
    figures.factor_curve(
        ax, [1.0, 2.0], {"male": [1.0, 0.5]}, figures.SEX_COLOURS, marked={"male": np.sqrt(2)}
    )
    ring = next(line for line in ax.get_lines() if line.get_markerfacecolor() == "none")
    assert np.allclose(ring.get_xydata(), [[np.sqrt(2), 75]])
