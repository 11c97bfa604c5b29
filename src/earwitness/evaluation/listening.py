"""Scores for guesses: by listeners who are to tell what a network heard, or by anything else."""

from collections.abc import Sequence

import numpy as np

from earwitness.errors import ParameterError


def _outcomes(actual: Sequence, guessed: Sequence, label) -> tuple[np.ndarray, np.ndarray]:
    """Return two bool arrays: the answer is ``label``, the guess is ``label``."""
    actual, guessed = np.asarray(actual), np.asarray(guessed)
    if actual.ndim != 1 or actual.shape != guessed.shape or actual.size == 0:
        raise ParameterError(f"There must be one guess for each answer, got {actual.shape} and {guessed.shape}.")
    return actual == label, guessed == label


def _rate(of: np.ndarray, among: np.ndarray, what: str) -> float:
    if not among.any():
        raise ParameterError(f"The score is not defined: there is no {what}.")
    return float(of[among].mean())


def informedness(actual: Sequence, guessed: Sequence, label) -> float:
    """Return how informed guesses of ``label`` are: TP / P - FP / N. 1 perfect, 0 chance, below 0 misled.

    Parameters
    ----------
    actual, guessed : sequence, length n
        The true answers and what was guessed.
    label
        The class that is scored against all others.

    Raises
    ------
    ParameterError
        If lengths differ, or ``label`` is never or always the answer.

    Notes
    -----
    Powers (2011). TP, FP: guesses of ``label`` that are right, wrong; P, N: answers that are ``label``, are not.
    """
    is_label, says_label = _outcomes(actual, guessed, label)
    hit = _rate(says_label, is_label, f"answer {label!r}")
    return hit - _rate(says_label, ~is_label, f"answer other than {label!r}")


def markedness(actual: Sequence, guessed: Sequence, label) -> float:
    """Return how far a guess can be trusted: TP / (TP + FP) - FN / (TN + FN). 1 perfect, 0 chance, below 0 misleading.

    Arguments as for :func:`informedness`, with the roles of answers and guesses exchanged.

    Raises
    ------
    ParameterError
        If lengths differ, or ``label`` is never or always guessed.
    """
    is_label, says_label = _outcomes(actual, guessed, label)
    right = _rate(is_label, says_label, f"guess {label!r}")
    return right - _rate(is_label, ~says_label, f"guess other than {label!r}")
