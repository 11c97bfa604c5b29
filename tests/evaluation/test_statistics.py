"""Intervals and tests against hand-counted cases, and coverage where the truth is known."""

from math import comb

import numpy as np
import pytest

from earwitness.errors import ParameterError
from earwitness.evaluation import statistics


def test_an_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [
        statistics.bootstrap(rng.normal(3, 1, 60), n_resamples=400, seed=k) for k in range(300)
    ]
    assert 0.90 <= np.mean([not one.excludes(3) for one in found]) <= 0.97
    width = np.mean([one.high - one.low for one in found])
    assert width == pytest.approx(2 * 1.96 / 60**0.5, rel=0.06)


@pytest.mark.parametrize("n", [4, 6, 9, 15])
def test_a_lead_of_few_speakers_covers_the_truth_as_often_as_it_says(n):
    rng, held = np.random.default_rng(0), []
    for _ in range(300):
        controls, leads = rng.normal(0, 1, n), rng.normal(0.5, 1, n)
        found = statistics.paired_bootstrap(controls + leads, controls, n_resamples=1000)
        held.append(not found.excludes(0.5))
    assert 0.92 < np.mean(held) < 0.99  # plain percentiles of four: 0.80


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 9])
def test_a_few_that_agree_by_luck_are_no_result(n):
    """What is right for the one is wrong for the other, by the toss of a coin: of n clips all fall
    on one side in 2 of 2 ** n cases, for n up to five in more than one of twenty.
    """
    tosses = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 * 100.0  # every case once
    found = [statistics.paired_bootstrap(one, 100 - one, n_resamples=200) for one in tosses]
    assert np.mean([one.excludes(0) for one in found]) <= 0.05


def test_a_few_alike_leave_open_what_the_rule_of_clopper_and_pearson_does():
    low, high = statistics.ends([1.0] * 50, 6, value=1.0)
    assert high == 1 and low == pytest.approx(2 * 0.025 ** (1 / 6) - 1)
    assert statistics.ends([-1.0] * 50, 4, value=-1.0)[1] == pytest.approx(1 - 2 * 0.025**0.25)
    assert statistics.ends([0.0] * 50, 3, value=0.0) == (0, 0)
    assert statistics.ends([1.0] * 50, 10, value=1.0) == (1, 1)  # many


def test_ends_are_plain_percentiles_where_there_are_many_and_the_extremes_where_there_are_few():
    draws = np.linspace(0, 1, 100_001)
    assert statistics.ends(draws, 1_000_000) == pytest.approx((0.025, 0.975), abs=1e-4)
    low, high = statistics.ends(draws, 20)
    # sqrt(20 / 19) times t of 19 degrees of freedom, as a quantile of the normal distribution
    assert (low, high) == pytest.approx((0.0159, 0.9841), abs=1e-4)
    assert statistics.ends(draws, 2) == pytest.approx((0, 1), abs=1e-4)
    assert statistics.ends([1.0, np.nan, 3.0], 2) == pytest.approx((1, 3))


@pytest.mark.parametrize(
    "draws, n, said",
    [
        ([1.0, 2.0], 1, "n"),
        ([np.nan, np.nan], 5, "statistic is defined"),
        ([1.0, np.inf], 5, "nowhere infinite"),
        ([[1.0, 2.0]], 5, "shape"),
    ],
)
def test_one_alone_and_draws_of_nothing_have_no_ends(draws, n, said):
    with pytest.raises(ParameterError, match=said):
        statistics.ends(draws, n)


def test_what_few_networks_leave_open_is_as_wide_as_students_t_and_clips_stay_as_they_were():
    rng = np.random.default_rng(0)
    of_clips, nets = rng.normal(0, 1, 4000), np.array([-1.0, 0.0, 1.0])
    anew = nets[rng.integers(3, size=(4000, 3))].mean(1)
    found = statistics.widened(anew, np.zeros(4000), 3)
    reach = 4.303 * nets.std(ddof=1) / 3**0.5  # t of two degrees of freedom, standard error
    assert 1.96 * found.std() == pytest.approx(reach, rel=0.05)
    assert statistics.widened(of_clips, of_clips, 3) == pytest.approx(of_clips)
    assert statistics.widened(anew, of_clips, 1) == pytest.approx(anew)  # one was not drawn
    with pytest.raises(ParameterError):
        statistics.widened(anew, of_clips, 0)


def test_clips_of_one_speaker_are_drawn_together():
    rng = np.random.default_rng(1)
    speakers = np.repeat(np.arange(12), 50)
    values = rng.normal(0, 1, 12)[speakers] + rng.normal(0, 0.1, 600)
    alone, together = statistics.bootstrap(values), statistics.bootstrap(values, speakers)
    assert together.n == 12 and alone.n == 600 and together.value == alone.value
    assert together.high - together.low > 4 * (alone.high - alone.low)


