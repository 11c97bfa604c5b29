"""Small maps of segments and matrices of correlations."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from earwitness import figures
from earwitness.errors import ParameterError


def test_tiles_share_one_symmetric_scale_and_leave_zero_white():
    _, axes = figures.panels(1, 2)
    maps = np.stack([np.full((4, 3), -2.0), np.zeros((4, 3))])
    before = maps.copy()
    images = figures.tiles(axes, maps)
    assert [image.norm.vmin for image in images] == [-2, -2] and [
        image.norm.vmax for image in images
    ] == [2, 2]
    assert min(images[1].cmap(images[1].norm(0.0))) > 0.99 and np.array_equal(maps, before)


def test_tiles_of_levels_span_the_levels():
    _, axes = figures.panels(1, 2)
    images = figures.tiles(
        axes, np.stack([np.full((4, 3), -80.0), np.full((4, 3), 5.0)]), colours="magma"
    )
    assert all((image.norm.vmin, image.norm.vmax) == (-80, 5) for image in images)


def test_as_many_tiles_as_axes():
    _, axes = figures.panels(1, 2)
    with pytest.raises(ParameterError, match="3 maps do not fit 2 axes"):
        figures.tiles(axes, np.ones((3, 4, 3)))


def test_the_first_tile_alone_has_hertz_and_seconds_where_the_bands_are_given():
    figure, axes = figures.panels(1, 2)
    figures.tiles(axes, np.ones((2, 5, 4)), centres_hz=[100, 300, 500, 1000, 2000], hop_s=0.02)
    ticks = list(
        zip(
            axes[0].get_yticks(),
            [label.get_text() for label in axes[0].get_yticklabels()],
            strict=True,
        )
    )
    assert ticks == [(2, "500 Hz"), (4, "2,000 Hz")]
    times = list(
        zip(
            axes[0].get_xticks(),
            [label.get_text() for label in axes[0].get_xticklabels()],
            strict=True,
        )
    )
    assert times == [(0, "0"), (3, "0.06 s")]
    assert len(axes[1].get_xticks()) == len(axes[1].get_yticks()) == 0
    with pytest.raises(ParameterError, match="Maps of 5 bands have no 3 centre frequencies"):
        figures.tiles(axes, np.ones((2, 5, 4)), centres_hz=[100, 300, 500])


def test_units_of_a_group_stand_side_by_side_in_a_frame():
    _, ax = figures.panels()
    correlations = np.eye(4)
    correlations[0, 2] = correlations[2, 0] = -0.9
    image = figures.correlation_matrix(ax, correlations, [1, 3, 1, 2])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "2", "3", "1"]
    assert image.get_array()[0, 1] == -0.9
    frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(frames) == 1 and frames[0].get_xy() == (-0.5, -0.5) and frames[0].get_width() == 2
