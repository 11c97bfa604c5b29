"""Networks that forget, layer by layer, and what is counted of their maps."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness import models
from earwitness_book.chapters import randomisation
from earwitness_book.chapters.book_networks import Subject


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(1, 4, 5), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 12, 3)
    ).eval()


def test_the_cascade_goes_from_the_output_down_and_takes_a_norm_with_its_layer(network):
    assert randomisation.blocks(network) == [["4"], ["0", "1"]]
    kept = [
        [torch.equal(layer[i].weight, network[i].weight) for i in (0, 4)]
        for _, layer in randomisation.cascade(network)
    ]
    assert kept == [[True, False], [False, False]]


def test_what_a_method_that_ignores_the_network_keeps_is_one_and_of_the_gradient_is_not(network):
    inputs = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(0))
    subject = Subject("small", network, None, [], inputs, torch.tensor([0, 1]))
    methods = {"random": {}, "gradient": {}}
    trained = randomisation.maps(network, inputs, subject.targets, methods)
    drawn = randomisation.maps(
        list(randomisation.cascade(network))[-1][1], inputs, subject.targets, methods
    )
    rows = pd.DataFrame(
        randomisation.alike({**trained, "gradient-x-input": trained["random"]}, drawn)
    ).set_index("method")
    assert (rows.loc["random", "signed"] == 1).all()
    assert (rows.loc["gradient", "signed"].abs() < 0.95).all()


def test_means_are_over_draws_first_and_intervals_over_clips():
    table = pd.DataFrame(
        {
            "method": "gradient", "network": "small", "layer": "fc", "depth": [1, 1, 1, 1, 2, 2],
            "clip": [0, 0, 1, 1, 0, 1], "draw": [0, 1, 0, 1, 0, 0],
            "signed": [0.0, 1.0, 2.0, 4.0, 7.0, 8.0],
        }
    )  # fmt: skip
    np.testing.assert_allclose(randomisation.by_clip(table, "signed", 0, "gradient"), [0.5, 3.0])
    np.testing.assert_allclose(randomisation.by_clip(table, "signed", -1, "gradient"), [7, 8])
    first = randomisation.curves(table, "signed").iloc[0]
    assert first["mean"] == 1.75 and first["low"] == 0.5 and first["high"] == 3.0


def test_a_network_learns_labels_that_mean_nothing_and_the_global_generator_is_left_alone():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(6, 1, 40, 81, generator=generator)
    labels = torch.tensor([3, 1, 4, 1, 5, 9])
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    network = randomisation.learnt(inputs, labels, 0, 25)
    assert torch.equal(torch.rand(1), expected) and not network.training
    assert randomisation.percent_right(network, inputs, labels) == 100
    untrained = models.DigitNet(10).eval()
    assert randomisation.percent_right(untrained, inputs, labels) < 100


def test_pairs_differ_in_their_seed_or_in_their_labels_and_never_in_both(network):
    inputs = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(0))
    other = list(randomisation.cascade(network, 1))[-1][1]
    methods = {"gradient": {}}
    table = randomisation.seeds_and_labels(
        [network, other], [network, other], inputs, torch.tensor([0, 1]), methods
    )
    of_labels = randomisation.pair_means(table, "signed", "labels", "gradient")
    of_seeds = randomisation.pair_means(table, "signed", "seeds", "gradient")
    np.testing.assert_allclose(of_labels, 1.0)  # the networks of a seed are the same here
    assert (np.abs(of_seeds) < 0.95).all()


def test_a_map_that_speaks_for_nothing_is_silent_and_one_of_ones_is_the_clip():
    clip = np.float32(0.1 * np.random.default_rng(0).normal(size=8000))
    silent = randomisation.audible(clip, -torch.ones(40, 81))
    whole = randomisation.audible(clip, torch.ones(40, 81))
    assert np.abs(silent).max() < 1e-6
    np.testing.assert_allclose(whole, clip, atol=1e-5)
