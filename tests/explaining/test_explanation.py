"""An explanation is written in full or not at all, and never over other things."""

import json

import numpy as np
import pytest
import soundfile
from small import FILES, RATE, explain

from earwitness.errors import (
    ParameterError,
)


def test_it_writes_everything_or_nothing_and_keeps_what_is_there(one, tmp_path, monkeypatch):
    folder = one.save(tmp_path / "why")
    assert {path.name for path in folder.iterdir()} == FILES
    numbers = json.loads((folder / "numbers.json").read_text())
    assert (
        numbers["prediction"] == one.prediction and numbers["made_from"]["method"] == "lrp-epsilon"
    )
    samples, rate = soundfile.read(folder / "explanation.wav")
    np.testing.assert_allclose(samples, one.sounds["explanation"], atol=1e-7)
    assert rate == RATE
    stamp = (folder / "report.html").stat().st_mtime_ns
    explain().save(folder)
    assert (folder / "report.html").stat().st_mtime_ns == stamp
    with pytest.raises(ParameterError, match=r"another explanation \(it differs in method\)"):
        explain(method="gradient").save(folder)
    monkeypatch.setattr("earwitness.explaining.report.page", lambda explanation: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.save(tmp_path / "half")
    assert [path.name for path in tmp_path.iterdir()] == ["why"]


def test_a_folder_of_other_things_is_left_alone(one, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ParameterError, match="no explanation"):
        one.save(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_rules_and_axis_are_those_that_were_given(one):
    other = explain(rules={"convolutions": "plus"}, class_axis=-1)
    assert other.specification["rules"] == {"convolutions": "plus"}
    assert not np.allclose(other.relevance, one.relevance)
    with pytest.raises(ParameterError):
        explain(class_axis=7)
