"""Conductance maps: regions by hand, explanations that follow those of the input and that do
not, pairs that are each other's inverse.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earwitness_book.chapters import conductance_maps


def test_regions_overlap_wholly_in_part_or_not_at_all():
    first, second = np.zeros((5, 4)), np.zeros((5, 4))
    first[0, :2], second[0, 1:3] = [3, -2], [4, 5]  # a tenth of 20 cells: two
    first[0, 2:], second[0, ::3] = 0.1, 0.1  # the smallest cells lie elsewhere
    assert conductance_maps.region_overlap([first, -2 * first]) == 1
    assert conductance_maps.region_overlap([first, second]) == pytest.approx(1 / 3)
    assert conductance_maps.region_overlap([first, second[::-1]]) == 0
    assert np.isnan(conductance_maps.region_overlap([first, 0 * second]))


@given(seed=st.integers(0, 100))
def test_regions_of_noise_overlap_by_chance_and_signs_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((12, 48, 15))
    found = conductance_maps.region_overlap(maps)
    assert found == pytest.approx(0.1 / 1.9, abs=0.02)
    assert conductance_maps.region_overlap(maps * rng.choice([-1, 1], (12, 1, 1))) == found


def test_likeness_by_hand_and_with_smaller_maps():
    rng = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 4, 6, 4, generator=rng)
    np.testing.assert_allclose(conductance_maps.likeness(maps, 2 * maps + 1), 1)
    np.testing.assert_allclose(conductance_maps.likeness(maps, -maps), -1)
    small = torch.randn(3, 4, 3, 2, generator=rng)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    np.testing.assert_allclose(conductance_maps.likeness(small, large), 1)
    still = maps.clone()
    still[1] = 0  # one feature does not move: the others count
    np.testing.assert_allclose(conductance_maps.likeness(still, maps), 1)


def test_conductance_follows_the_input_where_features_are_alike_in_both():
    rng = torch.Generator().manual_seed(0)
    gradients = torch.randn(6, 3, 1, 8, 5, generator=rng)
    same = gradients.repeat(1, 1, 4, 1, 1)  # four maps that repeat the input's
    np.testing.assert_allclose(conductance_maps.follows(same, gradients), 1, rtol=1e-6)
    other = torch.randn(6, 3, 4, 8, 5, generator=rng)
    assert np.abs(conductance_maps.follows(other, gradients)).max() < 0.7
    assert np.isnan(conductance_maps.follows(0 * same, gradients)).all()


def test_inverted_pairs_and_maps():
    rng = torch.Generator().manual_seed(1)
    one = torch.randn(1, 2, 3, 8, 5, generator=rng)
    both = torch.cat([one, -one])
    both[1, 1] = torch.randn(3, 8, 5, generator=rng)
    assert conductance_maps.inverted_pairs(both).tolist() == [True, False]
    both[0, 1, 2] = -both[0, 1, 0]
    assert conductance_maps.inverted_maps(both).tolist() == [0, 0.5]


def test_records_draw_clips_and_name_the_networks_behind_a_control():
    own, blank = np.array([0.1, 0.2, np.nan, 0.3]), np.array([[0.5, 0.6, 0.7, 0.7]] * 5)
    measures = {"ours/own": own, "ours/blank": blank}
    found = conductance_maps.map_records(measures, ["a", "a", "b", "c"])
    assert found["speech-quality/ours/own"]["value"] == pytest.approx(0.2)
    assert found["speech-quality/ours/blank"]["value"] == pytest.approx((0.5 + 0.6 + 0.7) / 3)
    assert found["speech-quality/ours/blank"]["seeds"] == 5
    assert "seeds" not in found["speech-quality/ours/own"]
    assert found["speech-quality/ours/own"]["n"] == 2
    assert found["speech-quality/ours/own"]["of"] == "clips"
    ends = found["speech-quality/ours/own"]["interval"]
    assert ends == pytest.approx((0.15, 0.3))  # of both segments of a alone, of c alone
    against = found["speech-quality/ours/own"]["against"]["speech-quality/ours/blank"]
    assert min(against) == pytest.approx(-0.4)  # in each segment: only pairs know
    assert conductance_maps.map_records({"ours/own": [np.nan]}, ["a"]) == {}


def test_networks_with_random_weights_are_drawn_with_the_clips():
    rng, clips = np.random.default_rng(0), list("abcdefghijkl")
    own, few = rng.normal(1, 0.1, 12), np.array([0.0, 0.8, 1.6])[:, None] + np.zeros(12)
    measures = {"ours/own": own, "ours/blank": few}
    found = conductance_maps.map_records(measures, clips)
    low, high = found["speech-quality/ours/own"]["against"]["speech-quality/ours/blank"]
    assert low < 0 < high  # 1 against 0.8, and another network could as well have 1.6
    alike = measures | {"ours/blank": np.full((3, 12), 0.8)}
    low, high = conductance_maps.map_records(alike, clips)["speech-quality/ours/own"]["against"][
        "speech-quality/ours/blank"
    ]
    assert low > 0


def test_every_measure_stands_beside_its_control():
    two = {"own": np.zeros(2), "control": np.ones(2)}
    deeper = {"conv1": np.ones(2), "conv6": np.zeros(2)}
    found = conductance_maps.comparisons(two, two, two, deeper, two, two)
    assert len(found) == 6 and all(len(each) == 2 for each in found)
    for each in found[:-1]:
        (own, low), (control, high) = each.items()
        assert low.sum() == 0 and high.sum() == 2
        assert control.endswith(("random-weights", "other-segment")) and own != control
    assert list(found[-1]) == ["ours/conv1-like-the-input", "ours/conv6-like-the-input"]
