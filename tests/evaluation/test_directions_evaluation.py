"""Angular errors: known angles, known shares, intervals that take what belongs to them."""

import numpy as np
import pytest

from earwitness.acoustics import sphere
from earwitness.errors import ParameterError
from earwitness.evaluation import scenes as directions


def test_the_error_is_the_angle_between_two_directions():
    true = sphere.unit_vector(np.deg2rad([0, 10, 90, 30]), np.deg2rad([0, 0, 20, 90]))
    found = sphere.unit_vector(np.deg2rad([0, 350, 90, 200]), np.deg2rad([5, 0, -70, 80]))
    np.testing.assert_allclose(directions.angular_error_deg(found, true), [5, 20, 90, 10], atol=1e-9)


def test_a_summary_counts_what_is_within_ten_degrees():
    assert directions.summary([1, 10, 11, 60]) == {"within_percent": 50, "median_deg": 10.5, "n": 4}
    assert directions.summary([1, 10, 11, 60], within_deg=60)["within_percent"] == 100


def test_intervals_include_their_lower_end_and_the_last_one_both():
    table = directions.by_condition([1, 20, 3, 4, 50], [0, 5, 10, 20, 25], [0, 10, 20])
    assert table[["low", "high", "middle", "n"]].to_numpy().tolist() == [[0, 10, 5, 2], [10, 20, 15, 2]]
    assert table["within_percent"].tolist() == [50, 100]
    assert table["median_deg"].tolist() == [10.5, 3.5]
    assert table["within_se"].tolist() == pytest.approx([100 * np.sqrt(0.25 / 2), 0])


def test_intervals_without_scenes_are_left_out():
    assert directions.by_condition([1, 2], [0.5, 2.5], [0, 1, 2, 3])["low"].tolist() == [0, 2]


def test_chance_is_the_share_of_the_sphere_within_ten_degrees():
    drawn = np.random.default_rng(0).standard_normal((200_000, 3))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    share = 100 * np.mean(directions.angular_error_deg(drawn, np.broadcast_to([0, 0, 1.0], drawn.shape)) <= 10)
    assert directions.chance() == pytest.approx(share, abs=0.06)
    assert directions.chance(180) == pytest.approx(100)


@pytest.mark.parametrize(("call", "sentence"), [
    (lambda: directions.angular_error_deg(np.eye(3), np.eye(3)[:2]), "one to one"),
    (lambda: directions.angular_error_deg(2 * np.eye(3), np.eye(3)), "estimated directions are not all unit"),
    (lambda: directions.angular_error_deg(np.eye(3), 0 * np.eye(3)), "true directions are not all unit"),
    (lambda: directions.summary([]), "no angular errors"),
    (lambda: directions.by_condition([1, 2], [1], [0, 1]), "needs its condition"),
    (lambda: directions.by_condition([1], [1], [1, 0]), "edges of intervals grow"),
])
def test_what_cannot_be_compared_is_refused(call, sentence):
    with pytest.raises(ParameterError, match=sentence):
        call()
