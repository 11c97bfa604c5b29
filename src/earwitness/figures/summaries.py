"""Pictures of many clips at once: confusions, durations, shares with their controls, dots by
group.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number
from earwitness.figures.style import SEX_COLOURS, as_array, axis

_HATCHES = ("", "//", "..", "\\\\", "xx")


@checked
def confusion(ax: Axes, counts: np.ndarray, classes: Sequence):
    """Draw a confusion matrix in per cent of each true class, with the numbers in the cells; return
    the image.

    Parameters
    ----------
    ax : matplotlib Axes
    counts : array_like, shape (true class, given class)
    classes : sequence
        Names in the order of the network's outputs.

    Raises
    ------
    ParameterError
        If the matrix is not square with a row per class.
    """
    counts = as_array(counts)
    if counts.shape != (len(classes), len(classes)):
        raise ParameterError(
            f"A confusion matrix of {len(classes)} classes cannot have the shape {counts.shape}."
        )
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="equal")
    small = max(6.5, 11 - 0.35 * len(classes))
    for row, column in np.argwhere(percent >= 0.5):
        shade = "white" if percent[row, column] > 55 else "#1a1a1a"
        ax.text(
            column,
            row,
            f"{percent[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=small,
            color=shade,
        )
    names = [str(name) for name in classes]
    turned = {"rotation": 90} if len(names) > 4 and max(map(len, names)) > 3 else {}
    ax.set_xticks(range(len(names)), labels=names, **turned)
    ax.set_yticks(range(len(names)), labels=names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="Given class", ylabel="True class")
    return image


@checked
def durations(ax: Axes, seconds: np.ndarray, limit_s: float | None = 1.0, bins: int = 40):
    """Draw a histogram of durations; return the patches.

    Parameters
    ----------
    ax : matplotlib Axes
    seconds : array_like, shape (n_clips,)
    limit_s : float, optional
        The network's input length: dashed, and the share of longer clips is printed.
    """
    seconds = axis(seconds, "Durations")
    check_number("bins", bins, 1, 10_000, whole=True)
    _, _, patches = ax.hist(seconds, bins=bins, color="#7FA8C9", edgecolor="white", linewidth=0.4)
    ax.set(xlabel="Duration (s)", ylabel="Clips")
    if limit_s is not None:
        ax.axvline(limit_s, color="black", linestyle=(0, (6, 3)), linewidth=1)
        text = f"{100 * np.mean(seconds > limit_s):.1f} % last\nlonger than {limit_s:g} s"
        right = limit_s < np.mean(ax.get_xlim())
        ax.annotate(
            text,
            (limit_s, 0.98),
            xycoords=blended_transform_factory(ax.transData, ax.transAxes),
            xytext=(5 if right else -5, 0),
            textcoords="offset points",
            va="top",
            ha="left" if right else "right",
        )
    return patches


@checked
def bars(
    ax: Axes,
    values: pd.DataFrame,
    errors: pd.DataFrame | None = None,
    colours: Mapping[str, str] | None = None,
    controls: Sequence[str] = (),
    label: str = "Share of relevance (%)",
):
    """Draw grouped bars, a group per row and a bar per column; return the containers by column.

    Parameters
    ----------
    ax : matplotlib Axes
    values : DataFrame
        Rows are groups (for instance tasks), columns what is compared.
    errors : DataFrame, optional
        Standard errors or deviations of the same shape; say which in the caption.
    colours : mapping of column to str, optional
    controls : sequence of str
        Columns that are controls: drawn pale and hatched, so that they are not taken for a result.
    label : str
        The vertical axis, with unit.

    Raises
    ------
    ParameterError
        If a control is no column.
    """
    if unknown := sorted(set(controls) - set(values.columns)):
        raise ParameterError(f"The controls {unknown} are no columns of {list(values.columns)}.")
    width, places = 0.8 / len(values.columns), np.arange(len(values))
    containers = {}
    for number, column in enumerate(values.columns):
        look = _bar_look(column in controls, number, (colours or {}).get(column))
        error = None if errors is None else errors[column].to_numpy()
        offset = (number - (len(values.columns) - 1) / 2) * width
        containers[column] = ax.bar(
            places + offset,
            values[column].to_numpy(),
            width * 0.92,
            yerr=error,
            label=column,
            capsize=3,
            error_kw={"linewidth": 1},
            **look,
        )
    ax.set_xticks(places, labels=[str(name) for name in values.index])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(label)
    ax.grid(axis="y")
    rows = -(-len(values.columns) // 2)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, handlelength=1.5, borderaxespad=0.1
    )
    ax.set_title(ax.get_title(loc="left"), pad=8 + 17 * rows)
    return containers


def _bar_look(control: bool, number: int, colour: str | None) -> dict:
    if control:
        return {
            "facecolor": "#EEEEEE",
            "edgecolor": "#666666",
            "hatch": _HATCHES[1 + number % 4],
            "linewidth": 0.8,
        }
    cycle = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
    return {"facecolor": colour or cycle[number % 4], "edgecolor": "#333333", "linewidth": 0.8}


@checked
def scatter_by_group(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    groups: Sequence,
    x_label: str = "F0 (Hz)",
    y_label: str = "F1 (Hz)",
    colours: Mapping[str, str] | None = None,
):
    """Draw a dot per clip or speaker, coloured and shaped by group; return the collections by
    group.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : array_like, shape (n,)
        For instance F0 and first formant, or F2 and F1, in hertz; NaN is left out.
    groups : array_like, shape (n,)
        For instance sex; colours default to :data:`SEX_COLOURS`.

    Raises
    ------
    ParameterError
        If the three differ in length.
    """
    x, y, groups = as_array(x), as_array(y), as_array(groups)
    if not len(x) == len(y) == len(groups):
        raise ParameterError(
            f"Need as many x ({len(x)}) as y ({len(y)}) and groups ({len(groups)})."
        )
    colours, drawn = colours or SEX_COLOURS, {}
    for name, marker in zip(pd.unique(groups), "os^Dv", strict=False):
        rows = groups == name
        drawn[name] = ax.scatter(
            x[rows],
            y[rows],
            s=22,
            c=colours.get(name, "#777777"),
            marker=marker,
            label=name,
            alpha=0.75,
            edgecolors="white",
            linewidths=0.4,
        )
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.grid(True)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(drawn), columnspacing=1)
    return drawn


@checked
def changes(ax: Axes, values: Mapping[str, np.ndarray], label: str) -> None:
    """Draw mean changes with their standard error: the first bar is the subject, the others are
    controls.

    Parameters
    ----------
    ax : Axes
    values : mapping of str to array, shape (n,)
        Changes by name, each against what it changes.
    label : str
        Of the vertical axis, with its unit.
    """
    hatches = ("", "//", "..", "xx", "")
    spread = [change.std(ddof=1) / np.sqrt(len(change)) for change in values.values()]
    colours = ["#0072B2"] + ["#EEEEEE"] * (len(values) - 1)
    bars = ax.bar(
        range(len(values)),
        [change.mean() for change in values.values()],
        0.6,
        yerr=spread,
        capsize=3,
        edgecolor="#333333",
        lw=0.7,
        color=colours,
    )
    for bar, hatch in zip(bars, hatches, strict=False):
        bar.set_hatch(hatch)
    ax.axhline(0, color="#1A1A1A", lw=0.8)
    ax.set_xticks(range(len(values)), labels=list(values))
    ax.set_ylabel(label)
