"""Curves of accuracy: against the fraction of samples flipped, against a factor."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import as_array, method_label, method_style


@checked
def flipping(
    ax: Axes,
    fractions: np.ndarray,
    accuracies: Mapping[str, Sequence],
    chance: float | None = None,
    spread: Mapping | None = None,
):
    """Draw accuracy against the fraction of samples set to zero, a curve per method; return the
    lines by method.

    Parameters
    ----------
    ax : matplotlib Axes
    fractions : array_like, shape (n_fractions,)
        Of the non-zero samples, 0 to 1.
    accuracies : mapping of method to array_like
        (n_folds, n_fractions), drawn as mean and standard error over folds, or (n_fractions,) for
        one fold. 0 to 1.
    chance : float, optional
        Chance level, 0 to 1, dashed.
    spread : mapping of method to array_like, optional
        Standard errors (n_fractions,) for methods given as one curve.

    Raises
    ------
    ParameterError
        If a curve does not have one value per fraction, or lies outside 0 to 1.

    Notes
    -----
    Figure 3 of Becker et al. (2018).
    """
    percent = 100 * as_array(fractions)
    lines = {}
    for name, accuracy in accuracies.items():
        mean, error = _mean_and_error(name, accuracy, (spread or {}).get(name), len(percent))
        style = method_style(name)
        (lines[name],) = ax.plot(
            percent, 100 * mean, label=method_label(name), markevery=_every(percent), **style
        )
        if error is not None:
            ax.fill_between(
                percent,
                100 * (mean - error),
                100 * (mean + error),
                color=style["color"],
                alpha=0.22,
                lw=0,
            )
    _chance(ax, chance)
    ax.set(
        xlabel="Samples set to zero (% of the non-zero ones)", ylabel="Accuracy (%)", ylim=(0, 102)
    )
    ax.grid(axis="y")
    ax.legend(loc="upper right")
    return lines


@checked
def factor_curve(
    ax: Axes,
    factors: np.ndarray,
    accuracies: Mapping[str, Sequence],
    colours: Mapping[str, str],
    chance: float | None = None,
    marked: Mapping[str, float] | None = None,
):
    """Draw accuracy against the factor of the frequency axis, a curve per group; return the lines
    by group.

    Parameters
    ----------
    ax : matplotlib Axes
    factors : array_like, shape (n_factors,)
        1 leaves a spectrogram as it is; drawn on a logarithmic axis, where 1.5 and 0.66 are equally
        far from it.
    accuracies : mapping of group to array_like
        (n_folds, n_factors), drawn as mean and standard error, or (n_factors,). 0 to 1.
    colours : mapping of group to str
        For instance :data:`SEX_COLOURS`.
    chance : float, optional
        0 to 1, dashed.
    marked : mapping of group to float, optional
        The factor of the paper for each group, ringed on its curve.

    Raises
    ------
    ParameterError
        If a curve does not have one value per factor, or lies outside 0 to 1.
    """
    factors = as_array(factors)
    lines = {}
    for (name, accuracy), marker, line in zip(
        accuracies.items(), "osD^v", ("-", "--", "-.", ":", "-"), strict=False
    ):
        mean, error = _mean_and_error(name, accuracy, None, len(factors))
        (lines[name],) = ax.plot(
            factors, 100 * mean, color=colours[name], marker=marker, linestyle=line, label=name
        )
        if error is not None:
            ax.fill_between(
                factors,
                100 * (mean - error),
                100 * (mean + error),
                color=colours[name],
                alpha=0.22,
                lw=0,
            )
        if name in (marked or {}):
            _ring(
                ax,
                marked[name],
                100 * np.interp(np.log(marked[name]), np.log(factors), mean),
                colours[name],
            )
    _chance(ax, chance)
    ax.set_xscale("log")
    ticks = [
        tick
        for tick in (0.25, 0.5, 0.66, 0.8, 1, 1.25, 1.5, 2, 3, 4)
        if min(factors) <= tick <= max(factors)
    ]
    ax.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="Factor of the frequency axis", ylabel="Accuracy (%)", ylim=(0, 102))
    ax.grid(axis="y")
    ax.legend(loc="best")
    return lines


def _mean_and_error(name: str, accuracy, error, length: int):
    """Return mean (length,) and standard error over folds (length,) or None of (folds, length) or
    (length,).
    """
    accuracy = as_array(accuracy)
    folds = np.atleast_2d(accuracy)  # (folds, length)
    if folds.shape[1:] != (length,):
        raise ParameterError(
            f"The curve of {name} has shape {accuracy.shape}; {length} values a fold are needed."
        )
    if not ((folds >= 0) & (folds <= 1)).all():
        raise ParameterError(
            f"The accuracy of {name} must lie in 0 to 1; its range is {folds.min()} to "
            f"{folds.max()}."
        )
    if error is None and len(folds) > 1:
        error = folds.std(axis=0, ddof=1) / np.sqrt(len(folds))
    return folds.mean(axis=0), None if error is None else as_array(error)


def _every(percent: np.ndarray) -> list[int]:
    """Return which points get a marker: about ten, evenly spread over the axis and not over the
    list.
    """
    wanted = np.linspace(percent[0], percent[-1], 11)
    return sorted({int(np.abs(percent - place).argmin()) for place in wanted})


def _chance(ax, chance: float | None) -> None:
    if chance is not None:
        ax.axhline(
            100 * chance,
            color="black",
            linestyle=(0, (6, 3)),
            linewidth=1,
            label="chance",
            zorder=0,
        )


def _ring(ax, x: float, y: float, colour: str) -> None:
    ax.plot(
        [x],
        [y],
        "o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=colour,
        markeredgewidth=2,
    )
