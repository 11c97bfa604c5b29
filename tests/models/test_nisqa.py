"""The NISQA family: equal to a plain re-implementation of the description, and a sentence for every
wrong input.
"""

import dataclasses
import zipfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from earwitness import models
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)
from earwitness.models import nisqa, weights

LSTM = {
    "cnn_model": "standard",
    "td": "lstm",
    "pool": "last_step_bi",
    "dim": False,
    "ms_seg_hop_length": 1,
}
ATTENTION = {
    "cnn_model": "adapt",
    "td": "self_att",
    "pool": "att",
    "dim": True,
    "ms_seg_hop_length": 4,
}
AVERAGE = LSTM | {"pool": "avg", "ms_seg_hop_length": 3}
KINDS = {"lstm": LSTM, "attention": ATTENTION, "average": AVERAGE}


def arguments(kind):
    """Return what a checkpoint keeps under ``args``."""
    adapt = kind["cnn_model"] == "adapt"
    return {
        "ms_n_mels": 48,
        "ms_fmax": 8000,
        "ms_n_fft": 4096,
        "ms_hop_length": 0.01,
        "ms_win_length": 0.02,
        "ms_seg_length": 15,
        "ms_max_segments": 300,
        "cnn_c_out_1": 16,
        "cnn_c_out_2": 32,
        "cnn_c_out_3": 64,
        "cnn_fc_out_h": None if adapt else 20,
        "cnn_pool_1": [24, 7] if adapt else None,
        "cnn_pool_2": [12, 5] if adapt else None,
        "cnn_pool_3": [6, 3] if adapt else None,
        "cnn_dropout": 0.2,
        "td_lstm_h": 128,
        "td_lstm_num_layers": 1,
        "td_lstm_bidirectional": True,
        "td_sa_d_model": 64,
        "td_sa_num_layers": 2,
        "td_2": "skip",
        "double_ended": False,
        **kind,
    }


def theirs(key, n_outputs):
    """Return the name that a weight has in a checkpoint."""
    head, rest = key.split(".", 1)
    if head == "pools":
        i, rest = rest.split(".", 1)
        return f"pool_layers.{i}.model.{rest}" if n_outputs > 1 else f"pool.model.{rest}"
    return {"cnn": "cnn.model.", "time": "time_dependency.model."}[head] + rest


@pytest.fixture
def checkpoint(tmp_path):
    """Return a function that writes a checkpoint with random weights and returns its path and its
    weights.
    """

    def make(kind="lstm", seed=0, change=lambda content: content):
        torch.manual_seed(seed)
        args = arguments(KINDS[kind])
        network = nisqa.Nisqa(nisqa._settings(args))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
        state = {
            theirs(key, len(network.outputs)): value for key, value in network.state_dict().items()
        }
        path = tmp_path / f"{kind}.tar"
        torch.save(change({"args": args, "model_state_dict": state}), path)
        return path, state

    return make


def plain_cnn(x, w, kind):
    """The CNNs as Mittag et al. (2021), section 3.2, describe them, with functions instead of
    layers.
    """

    def block(x, i, padding=(1, 1)):
        x = F.conv2d(
            x, w[f"cnn.model.conv{i}.weight"], w[f"cnn.model.conv{i}.bias"], padding=padding
        )
        norm = [
            w[f"cnn.model.bn{i}.{name}"]
            for name in ("running_mean", "running_var", "weight", "bias")
        ]
        return torch.relu(F.batch_norm(x, *norm))

    adapt = kind["cnn_model"] == "adapt"
    x = block(x, 1)
    x = F.adaptive_max_pool2d(x, (24, 7)) if adapt else F.max_pool2d(x, 2, padding=(0, 1))
    x = block(x, 2)
    x = F.adaptive_max_pool2d(x, (12, 5)) if adapt else F.max_pool2d(x, 2)
    x = block(block(x, 3), 4)
    x = F.adaptive_max_pool2d(x, (6, 3)) if adapt else F.max_pool2d(x, 2)
    x = block(block(x, 5), 6, (1, 0) if adapt else (1, 1)).flatten(1)
    return x if adapt else x @ w["cnn.model.fc_out.weight"].T + w["cnn.model.fc_out.bias"]


