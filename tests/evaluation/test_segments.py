"""Shares of weight on labelled segments, by hand."""

import numpy as np
import pandas as pd
import pytest

from earwitness import features
from earwitness.errors import ParameterError
from earwitness.evaluation import shares as segments


def phones(*rows):
    return pd.DataFrame(rows, columns=["start_s", "end_s", "phone"])


def test_each_segment_gets_the_weight_inside_it_and_pauses_none():
    table = phones((0, 0.1, ""), (0.1, 0.2, "n"), (0.2, 0.4, "aɪ"), (0.4, 0.5, "n"), (0.5, 1.0, "sil"))
    weights = np.zeros((2, 100))
    weights[0, 10:20], weights[0, 20:40], weights[0, 60:] = 1, 2, 50
    weights[1, 35:45] = 3
    shares = segments.share_by_segment(weights, [table, table], 100)
    assert shares["phone"].tolist() == ["n", "aɪ", "n"] * 2 and shares["position"].tolist() == [1, 2, 3] * 2
    np.testing.assert_allclose(shares["share"], [0.2, 0.8, 0, 0, 0.5, 0.5])


def test_clips_begin_where_they_are_set_into_silence():
    clip = np.ones(4000, np.float32) / 2
    second = features.fit_to_second(clip, 8000)
    start_s = segments.start_in_second(0.5)
    assert start_s * 8000 == np.flatnonzero(second)[0]
    table = phones((0, 0.25, "a"), (0.25, 0.5, "b"))
    shares = segments.share_by_segment(second[None] ** 2, [table], 8000, [start_s])
    assert shares["share"].tolist() == [0.5, 0.5]
    for duration_s in (0, 1.01):
        with pytest.raises(ParameterError, match="up to a second"):
            segments.start_in_second(duration_s)


@pytest.mark.parametrize(("weights", "tables", "message"), [
    (np.ones((2, 4)), 1, "needs its segments"), (np.ones(4), 1, "needs its segments"),
    (-np.ones((1, 4)), 1, "not be negative"), (np.zeros((1, 4)), 1, "Clip 0 has no weight"),
])
def test_weights_that_cannot_be_shared_out_are_refused(weights, tables, message):
    with pytest.raises(ParameterError, match=message):
        segments.share_by_segment(weights, [phones((0, 1, "a"))] * tables, 4)
