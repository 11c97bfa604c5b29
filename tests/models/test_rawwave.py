"""The networks of the raw waveform are those of the paper's Table 1."""

import pytest
import torch

from earwitness import models
from earwitness.errors import ParameterError


def test_the_phone_network_is_table_1():
    layers = models.describe(models.PhoneCNN(39).eval(), (1, 4000)).set_index("layer")
    assert list(layers.index) == [
        "conv1",
        "pool1",
        "relu1",
        "conv2",
        "pool2",
        "relu2",
        "conv3",
        "pool3",
        "relu3",
        "flatten",
        "fc4",
        "relu4",
        "fc5",
    ]
    # (4000 - 30) / 10 + 1 = 398, / 3 = 132; 132 - 6 = 126, / 3 = 42; 42 - 6 = 36, / 3 = 12
    assert list(layers["output"]) == [
        (80, 398),
        (80, 132),
        (80, 132),
        (60, 126),
        (60, 42),
        (60, 42),
        (60, 36),
        (60, 12),
        (60, 12),
        (720,),
        (1024,),
        (1024,),
        (39,),
    ]
    assert (
        layers["weights"].sum()
        == (80 * 30 + 80) + (60 * 80 * 7 + 60) + (60 * 60 * 7 + 60) + 721 * 1024 + 1025 * 39
    )


def test_the_speaker_network_is_table_1():
    layers = models.describe(models.SpeakerCNN(16).eval(), (1, 4000)).set_index("layer")
    assert list(layers.index) == [
        "conv1",
        "pool1",
        "relu1",
        "conv2",
        "pool2",
        "relu2",
        "flatten",
        "fc3",
        "relu3",
        "fc4",
    ]
    assert list(layers["output"]) == [
        (80, 398),
        (80, 132),
        (80, 132),
        (80, 123),
        (80, 41),
        (80, 41),
        (3280,),
        (100,),
        (100,),
        (16,),
    ]
    assert layers["weights"].sum() == (80 * 30 + 80) + (80 * 80 * 10 + 80) + 3281 * 100 + 101 * 16


def test_raw_waveform_networks_take_other_lengths_and_say_when_nothing_would_be_left():
    assert models.SpeakerCNN(5, n_samples=8000)(torch.zeros(1, 1, 8000)).shape == (1, 5)
    with pytest.raises(ParameterError, match=r"PhoneCNN takes float input \(batch, 1, 4000\)"):
        models.PhoneCNN(5)(torch.zeros(1, 1, 8000))
    with pytest.raises(
        ParameterError, match="SpeakerCNN has nothing left to classify of 300 samples"
    ):
        models.SpeakerCNN(5, n_samples=300)