def plain_lstm(x, w, suffix):
    """One direction of the LSTM, step by step; (n_segments, 20) -> (n_segments, 128)."""
    name = "time_dependency.model.lstm."
    w_x, w_h = (w[f"{name}weight_{part}_l0{suffix}"] for part in ("ih", "hh"))
    bias = w[f"{name}bias_ih_l0{suffix}"] + w[f"{name}bias_hh_l0{suffix}"]
    h = c = torch.zeros(128)
    steps = []
    for row in x:
        i, f, g, o = (w_x @ row + w_h @ h + bias).split(128)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        steps.append(h)
    return torch.stack(steps)


def plain_attention(x, w):
    """Linear, norm, two layers of one-headed self-attention with residuals; (n_segments, 384) ->
    (n_segments, 64).
    """
    name = "time_dependency.model."

    def dense(x, layer):
        return x @ w[name + layer + ".weight"].T + w[name + layer + ".bias"]

    def norm(x, layer):
        return F.layer_norm(x, (64,), w[name + layer + ".weight"], w[name + layer + ".bias"])

    x = norm(dense(x, "linear"), "norm1")
    for k in (0, 1):
        inner = (
            x @ w[f"{name}layers.{k}.self_attn.in_proj_weight"].T
            + w[f"{name}layers.{k}.self_attn.in_proj_bias"]
        )
        query, key, value = inner.split(64, dim=1)
        attended = torch.softmax(query @ key.T / 8, dim=1) @ value
        x = norm(x + dense(attended, f"layers.{k}.self_attn.out_proj"), f"layers.{k}.norm1")
        x = norm(
            x + dense(torch.relu(dense(x, f"layers.{k}.linear1")), f"layers.{k}.linear2"),
            f"layers.{k}.norm2",
        )
    return x


def plain_pool(x, w, kind, i):
    name = f"pool_layers.{i}.model." if kind["dim"] else "pool.model."

    def dense(x, layer):
        return x @ w[f"{name}{layer}.weight"].T + w[f"{name}{layer}.bias"]

    if kind["pool"] == "att":
        share = torch.softmax(dense(torch.relu(dense(x, "linear1")), "linear2"), dim=0)
        return dense((share * x).sum(0), "linear3")
    return dense(
        torch.cat([x[-1, :128], x[0, 128:]]) if kind["pool"] == "last_step_bi" else x.mean(0),
        "linear",
    )


@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_checkpoint_predicts_what_the_description_says(checkpoint, name):
    kind = KINDS[name]
    path, w = checkpoint(name)
    model = models.nisqa.load(path)
    spectrogram = 20 * torch.randn(48, 64, generator=torch.Generator().manual_seed(1)) - 40
    starts = range(0, 64 - 15 + 1, kind["ms_seg_hop_length"])
    segments = torch.stack([spectrogram[:, a : a + 15] for a in starts])[:, None]
    with torch.no_grad():
        x = plain_cnn(segments, w, kind)
        torch.testing.assert_close(model.cnn(segments), x, atol=1e-4, rtol=1e-4)
        over_time = (
            plain_attention(x, w)
            if kind["td"] == "self_att"
            else torch.cat(
                [plain_lstm(x, w, ""), plain_lstm(x.flip(0), w, "_reverse").flip(0)], dim=1
            )
        )
        expected = torch.cat([plain_pool(over_time, w, kind, i) for i in range(len(model.outputs))])
        torch.testing.assert_close(model(spectrogram[None])[0], expected, atol=1e-4, rtol=1e-4)


def test_outputs_are_named_and_predictions_are_those_of_the_spectrogram(checkpoint):
    model = models.nisqa.load(checkpoint("attention")[0])
    samples = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    predicted = model.predict(samples, 16000)
    assert list(predicted) == ["mos", "noisiness", "discontinuity", "coloration", "loudness"]
    with torch.no_grad():
        torch.testing.assert_close(
            torch.tensor(list(predicted.values())),
            model(model.spectrogram(samples, 16000)[None])[0],
        )
    assert predicted == model.train().predict(samples, 16000), "no dropout when predicting"
    assert model.training


@pytest.mark.parametrize(
    "settings",
    [
        nisqa.Settings(),
        nisqa.Settings(cnn="adapt", time="attention", n_hidden=64, n_layers=2, pool="attention"),
    ],
)
def test_every_layer_of_the_cnn_is_a_module_used_once_and_in_an_order_that_explanations_need(
    settings,
):
    model = nisqa.Nisqa(settings).eval()
    layers = models.describe(model.cnn, (1, 48, 15))
    assert layers["layer"].is_unique
    kinds = layers["kind"].tolist()
    for i, kind in enumerate(kinds):
        if "MaxPool" in kind:
            assert kinds[i - 2 : i] == ["ReLU", "Clone"]
        if kind == "BatchNorm2d":
            assert kinds[i - 1] == "Conv2d"
    assert kinds.count("ReLU") == 6


