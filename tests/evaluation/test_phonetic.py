"""Shares of relevance against maps whose shares are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import evaluation
from earwitness.errors import ParameterError

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
    share = evaluation.relevance_share_on_harmonics(relevance, FREQS_HZ, f0, n_harmonics=2, width_hz=40)
    assert share.relevance[0] == pytest.approx(0.5)
    assert share.area[0] == pytest.approx(2 * 2 * 3 / relevance.size)  # two frames, two multiples, three rows each
    only_f0 = evaluation.relevance_share_on_harmonics(relevance, FREQS_HZ, f0, n_harmonics=1)
    assert only_f0.relevance[0] == pytest.approx(0.25)


def test_overlapping_harmonics_count_once():
    share = evaluation.relevance_share_on_harmonics(
        np.ones((1, len(FREQS_HZ), 1)), FREQS_HZ, [[50.0]], n_harmonics=10, width_hz=400)
    assert share.relevance[0] <= 1 and share.relevance[0] == pytest.approx(share.area[0])


@settings(max_examples=30, deadline=None)
@given(f0=st.floats(60, 400), n_harmonics=st.integers(1, 5), width=st.floats(20, 100), cutoff=st.floats(0, 5000))
def test_a_uniform_map_gives_its_area_and_opposite_relevance_nothing(f0, n_harmonics, width, cutoff):
    ones = np.ones((2, len(FREQS_HZ), 4))
    for share in (evaluation.relevance_share_below(ones, FREQS_HZ, cutoff),
                  evaluation.relevance_share_on_harmonics(ones, FREQS_HZ, np.full((2, 4), f0), n_harmonics, width)):
        np.testing.assert_allclose(share.relevance, share.area)
        assert ((share.area >= 0) & (share.area <= 1)).all()
    assert np.isnan(evaluation.relevance_share_below(-ones, FREQS_HZ, cutoff).relevance).all()


@pytest.mark.parametrize(("call", "message"), [
    (lambda: evaluation.relevance_share_below(np.ones((2, 3)), np.ones(3), 1), "batch, freq, time"),
    (lambda: evaluation.relevance_share_below(np.ones((2, 3, 4)), np.ones(4), 1), "batch, freq, time"),
    (lambda: evaluation.relevance_share_below(np.full((2, 3, 4), np.nan), np.ones(3), 1), "NaN"),
    (lambda: evaluation.relevance_share_on_harmonics(np.ones((2, 3, 4)), np.ones(3), np.ones((2, 3))), "F0 must be"),
    (lambda: evaluation.relevance_share_on_harmonics(np.ones((2, 3, 4)), np.ones(3), np.ones((2, 4)), 0), "positive"),
    (lambda: evaluation.relevance_share_on_harmonics(np.ones((2, 3, 4)), np.ones(3), np.ones((2, 4)), 1, 0.0),
     "positive"),
])
def test_maps_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
