"""Interventions in sounds, their effects, and what explanations say of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness_book.chapters import book_networks, effects

RATE = 16000


@pytest.fixture
def voice():
    """A vowel of 120 Hz, half a second."""
    times_s = np.arange(RATE // 2) / RATE
    numbers = np.arange(1, 30)[:, None]
    gains = np.exp(-(((numbers * 120 - 600) / 300) ** 2)) + 0.05
    return np.float32(0.02 * (gains * np.sin(2 * np.pi * 120 * numbers * times_s)).sum(0))


@pytest.fixture
def subject(voice):
    """A network of two outputs, linear in the samples, asked about the second."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(len(voice), 2, bias=False)).eval()
    torch.manual_seed(0)
    network[1].weight.data.normal_()
    network.requires_grad_(False)
    inputs = book_networks.as_waveform(voice)
    phones = pd.DataFrame({"phone": ["a", ""], "start_s": [0.0, 0.3], "end_s": [0.3, 0.5]})
    return book_networks.Subject(
        "silero", network, book_networks.as_waveform, [voice], inputs, torch.tensor([1]), RATE,
        [phones],
    )  # fmt: skip


def test_relevance_of_what_was_changed_is_the_effect_where_the_network_is_linear(subject):
    untrained = nn.Sequential(nn.Flatten(), nn.Linear(RATE // 2, 2)).eval()
    table = effects.effects(subject, untrained, 0, np.random.default_rng(0))
    assert table["kind"].value_counts().to_dict() == {
        "band out": 8, "phone out": 2, "pitch moved": 2, "formants moved": 2,
    }  # fmt: skip
    for method in effects.METHODS:
        if method != "lrp-epsilon-plus":
            np.testing.assert_allclose(table[method], table["effect"], atol=2e-3)
    found = effects.correlations(table).iloc[0]
    assert found["lrp-epsilon"] > 0.99 and abs(found["random"]) < 0.99


def test_what_is_taken_out_is_gone_and_what_is_left_is_as_it_was(voice):
    phones = pd.DataFrame({"phone": ["a", ""], "start_s": [0.0, 0.3], "end_s": [0.3, 0.5]})
    made = {name: after for _, name, after in effects.interventions(voice, RATE, phones)}
    power = np.abs(np.fft.rfft(made["500 to 1000 Hz"])) ** 2
    before = np.abs(np.fft.rfft(voice)) ** 2
    freqs_hz = np.fft.rfftfreq(len(voice), 1 / RATE)
    inside = (freqs_hz >= 500) & (freqs_hz < 1000)
    assert power[inside].sum() < 1e-6 * before[inside].sum()
    np.testing.assert_allclose(power[~inside], before[~inside], rtol=1e-3, atol=1e-6)
    assert not made["a"][: int(0.29 * RATE)].any()
    np.testing.assert_allclose(made["a"][int(0.31 * RATE) :], voice[int(0.31 * RATE) :])


def test_at_8_khz_bands_are_counted_in_the_same_hertz_and_moments_take_the_place_of_phones(voice):
    made = [
        (kind, name, after) for kind, name, after in effects.interventions(voice[::2], 8000, None)
    ]
    names = [name for kind, name, _ in made if kind == "band out"]
    assert names[0] == "0 to 250 Hz" and names[-1] == "3000 to 4000 Hz"
    low = made[0][2]
    power = np.abs(np.fft.rfft(low)) ** 2
    freqs_hz = np.fft.rfftfreq(len(low), 1 / 8000)
    assert power[freqs_hz < 249].sum() < 1e-6 * power.sum()
    assert sum(kind == "phone out" for kind, *_ in made) == 8


def test_of_several_channels_the_same_is_taken_out_of_each_and_nothing_is_moved(voice):
    made = list(effects.interventions(np.stack([voice, -0.5 * voice]), RATE, None))
    alone = {name: after for _, name, after in effects.interventions(voice, RATE, None)}
    assert [kind for kind, *_ in made] == 8 * ["band out"] + 8 * ["phone out"]
    for _, name, after in made:
        np.testing.assert_allclose(after, np.stack([alone[name], -0.5 * alone[name]]), atol=1e-6)


def test_silence_has_no_voice_to_move():
    kinds = {kind for kind, *_ in effects.interventions(np.zeros(8000, np.float32), RATE, None)}
    assert kinds == {"band out", "phone out"}


@pytest.mark.parametrize("method", effects.METHODS)
def test_interventions_explained_together_get_what_each_gets_alone(voice, method):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv1d(1, 4, 33, 8), nn.ReLU(), nn.Conv1d(4, 4, 5), nn.ReLU(),
        nn.AdaptiveAvgPool1d(3), nn.Flatten(), nn.Linear(12, 2),
    ).double().eval()  # fmt: skip
    made = effects.interventions(voice, RATE, None)
    after = torch.from_numpy(np.stack([sound for *_, sound in made])).double()[:, None]
    change, options = torch.from_numpy(voice).double() - after, effects.METHODS[method]
    together = effects.Changed(network, after, change, 1).relevance(method, **options)
    alone = [
        effects.Changed(network, *pair, 1).relevance(method, **options)[0]
        for pair in zip(after.split(1), change.split(1), strict=True)
    ]
    assert np.ptp(alone) > 0
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6 * np.abs(alone).max())


def networks_that_differ(n_networks, n_clips):
    """Return rows of networks that lead by something of their own, and clips of one alike."""
    rng = np.random.default_rng(0)
    lead = np.repeat(rng.normal(0.2, 1, n_networks), n_clips)
    return pd.DataFrame(
        {"network": np.repeat([*"abcdefghijkl"[:n_networks]], n_clips), "own": lead, "other": 0.0}
    )


def test_clips_of_one_network_are_drawn_together_where_there_are_several():
    """Forty clips of each of twelve networks tell no more of networks than one clip of each."""
    few, many = (
        effects.recorded(networks_that_differ(12, n), "own", {"id": "other"}) for n in (1, 40)
    )
    assert many["interval"] == pytest.approx(few["interval"])
    assert many["against"]["id"] == pytest.approx(few["against"]["id"])
    assert (many["n"], many["of"]) == (12, "networks")
    alone = effects.recorded(networks_that_differ(1, 40), "own")
    assert (alone["n"], alone["of"]) == (40, "clips")
