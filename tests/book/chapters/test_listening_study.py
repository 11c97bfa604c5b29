"""The study's answers: read with care, scored as by hand, and never made up in secret."""

import numpy as np
import pandas as pd
import pytest

from earwitness import figures
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError
from earwitness_book.chapters import listening_study
from earwitness_book.chapters.listening_study import COLUMNS, FORMATS, Behaviour

HEAD = ",".join(COLUMNS)
HEARD = "explanation-heard"


def csv(*rows):
    """Return a file of answers; a row is participant, item, format, spoken, predicted, answer."""
    lines = [
        f"voices-1,{who},1,{item},{form},{spoken},{predicted},{answer},2.5"
        for who, item, form, spoken, predicted, answer in rows
    ]
    return "\n".join([HEAD, *lines]) + "\n"


def answers(*pairs, form=HEARD, wrong=False):
    """Return answers of one participant to items that the network took for the first digit of each
    pair.
    """
    spoken = (lambda digit: (digit + 1) % 10) if wrong else (lambda digit: digit)
    rows = [
        ("ann", f"i{number}", form, spoken(said), said, guess)
        for number, (said, guess) in enumerate(pairs)
    ]
    return listening_study.read_answers([csv(*rows)])


# hand-made: nine is said 3 times; guessed 2 of them right, once five; five is said 2 times, one
# taken for nine
TABLE = [(9, 9), (9, 9), (9, 5), (5, 9), (5, 5), (1, 1), (1, 1), (1, 5)]


# --- the plan


def test_four_groups_see_every_item_in_every_format_once():
    square = np.array([listening_study.formats(20, group) for group in range(4)])
    assert all(set(column) == set(FORMATS) for column in square.T)
    assert all((square[group] == form).sum() == 5 for group in range(4) for form in FORMATS)


# --- reading


def test_a_file_is_read_with_its_digits_and_outcomes_and_without_skipped_items(tmp_path):
    path = tmp_path / "answers.csv"
    skipped = ("ann", "b", "signal-seen", 1, 1, "")
    path.write_text(csv(("ann", "a", HEARD, 9, 5, 5), skipped, ("bob", "a", HEARD, 9, 9, 5)))
    read = listening_study.read_answers([path])
    assert read[["participant", "predicted", "answer", "outcome"]].values.tolist() == [
        ["ann", 5, 5, "wrong"],
        ["bob", 9, 5, "right"],
    ]
    assert read["seconds"].tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    "text, complaint",
    [
        (HEAD.replace(",answer", "") + "\n", "lacks the column answer; a file of the study has"),
        ("a,b\n1,2\n", "lacks the columns study, participant"),
        (
            csv(("ann", "a", HEARD, 9, 9, 9), ("ann", "b", HEARD, 9, 9, 12)),
            "line 3: answer is '12', which is no digit",
        ),
        (csv(("ann", "a", HEARD, "nine", 9, 9)), "line 2: spoken is 'nine', which is no digit"),
        (csv(("ann", "a", "smelt", 9, 9, 9)), "line 2: format is 'smelt'; known are signal-heard"),
        (
            csv(("ann", "a", HEARD, 9, 9, 9), ("ann", "a", HEARD, 9, 9, 5)),
            "participant ann answers item a twice",
        ),
        (csv(("simulated-01", "a", HEARD, 9, 9, 9)), "simulated answers are no answers of people"),
        ("\n", "no table of comma-separated values"),
    ],
)
def test_a_bad_file_is_refused_with_what_is_wrong_and_where(text, complaint):
    with pytest.raises(DamagedDataError, match=complaint):
        listening_study.read_answers([text])


@pytest.mark.parametrize("seconds", ["", "soon", "nan", "inf", "-1", "1e300", "2,5"])
def test_a_duration_that_is_no_number_of_seconds_is_refused_with_its_line(seconds):
    text = csv(("ann", "a", HEARD, 9, 9, 9), ("ann", "b", HEARD, 9, 9, 9))
    text = text.replace("9,2.5\n", f'9,"{seconds}"\n').replace(f'9,"{seconds}"', "9,2.5", 1)
    with pytest.raises(DamagedDataError, match="line 3: seconds is '.*', which is no duration"):
        listening_study.read_answers([text])


