"""Cues whose place is known, and scores of maps whose right answer is known by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness.errors import AudioError, ParameterError, UnknownNameError
from earwitness.evaluation import planted

RATE = 8000


@pytest.fixture
def sound():
    return np.float32(np.random.default_rng(3).normal(0, 0.05, 4000))


def plant(sound, cue, **options):
    return planted.plant(sound, RATE, cue, np.random.default_rng(1), **options)


@pytest.mark.parametrize("cue", planted.CUES)
def test_a_cue_changes_its_moment_and_nothing_else(sound, cue):
    pair = plant(sound, cue, start_s=0.2)
    assert pair.start == 1600 and pair.stop - pair.start == round(planted.CUES[cue].seconds * RATE)
    differs = np.flatnonzero(np.atleast_2d(pair.sound != pair.clean).any(0))
    assert pair.start <= differs.min() and differs.max() < pair.stop
    assert len(differs) > 0.8 * (pair.stop - pair.start)
    assert pair.sound.shape == ((4, 4000) if cue == "direction" else (4000,))


@pytest.mark.parametrize("cue", [name for name, one in planted.CUES.items() if one.adds])
def test_what_is_added_is_as_loud_as_was_asked(sound, cue):
    pair = plant(sound, cue, start_s=0.1, level_db=-6.0)
    added = (pair.sound - pair.clean)[pair.start : pair.stop]
    level_db = 10 * np.log10(np.mean(added**2) / np.mean(sound**2))
    assert level_db == pytest.approx(-6, abs=0.05)


def spectrum_peak_hz(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8000)).argmax()


def test_tone_and_formant_lie_where_they_are_put(sound):
    for cue, within in (("tone", 5), ("formant", 100), ("beep", 10)):
        pair = plant(sound, cue, start_s=0.1, seconds=0.2, centre_hz=2000.0)
        added = (pair.sound - pair.clean)[pair.start : pair.stop]
        assert spectrum_peak_hz(added) == pytest.approx(2000, abs=within)


def test_a_gap_is_silent_and_a_band_limit_leaves_nothing_above(sound):
    gap = plant(sound, "gap", start_s=0.1)
    assert not gap.sound[gap.start + 8 : gap.stop - 8].any()
    limited = plant(sound, "band-limit", start_s=0.1, centre_hz=1000.0)
    inner = limited.sound[limited.start + 40 : limited.stop - 40]
    power = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 8000)) ** 2
    assert power[1200:].sum() < 0.01 * power[:1000].sum()


def test_a_direction_is_an_ambisonic_source_that_moves_from_the_right_to_the_left(sound):
    pair = plant(sound, "direction", start_s=0.1)

    def azimuth_and_elevation_deg(signal):
        w, y, z, x = signal  # the time average of W times the others points at a lone source
        aim = (w * np.stack([x, y, z])).mean(1)
        return np.rad2deg([np.arctan2(aim[1], aim[0]), np.arctan2(aim[2], np.hypot(*aim[:2]))])

    inside = slice(pair.start + 10, pair.stop - 10)
    np.testing.assert_allclose(azimuth_and_elevation_deg(pair.clean), [-60, 30], atol=0.01)
    np.testing.assert_allclose(
        azimuth_and_elevation_deg(pair.sound[:, inside]), [60, 30], atol=0.01
    )
    np.testing.assert_allclose(pair.clean[0], sound, atol=1e-6)


def test_a_loud_cue_makes_both_sounds_softer_alike(sound):
    pair = plant(10 * sound, "tone", level_db=12.0)
    assert np.abs(pair.sound).max() == pytest.approx(1)
    assert pair.clean[0] / sound[0] == pytest.approx(pair.clean[-1] / sound[-1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"start_s": 0.45}, "does not fit into 0.5 s from 0.45"),
        ({"seconds": 1.0}, "does not fit"),
        ({"centre_hz": 4000.0}, "half the sample rate"),
    ],
)
def test_what_does_not_fit_is_refused(sound, options, says):
    with pytest.raises(ParameterError, match=says):
        plant(sound, "tone", **options)
    with pytest.raises(UnknownNameError):
        plant(sound, "tune")
    with pytest.raises(AudioError, match="silent"):
        plant(np.zeros(4000, np.float32), "tone")


def test_truth_is_the_moment_of_samples_and_the_changed_cells_of_a_spectrogram(sound):
    pair = plant(sound, "tone", start_s=0.1)
    mask = planted.truth(pair, torch.from_numpy(pair.sound), torch.from_numpy(pair.clean))
    assert mask[pair.start : pair.stop].all() and int(mask.sum()) == pair.stop - pair.start
    before = torch.zeros(1, 3, 4)
    after = before.clone()
    after[0, 1, 2], after[0, 0, 0] = -4.0, 0.5
    assert planted.truth(pair, after, before).nonzero().tolist() == [[0, 1, 2]]
    with pytest.raises(ParameterError, match="changes nothing"):
        planted.truth(pair, before, before)


def test_pointing_counts_pairs_as_by_hand():
    rng = np.random.default_rng(0)
    relevance = torch.from_numpy(rng.integers(-4, 5, (3, 1, 20)).astype(float))
    masks = torch.from_numpy(rng.random((3, 1, 20)) < 0.4)
    found = planted.pointing(relevance, masks)
    for clip in range(3):
        size, inside = relevance[clip, 0].abs().numpy(), masks[clip, 0].numpy()
        wins = [(a > b) + 0.5 * (a == b) for a in size[inside] for b in size[~inside]]
        assert found["area"][clip] == pytest.approx(np.mean(wins))
        assert found["share"][clip] == pytest.approx(size[inside].sum() / size.sum())
        positive = relevance[clip, 0].clamp_min(0).numpy()
        wins = [(a > b) + 0.5 * (a == b) for a in positive[inside] for b in positive[~inside]]
        assert found["positive"][clip] == pytest.approx(np.mean(wins))
        assert found["hit"][clip] == inside[size.argmax()]


def test_the_mask_points_perfectly_and_a_map_of_zeros_is_at_chance():
    masks = torch.tensor([[[True, False, False, False]]])
    assert planted.pointing(masks.float(), masks)["area"] == 1.0
    silent = {name: float(v[0]) for name, v in planted.pointing(masks * 0.0, masks).items()}
    assert silent == {"area": 0.5, "positive": 0.5, "share": 0.25, "chance": 0.25, "hit": 0.25}
    with pytest.raises(ParameterError, match="everywhere"):
        planted.pointing(masks.float(), torch.ones_like(masks))


def test_energy_and_edges_need_no_network():
    step = torch.tensor([[[0.0, 0.0, -2.0, -2.0]]])
    maps = planted.naive(step)
    assert maps["energy"].tolist() == [[[0, 0, 2, 2]]]
    assert maps["edges"].tolist() == [[[0, 1, 1, 0]]]


class Sum(nn.Module):
    """Two outputs: the weighted sum of the samples, and nothing."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, inputs):
        lead = (inputs * self.weights).flatten(1).sum(1)
        return torch.stack([torch.zeros_like(lead), lead], 1)


@pytest.mark.parametrize("shape", [(1, 400), (1, 16, 10)])
def test_faithfulness_of_a_linear_network_knows_its_map_from_its_opposite(shape):
    generator = torch.Generator().manual_seed(0)
    weights, inputs = (torch.randn(n, *shape, generator=generator) for n in (1, 3))
    network, inputs = Sum(weights[0]), inputs + 0.3 * weights
    right = (inputs * weights).detach()
    maps = {"right": right, "wrong": -right, "nothing": torch.zeros_like(right)}
    found = planted.faithfulness(network, inputs, 1, maps, np.random.default_rng(0))
    for score in planted.FAITHFULNESS:
        assert (found["right"][score] > found["wrong"][score]).all(), score
    np.testing.assert_allclose(found["right"]["random parts"], 1, atol=1e-5)
    np.testing.assert_allclose(found["wrong"]["random parts"], -1, atol=1e-5)
    assert not found["nothing"]["random parts"].any()
