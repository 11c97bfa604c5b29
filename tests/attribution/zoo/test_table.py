"""At least sixty architectures by every LRP method: none silently wrong, most explained."""

import pytest
import torch

from earwitness import attribution
from earwitness.errors import ParameterError
from zoo import NETWORKS
from zoo.table import CASES, judged, table

AT_LEAST = 0.9

# Cells that are not right yet, by network; whoever mends one takes it off the list.
WRONG: dict[str, str] = {}
WRONG_WITH_BIAS: set[str] = set()
ERROR: dict[str, str] = {}
ERROR_WITH_BIAS: set[str] = set()


@pytest.fixture(scope="module")
def outcomes():
    return table()


def listed(outcomes, kind, open_ones=(), open_with_bias=()):
    """Return the cells of a kind that are on neither list, a line each."""
    found = {key: outcome for key, outcome in outcomes.items() if outcome.kind == kind}
    new = [
        key
        for key in found
        if key[0] not in open_ones and not (key[0] in open_with_bias and key[2] == 1.0)
    ]
    return "\n".join(f"{key} {found[key].error:.1e} {found[key].message[:200]}" for key in new)


def test_the_table_holds_every_lrp_method_and_at_least_sixty_networks():
    assert len(NETWORKS) >= 60
    known = {method for method in attribution.methods() if method.startswith("lrp-")}
    assert known == {method for method, _ in CASES}


def test_no_map_of_the_table_is_wrong_but_those_that_are_listed(outcomes):
    assert not listed(outcomes, "wrong", WRONG, WRONG_WITH_BIAS)


def test_no_network_of_the_table_ends_in_another_error_than_a_refusal(outcomes):
    assert not listed(outcomes, "crashed", ERROR, ERROR_WITH_BIAS)


def test_networks_on_the_lists_still_have_something_to_mend(outcomes):
    for kind, names in (
        ("wrong", {*WRONG, *WRONG_WITH_BIAS}),
        ("crashed", {*ERROR, *ERROR_WITH_BIAS}),
    ):
        assert names <= {key[0] for key, outcome in outcomes.items() if outcome.kind == kind}


def test_what_is_refused_is_refused_by_name(outcomes):
    refused = {key: o.message for key, o in outcomes.items() if o.kind == "refused"}
    assert refused and all("'" in message for message in refused.values())
    assert all("scripted" in refused["Scripted", method, factor] for method, factor in CASES)


def test_at_least_nine_maps_in_ten_are_explained(outcomes):
    right = sum(outcome.kind == "right" for outcome in outcomes.values())
    assert right >= AT_LEAST * len(outcomes), listed(outcomes, "refused")


def test_a_map_that_differs_is_seen_as_wrong_and_an_error_as_what_it_is():
    expected = torch.tensor([[1.0, -2.0], [0.5, 0.0]], dtype=torch.float64)

    def refuse():
        raise ParameterError("no rule for fold")

    assert judged(lambda: expected + 1e-7, expected).kind == "right"
    assert judged(lambda: expected + 1e-5, expected).kind == "wrong"
    assert judged(lambda: expected * torch.nan, expected).kind == "wrong"
    assert judged(lambda: expected[:1], expected).kind == "wrong"
    assert judged(refuse, expected).kind == "refused"
    assert judged(lambda: expected.no_such_thing, expected).kind == "crashed"
