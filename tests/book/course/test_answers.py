"""Whether an answer is the book's, whatever it is kept in."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earwitness_book.course import answers, check

PRINTS = "few = 3\nspacing = few * 2.0\nprint(f'{spacing:.1f} Hz')"


def test_what_a_solution_shows_in_the_end_gets_a_name_and_what_it_prints_has_one():
    solution, names = answers.named("table = [1, 2]\nsorted(\n    table\n)")
    assert names == ["answer"] and solution.endswith("answer = sorted(\n    table\n)\nanswer")
    assert answers.named("x = 1\nx") == ("x = 1\nx", ["x"])
    assert answers.named(PRINTS) == (PRINTS, ["spacing"])
    assert answers.named("figure, ax = panels()\nfigure")[1] == []


def test_the_right_answer_passes_whatever_the_way_to_it():
    check({"few": 5, "spacing": 3 + 3}, PRINTS, ["spacing"])


@pytest.mark.parametrize(
    ("namespace", "message"),
    [({}, "`spacing` is what the exercise asks for"), ({"spacing": 5.9}, "is 5.9; .* gives 6.0")],
)
def test_a_wrong_or_missing_answer_is_named_with_the_right_one(namespace, message):
    with pytest.raises(AssertionError, match=message):
        check(namespace, PRINTS, ["spacing"])


def test_the_notebook_keeps_its_own_values():
    namespace = {"spacing": 6.0, "few": 9}
    check(namespace, PRINTS, ["spacing"])
    assert namespace["few"] == 9


@given(
    st.lists(
        st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=5
    ),
    st.floats(0.01, 10),
)
def test_numbers_are_the_same_to_a_thousandth_of_the_largest(values, shift):
    largest = max(map(abs, values))
    kinds = (
        np.array,
        lambda v: torch.tensor(v, dtype=torch.float64),
        pd.Series,
        lambda v: pd.DataFrame({"a": v}),
        lambda v: {"a": v},
    )
    for kind in kinds:
        assert answers.same(kind(values), kind([value * (1 + 1e-5) for value in values]))
        if largest:
            assert not answers.same(kind(values), kind([v + shift * largest for v in values]))


def test_nothing_is_the_same_as_something_of_another_kind_or_shape():
    assert answers.same(np.array([np.nan, 1]), np.array([np.nan, 1]))
    assert answers.same(pd.DataFrame({"a": ["x", 1]}).style, pd.DataFrame({"b": ["x", 1]}))
    for given_, expected in [
        ([1, 2], [1, 2, 3]),
        (np.zeros(2), np.zeros(3)),
        ({"a": 1}, {"b": 1}),
        ("one", 1),
        (None, 0),
        (np.array(["x"]), np.array(["y"])),
    ]:
        assert not answers.same(given_, expected)
