"""Looks: declared where things are registered, found by name, free ones given out."""

import pytest

from earwitness import looks
from earwitness.errors import UnknownNameError


@pytest.fixture(autouse=True)
def own_looks(monkeypatch):
    monkeypatch.setattr(looks, "_LOOKS", {})


def test_a_look_is_found_by_name_as_it_was_declared():
    looks.declare("mine", "my method", "#123456", "o", ":")
    assert looks.find("mine") == ("my method", "#123456", "o", ":")
    assert dict(looks.declared()) == {"mine": looks.find("mine")}


def test_who_declares_no_colour_gets_one_that_nobody_near_has():
    given = [looks.declare(f"method {number}") for number in range(49)]
    assert len({(look.colour, look.marker) for look in given}) == 49
    assert len({look.colour for look in given[:7]}) == 7
    assert given[3].label == "method 3"


def test_what_has_no_look_is_refused_with_the_nearest_name():
    looks.declare("amplitude", "", "#E69F00", "^")
    with pytest.raises(UnknownNameError, match="Did you mean 'amplitude'"):
        looks.find("amplitud")
