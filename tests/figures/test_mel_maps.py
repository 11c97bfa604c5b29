"""Pictures of speech quality: axes in seconds and hertz, zero white, inputs untouched."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

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