def test_the_default_network_is_the_one_the_paper_describes():
    model = nisqa.Nisqa()
    assert sum(parameter.numel() for parameter in model.cnn.parameters()) == (
        16 * 9
        + 16
        + 32 * 16 * 9
        + 32
        + 64 * 32 * 9
        + 64
        + 3 * (64 * 64 * 9 + 64)  # convolutions
        + 2 * (16 + 32 + 4 * 64)  # batch norms
        + 768 * 20
        + 20
    )
    assert model.cnn(torch.zeros(2, 1, 48, 15)).shape == (2, 20)
    assert model.time.lstm.hidden_size == 128
    assert model.time.lstm.bidirectional
    assert model.outputs == ["mos"]


def test_the_network_is_differentiable_from_quality_to_spectrogram():
    torch.manual_seed(0)
    model = nisqa.Nisqa(nisqa.Settings(segment_hop=4)).eval()
    spectrograms = torch.randn(2, 48, 41, requires_grad=True)
    model(spectrograms)[:, 0].sum().backward()
    touched = spectrograms.grad.abs().sum((0, 1)) > 0
    assert touched[:39].all()
    assert not touched[39:].any(), "the last segment starts at 24: two frames are in none"


def test_a_copy_between_relu_and_pooling_shares_no_memory():
    x = torch.randn(3)
    assert torch.equal(nisqa.Clone()(x), x)
    assert nisqa.Clone()(x).data_ptr() != x.data_ptr()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nisqa.Nisqa(nisqa.Settings(max_segments=100)).eval()


SOUND = np.sin(np.arange(16000)).astype(np.float32)


@pytest.mark.parametrize(
    ("samples", "sample_rate", "sentence"),
    [
        (SOUND[:2000], 16000, r"one segment has 15: at least 0.14 s"),
        (np.tile(SOUND, 2), 16000, r"187 segments, the network takes at most 100: cut it to 1 s"),
        (np.tile(SOUND, 61), 16000, r"lasts 61 s; at most 60 s"),
        (SOUND.reshape(-1, 2), 16000, r"one channel \(T,\) is needed"),
        (np.append(SOUND, np.nan), 16000, "1 samples that are NaN"),
        (SOUND[:0], 16000, "is empty"),
        (SOUND, 3999, "3999 samples a second; speech needs at least 4000"),
        ((32767 * SOUND).astype(np.int16), 16000, r"whole numbers \(int16\); scale them to -1..1"),
        (np.zeros(16000, np.int16), 16000, "whole numbers"),
        (None, 16000, "has no samples"),
        (SOUND, None, "needs a sample rate, .* got None"),
        (SOUND, np.nan, "got nan"),
        (SOUND, "16000", "got '16000'"),
    ],
)
def test_sound_that_cannot_be_judged_gets_a_sentence(model, samples, sample_rate, sentence):
    with pytest.raises(AudioError, match=sentence):
        model.predict(samples, sample_rate)


def test_whole_numbers_over_their_full_scale_are_the_sound_they_came_from(model):
    whole = np.round(32768 * 0.5 * SOUND).astype(np.int16)
    again, before = (
        model.predict(samples, 16000)["mos"] for samples in (whole / 32768, 0.5 * SOUND)
    )
    assert again == pytest.approx(before, abs=1e-3)


def test_silence_gives_the_value_of_the_empty_spectrogram_and_says_so(model):
    with pytest.warns(
        nisqa.SilenceWarning, match="empty spectrogram of that length, not a quality of speech"
    ):
        predicted = model.predict(np.zeros(16000, np.float32), 16000)
    with torch.no_grad():
        assert predicted["mos"] == float(model(torch.full((1, 48, 101), -80.0)))


def test_bands_above_nyquist_are_told(model):
    with pytest.warns(
        nisqa.EmptyBandsWarning, match=r"9 of 48 mel bands, which reach 8000 Hz, lie above 4000 Hz"
    ):
        model.predict(SOUND[:8000], 8000)


