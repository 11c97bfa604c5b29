"""The picture of Table 2: how many recordings keep a quantity, by vowel and sex, beside ceiling and
floors.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import known_looks, method_label, method_style

_PLACES = {"female": -0.22, "male": 0.22}
_ASIDE = {
    "paper": -0.1,
    "random-weights": -0.12,
    "noise": -0.06,
    "permuted": 0.06,
}  # so that none hides another
_OURS_ASIDE = 0.11
_NEEDED = ("vowel", "sex", "signal", "share")


@checked
def vowel_shares(
    ax: Axes, shares: pd.DataFrame, ours: str = "guided-backprop", legend: bool = True
):
    """Draw shares by vowel and sex, a marker per signal; return the artists by signal.

    Parameters
    ----------
    ax : matplotlib Axes
        One panel per quantity (F0, F1, F2).
    shares : DataFrame
        A row per vowel, sex and signal: ``vowel``, ``sex`` (female, male), ``signal``, ``share`` in
        per cent (NaN is left out), and, where an interval is drawn, ``low`` and ``high``. Signals:
        ``"paper"`` and names that have a look (:mod:`earwitness.looks`); ``"original"`` is the
        ceiling, random weights, noise and permuted are floors, oracle knows vowel and sex.
    ours : str
        The signal drawn large and with its interval.
    legend : bool
        Above the axes; one is enough for panels that share it.

    Raises
    ------
    ParameterError
        If a column is missing, a share lies outside 0 to 100, or a sex or signal is unknown.

    Notes
    -----
    Table 2 of Muckenhirn et al. (2019). In each pair women stand left (F), men right (M).
    """
    _check(shares)
    vowels = list(pd.unique(shares["vowel"]))
    for column in range(0, len(vowels), 2):
        ax.axvspan(column - 0.5, column + 0.5, color="#F2F2F2", lw=0, zorder=-1)
    drawn = {}
    for signal, rows in shares.groupby("signal", sort=False):
        x = rows["vowel"].map(vowels.index).to_numpy(float) + rows["sex"].map(_PLACES).to_numpy(
            float
        )
        drawn[signal] = _dots(ax, signal, rows, x, ours)
    _axes(ax, vowels)
    if legend:
        ax.legend(
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=2,
            handlelength=1.4,
            borderaxespad=0.1,
            columnspacing=1,
            markerscale=1,
        )
        ax.set_title(ax.get_title(loc="left"), pad=8 + 17 * -(-len(drawn) // 2))
    return drawn


def _check(shares: pd.DataFrame) -> None:
    if missing := [column for column in _NEEDED if column not in shares]:
        raise ParameterError(
            f"The shares need the columns {', '.join(_NEEDED)}; missing: {', '.join(missing)}."
        )
    if unknown := sorted(set(shares["sex"]) - set(_PLACES)) + sorted(
        set(shares["signal"]) - {"paper", *known_looks()}
    ):
        raise ParameterError(
            f"The shares hold the unknown sex or signal {', '.join(map(repr, unknown))}."
        )
    if not shares["share"].dropna().between(0, 100).all():
        raise ParameterError(
            f"Shares are per cent, got {shares['share'].min()} to {shares['share'].max()}."
        )


def _dots(ax, signal: str, rows: pd.DataFrame, x: np.ndarray, ours: str):
    share = rows["share"].to_numpy(float)
    x = x + (_OURS_ASIDE if signal == ours else _ASIDE.get(signal, 0.0))
    if signal == "paper":
        return ax.plot(
            x,
            share,
            "D",
            markersize=6.5,
            markerfacecolor="white",
            markeredgecolor="#1A1A1A",
            markeredgewidth=1.3,
            label="paper",
            zorder=4,
        )[0]
    look = {key: value for key, value in method_style(signal).items() if key != "linestyle"}
    if signal == "original":
        return ax.plot(
            x,
            share,
            "_",
            markersize=19,
            markeredgewidth=2.2,
            color=look["color"],
            label="original (ceiling)",
            zorder=2,
        )[0]
    name = method_label(signal)
    if signal == ours:
        if {"low", "high"} <= set(rows):
            ax.vlines(x, rows["low"], rows["high"], color=look["color"], linewidth=1.6, zorder=3)
        return ax.plot(x, share, linestyle="", markersize=8, label=name, zorder=5, **look)[0]
    return ax.plot(
        x, share, linestyle="", markersize=7, markeredgewidth=1.5, label=name, zorder=3, **look
    )[0]


def _axes(ax, vowels: list[str]) -> None:
    places = [
        (column + offset, name[0].upper())
        for column in range(len(vowels))
        for name, offset in _PLACES.items()
    ]
    ax.set_xticks([place for place, _ in places], labels=[name for _, name in places], minor=True)
    ax.set_xticks(range(len(vowels)), labels=[f"/{vowel}/" for vowel in vowels])
    ax.tick_params(axis="x", which="minor", length=0, labelsize=9.5, pad=2)
    ax.tick_params(axis="x", which="major", length=0, pad=16)
    ax.set(
        xlim=(-0.5, len(vowels) - 0.5),
        ylim=(-3, 103),
        ylabel="Within one SD (%)",
        xlabel="Vowel, women and men",
    )
    ax.grid(axis="y")