@pytest.mark.parametrize("position", ["", "0", "first", "1.5", "nan", "9" * 20])
def test_a_position_that_is_no_place_in_an_order_is_refused_with_its_line(position):
    text = csv(("ann", "a", HEARD, 9, 9, 9)).replace("ann,1,", f"ann,{position},")
    with pytest.raises(DamagedDataError, match="line 2: position is '.*', which is no place"):
        listening_study.read_answers([text])


def test_a_last_row_that_is_cut_off_is_refused():
    text = csv(("ann", "a", HEARD, 9, 9, 9), ("ann", "b", HEARD, 9, 9, 9))
    with pytest.raises(DamagedDataError, match="line 3: seconds is ''"):
        listening_study.read_answers([text[:-5]])


def test_more_answers_than_can_be_scored_are_refused_in_one_file_and_in_several(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(listening_study, "MOST_ANSWERS", 3)
    ann = csv(*(("ann", f"i{n}", HEARD, 9, 9, 9) for n in range(2)))
    with pytest.raises(DamagedDataError, match="together: 4 answers are more than the 3"):
        listening_study.read_answers([ann, ann.replace("ann", "bob")])
    with pytest.raises(DamagedDataError, match="the answers: 4 answers are more than the 3"):
        listening_study.read_answers([csv(*(("ann", f"i{n}", HEARD, 9, 9, 9) for n in range(4)))])
    monkeypatch.setattr(listening_study, "_LARGEST", 100)
    (tmp_path / "ann.csv").write_text(ann)
    with pytest.raises(DamagedDataError, match="ann.csv has .* bytes, more than the 100"):
        listening_study.read_answers([tmp_path / "ann.csv"])


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingDataError, match="There is no file .*none.csv"):
        listening_study.read_answers([tmp_path / "none.csv"])


def test_one_file_given_twice_is_noticed_and_none_at_all_too():
    once = csv(("ann", "a", HEARD, 9, 9, 9))
    with pytest.raises(DamagedDataError, match="was one file given two times"):
        listening_study.read_answers([once, once])
    with pytest.raises(ParameterError, match="no file of answers"):
        listening_study.read_answers([])


def test_collected_answers_are_those_of_the_study_and_none_without_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "listening-study"
    folder.mkdir()
    (folder / "ann.csv").write_text(csv(("ann", "a", HEARD, 9, 9, 9)))
    (folder / "old.csv").write_text(
        csv(("bob", "a", HEARD, 9, 9, 9)).replace("voices-1", "voices-0")
    )
    monkeypatch.setenv("EARWITNESS_DATA", str(tmp_path))
    assert listening_study.collected("voices-1")["participant"].tolist() == ["ann"]
    assert listening_study.collected("fsdd-1") is None
    monkeypatch.delenv("EARWITNESS_DATA")
    assert listening_study.collected("voices-1") is None


# --- scores


def test_the_table_equals_counts_made_by_hand():
    scores = listening_study.score_table(answers(*TABLE), n_resamples=10).loc[("right", HEARD)]
    assert scores.loc[9, "informedness"] == pytest.approx(2 / 3 - 1 / 5)
    assert scores.loc[9, "markedness"] == pytest.approx(2 / 3 - 1 / 5)
    assert scores.loc[5, "informedness"] == pytest.approx(1 / 2 - 2 / 6)
    assert scores.loc[5, "markedness"] == pytest.approx(1 / 3 - 1 / 5)
    assert scores.loc[1, "informedness"] == pytest.approx(2 / 3)
    assert scores.loc["mean", "informedness"] == pytest.approx((7 / 15 + 1 / 6 + 2 / 3) / 3)
    assert np.isnan(scores.loc[0, "informedness"]) and np.isnan(scores.loc[0, "informedness_low"])
    assert (
        scores["answers"].to_dict() | {9: 3, 5: 2, 1: 3, 0: 0, "mean": 8}
        == scores["answers"].to_dict()
    )


