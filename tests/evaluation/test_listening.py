"""Informedness and markedness against counts made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import evaluation
from earwitness.errors import ParameterError
from earwitness.evaluation.listening import rates

# for "nine": TP 2, FN 1, FP 1, TN 4
ACTUAL = ["nine", "nine", "nine", "five", "five", "one", "one", "one"]
GUESSED = ["nine", "nine", "five", "nine", "five", "one", "one", "five"]


def test_scores_equal_those_counted_by_hand():
    assert evaluation.informedness(ACTUAL, GUESSED, "nine") == pytest.approx(2 / 3 - 1 / 5)
    assert evaluation.markedness(ACTUAL, GUESSED, "nine") == pytest.approx(2 / 3 - 1 / 5)
    assert evaluation.informedness(ACTUAL, GUESSED, "five") == pytest.approx(1 / 2 - 2 / 6)
    assert evaluation.markedness(ACTUAL, GUESSED, "five") == pytest.approx(1 / 3 - 1 / 5)


def test_perfect_and_perfectly_wrong_guesses_score_one_and_minus_one():
    actual = np.array([0, 1, 1, 0])
    for score in (evaluation.informedness, evaluation.markedness):
        assert score(actual, actual, 1) == 1 and score(actual, 1 - actual, 1) == -1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=4, max_size=30))
def test_markedness_is_informedness_with_the_roles_exchanged(pairs):
    actual, guessed = map(list, zip(*pairs, strict=True))
    if len(set(actual)) < 2 or len(set(guessed)) < 2:
        return
    assert evaluation.markedness(actual, guessed, True) == evaluation.informedness(
        guessed, actual, True
    )
    same = evaluation.informedness(
        actual, guessed, False
    )  # two classes: either label tells the same
    assert evaluation.informedness(actual, guessed, True) == pytest.approx(same)


def test_scores_whose_denominator_is_zero_are_no_numbers():
    assert np.isnan(evaluation.informedness(ACTUAL, GUESSED, "three"))  # never the answer
    assert np.isnan(evaluation.informedness([1, 1], [0, 1], 1))  # always the answer
    assert np.isnan(evaluation.markedness([0, 1], [1, 1], 1))  # always guessed
    assert np.isnan(evaluation.markedness(ACTUAL, GUESSED, "three"))  # never guessed


def test_a_confusion_matrix_gives_the_same_scores_for_all_classes_at_once():
    classes = ["one", "five", "nine"]
    confusion = [
        [
            sum(a == row and g == column for a, g in zip(ACTUAL, GUESSED, strict=True))
            for column in classes
        ]
        for row in classes
    ]
    informed, marked = rates([confusion, np.multiply(confusion, 3)])  # weights do not matter
    for column, label in enumerate(classes):
        assert informed[:, column] == pytest.approx(evaluation.informedness(ACTUAL, GUESSED, label))
        assert marked[:, column] == pytest.approx(evaluation.markedness(ACTUAL, GUESSED, label))


def test_lists_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ParameterError, match="one guess for each clip"):
        evaluation.informedness([0, 1], [1], 1)
    with pytest.raises(ParameterError, match="one guess for each clip"):
        evaluation.markedness([], [], 1)
