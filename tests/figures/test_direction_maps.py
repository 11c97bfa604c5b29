"""Pictures of directions: left is left, lines end at the estimates, arguments stay as they are."""

import numpy as np
import pandas as pd
import pytest

from earwitness import figures
from earwitness.acoustics import rooms, sphere
from earwitness.errors import ParameterError
from earwitness.figures import direction_maps

ROOM = rooms.Room((6.0, 5.0, 3.0), (4.0, 3.0, 1.2), (2.0, 2.0, 1.5), 0.5)


def test_the_map_is_seen_from_the_array_so_left_is_left_and_up_is_up():
    x, y = direction_maps.on_map(
        sphere.unit_vector(np.array([np.pi / 2, 0, 0]), np.array([0, 0, 0.5]))
    )
    assert x.tolist() == pytest.approx([-np.pi / 2, 0, 0]) and y.tolist() == pytest.approx(
        [0, 0, 0.5]
    )


def test_a_value_per_class_stands_at_its_place_and_missing_ones_are_crosses():
    figure, ax = direction_maps.sphere_axes()
    values = np.arange(425.0)
    values[[3, 7]] = np.nan
    kept = values.copy()
    dots = direction_maps.classes_on_sphere(ax, values)
    figure.canvas.draw()
    there = np.delete(np.arange(425), [3, 7])
    np.testing.assert_array_equal(dots.get_array(), values[there])
    np.testing.assert_allclose(
        dots.get_offsets(), np.stack(direction_maps.on_map(sphere.directions()[there]), 1)
    )
    np.testing.assert_array_equal(values, kept)
    assert dots.norm.vmin == 0 and dots.norm.vmax == 424


def test_other_than_425_values_are_refused():
    with pytest.raises(ParameterError, match="value per class"):
        direction_maps.classes_on_sphere(direction_maps.sphere_axes()[1], np.zeros(424))


def test_lines_lead_from_the_truth_to_the_estimate_the_short_way_and_are_coloured_by_length():
    figure, ax = direction_maps.sphere_axes()
    true = sphere.unit_vector(np.deg2rad([10.0, 170.0]), np.zeros(2))
    estimated = sphere.unit_vector(np.deg2rad([40.0, -170.0]), np.zeros(2))
    before = len(ax.lines)
    dots = direction_maps.arrows_on_sphere(ax, true, estimated, limit_deg=60)
    figure.canvas.draw()
    first, second = ax.lines[before:]
    assert first.get_xdata()[[0, -1]] == pytest.approx(np.deg2rad([-10, -40]))
    assert np.isnan(second.get_xdata()).sum() == 1  # cut where the map is
    np.testing.assert_allclose(dots.get_array(), [30, 20])


def test_accuracy_over_a_condition_has_bars_of_two_standard_errors():
    table = pd.DataFrame(
        {
            "middle": [5.0, 15.0],
            "within_percent": [40.0, 80.0],
            "within_se": [5.0, 2.0],
            "median_deg": [12.0, 6.0],
        }
    )
    _, ax = figures.panels()
    lines = direction_maps.by_condition(
        ax, {"intensity": table, "pseudo-intensity": table}, "SNR (dB)"
    )
    bars = lines["intensity"].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[30, 50], [76, 84]])
    assert ax.get_xlabel() == "SNR (dB)" and "%" in ax.get_ylabel()
    only = direction_maps.by_condition(
        figures.panels()[1], {"order1": table}, "T60 (s)", "median_deg"
    )
    assert not only["order1"].lines[2] and only["order1"].lines[0].get_ydata().tolist() == [12, 6]


def test_cumulative_errors_rise_from_nothing_to_everything_at_the_errors():
    _, ax = figures.panels()
    lines = direction_maps.cumulative_errors(ax, {"intensity": np.array([20.0, 5.0])})
    x, y = lines["intensity"].get_data()
    assert x.tolist() == [0, 5, 20, 180] and y.tolist() == [0, 50, 100, 100]


def test_every_locator_looks_different_without_colour():
    looks = [(marker, line) for _, marker, line in direction_maps.LOCATORS.values()]
    assert len({marker for marker, _ in looks}) == len(looks)
    assert set(direction_maps.LOCATOR_NAMES) == set(direction_maps.LOCATORS)


def test_a_room_has_twelve_edges_and_its_images_stand_where_they_are():
    _, ax = figures.panels(subplot_kw={"projection": "3d"})
    edges = direction_maps.room(ax, ROOM, reach_m=8.0)
    assert len(edges) == 12
    corners = {
        tuple(np.round(corner, 6)) for edge in edges for corner in np.transpose(edge.get_data_3d())
    }
    assert corners == {(x, y, z) for x in (0, 6) for y in (0, 5) for z in (0, 3)}
    images = next(dots for dots in ax.collections if dots.get_label() == "image source")
    position, count = rooms.image_sources(ROOM, 8.0)
    np.testing.assert_allclose(
        np.sort(np.stack(images._offsets3d, 1), 0),
        np.sort(position[count > 0] + ROOM.receiver_m, 0),
    )


def test_harmonics_are_named_by_channel():
    figure = direction_maps.harmonics(1)
    titles = [ax.get_title(loc="center") for ax in figure.axes if ax.get_title(loc="center")]
    assert titles == ["0: W", "1: Y", "2: Z", "3: X"]


def test_a_field_is_drawn_with_zero_in_the_middle_of_its_colours():
    _, ax = figures.panels()
    values = np.array([[-0.5, 0.0], [0.2, 1.0]])
    mesh = direction_maps.field_map(ax, values, np.array([0.0, 0.1]), np.array([100.0, 200.0]))
    assert mesh.norm.vmin == -1 and mesh.norm.vmax == 1 and mesh.norm(0.0) == 0.5
    assert mesh.cmap.name != figures.RELEVANCE_CMAP
