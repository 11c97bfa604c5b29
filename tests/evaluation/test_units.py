"""What units answer to: against counted pairs, sorted cases and hand-solved maps."""

import numpy as np
import pytest

from earwitness.errors import ParameterError
from earwitness.evaluation import units


def test_areas_of_units_count_pairs_with_ties_as_half():
    rng = np.random.default_rng(0)
    answers, truth = rng.integers(0, 5, (40, 3)).astype(float), rng.random(40) < 0.3
    pairs = [
        np.mean([(a > b) + 0.5 * (a == b) for a in unit[truth] for b in unit[~truth]])
        for unit in answers.T
    ]
    np.testing.assert_allclose(units.roc_areas(answers, truth), pairs)


def test_a_truth_without_both_kinds_has_no_area():
    assert np.isnan(units.roc_areas(np.ones((2, 3)), np.array([False, False]))).all()
    assert np.isnan(units.roc_areas(np.ones((2, 3)), np.array([True, True]))).all()


@pytest.mark.parametrize(
    ("answers", "truth"),
    [(np.ones((2, 1)), [0, 1]), (np.ones((2, 1)), [True]), (np.ones(2), [True, False])],
)
def test_answers_and_truths_that_do_not_fit_are_refused(answers, truth):
    with pytest.raises(ParameterError, match="bool truth for each"):
        units.roc_areas(answers, np.array(truth))


def test_the_best_unit_is_chosen_on_one_half_and_measured_on_the_other():
    truth = np.tile([True, False], 20)
    chosen_on = np.arange(40) < 20
    answers = np.zeros((40, 3))
    answers[:, 0] = np.where(
        truth == chosen_on, 1, 0
    )  # perfect where it is chosen, upside down elsewhere
    answers[:, 1] = np.where(truth, -1.0, 1.0)  # lower where the truth holds, everywhere
    answers[0, 1] = 2.0
    best = units.best_unit(answers, truth, chosen_on)
    assert best.unit == 0 and best.direction == 1 and best.area == 0.0
    best = units.best_unit(answers[:, 1:], truth, chosen_on)
    assert best.unit == 0 and best.direction == -1 and best.area == 1.0
    best = units.best_unit(answers[:, 1:], truth, chosen_on, rising=True)
    assert (
        best.unit == 1 and best.direction == 1 and best.area == 0.5
    )  # the other falls where the truth holds


def test_choosing_needs_both_kinds():
    with pytest.raises(ParameterError, match="not everywhere"):
        units.best_unit(
            np.ones((4, 2)),
            np.array([True, True, False, False]),
            np.array([True, True, False, False]),
        )


def test_segments_are_touched_or_centred():
    frames = np.array([0, 0, 1, 0, 0, 0, 0, 0, 1], bool)
    assert units.in_segments(frames, 3, 2).tolist() == [True, True, False, True]
    assert units.in_segments(frames, 3, 1, "centre").tolist() == frames[1:-1].tolist()
    for wrong in ({"length": 10, "hop": 1}, {"length": 3, "hop": 1, "how": "somewhere"}):
        with pytest.raises(ParameterError, match="at least"):
            units.in_segments(frames, **wrong)


def test_presence_counts_clips_where_a_unit_leaves_its_silent_answer():
    loud = np.array([[0.0, 10.0, 3.0], [8.0, 10.2, 3.0]])
    quiet = np.array([[0.1, 10.0, 3.0], [0.0, 20.0, 3.0]])
    found = units.presence([loud, quiet], silent=[0.0, 10.0, 3.0], level=0.05)
    np.testing.assert_allclose(
        found, [0.5, 0.5, 0.0]
    )  # 0.1 of 8 and 0.2 of 10 are too little; the last never moves
    assert units.presence([loud, quiet], [0.0, 10.0, 3.0], level=0.01).tolist() == [1.0, 1.0, 0.0]
    assert units.constant([loud, quiet]).tolist() == [False, False, True]


def test_units_that_say_the_same_are_one_group_whatever_their_sign():
    rng = np.random.default_rng(2)
    one, other = rng.standard_normal((2, 500))
    correlations, groups = units.redundancy(
        np.c_[one, -3 * one + 0.01 * other, other, np.ones(500)]
    )
    assert groups[0] == groups[1] and len(set(groups)) == 3
    assert (
        correlations[0, 1] == pytest.approx(-1, abs=1e-3)
        and correlations[0, 3] == 0
        and correlations[3, 3] == 1
    )
    np.testing.assert_allclose(correlations[0, 2], np.corrcoef(one, other)[0, 1])


def test_thirds_are_shares_of_magnitude_from_bottom_to_top():
    relevance = np.zeros((2, 6, 2))
    relevance[0, 0], relevance[0, 3], relevance[0, 5] = 1.0, -2.0, 1.0
    found = units.thirds(relevance)
    np.testing.assert_allclose(found[0], [0.25, 0.5, 0.25])
    assert np.isnan(found[1]).all()


def test_inverted_maps_correlate_at_minus_one_and_empty_maps_are_left_out():
    pattern = np.arange(12.0).reshape(3, 4)
    assert units.correlations(
        np.stack([pattern, 5 - 2 * pattern, np.zeros((3, 4))])
    ).tolist() == pytest.approx([-1.0])
    assert len(units.correlations(np.zeros((3, 3, 4)))) == 0


def test_areas_of_drawn_clips_are_those_of_the_clips_put_together():
    rng = np.random.default_rng(1)
    clips = np.repeat(np.arange(4), [5, 8, 3, 6])
    output, truth = np.round(rng.normal(size=22), 1), rng.random(22) < 0.4
    drawn = units.drawn_areas(output, truth, clips, n_resamples=50, seed=3)
    counts = np.random.default_rng(3).multinomial(4, np.full(4, 0.25), 50)
    for area, times in zip(drawn, counts, strict=True):
        chosen = [np.flatnonzero(clips == clip) for clip in np.arange(4).repeat(times)]
        rows = np.concatenate(chosen)
        expected = units.roc_areas(output[rows, None], truth[rows])[0]
        assert area == pytest.approx(expected, nan_ok=True)


def test_a_draw_without_both_kinds_has_no_area_and_wrong_shapes_are_refused():
    drawn = units.drawn_areas([0.0, 1.0], np.array([True, False]), [0, 1], n_resamples=40)
    assert np.isnan(drawn).any() and set(drawn[np.isfinite(drawn)]) == {0}
    with pytest.raises(ParameterError, match="as many"):
        units.drawn_areas([0.0, 1.0], np.array([True, False]), [0])