def test_groups_weigh_by_their_clips():
    values, groups = [1.0, 1.0, 1.0, 5.0], ["a", "a", "a", "b"]
    found = statistics.bootstrap(values, groups, n_resamples=2000)
    assert (found.value, found.low, found.high) == (2.0, 1.0, 5.0)


def test_pairs_reveal_a_difference_that_is_small_beside_the_spread_of_speakers():
    rng = np.random.default_rng(2)
    base = rng.normal(50, 20, 40)
    controls, values = base, base + 1 + rng.normal(0, 1, 40)
    found = statistics.paired_bootstrap(values, controls)
    assert found.excludes(0) and found.value == pytest.approx(1, abs=0.5)
    apart = [statistics.bootstrap(part) for part in (values, controls)]
    assert apart[0].low < apart[1].high
    again = statistics.paired_bootstrap(values, controls)
    assert again == found and statistics.paired_bootstrap(values, controls, seed=1) != found


def test_a_statistic_of_ones_own_is_resampled():
    values = np.arange(101.0)
    found = statistics.bootstrap(values, statistic=lambda x: np.median(x, axis=-1))
    assert found.value == 50 and 35 < found.low < 45 < 55 < found.high < 65


def test_a_share_has_the_interval_of_wilson():
    """By the formula, for 45 of 48."""
    found, z, p, n = statistics.share(45, 48), 1.959964, 45 / 48, 48
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    assert found.value == p and found.ends == pytest.approx((centre - half, centre + half))
    assert statistics.share(48, 48).high == pytest.approx(1) and statistics.share(48, 48).low > 0.9


def test_mcnemar_looks_at_what_differs_alone():
    gained, lost, same = [(True, False)] * 9, [(False, True)] * 1, [(True, True)] * 500
    values, controls = map(np.array, zip(*gained, *lost, *same, strict=True))
    expected = 2 * sum(comb(10, k) for k in (0, 1)) / 2**10
    assert statistics.mcnemar(values, controls) == pytest.approx(expected)
    assert statistics.mcnemar(controls, values) == pytest.approx(expected)
    assert statistics.mcnemar(values, values) == 1


def test_fisher_is_the_lady_who_tastes_tea():
    assert statistics.fisher(4, 4, 0, 4) == pytest.approx(2 / comb(8, 4))
    assert statistics.fisher(3, 4, 1, 4) == pytest.approx(34 / 70)


def test_holm_corrects_the_smallest_the_most_and_keeps_the_order():
    np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(statistics.holm([0.9, 0.8]), [1, 1])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: statistics.bootstrap([1.0]), "at least two"),
        (lambda: statistics.bootstrap([1.0, 2.0], ["a", "a"]), "at least two"),
        (lambda: statistics.bootstrap([1.0, np.nan]), "finite values"),
        (lambda: statistics.bootstrap([1.0, 2.0], ["a"]), "group of each of 2 clips"),
        (lambda: statistics.bootstrap([1.0, 2.0], level=95), "between 0 and 1"),
        (lambda: statistics.bootstrap([1.0, 2.0], "ab", statistic=np.median), "groups"),
        (lambda: statistics.paired_bootstrap([1.0, 2.0], [1.0]), "a control for each"),
        (lambda: statistics.share(5, 4), "0 <= count <= n"),
        (lambda: statistics.share(0.5, 4), "whole number"),
        (lambda: statistics.mcnemar([1, 0], [0, 1]), "true and false"),
        (lambda: statistics.fisher(5, 4, 1, 4), "between 0 and its n"),
        (lambda: statistics.holm([0.5, 1.5]), "between 0 and 1"),
    ],
)
def test_what_has_no_interval_is_refused(call, said):
    with pytest.raises(ParameterError, match=said):
        call()


@pytest.mark.parametrize(
    ("scores", "truth", "area"),
    [
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),
        ([3, 2, 1], [1, 1, 0], 1.0),
        ([1, 2, 3], [1, 1, 0], 0.0),
        ([5, 5, 5, 5], [1, 0, 1, 0], 0.5),
        ([2, 1, 1, 0], [1, 1, 0, 0], 0.875),
    ],
)
def test_the_area_under_the_roc_curve_is_the_share_of_pairs_in_order(scores, truth, area):
    assert statistics.roc_area(scores, truth) == pytest.approx(area)


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        ([1.0, 2.0], [1, 1], "all are the same"),
        ([1.0], [1, 0], "for each of 2"),
        ([np.nan, 1.0], [1, 0], "finite"),
    ],
)
def test_what_has_no_roc_curve_is_refused(scores, truth, message):
    with pytest.raises(ParameterError, match=message):
        statistics.roc_area(scores, truth)


def test_critical_differences_are_those_of_the_table_in_the_literature():
    # Demsar (2006), Table 5 (a), q for 0.05: 2.343 for 3 methods, 2.569 for 4, 3.164 for 10
    for n_methods, quantile in ((3, 2.343), (4, 2.569), (10, 3.164)):
        expected = quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * 14))
        found = statistics.critical_difference(n_methods, 14)
        assert abs(found - expected) < 1e-3 * expected