def test_who_repeats_what_was_spoken_scores_negative_where_the_network_is_wrong():
    said = [3, 4, 5, 6]
    parrot = answers(*[(digit, (digit + 1) % 10) for digit in said], wrong=True)
    scores = listening_study.score_table(parrot, n_resamples=5).loc[("wrong", HEARD)]
    assert scores.loc["mean", "informedness"] < 0 and scores.loc["mean", "markedness"] < 0


def test_what_nine_is_taken_for_is_counted_in_per_cent():
    rows = listening_study.taken_for(answers(*TABLE), "right", HEARD)
    assert rows.loc[9, 9] == pytest.approx(200 / 3) and rows.loc[9, 5] == pytest.approx(100 / 3)
    assert rows.index.tolist() == [1, 5, 9] and rows.columns.tolist() == list(range(10))


ITEMS = pd.DataFrame(
    {
        "item": [f"i{n}" for n in range(20)],
        "spoken": [*range(10), *range(10)],
        "predicted": [*range(10), *np.roll(range(10), 3)],
    }
)
PERFECT = dict.fromkeys(FORMATS, Behaviour(spoken=0, predicted=1))


def test_intervals_hold_the_score_narrow_with_more_listeners_and_repeat_with_the_seed():
    lively = dict.fromkeys(FORMATS, Behaviour(spoken=0.5))
    widths = []
    for n_listeners in (8, 64):
        data = listening_study.simulate(ITEMS, lively, n_listeners=n_listeners, seed=1)
        row = listening_study.score_table(data, n_resamples=200).loc[("right", HEARD, "mean")]
        assert row["informedness_low"] < row["informedness"] < row["informedness_high"]
        widths.append(row["informedness_high"] - row["informedness_low"])
    assert widths[1] < widths[0]
    again = listening_study.score_table(data, n_resamples=200).loc[("right", HEARD, "mean")]
    assert again.equals(row)
    assert (
        not listening_study.score_table(data, n_resamples=200, seed=1)
        .loc[("right", HEARD, "mean")]
        .equals(row)
    )


def test_the_bootstrap_draws_participants_and_items_whole():
    data = listening_study.simulate(ITEMS, PERFECT, n_listeners=4)
    drawn = listening_study.resampled(data, 300, 0)
    assert all(
        confusion[0].sum() == 10 for confusion in drawn.values()
    )  # 4 listeners x 10 items in 4 formats
    totals = sum(confusion.sum((1, 2)) for confusion in drawn.values())
    assert totals[1:] == pytest.approx(4 * 20)  # as many answers as there were
    each_item = sum(confusion.sum(2) for key, confusion in drawn.items() if key[0] == "right")[1:]
    assert {0, 4, 8} <= set(np.unique(each_item)) and not (
        each_item % 4
    ).any()  # each with all four listeners


def test_the_bootstrap_knows_that_one_person_gives_many_answers():
    good = listening_study.simulate(ITEMS, PERFECT, n_listeners=4)
    poor = good.assign(participant=good["participant"] + "b", answer=(good["predicted"] + 1) % 10)
    (confusion, *_) = listening_study.resampled(pd.concat([good, poor]), 300, 0).values()
    right = np.trace(confusion, axis1=1, axis2=2) / confusion.sum((1, 2))
    assert right[0] == 0.5 and np.nanstd(right[1:]) > 0.1  # drawing items alone leaves it at a half


def test_a_difference_is_paired():
    mixed = PERFECT | {"explanation-seen": Behaviour(spoken=0.0)}
    data = listening_study.simulate(ITEMS, mixed, n_listeners=40, seed=2)
    gap = listening_study.difference(data, "right", HEARD, "explanation-seen", n_resamples=200)
    assert gap.loc["informedness", "low"] > 0.7
    none = listening_study.difference(data, "right", HEARD, "signal-heard", n_resamples=200)
    assert none.to_numpy() == pytest.approx(0)
    with pytest.raises(
        ParameterError, match="Nobody answered signal-seen where the network was wrong"
    ):
        listening_study.difference(answers(*TABLE), "wrong", "signal-seen", HEARD)


# --- simulated listeners


