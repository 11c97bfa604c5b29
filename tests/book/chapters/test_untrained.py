"""The opening clip and the game of trained and untrained networks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from earwitness.errors import ParameterError
from earwitness_book.chapters import untrained

RATE = 8000


def clip(where=2000):
    samples = np.sin(np.arange(RATE) / 5) * np.hanning(RATE)
    trained, control = np.zeros(RATE), np.zeros(RATE)
    trained[where : where + 800] = samples[where : where + 800] ** 2
    control[5000:5800] = samples[5000:5800] ** 2
    return untrained.Clip(samples, trained, control, RATE, "nine")


def test_the_opening_has_three_sounds_and_says_where_relevance_lies():
    html = untrained.Opening(clip())._repr_html_()
    assert html.count("<audio") == 3 and "what the network used to predict “nine”" in html
    assert "Half of what is red lies between 0.28 and 0.33 s" in html
    assert "untrained network between 0.64 and 0.69 s" in html


def test_the_sides_of_the_untrained_network_are_drawn_and_both_occur():
    game = untrained.Game([clip()] * 10, seed=0)
    sides = [each["untrained"] for each in json.loads(game.as_json())["rounds"]]
    assert set(sides) == {0, 1}
    assert sides == [0 if first else 1 for first in game.untrained_first]


def test_the_untrained_explanation_stands_where_the_answer_says():
    one = clip()
    for first in (True, False):
        shown = untrained._seen(one, first)
        assert shown.index(untrained._map(one, one.untrained)) == (0 if first else 1)
        heard = untrained._sounds(one, first)
        assert heard == untrained._sounds(one, not first)[::-1] and heard[0] != heard[1]


def test_rounds_alternate_between_maps_and_sounds():
    rounds = json.loads(untrained.Game([clip()] * 3).as_json())["rounds"]
    assert [each["form"] for each in rounds] == ["map", "sound", "map"]
    assert rounds[0]["shown"][0].startswith("data:image/png")
    assert rounds[1]["shown"][0].startswith("data:audio/wav")


def test_guessing_reaches_a_score_as_often_as_coins_do():
    chances = untrained.chances(10)
    assert chances[0] == 1 and chances[10] == pytest.approx(1 / 1024)
    assert chances[9] == pytest.approx(11 / 1024) and chances[5] == pytest.approx(638 / 1024)


def test_what_cannot_be_explained_or_played_is_refused():
    zeros = np.zeros(RATE)
    with pytest.raises(ParameterError, match="silent"):
        untrained.Clip(zeros, zeros, zeros, RATE, "nine")
    with pytest.raises(ParameterError, match="shape"):
        untrained.Clip(zeros, zeros[1:], zeros, RATE, "nine")
    with pytest.raises(ParameterError, match="at least one"):
        untrained.Game([])


def test_recordings_that_no_licence_allows_to_show_are_neither_played_nor_drawn():
    closed, open_ = (replace(clip(), corpus=name) for name in ("audiomnist_az", "fsdd"))
    for shown in (untrained.Opening(closed), untrained.Game([clip(), closed])):
        html = shown._repr_html_()
        assert "data:" not in html and "AudioMNIST_AZ" in html and "none stated" in html
    assert "data:" in untrained.Opening(open_)._repr_html_()
    assert untrained.withheld("./my/sounds") == ""
