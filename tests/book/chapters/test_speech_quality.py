from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import attribution
from earwitness_book.chapters import speech_quality


def ledger(monkeypatch, absorbed, relevance=2.0, explained=3.0):
    found = SimpleNamespace(
        explained=torch.tensor([explained]),
        relevance=torch.tensor([relevance]),
        absorbed={name: torch.tensor([value]) for name, value in absorbed.items()},
    )
    monkeypatch.setattr(attribution, "conservation", lambda *_: found)


def test_what_is_kept_is_summed_by_part_of_the_network(monkeypatch):
    ledger(
        monkeypatch,
        {"cnn.conv1": 0.25, "model.cnn.conv2: add": 0.25, "time.lstm": 0.3, "pools.fc": 0.2},
    )
    found = speech_quality.balance(None, torch.zeros(2, 2), "lrp-epsilon")
    assert found["estimate"] == 3 and found["on the spectrogram"] == 2
    assert found["kept: convolutional part"] == 0.5
    assert found["kept: recurrent part or attention"] == pytest.approx(0.3)
    assert found["kept: silence itself"] == 0


def test_a_ledger_with_a_hole_is_an_error(monkeypatch):
    ledger(monkeypatch, {"cnn.conv1": 0.25})
    with pytest.raises(AssertionError, match="misses 0.75 of 3"):
        speech_quality.balance(None, torch.zeros(2, 2), "lrp-epsilon")


def test_a_network_without_a_layer_of_features_has_none_to_record():
    agreement = pd.DataFrame(
        {"estimate": [0.9, 0.3], "random": [0.1, 2.0]},
        index=["correlation with PESQ", "root mean square difference"],
    )
    clips = pd.DataFrame({"condition": ["a", "a", "b"]})
    settings = SimpleNamespace(n_mels=48, cnn="standard")
    network = SimpleNamespace(settings=settings, cnn=SimpleNamespace(n_features=20))
    found = speech_quality.quality_records(network, clips, agreement, ours=True)
    assert found["speech-quality/model/features"] == 20 and found["speech-quality/ours/rmse"] == 0.3
    assert found["speech-quality/corpus/conditions"] == 2
    assert found["speech-quality/ours/correlation-random-weights"] == 0.1
    settings.cnn = "adapt"
    fewer = speech_quality.quality_records(network, clips, agreement, ours=False)
    assert set(found) - set(fewer) == {"speech-quality/model/features", "speech-quality/ours/rmse"}


def _survey(changes, qualities, kinds, empty, speech=1.0):
    """Four masks a clip, the last two on nearly empty regions."""
    rows = []
    for clip, (change, quality, kind) in enumerate(zip(changes, qualities, kinds, strict=True)):
        for mask in range(4):
            of_empty = mask > 1
            rows.append(
                {
                    "clip": clip,
                    "kind": kind,
                    "quality": quality,
                    "change": empty if of_empty else change,
                    "empty": float(of_empty),
                    "speech": speech,
                }
            )
    return pd.DataFrame(rows)


def test_masks_are_recorded_with_intervals_over_clips_and_nothing_that_nobody_measured():
    kinds = ["clean", "gsm", "white noise", "babble"]
    qualities, changes = [3.9, 3.0, 2.0, 1.5], [-0.4, -0.2, 0.2, 0.4]
    model = _survey(changes, qualities, kinds, 0.0)
    blank = _survey([0.3] * 4, qualities, kinds, 0.3)
    hidden = pd.DataFrame(
        {"hidden": [-1.0, 1, 1, 1], "elsewhere": [-1.0, -1, 1, 1], "repaired": [1.0] * 4}
    )
    found = speech_quality.occlusion_records(model, [blank], hidden, 0, 100)
    of = "speech-quality/occlusion"
    assert found[f"{of}/empty-regions"]["value"] == 0
    against = found[f"{of}/empty-regions"]["against"]
    low, high = against["speech-quality/ours/empty-regions-random-weights"]
    assert low == pytest.approx(-1) and high > 0  # four that are alike decide nothing
    assert found[f"{of}/effect-against-quality"]["value"] == pytest.approx(-1)
    assert found[f"{of}/effect-against-quality"]["n"] == 4
    assert found[f"{of}/bad-gain"]["value"] == 100 and found[f"{of}/bad-gain"]["n"] == 2
    assert found[f"{of}/hiding-disturbance-need-not-help"]["value"] == 25
    assert found["speech-quality/ours/hiding-elsewhere-does-not-help"]["value"] == 50
    # no clip above 4, no mask without speech, and random weights whose change does not vary
    assert not [id for id in found if "good-lose" in id or "noise" in id or "quality-random" in id]


def test_good_clips_lose_where_masks_lower_their_estimate():
    masks = _survey([-0.5, 0.5, -0.5], [4.5, 4.2, 3.0], ["clean"] * 3, -0.1)
    found = speech_quality.occlusion_records(masks, [masks], masks[:0], 0, 50)
    lose = found["speech-quality/occlusion/good-lose"]
    assert lose["value"] == 50 and lose["n"] == 2
    assert lose["against"]["speech-quality/ours/good-lose-random-weights"] == (0, 0)


