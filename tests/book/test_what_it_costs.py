"""The page about costs says what was measured, and reckons rightly."""

import re

from benchmarks import cost_page
from earwitness import attribution


def test_the_page_is_what_the_recorded_results_make_of_it():
    assert cost_page.PAGE.read_text() == cost_page.page(cost_page.results(), cost_page.defaults())


def test_costs_are_measured_seconds_times_clips():
    found = cost_page.results()
    rows = {row["name"]: row for row in cost_page.costs(found, cost_page.defaults())}
    measured = {row["name"]: row for row in found["relevance"]["tables"]["AudioNet, 20 clips"]}
    assert len(rows) == 10
    assert rows["gradient"]["ms"] == 1e3 * measured["forward and backward"]["seconds"] / 20
    assert rows["integrated-gradients"]["passes"] == 50
    assert cost_page.N_MIXTURES == attribution.options("audiolime")["n_samples"]
    epsilon = rows["lrp-epsilon"]["ms"] / rows["gradient"]["ms"]
    assert epsilon == measured["lrp-epsilon, earwitness"]["ratio"]


def test_shares_divide_the_time_and_long_times_are_said_in_days():
    assert cost_page.duration(100) == "50 min"
    assert cost_page.duration(1000) == "8.3 h" and cost_page.duration(1000, 2) == "4.2 h"
    assert cost_page.duration(10_000) == "3.5 days"


def test_the_total_is_the_sum_of_the_rows():
    text = cost_page.PAGE.read_text()
    ms = re.findall(r"^\| `[\w-]+` \| [\w.]+ \| ([\d,]+) \|", text, re.MULTILINE)
    total = re.search(r"^\| all ten \| \| ([\d,]+) \|", text, re.MULTILINE)[1]
    summed = sum(int(each.replace(",", "")) for each in ms)
    assert abs(int(total.replace(",", "")) - summed) <= len(ms)
