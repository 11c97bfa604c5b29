"""What runs in a page, computed by Node, beside the same from the library."""

import base64
import copy
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness import attribution, features, models
from earwitness.errors import ParameterError, UnknownNameError
from earwitness_book import project
from earwitness_book.chapters import page_networks

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
FOLDER = project.root() / "book" / page_networks.FOLDER
CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def node(ask, **question):
    """Return what the pages' code answers."""
    script = Path(__file__).with_name("page_networks.js")
    said = subprocess.run(
        ["node", str(script), str(FOLDER)],
        input=json.dumps({"ask": ask, **question}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


def second(seed=0):
    rng = np.random.default_rng(seed)
    return (0.3 * rng.normal(size=8000) * np.hanning(8000) ** 2).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    """A small network with random weights and batch norms that have seen something."""
    torch.manual_seed(3)
    model = models.DigitNet(10)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.2)
            layer.running_var.uniform_(0.05, 0.2)
            torch.nn.init.normal_(layer.bias, 0, 0.2)
    model.half().float()
    return model.eval()


@pytest.fixture(scope="module")
def asked(network):
    """What Node answers about it and what the library needs to say the same."""
    exported = page_networks.exported(network)
    restored = page_networks.restored(exported)
    spectrogram = features.compact_spectrogram(second()[None])
    return exported, restored, spectrogram


def test_a_page_hears_the_spectrogram_that_the_library_makes():
    for samples in (second(), 0.001 * second(1), np.zeros(8000, np.float32)):
        ours = features.compact_spectrogram(samples[None])[0]
        theirs = node("spectrogram", kind="compact", samples=samples.tolist())
        assert theirs["shape"] == [1, *ours.shape]
        np.testing.assert_allclose(theirs["data"], ours.flatten(), **CLOSE)


def test_a_page_takes_the_loudest_second_and_sets_a_short_clip_into_silence():
    rng = np.random.default_rng(1)
    long = (rng.normal(size=20_000) * np.linspace(0, 1, 20_000)).astype(np.float32)
    for samples in (long, second()[:3001]):
        ours = features.fit_to_second(samples, 8000)
        theirs = node("stretch", samples=samples.tolist(), length=8000)
        np.testing.assert_allclose(theirs, ours, **CLOSE)


@pytest.mark.parametrize("method, gamma", [("lrp-epsilon", 0), ("lrp-gamma", 0.25)])
@pytest.mark.parametrize("target", [4, (4, 7)])
def test_a_page_explains_as_the_library_does(asked, method, gamma, target):
    exported, restored, spectrogram = asked
    pair = target if isinstance(target, tuple) else (target, None)
    theirs = node(
        "network",
        network=exported,
        input={"data": spectrogram.flatten().tolist(), "shape": [1, 40, 81]},
        wanted=pair[0],
        against=pair[1],
        rules={"gamma": gamma, "epsilon": 1e-6},
    )
    with torch.no_grad():
        np.testing.assert_allclose(theirs["output"], restored(spectrogram[None])[0], **CLOSE)
    ours = attribution.attribute(restored, spectrogram[None], target, method)[0, 0]
    scale = float(ours.abs().max())
    found = np.array(theirs["relevance"]) / scale
    np.testing.assert_allclose(found, ours.flatten() / scale, **CLOSE)
    assert np.abs(theirs["relevance"]).sum() > 0


def test_the_exported_network_is_the_network_to_half_precision(network, asked):
    _, restored, spectrogram = asked
    with torch.no_grad():
        whole, half = network(spectrogram[None]), restored(spectrogram[None])
    assert not torch.equal(whole, half)
    torch.testing.assert_close(whole, half, rtol=0.02, atol=0.02)


def test_a_layer_that_no_page_knows_is_refused_by_name():
    with pytest.raises(ParameterError, match="Tanh"):
        page_networks.exported(torch.nn.Sequential(torch.nn.Tanh()))


def test_gains_of_one_leave_a_sound_as_it_is_and_zeros_silence_it():
    samples = second(2)
    for gain in (1.0, 0.0):
        theirs = node("filtered", samples=samples.tolist(), gains=[gain] * (40 * 81))
        np.testing.assert_allclose(theirs, gain * samples, atol=1e-5)


def test_a_band_that_is_kept_alone_is_all_that_is_heard():
    times = np.arange(8000) / 8000
    low, high = (0.3 * np.sin(2 * np.pi * hz * times) for hz in (300, 2500))
    gains = np.zeros((40, 81))
    gains[features.mel_edges_hz(40, 4000)[1:-1] < 1000] = 1
    theirs = node("filtered", samples=(low + high).tolist(), gains=gains.ravel().tolist())
    np.testing.assert_allclose(theirs[400:-400], low[400:-400], atol=5e-3)


def test_the_untrained_network_has_the_layers_and_comes_again_with_its_seed(asked):
    exported, *_ = asked
    first, again, other = (node("untrained", network=exported, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    deviation = [np.std(weights) * np.sqrt(fan / 2) for weights, fan in
                 zip(first, (9, 144, 288, 576, 320), strict=True)]  # fmt: skip
    np.testing.assert_allclose(deviation, 1, atol=0.12)


@pytest.fixture(scope="module")
def transmitted():
    """A second and a half of something like speech, and the quality network as a page has it."""
    rng = np.random.default_rng(5)
    times = np.arange(24_000) / 16_000
    harmonics = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(1, 20))
    samples = 0.05 * harmonics * (1 + np.sin(2 * np.pi * 3 * times))
    samples += 1e-3 * rng.normal(size=24_000)
    return samples.astype(np.float32), models.nisqa.load("quality")


def test_a_page_hears_the_mel_spectrogram_that_the_quality_network_takes(transmitted):
    samples, network = transmitted
    theirs = node("spectrogram", kind="quality", samples=samples.tolist())
    ours = network.spectrogram(samples, 16_000)
    assert theirs["shape"] == [1, *ours.shape]
    np.testing.assert_allclose(theirs["data"], ours.flatten(), rtol=1e-4, atol=5e-3)  # dB


def rounded(network):
    """The quality network with batch norms merged and all weights rounded, as a page has it."""
    copied, half = copy.deepcopy(network), lambda values: values.detach().half().float()
    for number in range(1, 7):
        norm = getattr(copied.cnn, f"bn{number}")
        merged = torch.nn.utils.fuse_conv_bn_eval(getattr(copied.cnn, f"conv{number}"), norm)
        merged.weight.data, merged.bias.data = half(merged.weight), half(merged.bias)
        setattr(copied.cnn, f"conv{number}", merged)
        setattr(copied.cnn, f"bn{number}", torch.nn.Identity())
    lstm = copied.time.lstm
    for suffix in ("", "_reverse"):
        of_x, of_h = (getattr(lstm, f"bias_{kind}_l0{suffix}") for kind in ("ih", "hh"))
        of_x.data, of_h.data = half(of_x + of_h), torch.zeros_like(of_h)
    return copied


def test_a_page_judges_quality_and_says_why_as_the_library_does(transmitted):
    samples, network = transmitted
    theirs = node(
        "quality",
        network=page_networks.exported_quality(network),
        samples=samples.tolist(),
    )
    spectrogram = network.spectrogram(samples, 16_000)[None]
    same = rounded(network)
    with torch.no_grad():
        assert theirs["mark"] == pytest.approx(float(same(spectrogram)), abs=1e-4)
        assert theirs["mark"] == pytest.approx(float(network(spectrogram)), abs=0.02)
    ours = attribution.attribute(same, spectrogram, 0, "lrp-epsilon")[0]
    scale = float(ours.abs().max())
    found = np.array(theirs["relevance"]) / scale
    np.testing.assert_allclose(found, ours.flatten() / scale, rtol=1e-3, atol=1e-3)


def test_a_page_gets_its_scripts_and_says_how_heavy_they_are():
    ((path, content),) = page_networks.scripts("cover-it-up").items()
    said = page_networks.place("cover-it-up")
    assert path == "_extra/networks/quality.js"
    assert f'data-size="{len(content) / 1e6:.1f} MB"' in said
    assert len(content) < 5e6
    data = json.loads(content.decode().partition(" = ")[2].removesuffix(";\n"))
    assert len(data["clips"]) == 4 and data["layers"][0]["kind"] == "segments"
    named = re.search(r'data-scripts="([^"]+)"', said)[1].split()
    assert all((FOLDER / name).exists() for name in named if name != "quality.js")


def test_the_network_that_hears_digits_is_small_and_its_clips_are_of_unmet_voices():
    ((_, content),) = page_networks.scripts("your-voice").items()
    data = json.loads(content.decode().partition(" = ")[2].removesuffix(";\n"))
    assert len(content) < 1e6 and len(data["clips"]) == 20 and len(data["classes"]) == 10
    shipped = models.pretrained("own-voice")
    assert shipped.card["weights"]["n"] < 300_000
    inputs = features.compact_spectrogram(
        np.stack([sounded(clip["samples"]) for clip in data["clips"]])
    )
    with torch.no_grad():
        heard = page_networks.restored(data)(inputs[:, None]).argmax(1)
    right = [data["classes"][k] == clip["words"].split(",")[0]
             for k, clip in zip(heard, data["clips"], strict=True)]  # fmt: skip
    assert np.mean(right) > 0.8


def sounded(packed):
    """Return 16 bits in base64 as a second with the clip in its middle."""
    samples = np.frombuffer(base64.b64decode(packed), "<i2").astype(np.float32) / 32767
    return features.fit_to_second(samples, 8000)


def test_the_card_says_how_many_of_an_unmet_person_are_heard_rightly():
    measured = models.pretrained("own-voice").card["measured"]
    said = page_networks.card("own-voice")
    assert f"(theo) | {measured['n_clips']} | {measured['accuracy_percent']:.1f} % |" in said
    assert f"| {measured['voices_accuracy_percent']:.1f} % |" in said and "CC BY-SA 4.0" in said


def test_a_page_that_has_no_network_is_named():
    with pytest.raises(UnknownNameError, match="cover-it-up"):
        page_networks.place("uncover")


def test_the_card_of_the_quality_network_says_what_is_measured():
    said = page_networks.card("quality")
    assert "303,925 weights" in said and "| people (TIMIT) | 216 | 0.44 | 1.66 |" in said
