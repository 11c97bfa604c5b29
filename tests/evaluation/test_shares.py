"""Shares of relevance against maps and signals whose shares are known."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import evaluation, features
from earwitness.errors import ParameterError
from earwitness.evaluation import shares


def test_share_on_counts_magnitudes_not_signs():
    relevance = torch.tensor([[[3.0, -1.0, 0.0, 4.0]]])
    mask = torch.tensor([[[False, True, True, True]]])
    np.testing.assert_allclose(shares.share_on(relevance, mask), [5 / 8])


def test_largest_takes_a_fraction_of_the_non_zero_values():
    inputs = torch.tensor([[[0.0, -5.0, 1.0, 2.0, 0.0, 3.0]], [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]]])
    mask = shares.largest_values(inputs, 0.5)
    assert mask.tolist() == [
        [[False, True, False, False, False, True]],
        [[True, True, False, False, False, False]],
    ]


def test_smallest_share_is_known_for_hand_made_relevance():
    inputs = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 0.0]]])
    relevance = torch.tensor([[[8.0, 1.0, 1.0, -9.0, 0.0]]])
    np.testing.assert_allclose(shares.share_needed(relevance, inputs), [1 / 4])
    np.testing.assert_allclose(shares.share_needed(torch.ones(1, 1, 5), inputs, 1.0), [5 / 4])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_mask_and_its_complement_share_everything(seed):
    generator = torch.Generator().manual_seed(seed)
    relevance = torch.randn(3, 1, 50, generator=generator)
    mask = torch.rand(3, 1, 50, generator=generator) < 0.3
    both = shares.share_on(relevance, mask) + shares.share_on(relevance, ~mask)
    np.testing.assert_allclose(both, 1)


def test_nothing_to_share_is_an_error():
    with pytest.raises(ParameterError, match="no relevance"):
        shares.share_on(torch.zeros(1, 1, 4), torch.ones(1, 1, 4, dtype=torch.bool))
    with pytest.raises(ParameterError, match="shape"):
        shares.share_on(torch.zeros(1, 1, 4), torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ParameterError, match="positive relevance"):
        shares.share_needed(-torch.ones(1, 1, 4), torch.ones(1, 1, 4))
    with pytest.raises(ParameterError, match="held"):
        shares.share_needed(torch.ones(1, 1, 4), torch.ones(1, 1, 4), 0)


FREQS_HZ = np.arange(0, 4000, 20.0)


def test_the_share_below_a_frequency_is_the_one_put_there():
    relevance = np.zeros((2, 4, 3))
    relevance[0, 0], relevance[0, 3] = 1.0, 3.0  # rows at 100 and 400 Hz
    relevance[1, 1, 0], relevance[1, 2, 0] = 2.0, -9.0  # against counts for nothing
    share = evaluation.relevance_share_below(relevance, [100, 200, 300, 400], 300)
    np.testing.assert_allclose(share.relevance, [0.25, 1.0])
    np.testing.assert_allclose(share.area, [0.5, 0.5])  # 300 itself lies not below


def test_the_share_on_harmonics_follows_f0_and_leaves_unvoiced_frames_out():
    f0 = np.array([[100.0, 200.0, np.nan]])
    relevance = np.zeros((1, len(FREQS_HZ), 3))
    relevance[0, FREQS_HZ == 100, 0] = 1.0  # F0 of the first frame
    relevance[0, FREQS_HZ == 400, 1] = 1.0  # second multiple in the second
    relevance[0, FREQS_HZ == 300, 1] = 1.0  # not a multiple there
    relevance[0, FREQS_HZ == 100, 2] = 1.0  # unvoiced
    share = evaluation.relevance_share_on_harmonics(
        relevance, FREQS_HZ, f0, n_harmonics=2, width_hz=40
    )
    assert share.relevance[0] == pytest.approx(0.5)
    assert share.area[0] == pytest.approx(
        2 * 2 * 3 / relevance.size
    )  # two frames, two multiples, three rows each
    only_f0 = evaluation.relevance_share_on_harmonics(relevance, FREQS_HZ, f0, n_harmonics=1)
    assert only_f0.relevance[0] == pytest.approx(0.25)


def test_overlapping_harmonics_count_once():
    share = evaluation.relevance_share_on_harmonics(
        np.ones((1, len(FREQS_HZ), 1)), FREQS_HZ, [[50.0]], n_harmonics=10, width_hz=400
    )
    assert share.relevance[0] <= 1 and share.relevance[0] == pytest.approx(share.area[0])


@settings(max_examples=30, deadline=None)
@given(
    f0=st.floats(60, 400),
    n_harmonics=st.integers(1, 5),
    width=st.floats(20, 100),
    cutoff=st.floats(0, 5000),
)
def test_a_uniform_map_gives_its_area_and_opposite_relevance_nothing(
    f0, n_harmonics, width, cutoff
):
    ones = np.ones((2, len(FREQS_HZ), 4))
    for share in (
        evaluation.relevance_share_below(ones, FREQS_HZ, cutoff),
        evaluation.relevance_share_on_harmonics(
            ones, FREQS_HZ, np.full((2, 4), f0), n_harmonics, width
        ),
    ):
        np.testing.assert_allclose(share.relevance, share.area)
        assert ((share.area >= 0) & (share.area <= 1)).all()
    assert np.isnan(evaluation.relevance_share_below(-ones, FREQS_HZ, cutoff).relevance).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: evaluation.relevance_share_below(np.ones((2, 3)), np.ones(3), 1),
            "batch, freq, time",
        ),
        (
            lambda: evaluation.relevance_share_below(np.ones((2, 3, 4)), np.ones(4), 1),
            "batch, freq, time",
        ),
        (
            lambda: evaluation.relevance_share_below(np.full((2, 3, 4), np.nan), np.ones(3), 1),
            "NaN",
        ),
        (
            lambda: evaluation.relevance_share_on_harmonics(
                np.ones((2, 3, 4)), np.ones(3), np.ones((2, 3))
            ),
            "F0 must be",
        ),
        (
            lambda: evaluation.relevance_share_on_harmonics(
                np.ones((2, 3, 4)), np.ones(3), np.ones((2, 4)), 0
            ),
            "positive",
        ),
        (
            lambda: evaluation.relevance_share_on_harmonics(
                np.ones((2, 3, 4)), np.ones(3), np.ones((2, 4)), 1, 0.0
            ),
            "positive",
        ),
    ],
)
def test_maps_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def phones(*rows):
    return pd.DataFrame(rows, columns=["start_s", "end_s", "phone"])


def test_each_segment_gets_the_weight_inside_it_and_pauses_none():
    table = phones(
        (0, 0.1, ""), (0.1, 0.2, "n"), (0.2, 0.4, "aɪ"), (0.4, 0.5, "n"), (0.5, 1.0, "sil")
    )
    weights = np.zeros((2, 100))
    weights[0, 10:20], weights[0, 20:40], weights[0, 60:] = 1, 2, 50
    weights[1, 35:45] = 3
    found = shares.share_by_segment(weights, [table, table], 100)
    assert (
        found["phone"].tolist() == ["n", "aɪ", "n"] * 2
        and found["position"].tolist() == [1, 2, 3] * 2
    )
    np.testing.assert_allclose(found["share"], [0.2, 0.8, 0, 0, 0.5, 0.5])


def test_clips_begin_where_they_are_set_into_silence():
    clip = np.ones(4000, np.float32) / 2
    second = features.fit_to_second(clip, 8000)
    start_s = shares.start_in_second(0.5)
    assert start_s * 8000 == np.flatnonzero(second)[0]
    table = phones((0, 0.25, "a"), (0.25, 0.5, "b"))
    found = shares.share_by_segment(second[None] ** 2, [table], 8000, [start_s])
    assert found["share"].tolist() == [0.5, 0.5]
    for duration_s in (0, 1.01):
        with pytest.raises(ParameterError, match="up to a second"):
            shares.start_in_second(duration_s)


@pytest.mark.parametrize(
    ("weights", "tables", "message"),
    [
        (np.ones((2, 4)), 1, "needs its segments"),
        (np.ones(4), 1, "needs its segments"),
        (-np.ones((1, 4)), 1, "not be negative"),
        (np.zeros((1, 4)), 1, "Clip 0 has no weight"),
    ],
)
def test_weights_that_cannot_be_shared_out_are_refused(weights, tables, message):
    with pytest.raises(ParameterError, match=message):
        shares.share_by_segment(weights, [phones((0, 1, "a"))] * tables, 4)
