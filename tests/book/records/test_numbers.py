"""A number is written in one way everywhere."""

import pytest

from earwitness_book.records import numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.12345, "0.1235"),
        (3, "3"),
        (95.82, "95.82"),
        (999.96, "1000"),
        (3000, "3000"),
        (1234.6, "1235"),
        (9999.7, "10\u202f000"),
        (12500, "12\u202f500"),
        (-48000, "-48\u202f000"),
        (1e-6, "1e-06"),
        (30_000_000, "30\u202f000\u202f000"),
    ],
)
def test_four_digits_count_and_thousands_stand_apart_from_five_digits_on(value, words):
    assert numbers.number(value) == words


def test_a_quantity_has_spread_and_unit_a_truth_a_word_and_nothing_a_dash():
    assert numbers.quantity(90, 2, "%") == "90 ± 2 %"
    assert numbers.quantity(0.5, None, "1") == "0.5"
    assert [numbers.quantity(value, None, "") for value in (True, False, None, float("nan"))] == [
        "yes",
        "no",
        "–",
        "–",
    ]
    assert numbers.interval([86, 94], "%") == "86 to 94 %" and numbers.interval(None, "%") == ""


@pytest.mark.parametrize(
    ("value", "name", "words"),
    [(1, "clips", "1 clip"), (2, "clips", "2 clips"), (1, "s", "1 s"), (1, "ms", "1 ms"),
     (1.5, "frames", "1.5 frames"), (1, "%", "1 %"), (0, "features", "0 features")],
)  # fmt: skip
def test_one_of_what_is_counted_is_no_plural(value, name, words):
    assert numbers.quantity(value, None, name) == words