def test_simulated_listeners_do_what_is_stated_and_are_named_so():
    behaviours = PERFECT | {
        "signal-heard": Behaviour(spoken=1),
        "signal-seen": Behaviour(spoken=0.3, predicted=0.2),
    }
    data = listening_study.simulate(ITEMS, behaviours, n_listeners=400, seed=3)
    wrong = data[data["outcome"] == "wrong"].groupby("format")
    assert (wrong.get_group(HEARD)["answer"] == wrong.get_group(HEARD)["predicted"]).all()
    assert (
        wrong.get_group("signal-heard")["answer"] == wrong.get_group("signal-heard")["spoken"]
    ).all()
    seen = wrong.get_group("signal-seen")
    assert (seen["answer"] == seen["spoken"]).mean() == pytest.approx(0.3 + 0.05, abs=0.05)
    assert (seen["answer"] == seen["predicted"]).mean() == pytest.approx(0.2 + 0.05, abs=0.05)
    assert (
        listening_study.is_simulated(data)
        and data["participant"].str.startswith("simulated-").all()
    )
    assert not listening_study.is_simulated(answers(*TABLE))


def test_simulated_answers_that_are_written_to_a_file_stay_simulated(tmp_path):
    data = listening_study.simulate(ITEMS, PERFECT, n_listeners=1)
    data[[*COLUMNS]].to_csv(tmp_path / "people.csv", index=False)
    with pytest.raises(DamagedDataError, match="no answers of people"):
        listening_study.read_answers([tmp_path / "people.csv"])


def test_impossible_behaviours_are_refused():
    with pytest.raises(ParameterError, match="at most 1 together"):
        Behaviour(spoken=0.7, predicted=0.5)
    with pytest.raises(ParameterError, match="no behaviour for explanation-seen"):
        listening_study.simulate(
            ITEMS, {form: Behaviour(0.5) for form in FORMATS[:3]}, n_listeners=1
        )


def scored(values):
    """Scores by (outcome, format, digit): the values given, NaN elsewhere."""
    index = pd.MultiIndex.from_product(
        [listening_study.OUTCOMES, FORMATS, [*range(10), "mean"]],
        names=["outcome", "format", "digit"],
    )
    scores = pd.DataFrame(np.nan, index, ["informedness", "markedness"])
    for place, value in values.items():
        scores.loc[place] = value
    return scores


def test_a_study_is_recorded_by_format_and_outcome_without_what_nobody_was_asked():
    scores = scored({("wrong", "signal-heard", "mean"): -0.2} | {
        ("right", HEARD, digit): value for digit, value in ((9, 0.1), (5, 0.6), ("mean", 0.3))
    })  # fmt: skip
    scores["markedness"] *= 0.5  # so that the two are not taken for each other
    scores.loc[("right", HEARD, 9), "markedness"] = 0.4
    taken = pd.DataFrame(np.nan, range(10), range(10))
    taken.loc[9, 9] = 75.0
    found = listening_study.study_records(scores, taken)
    of = "audible-explanations/study"
    assert found == {
        f"{of}/informedness-right-{HEARD}": 0.3,
        f"{of}/markedness-right-{HEARD}": 0.15,
        f"{of}/informedness-wrong-signal-heard": -0.2,
        f"{of}/markedness-wrong-signal-heard": -0.1,
        f"{of}/signal-misleads": -0.2,
        f"{of}/signal-misleads-markedness": -0.1,
        f"{of}/nine-lowest": 1,
        f"{of}/nine-lowest-markedness": 2,
        f"{of}/nine-heard-as-nine": 75,
    }


def test_scores_are_drawn_by_format_in_their_order():
    scores = scored({("right", form, "mean"): k / 10 for k, form in enumerate(FORMATS)})
    for end in ("low", "high"):
        for name in ("informedness", "markedness"):
            scores[f"{name}_{end}"] = scores[name]
    figure, ax = figures.panels(1, 1)
    listening_study.plot_scores(ax, scores.xs("mean", level="digit"), "right")
    informedness, markedness, zero = ax.get_lines()
    np.testing.assert_allclose(informedness.get_xdata(), [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(markedness.get_ydata(), np.arange(4) + 0.12)
    assert ax.get_title() == "network right" and ax.get_xlabel() == "Score"
