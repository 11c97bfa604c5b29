"""Directions and harmonics: the grid, its classes, gains as the textbook has them, turns that are
exact.
"""

import numpy as np
import pytest
from scipy.special import sph_harm_y

from earwitness.acoustics import sphere
from earwitness.errors import ParameterError


@pytest.fixture
def vectors():
    drawn = np.random.default_rng(0).standard_normal((500, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_the_grid_has_425_unit_vectors_of_which_no_two_are_nearer_than_eight_degrees():
    grid = sphere.directions()
    assert grid.shape == (425, 3)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=1), 1)
    between = grid @ grid.T - 2 * np.eye(425)
    assert (
        np.rad2deg(np.arccos(between.max())) > 8
    )  # 8.6 at 80 degrees of elevation, where 7 azimuths share a circle


def test_the_grid_has_the_published_number_of_azimuths_at_every_elevation():
    elevations = np.rad2deg(sphere.angles(sphere.directions())[1]).round().astype(int)
    counts = dict(zip(*np.unique(elevations, return_counts=True), strict=True))
    assert counts == {e: counts[-e] for e in counts}
    assert [counts[e] for e in range(0, 91, 10)] == [37, 36, 34, 32, 28, 24, 19, 13, 7, 1]


def test_every_direction_of_the_grid_is_its_own_class_whatever_its_length():
    np.testing.assert_array_equal(sphere.nearest(3 * sphere.directions()), np.arange(425))


def test_the_nearest_class_is_the_one_at_the_smallest_angle(vectors):
    angle = [
        [sphere.angle_between(vector, point) for point in sphere.directions()]
        for vector in vectors[:20]
    ]
    np.testing.assert_array_equal(sphere.nearest(vectors[:20]), np.argmin(angle, 1))


def test_no_direction_is_farther_than_eight_degrees_from_its_class(vectors):
    apart = sphere.angle_between(vectors, sphere.directions()[sphere.nearest(vectors)])
    assert np.rad2deg(apart.max()) < 8


def test_angles_and_unit_vectors_are_inverse(vectors):
    np.testing.assert_allclose(sphere.unit_vector(*sphere.angles(vectors)), vectors, atol=1e-12)
    np.testing.assert_allclose(sphere.unit_vector(np.pi / 2, 0), [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(sphere.unit_vector(0.3, np.pi / 2), [0, 0, 1], atol=1e-12)


def test_the_angle_between_vectors_is_exact_where_the_arc_cosine_is_not():
    x, near = np.array([1.0, 0, 0]), sphere.unit_vector(1e-9, 0)
    assert sphere.angle_between(x, near) == pytest.approx(1e-9, rel=1e-6)
    assert sphere.angle_between(x, -x) == pytest.approx(np.pi)


def test_harmonics_equal_those_of_scipy(vectors):
    azimuth, elevation = sphere.angles(vectors)
    gains = sphere.harmonics(vectors, 4)
    for n in range(5):
        for m in range(-n, n + 1):
            # scipy: orthonormal, with the Condon-Shortley phase (-1)^m
            complex_one = (
                sph_harm_y(n, abs(m), np.pi / 2 - elevation, azimuth)
                * np.sqrt(4 * np.pi)
                * (-1) ** m
            )
            real = (
                complex_one.real
                if m == 0
                else np.sqrt(2) * (complex_one.real if m > 0 else complex_one.imag)
            )
            np.testing.assert_allclose(gains[:, n * n + n + m], real, atol=1e-12)


def test_the_first_order_is_one_and_root_three_times_y_z_x(vectors):
    x, y, z = vectors.T
    np.testing.assert_allclose(
        sphere.harmonics(vectors, 1), np.stack([1 + 0 * x, *(3**0.5 * np.array([y, z, x]))], 1)
    )


def test_harmonics_are_orthonormal_over_the_sphere():
    # exact for polynomials up to degree 9: five Gauss-Legendre heights would do, azimuths evenly
    heights, weights = np.polynomial.legendre.leggauss(8)
    azimuth, elevation = np.meshgrid(2 * np.pi * np.arange(16) / 16, np.arcsin(heights))
    gains = sphere.harmonics(sphere.unit_vector(azimuth, elevation), 4)
    gram = np.einsum("i,ijk,ijl->kl", weights / 2 / 16, gains, gains)
    np.testing.assert_allclose(gram, np.eye(25), atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("mirrors", [(False, False), (True, False), (False, True), (True, True)])
def test_a_turned_field_is_the_field_of_turned_sources(vectors, order, mirrors):
    matrix = sphere.rotation_matrix(order, 0.7, *mirrors)
    np.testing.assert_allclose(
        sphere.harmonics(vectors, order) @ matrix.T,
        sphere.harmonics(sphere.rotate(vectors, 0.7, *mirrors), order),
        atol=1e-12,
    )


def test_turning_goes_from_x_to_y():
    np.testing.assert_allclose(
        sphere.rotate(np.array([1.0, 0, 0]), np.pi / 2), [0, 1, 0], atol=1e-12
    )


def test_channels_have_names_and_orders_have_channels():
    assert sphere.channel_names(1) == ["W", "Y", "Z", "X"]
    assert sphere.channel_names(2)[4:] == ["2,-2", "2,-1", "2,0", "2,1", "2,2"]
    assert [sphere.order_of(sphere.n_channels(order)) for order in (1, 2, 3, 4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [0, 5, 1.0, True, "1", None])
def test_an_order_that_is_not_1_to_4_is_refused(order):
    with pytest.raises(ParameterError, match="order here is a whole number from 1 to 4"):
        sphere.n_channels(order)


@pytest.mark.parametrize("channels", [1, 3, 5, 8, 36])
def test_channels_of_no_order_are_refused(channels):
    with pytest.raises(ParameterError, match=f"{channels} channels are no ambisonic signal"):
        sphere.order_of(channels)


@pytest.mark.parametrize("direction", [[0, 0, 0], [np.nan, 0, 1], [1, 0], 3.0])
def test_what_has_no_direction_has_no_class(direction):
    with pytest.raises(ParameterError, match="direction is a"):
        sphere.nearest(np.array(direction))
