from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earwitness import models
from earwitness.acoustics import sphere
from earwitness.errors import ParameterError
from earwitness_book.chapters import sound_direction

SHARES = np.array([[50.0, 20, 5, 15, 7, 3], [30, 40, 5, 10, 12, 3]])  # a source on x, one on y
DIRECTION = np.array([0, 1])


def test_own_and_across_follow_the_axis_that_the_source_lies_on():
    mean = sound_direction.own_across(SHARES, DIRECTION)
    assert mean["active, own"] == 45 and mean["active, across"] == 25
    assert mean["reactive, own"] == 13.5 and mean["reactive, across"] == 8.5
    assert mean.sum() == pytest.approx(100)


def test_a_direction_matches_if_its_own_channel_has_the_largest_mean_of_its_kind():
    assert sound_direction.matches(SHARES, DIRECTION, reactive=False) == 100
    assert sound_direction.matches(SHARES, 1 - DIRECTION, reactive=False) == 0
    half = np.vstack([SHARES[0], SHARES[0]])
    assert sound_direction.matches(half, DIRECTION, reactive=True) == 50
    assert sound_direction.smallest_across(SHARES, DIRECTION) == 20


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=12), st.integers(0, 100))
def test_given_numbers_are_placed_in_the_order_of_the_values(values, seed):
    values = np.array(values, float)
    numbers = np.random.default_rng(seed).random(len(values))
    placed = sound_direction.in_order_of(values, numbers)
    assert sorted(placed) == sorted(numbers)
    for i, j in np.ndindex(len(values), len(values)):
        assert not (values[i] < values[j] and placed[i] > placed[j])


def test_the_area_at_equal_level_ignores_what_level_alone_tells():
    rng = np.random.default_rng(0)
    level = rng.random((40, 50))
    truth = rng.random((40, 50)) < level  # the louder, the more often true
    assert sound_direction.area_at_equal_level(level, level, truth, 50) == pytest.approx(
        0.5, abs=0.08
    )
    assert sound_direction.area_at_equal_level(truth + 0.1 * level, level, truth) == 1


def test_the_summary_of_a_curve_by_hand():
    fractions = [0, 0.1, 1.0]
    summary = sound_direction.curve_summary({"falls": np.array([0.8, 0.4, 0.0])}, fractions)
    row = summary.loc["falls"].to_numpy()
    assert row == pytest.approx([(0.1 * 0.6 + 0.9 * 0.2) / 0.8, 10, 0.5, 0])


def test_the_last_step_network_predicts_what_arras_program_does():
    with np.load(Path(__file__).parents[2] / "attribution" / "lstm_reference.npz") as arrays:
        names = [name for name in arrays.files if name.startswith("rand60/")]
        reference = {name.removeprefix("rand60/"): arrays[name] for name in names}
    network = sound_direction.last_step_network(reference)
    logits = network(torch.tensor(reference["X"])[None])[0].detach().numpy()
    np.testing.assert_allclose(logits, reference["scores"], rtol=1e-10)


class Scenes:
    """Three scenes of noise from three directions."""

    table = pd.DataFrame({"class_index": [3, 200, 77]})

    def __len__(self):
        return len(self.table)

    def mixtures(self, rows):
        rng = np.random.default_rng(0)
        return rng.standard_normal((len(self), 4, 16000)).astype(np.float32)[list(rows)]


def test_flipping_starts_at_the_networks_own_probability_and_every_way_ends_alike():
    torch.manual_seed(0)
    network, other = models.DoaCRNN(6).eval(), models.DoaCRNN(6).eval()
    scenes = Scenes()
    scores = sound_direction.flipped_probabilities(network, other, scenes, [0, 0.5, 1], seed=0)
    with torch.no_grad():
        whole = network.scores(sound_direction.inputs_of(scenes, [0, 1, 2], "intensity"))
    plain = whole[torch.arange(3), torch.tensor(scenes.table["class_index"])].numpy()
    for curve in scores.values():
        np.testing.assert_allclose(curve[:, 0], plain, rtol=0.02)
    ends = [scores[name][:, -1] for name in scores if "only" not in name]
    np.testing.assert_allclose(ends, np.broadcast_to(ends[0], np.shape(ends)), rtol=1e-6)


def test_shares_of_relevance_and_energy_sum_to_a_hundred_per_cent():
    torch.manual_seed(0)
    scenes, rows = Scenes(), np.arange(3)
    index = scenes.table["class_index"].to_numpy()
    for shares in sound_direction.channel_shares(models.DoaCRNN(6).eval(), scenes, rows, index):
        assert shares.shape == (3, 6)
        np.testing.assert_allclose(shares.sum(1), 100, rtol=1e-5)


