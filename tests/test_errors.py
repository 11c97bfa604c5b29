"""Errors of our own: one base, the built-in that a caller expects, a sentence that helps."""

import inspect

import pytest

from earwitness import errors
from earwitness.errors import ParameterError, check_number

KINDS = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_an_earwitness_error(kind):
    assert issubclass(kind, errors.EarwitnessError)


@pytest.mark.parametrize(
    ("kind", "built_in"),
    [
        (errors.AudioError, ValueError),
        (errors.UnknownNameError, ValueError),
        (errors.ParameterError, ValueError),
        (errors.FoldError, ValueError),
        (errors.MissingDataError, FileNotFoundError),
        (errors.NotebookError, RuntimeError),
    ],
)
def test_errors_are_also_the_built_in_that_a_caller_would_catch(kind, built_in):
    assert issubclass(kind, built_in)


def test_choose_returns_a_name_that_is_allowed():
    assert errors.check_choice("fsdd", {"aev": 1, "fsdd": 2}, "corpus") == "fsdd"


def test_choose_names_the_nearest_and_lists_all_in_order():
    with pytest.raises(errors.UnknownNameError) as caught:
        errors.check_choice("fsd", ["timit", "fsdd", "aev"], "corpus")
    assert (
        str(caught.value)
        == "There is no corpus 'fsd'. Did you mean 'fsdd'? Known: aev, fsdd, timit."
    )


def test_choose_guesses_nothing_where_no_name_is_near():
    with pytest.raises(errors.UnknownNameError) as caught:
        errors.check_choice("xyz", ["fsdd"], "corpus")
    assert str(caught.value) == "There is no corpus 'xyz'. Known: fsdd."


@pytest.mark.parametrize("name", [None, 3, ("fsdd",)])
def test_choose_refuses_what_is_no_name(name):
    with pytest.raises(errors.UnknownNameError, match="There is no corpus"):
        errors.check_choice(name, ["fsdd"], "corpus")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 11, True, "3", None, [3], 2.5])
def test_numbers_outside_their_range_are_refused_by_name(value):
    with pytest.raises(ParameterError, match="n_steps must be a whole number from 0 to 10, got"):
        check_number("n_steps", value, 0, 10, whole=True)


def test_numbers_within_their_range_are_handed_back():
    assert check_number("n_steps", 10, 0, 10, whole=True) == 10
    assert check_number("level", 0.5, 0, 1) == 0.5
