"""Directions on the sphere: the grid of classes, and the real spherical harmonics that Ambisonics
is made of.

Conventions, here and everywhere: x ahead, y left, z up; azimuth from x towards y, elevation from
the horizon; radians unless a name says degrees. Channels stand in ACN order (n² + n + m) and are
normalised as N3D: the mean of every squared harmonic over the sphere is 1, so a diffuse field has
equal power in all channels; SN3D = N3D / sqrt(2n + 1).
"""

from functools import lru_cache
from math import factorial

import numpy as np

from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import ParameterError

MAX_ORDER = 4
GRID_STEP_DEG = 10


@checked
def unit_vector(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., 3) for finite azimuths and elevations in radians."""
    check_finite(azimuth, "The azimuth")
    check_finite(elevation, "The elevation")
    azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
    horizontal = np.cos(elevation)
    return np.stack(
        [horizontal * np.cos(azimuth), horizontal * np.sin(azimuth), np.sin(elevation)], -1
    )


@checked
def angles(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return azimuth and elevation in radians of vectors (..., 3) of any length."""
    x, y, z = np.moveaxis(_vectors(directions), -1, 0)
    return np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))


@checked
def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the angle in radians between unit vectors (..., 3); exact for small angles too."""
    first, second = _vectors(first), _vectors(second)
    try:
        np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise ParameterError(
            f"Vectors {first.shape} and {second.shape} cannot be compared one by one."
        ) from None
    apart, along = np.linalg.norm(first - second, axis=-1), np.linalg.norm(first + second, axis=-1)
    return 2 * np.arctan2(apart, along)


@lru_cache(maxsize=1)
def directions() -> np.ndarray:
    """Return the 425 directions that are the classes, unit vectors (425, 3), from the nadir to the
    zenith.

    Notes
    -----
    Quasi-uniform with a spacing of 10 degrees: floor(36 cos(elevation)) + 1 azimuths, from 0, at
    each elevation from -90 to 90 degrees (Perotin et al. 2019, section III; 425 classes: Kiyan et
    al., Table 1). Chapter: sound-direction.
    """
    points = []
    for elevation_deg in range(-90, 91, GRID_STEP_DEG):
        elevation = np.deg2rad(elevation_deg)
        n = (
            int(np.floor(360 / GRID_STEP_DEG * np.cos(elevation) + 1e-9)) + 1
        )  # 36 cos 60 degrees is 18, not 17.99...
        points.append(unit_vector(2 * np.pi * np.arange(n) / n, elevation))
    grid = np.concatenate(points)
    grid.setflags(write=False)
    return grid


@checked
def nearest(direction: np.ndarray) -> np.ndarray:
    """Return the class index of directions (..., 3), vectors of any length but zero; the first of
    equally near ones.

    Raises
    ------
    ParameterError
        If a vector has no direction or not three coordinates.
    """
    direction = _vectors(direction)
    length = np.linalg.norm(direction, axis=-1, keepdims=True)
    if not (length > 0).all():
        raise ParameterError(
            "A direction is a finite vector longer than zero; one of these is not."
        )
    return np.argmax(np.round(direction / length @ directions().T, 12), -1)


def _vectors(directions) -> np.ndarray:
    """Return finite vectors (..., 3) as float64."""
    directions = np.asarray(directions, float)
    if directions.ndim == 0 or directions.shape[-1] != 3:
        raise ParameterError(
            f"A direction is a vector (..., 3), not {directions.shape}; see sphere.unit_vector."
        )
    if not (np.abs(directions) <= np.finfo(np.float32).max).all():
        raise ParameterError("A direction is a finite vector; one of these is not.")
    return directions


def n_channels(order: int) -> int:
    """Return the number of channels (order + 1)².

    Raises
    ------
    ParameterError
        If the order is not a whole number from 1 to 4.
    """
    if (
        isinstance(order, bool)
        or not isinstance(order, int | np.integer)
        or not 1 <= order <= MAX_ORDER
    ):
        raise ParameterError(
            f"An ambisonic order here is a whole number from 1 to {MAX_ORDER}, got {order!r}."
        )
    return (int(order) + 1) ** 2


@checked
def order_of(n_channels: int) -> int:
    """Return the order that has so many channels.

    Raises
    ------
    ParameterError
        If no order from 1 to 4 has.
    """
    order = round(max(n_channels, 0) ** 0.5) - 1
    if (order + 1) ** 2 != n_channels or not 1 <= order <= MAX_ORDER:
        raise ParameterError(
            f"{n_channels} channels are no ambisonic signal of order 1 to 4; those have 4, 9, 16, "
            "25."
        )
    return order


@checked
def channel_names(order: int) -> list[str]:
    """Return W, Y, Z, X for the first order and "n,m" for the harmonics above."""
    n_channels(order)
    degrees = [(n, m) for n in range(order + 1) for m in range(-n, n + 1)]
    return [{0: "W", 1: "Y", 2: "Z", 3: "X"}.get(k, f"{n},{m}") for k, (n, m) in enumerate(degrees)]


@checked
def harmonics(directions: np.ndarray, order: int) -> np.ndarray:
    """Return the real spherical harmonics of unit vectors (..., 3): ambisonic gains (..., (order +
    1)²), ACN, N3D.

    Notes
    -----
    Without the Condon-Shortley phase, as usual in Ambisonics: W = 1, Y, Z, X = sqrt(3) (y, z, x).
    Zotter and Frank (2019), Ambisonics, section A.3; by recursion over Cartesian coordinates, so
    that the poles are no special case.
    """
    channels = n_channels(order)
    x, y, z = np.moveaxis(_vectors(directions), -1, 0)
    gains = np.empty((*x.shape, channels))
    ring = np.ones_like(x, complex)  # (x + iy)^m = cos^m(elevation) exp(i m azimuth)
    start = np.ones_like(x)  # (2m - 1)!!
    for m in range(order + 1):
        below, legendre = np.zeros_like(x), start
        for n in range(m, order + 1):
            scale = np.sqrt((2 * n + 1) * (2 - (m == 0)) * factorial(n - m) / factorial(n + m))
            gains[..., n * n + n + m] = scale * legendre * ring.real
            if m:
                gains[..., n * n + n - m] = scale * legendre * ring.imag
            below, legendre = legendre, ((2 * n + 1) * z * legendre - (n + m) * below) / (n - m + 1)
        ring, start = ring * (x + 1j * y), start * (2 * m + 1)
    return gains


@checked
def rotation_matrix(
    order: int, azimuth: float, mirror_y: bool = False, mirror_z: bool = False
) -> np.ndarray:
    """Return the matrix (channels, channels) that rotates a sound field: exact, whatever the field.

    Parameters
    ----------
    azimuth : float
        Everything is rotated by so many radians from x towards y, after the reflections.
    mirror_y, mirror_z : bool
        Left becomes right; up becomes down.
    """
    matrix = np.zeros((n_channels(order),) * 2)
    for n in range(order + 1):
        for m in range(-n, n + 1):
            sign = (-1 if mirror_y and m < 0 else 1) * (-1 if mirror_z and (n + m) % 2 else 1)
            row = n * n + n
            matrix[row + m, row + m] = sign * np.cos(m * azimuth)
            if m:
                matrix[row - m, row + m] = sign * np.sin(m * azimuth)
    return matrix


@checked
def rotate(
    direction: np.ndarray, azimuth: float, mirror_y: bool = False, mirror_z: bool = False
) -> np.ndarray:
    """Return where directions (..., 3) point after the rotation of :func:`rotation_matrix`."""
    x, y, z = np.moveaxis(_vectors(direction), -1, 0)
    y, z = -y if mirror_y else y, -z if mirror_z else z
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], -1)
