"""Numbers of maps, against the textbook and by hand."""

import numpy as np
import pytest
import scipy.stats
import torch

from earwitness import evaluation
from earwitness.errors import ParameterError


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 2, 20, generator=generator)
    return first, first + torch.randn(3, 2, 20, generator=generator).round()


def test_rank_correlations_are_those_of_scipy_clip_by_clip_ties_included(pair):
    first, second = (x.round(decimals=1) for x in pair)
    for signed in (True, False):
        flat = [(x if signed else x.abs()).flatten(1).numpy() for x in (first, second)]
        expected = [scipy.stats.spearmanr(a, b).statistic for a, b in zip(*flat, strict=True)]
        found = evaluation.rank_correlations(first, second, signed=signed)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_matrix_of_maps_holds_the_correlation_of_every_pair(pair):
    maps = torch.cat([pair[0], pair[1], torch.ones(1, 2, 20)])
    found = evaluation.rank_matrix(maps)
    expected = [evaluation.rank_correlations(maps, one.expand_as(maps)) for one in maps]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-12)


def test_a_map_of_equal_values_orders_nothing_and_maps_of_two_shapes_are_refused(pair):
    first, _ = pair
    np.testing.assert_array_equal(evaluation.rank_correlations(first, first * 0), 0)
    with pytest.raises(ParameterError, match="one shape"):
        evaluation.rank_correlations(first, first[:, :1])


def test_sparseness_is_the_mean_difference_of_all_pairs_over_twice_the_mean():
    values = torch.tensor([[1.0, -3.0, 0.5, 2.0], [1.0, 1.0, -1.0, 1.0], [0.0, 0.0, 7.0, 0.0]])
    magnitudes = values.abs().numpy()
    pairs = np.abs(magnitudes[:, :, None] - magnitudes[:, None]).mean((1, 2))
    found = evaluation.sparseness(values)
    np.testing.assert_allclose(found, pairs / (2 * magnitudes.mean(1)), atol=1e-12)
    np.testing.assert_allclose(found[1:], [0, 0.75])  # 1 - 1 / n where one has everything
    assert evaluation.sparseness(torch.zeros(1, 5)) == 0


def test_noise_moves_the_map_of_a_linear_function_by_as_much_as_it_moves_the_input(pair):
    inputs = pair[0]
    found = evaluation.shaken(lambda x: 5 * x, inputs, snr_db=40.0, n_draws=200)
    np.testing.assert_allclose(found, 0.01, rtol=0.05)
    assert not evaluation.shaken(torch.ones_like, inputs).any()
    np.testing.assert_array_equal(
        evaluation.shaken(torch.square, inputs, seed=1),
        evaluation.shaken(torch.square, inputs, seed=1),
    )
