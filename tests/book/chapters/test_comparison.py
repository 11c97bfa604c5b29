"""Methods side by side: what is counted, what is scored, what is ranked."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from torch import nn

from earwitness_book.chapters import comparison
from earwitness_book.chapters.book_networks import Subject


@pytest.fixture
def small():
    """A network of one output: 5, and its input under the weights 1, 2, ..., 8."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(8, 1)).eval()
    network[1].weight.data, network[1].bias.data = torch.arange(1.0, 9.0)[None], torch.tensor([5.0])
    network.requires_grad_(False)
    inputs = torch.ones(2, 1, 8)
    targets = torch.zeros(2, dtype=torch.long)
    return Subject("small", network, None, [], inputs, targets, 8000)


def test_passes_are_counted_forward_and_backward(small):
    found = comparison.compare(small, ["gradient", "lrp-epsilon", "rise", "smoothgrad"], 12)
    assert found.costs["gradient"] == found.costs["lrp-epsilon"] == 2
    assert found.costs["rise"] == 12 and found.costs["smoothgrad"] == 24
    assert not small.model._forward_hooks


def test_the_area_is_that_of_the_curve_by_hand_and_the_true_order_is_the_most_faithful(
    small, monkeypatch
):
    monkeypatch.setattr(comparison, "FRACTIONS", (0.0, 0.5, 1.0))
    weights = small.model[1].weight.expand(2, 1, 8)
    best, worst = (comparison.flipped(small, order) for order in (weights, -weights))
    after = 10 / 36, 26 / 36  # without 5 to 8, without 1 to 4
    expected = [0.25 * (1 + 2 * left) for left in after]
    np.testing.assert_allclose(best, expected[0])
    np.testing.assert_allclose(worst, expected[1])


def test_rows_say_what_adds_up_and_what_noise_does(small):
    rows = comparison.compare(small, ["gradient", "gradient-x-input"], 4).rows
    rows = rows.set_index("method")
    assert (rows.loc["gradient-x-input", "incomplete"] < 1e-6).all()
    assert (rows.loc["gradient", "shaken"] == 0).all()  # the gradient of a sum is the same anywhere
    np.testing.assert_allclose(rows.loc["gradient-x-input", "shaken"], 0.01, rtol=0.8)
    assert (rows["faithful"] > 0).all()


def test_who_does_not_apply_says_so_and_equal_sentences_are_said_once(small):
    found = comparison.compare(small, ["gradient", "guided-backprop"], 4)
    assert "no ReLU" in found.refused["guided-backprop"] and list(found.maps) == ["gradient"]
    table = comparison.support(
        {"small": found}, {"other": small}, ["gradient", "guided-backprop", "grad-cam"]
    )
    assert (table.loc["gradient"] == "✓").all() and table.loc["grad-cam", "small"] == "✓"
    reasons = comparison.reasons(table.drop(index="grad-cam"))
    assert len(reasons) == 1 and reasons.loc[0, "networks"] == "small, other"


def test_ranks_are_of_methods_that_apply_everywhere_best_first():
    rows = pd.DataFrame(
        [
            {"method": m, "network": n, "clip": 0, "faithful": value + 0.1 * number}
            for number, n in enumerate("abcd")
            for m, value in {"gradient": 1.0, "rise": 3.0, "random": 2.0}.items()
        ]
        + [{"method": "occlusion", "network": "a", "clip": 0, "faithful": 9.0}]
    )
    methods = comparison.everywhere(rows)
    assert methods == ["gradient", "rise", "random"]
    table = comparison.by_network(rows, "faithful", methods)
    ranks = comparison.ranked(table)
    assert ranks.mean.to_dict() == {"rise": 1, "random": 2, "gradient": 3} and ranks.n == 4
    assert ranks.p == scipy.stats.friedmanchisquare(*table.to_numpy().T).pvalue < 0.05
    costs = pd.DataFrame({"gradient": [1] * 4, "random": [2] * 4, "rise": [3] * 4}, list("abcd"))
    prices = comparison.price(rows, costs, methods, 200)
    assert prices[0] == pytest.approx(1) and prices.shape == (201,)
    costs.loc["a"] = [3, 2, 1]  # one of four networks for which it is the other way round
    prices = comparison.price(rows, costs, methods, 200)
    assert prices[0] == pytest.approx(1) and prices.min() < 0  # drawn often, it decides


def test_agreement_is_over_networks_to_which_both_apply(small):
    found = {"small": comparison.compare(small, ["gradient", "gradient-x-input"], 4)}
    table = comparison.agreement(found, ["gradient", "gradient-x-input", "rise"])
    assert table.loc["gradient", "gradient-x-input"] == pytest.approx(1)
    assert np.isnan(table.loc["rise", "gradient"]) and table.loc["rise", "rise"] == 1
    pairs = comparison.disagreement(found, ["gradient", "gradient-x-input"])
    np.testing.assert_allclose(pairs, [1, 1])


def test_networks_are_drawn_with_all_their_clips():
    """Forty clips of each of twelve networks tell no more of networks than one clip of each."""
    rng = np.random.default_rng(0)
    leads = rng.normal(0.2, 1, 12)

    def rows(n_clips):
        return pd.DataFrame(
            {"method": method, "network": str(i), "clip": clip, "faithful": gain * lead}
            for i, lead in enumerate(leads)
            for clip in range(n_clips)
            for method, gain in {"rise": 1.0, "gradient": 0.5}.items()
        )

    few, many = (comparison.recorded(rows(n), "rise", against="gradient") for n in (1, 40))
    assert (many["n"], many["of"]) == (12, "networks") and list(many["against"]) == list(
        few["against"]
    )
    assert many["interval"] == pytest.approx(few["interval"])
    (lead,) = many["against"].values()
    assert lead == pytest.approx(*few["against"].values())
    alone = comparison.recorded(rows(40).query("network == '0'"), "rise")
    assert (alone["n"], alone["of"]) == (40, "clips")
