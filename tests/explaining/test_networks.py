"""Networks by name, with the weights of a file, at the rate that they declare."""

import numpy as np
import pytest
import torch
from small import RATE, chirp, explain, net

import earwitness
from earwitness import features
from earwitness.errors import (
    DamagedDataError,
    MissingDataError,
    ParameterError,
)
from earwitness.explaining import networks
from earwitness.models import weights


def test_a_sound_is_resampled_to_what_the_model_declares():
    model = net()
    model.sample_rate = RATE
    found = earwitness.explain((chirp(4000, 8000), 8000), model)
    assert found.sample_rate == RATE and len(found.samples) == 2000


def test_weights_are_loaded_safely_and_must_fit(tmp_path):
    trained = net(seed=5)
    torch.save(trained.state_dict(), tmp_path / "net.pt")
    torch.save({"state_dict": trained.state_dict(), "epoch": 3}, tmp_path / "checkpoint.pt")
    torch.save(net(4).state_dict(), tmp_path / "other.pt")
    torch.save(trained, tmp_path / "pickled.pt")
    (tmp_path / "text.pt").write_text("weights")
    expected = explain(trained, target=0).relevance
    for name in ("net.pt", "checkpoint.pt"):
        np.testing.assert_array_equal(
            explain(net(), weights=tmp_path / name, target=0).relevance, expected
        )
    for name, error, said in (
        ("other.pt", ParameterError, "do not fit"),
        ("none.pt", MissingDataError, "no weights"),
        ("pickled.pt", DamagedDataError, "weights_only"),
        ("text.pt", DamagedDataError, "safely"),
    ):
        with pytest.raises(error, match=said):
            explain(net(), weights=tmp_path / name)


def test_a_shipped_network_needs_its_name_alone():
    found = earwitness.explain((chirp(8000, 16000), 16000), "phone-cnn")
    assert (
        found.sample_rate == 16000
        and len(found.samples) == 4000
        and found.explained == found.prediction["label"]
    )
    assert found.inputs.std() == pytest.approx(1, abs=1e-3)


def test_exported_weights_need_no_more_than_their_file():
    shipped = networks.find("phone-cnn")
    exported = networks.find(str(weights.folder() / "phone-cnn.pt"))
    assert exported.digest == shipped.digest and exported.classes == shipped.classes
    assert (exported.sample_rate, exported.front_end) == (16000, "normalised")
    with pytest.raises(ParameterError, match="takes no waveform"):
        networks.find(str(weights.folder() / "quality.pt"))
    with pytest.raises(ParameterError, match="own-voice is a DigitNet, which takes no waveform"):
        networks.find("own-voice")
    with pytest.raises(MissingDataError, match="no model card"):
        networks.find("nowhere.pt")


def test_the_scaled_front_end_is_that_of_audionet():
    network = networks.Network(net(), "net", RATE, "scaled")
    inputs = network.prepare(chirp()).inputs
    np.testing.assert_array_equal(inputs[0, 0], features.waveform(chirp()))