def test_random_weights_are_several_networks_that_are_drawn():
    qualities, kinds = [1.5 + 0.05 * k for k in range(12)] + [4.5, 4.2, 4.8], ["clean"] * 15
    own = _survey([0.5] * 12 + [-0.5] * 3, qualities, kinds, -0.1)
    lower, higher = (_survey([sign * 0.5] * 15, qualities, kinds, -0.1) for sign in (-1, 1))
    found = speech_quality.occlusion_records(own, [lower, lower, higher], own[:0], 0, 200)
    gain, control = "occlusion/bad-gain", "ours/bad-gain-random-weights"
    gain, control = (found[f"speech-quality/{id}"] for id in (gain, control))
    assert gain["value"] == 100 and control["value"] == pytest.approx(100 / 3)
    assert control["seeds"] == 3 and gain["n"] == control["n"] == 12
    low, high = gain["against"]["speech-quality/ours/bad-gain-random-weights"]
    assert low <= 0 < high, "three networks of which one agrees leave it open"
    assert found["speech-quality/ours/empty-regions-random-weights"]["seeds"] == 3


def test_noise_that_is_hidden_is_counted_beside_silence():
    kinds = ["clean", "clean", "white noise", "babble"]
    masks = _survey([0.0, 0.0, 0.5, 0.5], [3.0] * 4, kinds, 0.0, speech=0.0)
    found = speech_quality.occlusion_records(masks, [masks], masks[:0], 0, 100)
    assert found["speech-quality/occlusion/hiding-noise-sometimes-helps"]["value"] == 50
    assert found["speech-quality/ours/hiding-silence-helps"]["value"] == 0
    assert {found[id]["n"] for id in found if "noise-s" in id or "silence-h" in id} == {2}


def test_a_lead_over_three_clips_is_as_wide_as_three_make_it():
    """However many other clips are drawn with them."""
    rng = np.random.default_rng(0)
    kinds = ["clean"] * 3 + ["white noise"] * 12 + ["gsm"] * 60
    changes = [-1.0, -1.0, 0.5] + [0.5] * 9 + [-1.0] * 3 + list(rng.normal(0, 1, 60))
    masks = _survey(changes, [3.0] * 75, kinds, -0.1, speech=0.0)
    found = speech_quality.occlusion_records(masks, [masks], masks[:0], 0, 1000)
    noise = found["speech-quality/occlusion/hiding-noise-sometimes-helps"]
    silence = found["speech-quality/ours/hiding-silence-helps"]
    assert (noise["n"], silence["n"]) == (12, 3)
    lead = noise["value"] - silence["value"]
    low, high = noise["against"]["speech-quality/ours/hiding-silence-helps"]
    spread = 4.303 * np.std([0, 0, 50], ddof=1) / 3**0.5  # t of two degrees of freedom
    assert low < lead - spread and high > lead + spread


def test_of_a_single_clip_with_silence_there_is_no_interval_and_no_lead():
    kinds = ["clean", "gsm", "white noise", "babble"]
    masks = _survey([0.0, 0.0, 0.5, 0.2], [3.0] * 4, kinds, 0.0, speech=0.0)
    found = speech_quality.occlusion_records(masks, [masks], masks[:0], 0, 100)
    silence = found["speech-quality/ours/hiding-silence-helps"]
    noise = found["speech-quality/occlusion/hiding-noise-sometimes-helps"]
    assert silence["n"] == 1 and "interval" not in silence
    assert noise["n"] == 2 and "interval" in noise and "against" not in noise


def test_explanations_of_the_whole_model_are_recorded_as_means_over_clips():
    columns = [
        "integrated gradients", "LRP", "LRP from silence", "random weights, LRP", "occlusion",
        "convolutional part", "random weights", "random relevance", "level", "quiet cells",
    ]  # fmt: skip
    areas = pd.DataFrame([np.arange(10.0), np.arange(10.0) + 1], columns=columns)
    sent = pd.DataFrame(
        {"integrated gradients, where": [0.5, 0.7], "difference of spectrograms": [1.0, 1.0]}
    )
    found = speech_quality.end_to_end_records(
        np.array([0.1, 0.2, 0.9]), areas, areas * 2, areas / 2, sent
    )
    value = {id.removeprefix("speech-quality/"): entry["value"] for id, entry in found.items()}
    assert value["end-to-end/complete"] == 0.2
    assert value["ours/auc-quiet"] == 9.5
    assert value["ours/occlusion-agreement-random"] == 15
    assert value["ours/level-lrp-from-silence"] == 1.25
    assert value["ours/auc-ig-against-sent"] == pytest.approx(0.6)
    assert len(found) == 1 + 10 + 5 + 3 + 2
    whole = found["speech-quality/ours/auc-ig-whole-model"]
    assert whole["interval"] == (0, 1) and whole["n"] == 2
    # a clip that is harder is harder for all: the difference is the same in both
    low, high = whole["against"]["speech-quality/ours/auc-random"]
    assert low == pytest.approx(-7) and high > 0  # two that are alike decide nothing
    assert found["speech-quality/end-to-end/complete"]["interval"] == pytest.approx((0.1, 0.9))


def test_a_clip_without_a_rank_correlation_is_left_out_of_that_table_alone():
    columns = [
        "integrated gradients",
        "LRP",
        "LRP from silence",
        "random weights",
        "random relevance",
    ]
    agreeing = pd.DataFrame([np.arange(5.0), np.arange(5.0) + 1, [np.nan] * 5], columns=columns)
    more = ["random weights, LRP", "occlusion", "convolutional part", "level", "quiet cells"]
    areas = pd.DataFrame(np.ones((3, 10)), columns=columns + more)
    sent = pd.DataFrame(
        {"integrated gradients, where": [0.5] * 3, "difference of spectrograms": [1.0] * 3}
    )
    found = speech_quality.end_to_end_records(np.ones(3), areas, agreeing, agreeing, sent)
    assert found["speech-quality/ours/occlusion-agreement-lrp"]["n"] == 2
    assert found["speech-quality/ours/occlusion-agreement-lrp"]["value"] == 1.5
    assert found["speech-quality/ours/auc-occlusion"]["n"] == 3