def test_a_plane_wave_points_to_its_source_in_every_bin():
    towards = sphere.unit_vector(0.4, 0.2)
    noise = np.random.default_rng(0).standard_normal(16000)
    wave = sphere.harmonics(towards, 1)[:, None] * noise
    silence = np.zeros_like(wave)
    parts = SimpleNamespace(
        mixture=wave, direct=wave, reverberation=silence, noise=silence, direction=(0.4, 0.2)
    )
    off_deg, dominated = sound_direction.bin_errors(parts)
    assert off_deg.max() < 0.1 and dominated.all()


def test_zennit_explains_the_logits_of_all_steps_through_a_plain_gradient_of_the_lstms():
    torch.manual_seed(0)
    network = models.DoaCRNN(6).eval()
    inputs = sound_direction.inputs_of(Scenes(), [0, 1], "intensity")
    relevance = sound_direction.zennit_relevance(network, inputs, torch.tensor([3, 200]))
    assert relevance.shape == inputs.shape and torch.isfinite(relevance).all() and relevance.any()


def test_figure_3_names_untrained_networks_as_controls_with_their_number():
    shares, direction = np.vstack([SHARES] * 8), np.tile([0, 1], 8)
    untrained = np.full((3, 4, 6), 100 / 6)
    untrained[:, :, 1] += 5  # always y: right for half of the directions
    found = sound_direction.figure3_records(shares[None], untrained, shares, direction, 0, 100)
    matches = found["sound-direction/figure3/active-matches"]
    blank = "sound-direction/ours/active-matches-untrained"
    assert matches["value"] == 100 and found[blank]["value"] == 50
    assert found[blank]["seeds"] == 3 and found[blank]["n"] == 4 and matches["n"] == 16
    assert matches["against"][blank][0] >= 0
    assert found["sound-direction/ours/share-active"]["value"] == pytest.approx(75)
    assert found["sound-direction/ours/share-reactive"]["value"] == pytest.approx(25)


def test_figure_4_by_hand():
    fractions = [0, 0.1, 1.0]
    scores = {name: np.array([[[0.8, 0.4, 0.0]] * 4]) for name in sound_direction.FLIPPED}
    scores["active only"] = np.array([[[0.8, 0.2, 0.0]] * 4])
    scores["reactive only"] = np.array([[[0.8, 0.8, 0.4]] * 4])
    found = sound_direction.figure4_records(scores, fractions, 0, 50)
    area_all, area_active = (0.1 * 0.6 + 0.9 * 0.2) / 0.8, (0.1 * 0.5 + 0.9 * 0.1) / 0.8
    ratio = found["sound-direction/figure4/active-as-sharp-as-all"]
    assert ratio["value"] == pytest.approx(area_active / area_all)
    mild = found["sound-direction/figure4/reactive-is-mild"]
    assert mild["value"] == 1
    low, high = mild["against"]["sound-direction/ours/tenth-active"]
    assert high == pytest.approx(0.75) and low < 0  # four that are alike decide nothing
    assert found["sound-direction/figure4/reactive-alone-insufficient"]["value"] == 0


def test_networks_are_drawn_with_the_scenes_where_several_were_trained():
    direction = np.tile([0, 1], 8)
    apart = np.stack([np.vstack([SHARES] * 8), np.vstack([SHARES[:, [3, 4, 5, 0, 1, 2]]] * 8)])
    untrained = np.full((3, 16, 6), 100 / 6)
    found = sound_direction.figure3_records(apart, untrained, apart[0], direction, 0, 200)
    active = found["sound-direction/ours/share-active"]
    assert active["seeds"] == 2 and active["value"] == pytest.approx(50)
    # one network gives three quarters to active intensity, the other one quarter
    assert active["interval"] == pytest.approx((25, 75))

    fractions = [0, 0.1, 1.0]
    curves = np.array([[[1.0, 0.5, 0.0]] * 4, [[1.0, 1.0, 1.0]] * 4])
    scores = dict.fromkeys(sound_direction.FLIPPED, curves)
    area = sound_direction.figure4_records(scores, fractions, 0, 200)[
        "sound-direction/ours/area-all"
    ]
    assert area["seeds"] == 2 and area["interval"] == pytest.approx((0.3, 1.0))


