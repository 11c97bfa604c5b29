"""Known answers of networks whose reaction to each cue is known by construction."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness.errors import ParameterError, UnknownNameError
from earwitness.explaining import bench as known
from earwitness.explaining import bench_report, find

RATE = 4000


class Linear(nn.Module):
    """Two outputs: a weighted sum of the samples, and nothing."""

    sample_rate = RATE

    def __init__(self):
        super().__init__()
        self.weigh = nn.Linear(1200, 2, bias=False)
        with torch.no_grad():
            self.weigh.weight[1] = 0

    def forward(self, inputs):
        return self.weigh(inputs.flatten(1))


class Deaf(Linear):
    """Returns the same whatever it is given."""

    def forward(self, inputs):
        return super().forward(0 * inputs)


@pytest.fixture(scope="module")
def sounds():
    rng = np.random.default_rng(0)
    return [(np.float32(rng.normal(0, 0.05, 1200)), RATE) for _ in range(3)]


@pytest.fixture(scope="module")
def linear(sounds):
    torch.manual_seed(0)
    network = find(Linear())
    return known.bench(
        network, sounds, ["gradient-x-input", "grad-cam"], ["click", "tone", "gap"], target=0
    )


def test_relevance_of_a_linear_network_follows_the_effects_and_that_of_random_weights_does_not(
    linear,
):
    plants = linear.plants
    assert len(plants) == 3 * 3 * 3 and set(plants["method"]) == {"gradient-x-input"}
    np.testing.assert_allclose(plants["change"], plants["effect"], atol=1e-5)
    row = linear.summary().iloc[0]
    assert row["follows"] == pytest.approx(1) and row["follows_low"] > 0.99
    assert abs(row["follows_untrained"]) < 0.7
    assert row["flipping_gain"] > 0


def test_a_method_that_does_not_apply_says_why(linear):
    assert list(linear.refused) == ["grad-cam"] and linear.refused["grad-cam"].endswith(".")
    assert any("Grad-CAM does not apply" in sentence for sentence in known.sentences(linear))


def test_reactions_count_plants_by_cue_and_louder_ones_have_larger_effects(linear):
    reactions = linear.reactions().set_index("cue")
    assert reactions["n"].tolist() == [9, 9, 9]
    tone = linear.plants[linear.plants["cue"] == "tone"]
    sizes = tone.groupby("strength")["effect"].apply(lambda effects: effects.abs().mean())
    assert sizes.loc[5.0] > sizes.loc[-15.0]
    spread = (linear.plants["effect"] / linear.plants["over_spread"]).iloc[0]
    assert (linear.plants["reacts"] == (linear.plants["effect"].abs() >= 0.1 * spread)).all()


def test_a_network_that_does_not_react_leaves_nothing_to_point_at(sounds):
    with pytest.raises(ParameterError, match="no relevance at all"):
        known.bench(find(Deaf()), sounds, ["gradient-x-input"], ["tone"], target=0)


def test_points_are_averaged_over_plants_that_move_the_output():
    plants = pd.DataFrame(
        {
            "sound": [sound for sound in "abcdefghijkl" for _ in range(2)],
            "reacts": [True, False] * 12,
            "area": [90.0, 0.0, 80.0, 0.0] * 6,
            "area_untrained": [50.0, 0.0, 50.0, 0.0] * 6,
            "area_energy": [60.0, 0.0, 60.0, 0.0] * 6,
        }
    )
    found = known._points(plants)
    assert found["points"] == 85 and found["n"] == 12 and found["better"]
    assert not known._points(plants.assign(area_energy=85.0))["better"]
    below = plants.assign(area=[49.0, 0, 48, 0] * 6, area_energy=1.0, area_untrained=1.0)
    assert not known._points(below)["better"]
    # two sounds that differ say little, however large both leads are
    assert not known._points(plants.iloc[:4])["better"]
    assert known._points(plants.assign(reacts=False))["n"] == 0


def test_report_numbers_and_plants_are_written_once(linear, tmp_path):
    folder = linear.save(tmp_path / "known")
    page = (folder / "report.html").read_text()
    assert page.startswith("<!doctype html>") and "http" not in page.split("<script>")[0].replace(
        "http-equiv", ""
    )
    assert page.count("<img alt=") == 3 and "Grad-CAM does not apply" in page
    numbers = json.loads((folder / "numbers.json").read_text())
    assert numbers["methods"][0]["method"] == "gradient-x-input"
    assert len(pd.read_csv(folder / "plants.csv")) == len(linear.plants)
    before = (folder / "report.html").stat().st_mtime_ns
    assert linear.save(folder).joinpath("report.html").stat().st_mtime_ns == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ParameterError, match="choose another folder"):
        linear.save(tmp_path / "other")


def test_a_network_of_spectrograms_is_drawn_over_time_and_frequency(sounds):
    def spectrogram(samples):
        return torch.stft(
            samples, 128, 64, window=torch.hann_window(128), return_complex=True
        ).abs()[None, None]

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 3, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )
    found = known.bench(
        find(network, sample_rate=RATE, front_end=spectrogram), sounds[:1], ["gradient"], ["tone"]
    )
    assert found.example["relevance"].ndim == 2 and found.example["mask"].any()
    assert set(bench_report.pictures(found)) == {"example", "points", "follows"}
    row = found.summary().iloc[0]
    assert np.isnan(row["points_low"]) and not row["better"]  # one sound has no interval


def test_nothing_is_taken_away_from_digital_silence(sounds):
    """A short word set into a second of silence, as readers have them."""
    padded = np.zeros(1200, np.float32)
    padded[900:1080] = sounds[0][0][:180]
    request = known.Request(
        (padded, RATE), find(Linear()), "gradient-x-input", 0, None, None, 0, {}, None
    )
    rng = np.random.default_rng(0)
    pairs = [pair for _ in range(5) for _, pair in known._planted(request, "gap", rng)]
    assert all((pair.sound != pair.clean).any() for pair in pairs)
    silent = np.full(1200, 0.1, np.float32)  # nothing above a frequency, from the beginning
    with pytest.raises(ParameterError, match="changes nothing"):
        known._changed(silent, RATE, "band-limit", rng, seconds=0.1)


def test_what_cannot_be_asked_is_refused(sounds, tmp_path):
    network = find(Linear())
    with pytest.raises(UnknownNameError, match="direction"):
        known.bench(network, sounds, cues=["direction"])
    with pytest.raises(ParameterError, match="needs a sound"):
        known.bench(network, [])
    with pytest.raises(ParameterError, match="holds no sound"):
        known.files_of([tmp_path])
    (tmp_path / "b.wav").touch()
    (tmp_path / "a.FLAC").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in known.files_of([tmp_path])] == ["a.FLAC", "b.wav"]
