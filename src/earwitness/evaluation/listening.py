"""Scores for guesses: of listeners who are to tell what a network predicted, or of any other."""

from collections.abc import Sequence

import numpy as np

from earwitness.arguments import checked
from earwitness.errors import ParameterError


@checked
def informedness(actual: Sequence, guessed: Sequence, label: str | int | bool) -> float:
    """Return how informed guesses of ``label`` are: TP / P - FP / N. 1 perfect, 0 chance, below 0
    misled.

    Parameters
    ----------
    actual, guessed : sequence, length n
        The true classes and what was guessed.
    label : str, int or bool
        The class that is scored against all others.

    Returns
    -------
    float
        NaN where a denominator is zero: ``label`` is never, or always, the class.

    Raises
    ------
    ParameterError
        If lengths differ, or there is no clip.

    Notes
    -----
    Powers (2011). TP, FP: guesses of ``label`` that are right, wrong; P, N: classes that are
    ``label``, are not.
    """
    return float(rates(_two_by_two(actual, guessed, label))[0][1])


@checked
def markedness(actual: Sequence, guessed: Sequence, label: str | int | bool) -> float:
    """Return how far a guess can be trusted: TP / (TP + FP) - FN / (TN + FN). 1 perfect, 0 chance,
    below 0 misleading.

    Arguments as for :func:`informedness`, with the roles of classes and guesses exchanged: NaN
    where ``label`` is never, or always, guessed.
    """
    return float(rates(_two_by_two(actual, guessed, label))[1][1])


def rates(confusion) -> tuple[np.ndarray, np.ndarray]:
    """Return informedness and markedness of each class, each against all others.

    Parameters
    ----------
    confusion : array_like, shape (..., n_classes, n_classes)
        Counts, or weights, by true (row) and guessed (column) class.

    Returns
    -------
    informedness, markedness : ndarray, shape (..., n_classes)
        NaN where a denominator is zero.
    """
    confusion = np.asarray(confusion, np.float64)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)  # (..., n_classes), TP
    classes, guesses = confusion.sum(-1), confusion.sum(-2)  # P and TP + FP
    total = confusion.sum((-2, -1))[..., None]  # (..., 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        informed = hits / classes - (guesses - hits) / (total - classes)
        marked = hits / guesses - (classes - hits) / (total - guesses)
    return informed, marked


def _two_by_two(actual: Sequence, guessed: Sequence, label) -> np.ndarray:
    """Return the counts (2, 2) of not ``label`` and ``label``, by class and guess."""
    actual, guessed = np.asarray(actual), np.asarray(guessed)
    if actual.ndim != 1 or actual.shape != guessed.shape or actual.size == 0:
        raise ParameterError(
            f"There must be one guess for each clip, got {actual.shape} and {guessed.shape}."
        )
    codes = 2 * (actual == label) + (guessed == label)
    return np.bincount(codes, minlength=4).reshape(2, 2)