def test_a_kind_of_network_is_ahead_only_if_its_seeds_are():
    one, other = (
        "sound-direction/ours/within-10-intensity",
        "sound-direction/ours/within-10-order-1",
    )
    lucky = np.zeros((2, 100), bool)
    lucky[0] = True  # one seed finds all, the other none
    steady, formula = np.ones((5, 100), bool), np.arange(100)[None] < 60
    found = sound_direction.hit_records({one: lucky, other: steady, "formula": formula}, 0, 300)
    assert found[one]["value"] == 50 and found[other]["value"] == 100
    assert (found[one]["seeds"], found[other]["seeds"]) == (2, 5) and "seeds" not in found[
        "formula"
    ]
    assert found[one]["interval"] == (0, 100)
    low, high = found[other]["against"][one]
    assert low <= 0 and high == 100  # it may be ahead, and may not
    assert found[other]["against"]["formula"][0] > 25
    assert found[one]["against"][other] == (-100, 0)


def test_a_few_networks_of_two_like_kinds_seldom_differ():
    rng, ahead = np.random.default_rng(0), []
    for seed in range(100):
        kinds = {  # three of each, which find about 75 of 100 scenes, more or less by their seed
            kind: rng.random((3, 200)) < np.clip(rng.normal(0.75, 0.1, (3, 1)), 0, 1)
            for kind in ("a", "b")
        }
        low, high = sound_direction.hit_records(kinds, seed, 200)["a"]["against"]["b"]
        ahead.append(low > 0 or high < 0)
    assert np.mean(ahead) <= 0.05  # by plain draws of three: 0.16


def test_leads_of_figures_3_and_4_know_how_few_networks_there_are():
    """Two networks that disagree, one with random weights: nothing is certain of the kind."""
    direction, fractions = np.tile([0, 1], 20), [0, 0.1, 1.0]
    apart = np.stack([np.vstack([SHARES] * 20), np.full((40, 6), 100 / 6)])
    found = sound_direction.figure3_records(apart, apart[1:], apart[0], direction, 0, 200)
    ours = "sound-direction/ours"
    low, high = found[f"{ours}/share-active"]["against"][f"{ours}/share-active-untrained"]
    assert low < 0 < found[f"{ours}/share-active"]["value"] - 50 < high

    curves = np.array([[[1.0, 0.5, 0.0]] * 40, [[1.0, 0.9, 0.8]] * 40])
    scores = dict.fromkeys(sound_direction.FLIPPED, np.ones_like(curves))
    scores["all channels"] = curves
    area = sound_direction.figure4_records(scores, fractions, 0, 200)[f"{ours}/area-all"]
    assert area["against"][f"{ours}/area-all-random"][1] > 0


def test_networks_and_the_formula_locate_every_scene_once():
    torch.manual_seed(0)
    network = models.DoaCRNN(6).eval()
    found = sound_direction.locate_all({"mine": (network, "intensity")}, Scenes(), batch_size=2)
    assert set(found) == {"mine", "pseudo-intensity"}
    for vectors in found.values():
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
        assert vectors.shape == (3, 3)
    whole = models.locate(network, Scenes().mixtures([0, 1, 2]), "intensity")
    np.testing.assert_array_equal(found["mine"], whole)


def test_bins_are_ranked_by_the_flipped_channels_where_that_is_asked(monkeypatch):
    class Scenes:
        table = pd.DataFrame({"class_index": [3, 5]})

        def mixtures(self, rows):
            noise = np.random.default_rng(0).standard_normal((len(rows), 4, 16000))
            return 0.05 * noise.astype(np.float32)

    ranks = []

    def flip(network, inputs, index, ranked, fractions, channels, autocast):
        ranks.append((ranked, tuple(channels)))
        return SimpleNamespace(probability=np.ones((len(inputs), len(fractions))))

    monkeypatch.setattr(sound_direction.evaluation, "bin_flipping", flip)
    network = models.DoaCRNN(6).eval()
    rows, fractions = np.arange(2), [0, 1]
    found = sound_direction.flipped_by_ranking(network, Scenes(), rows, fractions)
    assert list(found) == list(sound_direction.RANKINGS)
    (by_all, first), (same, second), (active, _), (reactive, _) = ranks[:4]
    assert first == (0, 1, 2) and second == (3, 4, 5)
    assert torch.equal(by_all, same)
    torch.testing.assert_close(active + reactive, by_all)
    handed_on = ranks[4][0]  # conserved: as much as is explained, and more than what biases keep
    assert not torch.allclose(handed_on, by_all)


def test_networks_are_trained_as_many_of_each_kind_as_was_asked():
    assert sound_direction.seeds_of(["intensity", "order1"], [0]) == {}
    assert sound_direction.seeds_of(["intensity", "order1"], [4]) == {"intensity": 4, "order1": 4}
    assert sound_direction.seeds_of(["intensity", "order3"], [0, 1]) == {"order3": 1}
    with pytest.raises(ParameterError, match="3 numbers for 2 kinds.*one for each"):
        sound_direction.seeds_of(["intensity", "order3"], [1, 1, 1])
