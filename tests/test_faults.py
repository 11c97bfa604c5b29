"""The harness that injects faults tells good ends from bad ones."""

import time

import numpy as np
import pytest
import soundfile
import torch

from benchmarks import faults
from benchmarks.faults import Try, fault_of
from earwitness import attribution, cli
from earwitness.errors import DamagedDataError, ParameterError
from earwitness_book import records


def raising(error):
    def act():
        raise error

    return act


def test_the_right_value_and_a_sentence_of_ours_are_good_ends():
    assert fault_of(Try("value", lambda: 3, lambda value: value == 3)) == ""
    assert (
        fault_of(Try("ours", raising(DamagedDataError("x.wav is cut off; fetch it again.")))) == ""
    )


@pytest.mark.parametrize(
    "act, said",
    [
        (lambda: 4, "returns 4"),
        (raising(DamagedDataError("bad")), "says only 'bad'"),
        (raising(KeyError("x")), "KeyError"),
    ],
)
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
        "kind": "kind",
        "tries": 3,
        "good": 1,
        "first bad": "b\\|c: returns 0",
    }


def test_flipped_bytes_differ_in_as_many_places_at_most():
    content = bytes(1000)
    changed = faults.flipped(content, np.random.default_rng(0), 3)
    assert (
        len(changed) == 1000
        and 1 <= sum(a != b for a, b in zip(content, changed, strict=True)) <= 3
    )


@pytest.mark.parametrize("found", ["[]", '{"a": []}', '{"a": {"id": "x"}}', ""])
@pytest.mark.parametrize("around", ['{"metadata": {"earwitness": {"records": %s}}}', "%s", "[%s"])
def test_measurements_of_a_build_that_are_none_are_named(tmp_path, around, found):
    _refused(tmp_path, around % found)


def test_a_page_of_a_build_that_nests_without_end_is_named(tmp_path):
    _refused(tmp_path, "[" * 3000)


def _refused(tmp_path, content):
    path = tmp_path / "executed" / "a.ipynb"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DamagedDataError, match="a.ipynb is damaged"):
        records.scoreboard(tmp_path)


def test_weights_are_exported_nowhere_before_a_network_is_trained(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "AudioNet", "--export", str(tmp_path / "file" / "x.pt")])
    assert ended.value.code == 1 and "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", [":", ":network", ".a:b"])
def test_a_model_without_a_module_is_refused(tmp_path, capsys, name):
    sound = tmp_path / "x.wav"
    soundfile.write(sound, np.sin(np.arange(8000) / 9) / 2, 8000)
    with pytest.raises(SystemExit) as ended:
        cli.main(["explain", str(sound), "--model", name, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2 and "package.module:name" in capsys.readouterr().err


def test_parameters_are_shown_of_profiles_that_exist(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["params", "audiomnist/pixel-flipping", "--profile", "no-such"])
    assert ended.value.code == 2 and "no profile 'no-such'" in capsys.readouterr().err


def test_a_corpus_without_a_name_is_refused_before_anything_is_trained(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "AudioNet", "--corpus", ""])
    assert ended.value.code == 2 and "no corpus ''" in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    "ask", [attribution.explain_support, lambda model, x: attribution.attribute(model, x, 0)]
)
def test_what_is_no_network_is_refused(ask):
    with pytest.raises(ParameterError, match="must be a torch.nn.Module, got 'model'"):
        ask("model", torch.ones(1, 1, 8))
