"""What a parameters cell declares, and what is refused before anything executes."""

import os

import pytest
import toy
from hypothesis import given
from hypothesis import strategies as some

from earwitness.errors import NotebookError, ParameterError
from earwitness_book.runner import notebooks, parameters


def declared(line):
    return next(iter(parameters.parse(line).values()))


def test_name_type_default_and_meaning_are_read_from_the_line():
    found = parameters.parse(toy.PARAMETERS)
    assert list(found) == ["n_clips", "corpus", "level_db", "methods", "strict"]
    assert (found["n_clips"].type, found["n_clips"].default) == ("int", 2)
    assert found["n_clips"].meaning == "clips to look at; 1 to 50"
    assert found["n_clips"].bounds == (1, 50)
    assert found["level_db"].bounds == (-60, 0)
    assert found["corpus"].choices == ("voices", "fsdd", "aev")
    assert (found["methods"].type, found["methods"].choices) == ("list[str]", ("a", "b", "c"))
    assert found["strict"].bounds is None and found["strict"].choices == ()


def test_a_hash_sign_inside_a_string_is_no_comment():
    found = declared('label: str = "a # b"  # what is written')
    assert (found.default, found.meaning) == ("a # b", "what is written")


def test_the_last_range_counts_when_the_sentence_holds_numbers():
    assert declared("n_folds: int = 1  # folds; 0 runs all, as the paper does; 0 to 6").bounds == (
        0,
        6,
    )
    assert declared("eps: float = 1e-6  # stabiliser; 1e-12 to 10").bounds == (1e-12, 10)
    assert declared("year: int = 1995  # when it went from 1 to many").bounds is None


@pytest.mark.parametrize(
    "line",
    [
        "n = 3",
        "n: int",
        "n: complex = 1j",
        "n: int = 'three'",
        "n: int = 1 + x",
        "print(1)",
        "n: int = 7  # 1 to 5",
        "c: str = 'd'  # one of: a, b",
        "n: int = = 3",
        "n: bool = 1",
    ],
)
def test_a_line_that_declares_no_valid_parameter_is_an_error_of_the_notebook(line):
    with pytest.raises(NotebookError):
        parameters.parse(line)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_clip": 3}, "Did you mean 'n_clips'"),
        ({"n_clips": "3"}, "n_clips must be int"),
        ({"n_clips": 3.0}, "n_clips must be int"),
        ({"n_clips": True}, "n_clips must be int"),
        ({"n_clips": 51}, "nearest allowed value is 50"),
        ({"n_clips": 0}, "nearest allowed value is 1"),
        ({"level_db": float("nan")}, "level_db must be -60 to 0"),
        ({"corpus": "fsd"}, "Did you mean 'fsdd'"),
        ({"methods": "a"}, "methods must be list[str]"),
        ({"methods": ["a", "d"]}, "methods must be one of a, b, c; got 'd'"),
        ({"strict": 1}, "strict must be bool"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_nearest_valid_one_named(make_toy, given, said):
    make_toy()
    with pytest.raises(ParameterError) as error:
        parameters.check(notebooks.find("passes"), given)
    assert said in str(error.value)


def test_an_int_is_taken_for_a_float_as_a_float(make_toy):
    make_toy()
    checked = parameters.check(notebooks.find("passes"), {"level_db": -6})
    assert type(checked["level_db"]) is float


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("n_clips", "7", 7),
        ("level_db", "-6", -6.0),
        ("level_db", "-1e1", -10.0),
        ("corpus", "aev", "aev"),
        ("strict", "true", True),
        ("strict", "No", False),
        ("methods", "a,c", ["a", "c"]),
        ("methods", '["b"]', ["b"]),
    ],
)
def test_what_a_reader_types_becomes_the_declared_type(make_toy, name, typed, value):
    make_toy()
    assert parameters.convert(notebooks.find("passes"), {name: typed}) == {name: value}


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("n_clips", "7.0"),
        ("n_clips", ""),
        ("strict", "maybe"),
        ("level_db", "loud"),
        ("methods", "[a"),
        ("methods", "d"),
        ("methods", ""),
        ("methods", "[]"),
        ("n_clips", "\u0667"),
        ("n_clips", "9" * 5000),
        ("level_db", "nan"),
    ],
)
def test_what_a_reader_types_wrongly_is_refused(make_toy, name, typed):
    make_toy()
    with pytest.raises(ParameterError, match=name):
        parameters.convert(notebooks.find("passes"), {name: typed})


@given(
    some.integers(-(10**9), 10**9),
    some.floats(allow_nan=False, allow_infinity=False),
    some.text(max_size=20),
)
def test_every_default_is_read_back_as_it_was_written(number, real, words):
    source = (
        f"a: int = {number!r}\nb: float = {real!r}\nc: str = {words!r}\nd: list[int] = [{number!r}]"
    )
    found = parameters.parse(source)
    assert [parameter.default for parameter in found.values()] == [number, real, words, [number]]


@pytest.mark.parametrize("typed", ["nan", "inf", "-1e999"])
def test_a_number_without_a_range_must_still_be_finite(typed):
    with pytest.raises(ParameterError, match="finite"):
        declared("gain: float = 1.0  # of everything").convert(typed)


def test_bytes_of_the_command_line_that_are_no_text_are_refused():
    with pytest.raises(ParameterError, match="no text"):
        declared("label: str = 'a'  # what is written").convert(os.fsdecode(b"caf\xe9"))


def test_a_list_that_is_empty_by_default_may_stay_so():
    assert declared("others: list[str] = []  # more methods").check([]) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a: int = 1\nb: int = = 3", "line 2, is not Python"),
        ("a: int = 1\nprint(1)", "line 2 is 'print"),
        ("a: int = 1\nb: int = 7  # 1 to 5", "line 2 of its parameters cell: b must be 1 to 5"),
    ],
)
def test_a_mistake_in_the_cell_is_named_with_its_line(source, said):
    with pytest.raises(NotebookError, match=said):
        parameters.parse(source)


def test_a_notebook_needs_exactly_one_parameters_cell(make_toy):
    make_toy(
        {
            "toy/02-none": [toy.words("# None")],
            "toy/03-two": [
                toy.code("a: int = 1", ["parameters"]),
                toy.code("b: int = 1", ["parameters"]),
            ],
        }
    )
    for name in ("none", "two"):
        with pytest.raises(NotebookError, match="exactly one"):
            parameters.declared(notebooks.find(name))
