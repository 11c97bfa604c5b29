"""How relevance is spread: known answers on a few numbers, and what any relevance obeys."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.errors import ParameterError
from earwitness.evaluation import shares as concentration


def test_share_on_counts_magnitudes_not_signs():
    relevance = torch.tensor([[[3.0, -1.0, 0.0, 4.0]]])
    mask = torch.tensor([[[False, True, True, True]]])
    np.testing.assert_allclose(concentration.share_on(relevance, mask), [5 / 8])


def test_largest_takes_a_fraction_of_the_non_zero_values():
    inputs = torch.tensor([[[0.0, -5.0, 1.0, 2.0, 0.0, 3.0]], [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0]]])
    mask = concentration.largest(inputs, 0.5)
    assert mask.tolist() == [[[False, True, False, False, False, True]], [[True, True, False, False, False, False]]]


def test_smallest_share_is_known_for_hand_made_relevance():
    inputs = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 0.0]]])
    relevance = torch.tensor([[[8.0, 1.0, 1.0, -9.0, 0.0]]])
    np.testing.assert_allclose(concentration.smallest_share(relevance, inputs), [1 / 4])
    np.testing.assert_allclose(concentration.smallest_share(torch.ones(1, 1, 5), inputs, 1.0), [5 / 4])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_a_mask_and_its_complement_share_everything(seed):
    generator = torch.Generator().manual_seed(seed)
    relevance = torch.randn(3, 1, 50, generator=generator)
    mask = torch.rand(3, 1, 50, generator=generator) < 0.3
    both = concentration.share_on(relevance, mask) + concentration.share_on(relevance, ~mask)
    np.testing.assert_allclose(both, 1)


def test_nothing_to_share_is_an_error():
    with pytest.raises(ParameterError, match="no relevance"):
        concentration.share_on(torch.zeros(1, 1, 4), torch.ones(1, 1, 4, dtype=torch.bool))
    with pytest.raises(ParameterError, match="shape"):
        concentration.share_on(torch.zeros(1, 1, 4), torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ParameterError, match="positive relevance"):
        concentration.smallest_share(-torch.ones(1, 1, 4), torch.ones(1, 1, 4))
    with pytest.raises(ParameterError, match="held"):
        concentration.smallest_share(torch.ones(1, 1, 4), torch.ones(1, 1, 4), 0)
