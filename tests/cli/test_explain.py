"""The command: files of several kinds, networks of the current directory, and exit statuses."""

import json

import numpy as np
import pytest
import soundfile

from earwitness import cli

NETWORK = """
import torch
from torch import nn

class Mine(nn.Sequential):
    sample_rate = 4000
    def __init__(self):
        super().__init__(nn.Conv1d(1, 4, 9, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(2), nn.Flatten(),
        nn.Linear(8, 3))

class Frames(nn.Sequential):
    sample_rate = 4000
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Conv1d(1, 3, 9, 2))

def spectrogram(samples):
    return torch.stft(samples, 128, 64, window=torch.hann_window(128),
    return_complex=True).abs()[None, None]

def for_spectrograms():
    return nn.Sequential(nn.Conv2d(1, 4, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
    nn.Linear(16, 3))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder with a network and two sounds."""
    (tmp_path / "stranger_net.py").write_text(NETWORK)
    for number, name in enumerate(("a.wav", "b.flac")):
        soundfile.write(
            tmp_path / name, 0.1 * np.random.default_rng(number).standard_normal(2000), 4000
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["explain", *arguments])
    return end.value.code


def test_several_files_get_a_folder_each_and_a_second_call_keeps_them(here, capsys):
    ask = [
        "a.wav",
        "b.flac",
        "--model",
        "stranger_net:Mine",
        "--out",
        "why",
        "--target",
        "1",
        "--method",
        "integrated-gradients",
        "-p",
        "n_steps",
        "5",
    ]
    # the network's weights are drawn anew in each call: another network, and the folders are not
    # overwritten
    assert call(*ask) == 0
    assert capsys.readouterr().out.split() == ["why/a/report.html", "why/b/report.html"]
    numbers = json.loads((here / "why/a/numbers.json").read_text())
    assert numbers["made_from"]["options"] == {"n_steps": 5} and numbers["explained"] == "1"
    assert call(*ask) == 2
    assert "another explanation (it differs in weights)" in capsys.readouterr().err


def test_the_same_call_with_weights_is_answered_by_what_is_there(here, capsys):
    import torch

    namespace = {}
    exec(NETWORK, namespace)
    torch.save(namespace["Mine"]().state_dict(), here / "net.pt")
    ask = ["a.wav", "--model", "stranger_net:Mine", "--weights", "net.pt", "--out", "why"]
    assert call(*ask) == 0
    stamp = (here / "why/a/numbers.json").stat().st_mtime_ns
    assert call(*ask) == 0 and (here / "why/a/numbers.json").stat().st_mtime_ns == stamp


def test_a_front_end_of_ones_own_makes_the_spectrogram(here):
    assert (
        call(
            "a.wav",
            "--model",
            "stranger_net:for_spectrograms",
            "--sample-rate",
            "4000",
            "--out",
            "why",
            "--prepare",
            "stranger_net:spectrogram",
            "--method",
            "gradient-x-input",
            "--classes",
            "x,y,z",
        )
        == 0
    )
    numbers = json.loads((here / "why/a/numbers.json").read_text())
    assert numbers["explained"] in "xyz" and numbers["made_from"]["front_end"] == "spectrogram"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["none.wav", "--model", "stranger_net:Mine"], 1, "There is no file none.wav"),
        (["a.wav", "--model", "stranger_net:Yours"], 1, "has no 'Yours'"),
        (["a.wav", "--model", "stranger_net:for_spectrograms"], 2, "At which sample rate"),
        (
            ["a.wav", "--model", "stranger_net:Mine", "--method", "lpr-epsilon"],
            2,
            "Did you mean 'lrp-epsilon'",
        ),
        (["a.wav", "--model", "stranger_net:Mine", "-p", "steps", "3"], 2, "has no option steps"),
        (["a.wav", "--model", "stranger_net:Mine", "--target", "9"], 2, "outputs go from 0 to 2"),
    ],
)
def test_mistakes_get_a_sentence_and_leave_nothing(here, capsys, arguments, status, said):
    assert call(*arguments, "--out", "why") == status
    assert said in capsys.readouterr().err
    assert not (here / "why").exists() or not any((here / "why").iterdir())


def test_sounds_of_one_name_get_folders_of_their_own():
    from pathlib import Path

    from earwitness.cli.explain import _names

    assert _names([Path("a.wav"), Path("x/a.flac"), Path("y/a.flac"), Path("b.wav")]) == [
        "a.wav",
        "a.flac",
        "a.flac-2",
        "b",
    ]


def test_rules_and_the_axis_of_classes_reach_the_method(here, capsys):
    ask = ["a.wav", "--model", "stranger_net:Frames", "--target", "1", "--channel", "mean"]
    assert call(*ask, "--class-axis", "1", "--rule", "first layer=plus", "--out", "plus") == 0
    assert call(*ask, "--class-axis", "1", "--rule", "0=linear", "--out", "linear") == 0
    made_from = json.loads((here / "plus/a/numbers.json").read_text())["made_from"]
    assert made_from["rules"] == {"first layer": "plus"} and made_from["class_axis"] == 1
    maps = [np.load(here / f"{name}/a/arrays.npz")["relevance"] for name in ("plus", "linear")]
    assert abs(maps[0] - maps[1]).max() > 0.1 * abs(maps[0]).max()
    assert call(*ask, "--rule", "plus", "--out", "why") == 2
    assert "--rule takes LAYERS=RULE" in capsys.readouterr().err