def test_one_frame_more_or_less_decides_whether_a_clip_fits(model):
    assert np.isfinite(model.predict(SOUND[: 14 * 160], 16000)["mos"])
    assert model(torch.zeros(1, 48, 114)).shape == (1, 1)
    with pytest.raises(AudioError, match="101 segments"):
        model(torch.zeros(1, 48, 115))


@pytest.mark.parametrize(
    "wrong", [torch.zeros(48, 30), torch.zeros(1, 40, 30), torch.zeros(1, 48, 30).long()]
)
def test_a_spectrogram_of_a_wrong_shape_is_named(model, wrong):
    with pytest.raises(ParameterError, match=r"float spectrograms \(batch, 48, frames\), got"):
        model(wrong)


def test_an_unknown_name_lists_the_known():
    with pytest.raises(UnknownNameError, match="nisqa, nisqa_mos_only, nisqa_tts, quality"):
        models.nisqa.load("nisqa_tt")
    with pytest.raises(UnknownNameError, match="standard"):
        nisqa.Nisqa(dataclasses.replace(nisqa.Settings(), cnn="standart"))


def _without(key):
    return lambda content: {name: value for name, value in content.items() if name != key}


def _cut_state(content):
    content["model_state_dict"].popitem()
    return content


def _one_way(content):
    content["args"]["td_lstm_bidirectional"] = False
    return content


def _as_wide_as(n):
    return lambda content: content | {"args": content["args"] | {"td_lstm_h": n}}


def _as_many_as(n):
    return lambda content: content | {"args": content["args"] | {"td_lstm_num_layers": n}}


def _no_width(content):
    del content["args"]["td_lstm_h"]
    return content


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_without("args"), r"it has no args\.$"),
        (_without("model_state_dict"), r"it has no model_state_dict\.$"),
        (_no_width, "its args have no 'td_lstm_h'"),
        (_cut_state, "pools.0.linear.bias is not there"),
        (_one_way, "only one-ended networks"),
        (_as_wide_as(200_000), r"pools.0.linear.weight is \(1, 256\), not \(1, 400000\)"),
        (_as_many_as(10**9), "1000000000 layers over time are more than 64"),
        (lambda content: [1, 2], "it has no args and no model_state_dict"),
    ],
)
def test_weights_that_are_something_else_are_refused(checkpoint, change, what):
    path, _ = checkpoint("lstm", change=change)
    with pytest.raises(
        DamagedDataError,
        match=f"lstm.tar is not a NISQA checkpoint that fits this family: .*{what}",
    ):
        models.nisqa.load(path)


def test_a_small_file_that_would_unpack_to_a_large_one_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.tar"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(20_000_000))
    assert path.stat().st_size < 30_000
    with pytest.raises(
        DamagedDataError, match="bomb.tar is not a NISQA checkpoint .* unpack to 20 MB"
    ):
        models.nisqa.load(path)


def test_the_file_of_a_shipped_network_is_told_to_load_by_name():
    with pytest.raises(
        DamagedDataError,
        match=r'quality.pt .* it has no args and .* by its name: load\("quality"\)',
    ):
        models.nisqa.load(weights.folder() / "quality.pt")


def test_damaged_weights_are_refused(checkpoint, tmp_path):
    path, _ = checkpoint("lstm")
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DamagedDataError, match="lstm.tar is not a NISQA checkpoint"):
        models.nisqa.load(path)
    path.write_text("no weights")
    with pytest.raises(DamagedDataError, match="lstm.tar is not a NISQA checkpoint"):
        models.nisqa.load(path)


def test_public_weights_must_have_their_checksum(checkpoint, tmp_path):
    path, _ = checkpoint("lstm")
    path.rename(tmp_path / "nisqa_tts.tar")
    with pytest.raises(DamagedDataError, match="nisqa_tts.tar does not have the checksum"):
        models.nisqa.load("nisqa_tts", root=tmp_path)
    with pytest.raises(MissingDataError, match="nisqa.tar is missing"):
        models.nisqa.load("nisqa", root=tmp_path)


def test_public_weights_that_are_nowhere_name_the_way_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    for where in ({}, {"root": tmp_path / "nothing"}):
        with pytest.raises(MissingDataError, match="earwitness data download nisqa"):
            models.nisqa.load("nisqa_tts", **where)


def test_settings_say_how_long_a_clip_may_be():
    settings = nisqa.Settings(segment_hop=4, max_segments=1300)
    assert settings.shortest_s == pytest.approx(0.14)
    assert settings.longest_s == pytest.approx((1299 * 4 + 15) / 100)
