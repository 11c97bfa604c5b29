"""How far off are estimated directions, and under which conditions?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from earwitness.corpora import sphere
from earwitness.errors import ParameterError


def angular_error_deg(estimated: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the angles in degrees between estimated and true directions, unit vectors (n, 3) both.

    Raises
    ------
    ParameterError
        If the two differ in shape or are not unit vectors.
    """
    estimated, true = np.asarray(estimated, float), np.asarray(true, float)
    if estimated.shape != true.shape or estimated.shape[-1:] != (3,):
        raise ParameterError(f"Directions are compared one to one, both (n, 3), not {estimated.shape}, {true.shape}.")
    for name, vectors in [("estimated", estimated), ("true", true)]:
        if not np.allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-3):
            raise ParameterError(f"The {name} directions are not all unit vectors.")
    return np.rad2deg(sphere.angle_between(estimated, true))


def summary(errors_deg: np.ndarray, within_deg: float = 10.0) -> dict:
    """Return ``within_percent``, ``median_deg`` and ``n`` of angular errors (n,).

    Raises
    ------
    ParameterError
        If there is none.
    """
    errors_deg = np.asarray(errors_deg, float)
    if errors_deg.size == 0:
        raise ParameterError("There are no angular errors to summarise.")
    return {"within_percent": float(100 * np.mean(errors_deg <= within_deg)),
            "median_deg": float(np.median(errors_deg)), "n": int(errors_deg.size)}


def by_condition(errors_deg: np.ndarray, condition: np.ndarray, edges: Sequence[float],
                 within_deg: float = 10.0) -> pd.DataFrame:
    """Return a row per interval of a condition, for instance of SNR: where it lies and what :func:`summary` says.

    Parameters
    ----------
    errors_deg, condition : ndarray, shape (n,)
    edges : sequence of float
        Ends of the intervals, growing; the last interval includes its end. Intervals without a scene are left out.
    within_deg : float

    Returns
    -------
    DataFrame
        ``low``, ``high``, ``middle``, ``within_percent``, its standard error ``within_se`` (binomial), ``median_deg``
        and ``n``.
    """
    errors_deg, condition, edges = (np.asarray(values, float) for values in (errors_deg, condition, edges))
    if errors_deg.shape != condition.shape:
        raise ParameterError(f"Each error needs its condition: {errors_deg.shape} against {condition.shape}.")
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ParameterError(f"The edges of intervals grow, these do not: {edges.tolist()}.")
    place = np.where(condition == edges[-1], len(edges) - 2, np.searchsorted(edges, condition, side="right") - 1)
    rows = []
    for k, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        if (here := place == k).any():
            found = summary(errors_deg[here], within_deg)
            share = found["within_percent"] / 100
            rows.append({"low": low, "high": high, "middle": (low + high) / 2, **found,
                         "within_se": 100 * float(np.sqrt(share * (1 - share) / found["n"]))})
    return pd.DataFrame(rows)


def chance(within_deg: float = 10.0) -> float:
    """Return the per cent of uniformly random answers that lie so near: the spherical cap's share of the sphere."""
    return float(50 * (1 - np.cos(np.deg2rad(within_deg))))
