"""Keeping and removing components, on a network whose answers can be worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from earwitness.attribution.audiolime import Components
from earwitness.errors import ParameterError
from earwitness.evaluation import components


def quarters(levels=(3.0, 1.0, 2.0, 0.5)):
    """Four components of two samples each."""
    parts = np.zeros((4, 8))
    for row, level in enumerate(levels):
        parts[row, 2 * row : 2 * row + 2] = level
    spans = np.array([[0, 2], [2, 4], [4, 6], [6, 8]])
    return Components(parts, ("all",) * 4, spans, 8000)


class Loud(nn.Module):
    """Answers 1 where the first quarter and the third together exceed 2.5, else 0."""

    def forward(self, x):
        level = x[:, 0, 0] + x[:, 0, 4]
        return torch.stack([torch.full_like(level, 2.5), level], 1)


def test_each_k_is_heard_alone_and_left_out():
    table = components.keep_and_remove(
        Loud(), [quarters(), quarters()], [[0, 2, 1, 3], [3, 1, 2, 0]], batch_size=3
    )
    first, second = (table[table["clip"] == clip] for clip in (0, 1))
    assert first["k"].tolist() == [1, 2, 3, 4] and first["share"].tolist() == [0.25, 0.5, 0.75, 1]
    assert first["kept_same"].tolist() == [True, True, True, True]
    assert first["removed_changed"].tolist() == [True, True, True, True]
    assert second["kept_same"].tolist() == [False, False, False, True]
    assert second["removed_changed"].tolist() == [False, False, False, True]


def test_random_orders_name_every_component_once_and_follow_the_seed():
    parts = [quarters()] * 20
    orders = components.random_orders(parts, seed=3)
    assert (
        all(sorted(order) == [0, 1, 2, 3] for order in orders)
        and len({tuple(order) for order in orders}) > 5
    )
    assert all(map(np.array_equal, orders, components.random_orders(parts, seed=3)))
    assert not all(map(np.array_equal, orders, components.random_orders(parts, seed=4)))


def test_relevance_of_samples_is_shared_by_the_components_that_make_them_up():
    halves = Components(
        np.array([[1.0, 1, 0], [3, -2, 0]]), ("a", "b"), np.array([[0, 3]] * 2), 8000
    )
    shares = components.pooled(torch.tensor([8.0, 1.0, 0.0]), halves)
    np.testing.assert_allclose(shares, [8 / 4 - 1, 3 * 8 / 4 + 2])
    assert shares.sum() == pytest.approx(9)
    with pytest.raises(ParameterError, match="differ in shape"):
        components.pooled(np.ones(4), halves)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ([[0, 1, 2]], "each of 4 components once"),
        ([[0, 1, 2, 2]], "each of 4 components once"),
        ([], "one order for each clip, got 0 for 1"),
    ],
)
def test_orders_that_are_none_are_refused(orders, message):
    with pytest.raises(ParameterError, match=message):
        components.keep_and_remove(Loud(), [quarters()], orders)
