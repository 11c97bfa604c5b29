"""The harness that injects faults tells good ends from bad ones."""

import time

import numpy as np
import pytest

from benchmarks import faults
from benchmarks.faults import Try, fault_of
from earwitness.errors import DamagedDataError


def raising(error):
    def act():
        raise error

    return act


def test_the_right_value_and_a_sentence_of_ours_are_good_ends():
    assert fault_of(Try("value", lambda: 3, lambda value: value == 3)) == ""
    assert fault_of(Try("ours", raising(DamagedDataError("x.wav is cut off; fetch it again.")))) == ""


@pytest.mark.parametrize("act, said", [
    (lambda: 4, "returns 4"),
    (raising(DamagedDataError("bad")), "says only 'bad'"),
    (raising(KeyError("x")), "KeyError"),
])
def test_wrong_values_words_and_foreign_errors_are_bad_ends(act, said):
    assert said in fault_of(Try("bad", act, lambda value: value == 3))


def test_a_try_that_hangs_is_a_bad_end(monkeypatch):
    monkeypatch.setattr(faults, "LIMIT_S", 1)
    assert "Hangs" in fault_of(Try("hangs", lambda: time.sleep(30)))


def test_what_is_left_half_written_is_a_bad_end(tmp_path):
    def act():
        (tmp_path / ".result.tmp").touch()
        raise DamagedDataError("The disk is full now.")

    assert fault_of(Try("leaves", act, folder=tmp_path)) == "leaves .result.tmp"


def test_a_row_counts_tries_and_quotes_the_first_bad_one():
    tries = [Try("a", lambda: 1, bool), Try("b|c", lambda: 0, bool), Try("d", lambda: 0, bool)]
    assert faults.row("kind", tries) == {
        "kind": "kind", "tries": 3, "good": 1, "first bad": "b\\|c: returns 0",
    }


def test_flipped_bytes_differ_in_as_many_places_at_most():
    content = bytes(1000)
    changed = faults.flipped(content, np.random.default_rng(0), 3)
    assert len(changed) == 1000 and 1 <= sum(a != b for a, b in zip(content, changed, strict=True)) <= 3
