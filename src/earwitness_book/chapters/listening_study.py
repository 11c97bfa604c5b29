"""The listening study: which digit did the network predict? Who gets which item how, and what the
answers say.

A study shows items, half of them classified rightly, each as one of four :data:`FORMATS`. A
participant's answers are rows with the columns :data:`COLUMNS`, as the study's page in the book
writes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from earwitness import cache
from earwitness.audio import existing
from earwitness.errors import DamagedDataError, ParameterError
from earwitness.evaluation.listening import rates

FORMATS = ("signal-heard", "explanation-heard", "signal-seen", "explanation-seen")
COLUMNS = (
    "study",
    "participant",
    "position",
    "item",
    "format",
    "spoken",
    "predicted",
    "answer",
    "seconds",
)
OUTCOMES = ("right", "wrong")
SIMULATED = "simulated"
MOST_ANSWERS = 20_000  # a thousand resamples of them fill 160 MB
_LARGEST = 8_000_000  # bytes of a file
_DIGITS = range(10)
_KINDS = {"spoken": int, "predicted": int, "answer": int, "position": int, "seconds": float}


def formats(n_items: int, group: int) -> list[str]:
    """Return the format in which a participant of a group meets the items of rank 0, 1, ...
    ``n_items`` - 1.

    A cyclic Latin square: over four consecutive groups every item is met once in every format, and
    a participant meets every format equally often (up to one). Which item has which rank is drawn
    when the study is made.
    """
    return [FORMATS[(rank + group) % len(FORMATS)] for rank in range(n_items)]


# --- answers


def read_answers(sources: Iterable) -> pd.DataFrame:
    """Return the answers of CSV files from the study's page, one row each; skipped items are left
    out.

    Parameters
    ----------
    sources : iterable of path or text
        Files, or (``str`` with a line break) what stands in them.

    Returns
    -------
    DataFrame
        The columns :data:`COLUMNS`, and ``outcome``: whether the network was right or wrong.

    Raises
    ------
    DamagedDataError
        If a column is missing, a cell is not what its column holds, two rows answer one item by
        one participant, the answers were simulated, or there are more than :data:`MOST_ANSWERS`;
        the sentence names file and line.
    MissingDataError
        If a file is not there.
    """
    tables = [_read(source) for source in sources]
    if not tables:
        raise ParameterError("There is no file of answers to read.")
    answers = pd.concat(tables, ignore_index=True)
    _refuse_many(answers, "the files together")
    _refuse_double(answers, "the files together")
    return answers


def collected(study: str) -> pd.DataFrame | None:
    """Return all answers to a study of that name in ``EARWITNESS_DATA/listening-study/*.csv``;
    ``None`` without any.
    """
    folder = cache.environment_folder("EARWITNESS_DATA")
    files = sorted(folder.glob("listening-study/*.csv")) if folder else []
    answers = read_answers(files) if files else pd.DataFrame({"study": []})
    mine = answers[answers["study"] == study]
    return mine.reset_index(drop=True) if len(mine) else None


def _read(source) -> pd.DataFrame:
    is_text = isinstance(source, str) and "\n" in source
    name = "the answers" if is_text else Path(source).name
    table = _table(StringIO(source) if is_text else _small_enough(source), name)
    if missing := [column for column in COLUMNS if column not in table]:
        raise DamagedDataError(
            f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"a file of the study has {', '.join(COLUMNS)}."
        )
    answered = table[table["answer"] != ""].copy()  # what could not be perceived is skipped
    _refuse_unreadable(answered, name)
    _refuse_double(answered, name)
    return with_outcome(answered[[*COLUMNS]].astype(_KINDS))


def _small_enough(path) -> Path:
    path = existing(path)
    if path.stat().st_size > _LARGEST:
        raise DamagedDataError(
            f"{path.name} has {path.stat().st_size:,} bytes, more than the {_LARGEST:,} of any "
            "file of answers."
        )
    return path


def _table(source, name: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(source, dtype=str, keep_default_na=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DamagedDataError(f"{name} is no table of comma-separated values: {error}.") from None
    _refuse_many(table, name)
    return table.fillna("")  # a row that is cut off


def _refuse_unreadable(answered: pd.DataFrame, name: str) -> None:
    """Refuse answers of which a cell is not what its column holds."""
    for column in ("spoken", "predicted", "answer"):
        digits = answered[column].str.fullmatch("[0-9]")
        _refuse(answered, ~digits, name, column, ", which is no digit from 0 to 9")
    known = answered["format"].isin(FORMATS)
    _refuse(answered, ~known, name, "format", f"; known are {', '.join(FORMATS)}")
    simulated = answered["participant"].str.startswith(SIMULATED)
    why = "; simulated answers are no answers of people"
    _refuse(answered, simulated, name, "participant", why)
    places = answered["position"].str.fullmatch("[1-9][0-9]{0,5}")
    _refuse(answered, ~places, name, "position", ", which is no place in an order from 1 on")
    times = answered["seconds"].str.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?")
    _refuse(answered, ~times, name, "seconds", ", which is no duration in seconds")


def _refuse(table: pd.DataFrame, wrong: pd.Series, name: str, column: str, why: str) -> None:
    if wrong.any():
        row = table[wrong].iloc[0]
        raise DamagedDataError(f"{name}, line {row.name + 2}: {column} is {row[column]!r}{why}.")


def _refuse_many(table: pd.DataFrame, name: str) -> None:
    if len(table) > MOST_ANSWERS:
        raise DamagedDataError(
            f"{name}: {len(table):,} answers are more than the {MOST_ANSWERS:,} that are scored."
        )


def _refuse_double(table: pd.DataFrame, name: str) -> None:
    double = table.duplicated(["study", "participant", "item"])
    if double.any():
        row = table[double].iloc[0]
        raise DamagedDataError(
            f"{name}: participant {row['participant']} answers item {row['item']} twice "
            "(was one file given two times?)."
        )


def with_outcome(answers: pd.DataFrame) -> pd.DataFrame:
    """Return answers with the column ``outcome``: was the network ``"right"`` or ``"wrong"``?"""
    right = answers["spoken"] == answers["predicted"]
    return answers.assign(outcome=np.where(right, *OUTCOMES))


def is_simulated(answers: pd.DataFrame) -> bool:
    """Tell whether any of the answers came from :func:`simulate`."""
    return bool(answers["participant"].str.startswith(SIMULATED).any())


# --- what they say


def score_table(
    answers: pd.DataFrame, *, n_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Return informedness and markedness per outcome, format and digit, with bootstrap intervals.

    Parameters
    ----------
    answers : DataFrame
        As :func:`read_answers` or :func:`simulate` return them.
    n_resamples : int
        Both participants and items are drawn anew, with replacement, each time.
    seed : int
    level : float
        Of the percentile intervals.

    Returns
    -------
    DataFrame
        Index (outcome, format, digit), where digit is the one the *network* predicted, or
        ``"mean"``: the mean over the digits for which the score is defined. Columns ``answers``
        (their number), ``informedness``, ``informedness_low``, ``informedness_high``, and the same
        for ``markedness``. A score whose denominator is zero is NaN; its interval is that of the
        resamples in which it is defined.

    Notes
    -----
    Becker et al. (2024), user study. Resampling both crossed factors: Owen (2007), "The pigeonhole
    bootstrap".
    """
    rows = {}
    for (outcome, form), confusion in resampled(answers, n_resamples, seed).items():
        scores = [
            np.concatenate([each, _nanmean(each)[:, None]], axis=1) for each in rates(confusion)
        ]  # (1 + n, 11)
        counts = [*confusion[0].sum(1), confusion[0].sum()]
        for column, digit in enumerate([*_DIGITS, "mean"]):
            row = {"answers": int(counts[column])}
            for name, score in zip(("informedness", "markedness"), scores, strict=True):
                low, high = _interval(score[1:, column], level)
                row |= {name: score[0, column], f"{name}_low": low, f"{name}_high": high}
            rows[outcome, form, digit] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["outcome", "format", "digit"])


def difference(
    answers: pd.DataFrame,
    outcome: str,
    more: str,
    less: str,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return how far one format lies above another: mean scores over digits, with intervals of the
    paired difference.

    Parameters
    ----------
    answers : DataFrame
    outcome : {"right", "wrong"}
    more, less : str
        Two formats; the same participants and items are drawn for both.

    Returns
    -------
    DataFrame
        Rows informedness and markedness; columns difference, low, high.
    """
    drawn = resampled(answers, n_resamples, seed)
    if missing := [form for form in (more, less) if (outcome, form) not in drawn]:
        raise ParameterError(f"Nobody answered {missing[0]} where the network was {outcome}.")
    pairs = zip(rates(drawn[outcome, more]), rates(drawn[outcome, less]), strict=True)
    gaps = [_nanmean(first) - _nanmean(second) for first, second in pairs]
    rows = [[gap[0], *_interval(gap[1:], level)] for gap in gaps]
    return pd.DataFrame(
        rows, index=["informedness", "markedness"], columns=["difference", "low", "high"]
    )


def taken_for(answers: pd.DataFrame, outcome: str, form: str) -> pd.DataFrame:
    """Return what the network's digits (rows) were taken for (columns), in per cent of the answers
    to each.
    """
    some = answers[(answers["outcome"] == outcome) & (answers["format"] == form)]
    counts = pd.crosstab(some["predicted"], some["answer"]).reindex(columns=_DIGITS, fill_value=0)
    return 100 * counts.div(counts.sum(axis=1), axis=0)


def resampled(
    answers: pd.DataFrame, n_resamples: int, seed: int
) -> dict[tuple[str, str], np.ndarray]:
    """Return weighted counts (1 + n_resamples, 10, 10) of network's digit and answer, by outcome
    and format.

    The first is the data as it is; in the others participants and items count as often as they were
    drawn.
    """
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + n_resamples, len(answers)))
    for column in ("participant", "item"):
        codes, names = pd.factorize(answers[column])
        weights[1:] *= rng.multinomial(
            len(names), np.full(len(names), 1 / len(names)), n_resamples
        )[:, codes]
    pair = np.eye(100)[10 * answers["predicted"] + answers["answer"]]  # (n_answers, 100)
    found = {}
    others = [form for form in answers["format"].unique() if form not in FORMATS]  # a machine's
    for key in ((outcome, form) for outcome in OUTCOMES for form in (*FORMATS, *others)):
        mine = ((answers["outcome"] == key[0]) & (answers["format"] == key[1])).to_numpy()
        if mine.any():
            found[key] = (weights[:, mine] @ pair[mine]).reshape(-1, 10, 10)
    return found


def _nanmean(scores: np.ndarray) -> np.ndarray:
    """Return means (n,) over the defined ones of scores (n, 10); NaN where none is."""
    defined = np.isfinite(scores)
    with np.errstate(invalid="ignore"):
        return np.where(defined, scores, 0).sum(1) / defined.sum(1)


def _interval(values: np.ndarray, level: float) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


# --- answers that nobody gave


@dataclass(frozen=True)
class Behaviour:
    """What a simulated listener does with one format: two probabilities, and a digit at random with
    the rest.

    Attributes
    ----------
    spoken : float
        Says the digit that was spoken.
    predicted : float
        Says the digit that the network predicted, as if the explanation had told it.
    """

    spoken: float
    predicted: float = 0.0

    def __post_init__(self):
        if min(self.spoken, self.predicted) < 0 or self.spoken + self.predicted > 1:
            raise ParameterError(
                f"spoken and predicted must be probabilities of at most 1 together, got {self}."
            )


def simulate(
    items: pd.DataFrame, behaviours: Mapping[str, Behaviour], *, n_listeners: int, seed: int = 0
) -> pd.DataFrame:
    """Return the answers of listeners that do not exist, as :func:`read_answers` returns those of
    people.

    Parameters
    ----------
    items : DataFrame
        Columns item, spoken, predicted, in the order of their ranks.
    behaviours : mapping
        A :class:`Behaviour` for each of :data:`FORMATS`.
    n_listeners : int
        They take turns in the groups of the Latin square.
    seed : int

    Notes
    -----
    Every participant is named ``simulated-...``; such answers test the analysis and say nothing
    about people.
    """
    if missing := [form for form in FORMATS if form not in behaviours]:
        raise ParameterError(f"There is no behaviour for {', '.join(missing)}.")
    rng = np.random.default_rng(seed)
    rows = []
    for listener in range(n_listeners):
        order = rng.permutation(len(items)) + 1
        for item, form, position in zip(
            items.to_dict("records"), formats(len(items), listener), order, strict=True
        ):
            how, chance = behaviours[form], rng.random()
            answer = (
                item["spoken"]
                if chance < how.spoken
                else item["predicted"]
                if chance < how.spoken + how.predicted
                else int(rng.integers(10))
            )
            rows.append(
                (
                    SIMULATED,
                    f"{SIMULATED}-{listener + 1:02d}",
                    position,
                    item["item"],
                    form,
                    item["spoken"],
                    item["predicted"],
                    answer,
                    np.nan,
                )
            )
    return with_outcome(pd.DataFrame(rows, columns=[*COLUMNS]))


def plot_scores(ax, means: pd.DataFrame, outcome: str) -> None:
    """Draw both scores of each format with their intervals.

    Parameters
    ----------
    ax : Axes
    means : DataFrame
        Rows (outcome, format) of :func:`score_table`, means over digits.
    outcome : {"right", "wrong"}
    """
    rows, colour = means.reindex([(outcome, form) for form in FORMATS]), "#1f3a5f"
    for offset, name, marker, face in (
        (-0.12, "informedness", "o", colour),
        (0.12, "markedness", "s", "white"),
    ):
        middle, low, high = (rows[f"{name}{end}"].to_numpy() for end in ("", "_low", "_high"))
        ax.hlines(np.arange(4) + offset, low, high, color=colour, lw=1.2)
        ax.plot(middle, np.arange(4) + offset, marker, mfc=face, mec=colour, ls="", label=name)
    ax.axvline(0, color="black", ls="--", lw=1)
    ax.set(xlabel="Score", xlim=(-0.6, 1.05), title=f"network {outcome}")


def study_records(scores: pd.DataFrame, taken: pd.DataFrame) -> dict[str, float]:
    """Return what is recorded of a study with people, by id; what nobody was asked is left out.

    Parameters
    ----------
    scores : DataFrame
        Of :func:`score_table`.
    taken : DataFrame
        Of :func:`taken_for`: right predictions, explanations heard.
    """
    found = {
        f"{name}-{outcome}-{form}": row[name]
        for (outcome, form), row in scores.xs("mean", level="digit").iterrows()
        for name in ("informedness", "markedness")
    }
    for name, ending in (("informedness", ""), ("markedness", "-markedness")):
        score = scores[name]
        by_digit = score.xs(("right", "explanation-heard")).drop("mean").dropna()
        found[f"signal-misleads{ending}"] = score.get(("wrong", "signal-heard", "mean"), np.nan)
        found[f"nine-lowest{ending}"] = by_digit.rank(method="max").get(9, np.nan)
    found |= {
        "nine-heard-as-nine": taken[9].get(9, np.nan),
        "nine-heard-as-five": taken[5].get(9, np.nan),
    }
    return {
        f"audible-explanations/study/{name}": value
        for name, value in found.items()
        if np.isfinite(value)
    }
