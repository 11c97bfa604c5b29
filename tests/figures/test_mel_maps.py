"""Pictures of speech quality: axes in seconds and hertz, zero white, inputs untouched."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from earwitness import features, figures
from earwitness.corpora.transmission import CONDITIONS
from earwitness.errors import ParameterError

CENTRES = features.mel_edges_hz(48, 8000)[1:-1]


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_a_mel_spectrogram_has_seconds_below_and_hertz_at_their_bands(ax):
    level = np.full((48, 101), -80.0)
    band = int(np.argmin(np.abs(CENTRES - 1000)))
    level[band, 50] = 0.0
    before = level.copy()
    image = figures.mel_spectrogram(ax, level, CENTRES)
    np.testing.assert_array_equal(level, before)
    left, right, bottom, top = image.get_extent()
    assert (left, right) == pytest.approx((-0.005, 1.005))
    assert left + (50.5 / 101) * (right - left) == pytest.approx(0.5), (
        "frame 50 is at half a second"
    )
    ticks = dict(
        zip([label.get_text() for label in ax.get_yticklabels()], ax.get_yticks(), strict=True)
    )
    assert ticks["1,000"] == pytest.approx(band, abs=0.5)
    assert list(ticks) == ["500", "1,000", "2,000", "4,000", "8,000"]
    assert (bottom, top) == (-0.5, 47.5)


def test_relevance_is_white_at_zero_and_red_above(ax):
    relevance = np.zeros((48, 10))
    relevance[3, 4], relevance[5, 6] = 0.5, -0.25
    image = figures.mel_relevance(ax, relevance, CENTRES)
    colours = image.cmap(image.norm(np.array([0.0, 0.5, -0.5])))[:, :3]
    np.testing.assert_allclose(colours, [[1, 1, 1], [1, 0, 0], [0, 0, 1]], atol=0.01)
    assert figures.mel_relevance(ax, relevance, CENTRES, limit=2.0).norm.vmax == 2.0
    with pytest.raises(ParameterError, match="zero everywhere"):
        figures.mel_relevance(ax, 0 * relevance, CENTRES)


def test_a_picture_needs_a_row_per_band(ax):
    with pytest.raises(ParameterError, match=r"\(40, 10\) is not \(mel band, time\) with 48 bands"):
        figures.mel_spectrogram(ax, np.zeros((40, 10)), CENTRES)


def test_disturbances_are_bars_over_their_times(ax):
    bars = figures.disturbed(ax, [(0.1, 0.2), (0.5, 0.9)], "gaps")
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
    np.testing.assert_allclose(spans, [(0.1, 0.2), (0.5, 0.9)])
    assert "gaps" in [text.get_text() for text in ax.texts]


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "condition": [c.name for c in CONDITIONS],
            "kind": [c.kind for c in CONDITIONS],
            "pesq": rng.uniform(1, 4.6, 54),
            "estimate": rng.uniform(1, 4.6, 54),
        }
    )


def test_conditions_stand_in_rows_from_top_to_bottom_with_estimate_and_label(ax, table):
    before = table.copy()
    points = figures.by_condition(ax, table)
    pd.testing.assert_frame_equal(table, before)
    offsets = points.get_offsets()
    np.testing.assert_allclose(offsets[:, 0], table["estimate"])
    assert offsets[0, 1] > offsets[-1, 1]
    assert [label.get_text() for label in ax.get_yticklabels()] == table["condition"].tolist()
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {
        "estimate of the network",
        "PESQ",
    }


def test_every_kind_has_a_look_of_its_own(ax, table):
    groups = figures.agreement(ax, table)
    assert len(groups) == table["kind"].nunique() == 13
    looks = {(tuple(g.get_facecolor()[0]), g.get_paths()[0].vertices.tobytes()) for g in groups}
    assert len(looks) == 13
    assert sum(len(g.get_offsets()) for g in groups) == 54
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("PESQ", "Estimate of the network")


def test_effects_are_points_over_quality(ax):
    points = figures.effect_by_quality(ax, [4.5, 1.2], [-0.3, 0.1], "trained")
    np.testing.assert_allclose(points.get_offsets(), [[4.5, -0.3], [1.2, 0.1]])


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
