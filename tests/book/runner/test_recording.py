"""A recorded value says what made it."""

from earwitness_book.runner import recording


def test_provenance_is_that_of_the_execution_not_of_the_moment_of_writing():
    note = {
        "notebook": "toy/one",
        "commit": "abc",
        "hardware": "a machine",
        "date": "1999-12-31T23:00:00+00:00",
        "profile": "real",
        "python": "3.11",
        "parameters": {"n": 1},
    }
    made = recording.provenance(note, "earwitness record toy")
    assert (made["commit"], made["date"], made["device"]) == ("abc", "1999-12-31", "a machine")
