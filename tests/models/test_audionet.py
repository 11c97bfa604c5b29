"""AudioNet as the authors of AudioMNIST trained it."""

from earwitness import models

SHAPES = {
    "AlexNet": (1, 227, 227),
    "AudioNet": (1, 8000),
    "PhoneCNN": (1, 4000),
    "SpeakerCNN": (1, 4000),
}


def test_audionet_halves_time_six_times_and_has_no_relu_between_dense_layers():
    layers = models.describe(models.AudioNet(2).eval(), SHAPES["AudioNet"])
    pooled = layers.loc[layers["kind"] == "MaxPool1d", "output"]
    assert list(pooled) == [
        (100, 4000),
        (64, 2000),
        (128, 1000),
        (128, 500),
        (128, 250),
        (128, 125),
    ]
    after = layers["kind"].tolist()[layers["kind"].tolist().index("Flatten") :]
    assert after == ["Flatten", "Linear", "Dropout", "Linear", "Dropout", "Linear"]
