"""Pictures of channels: how much relevance each gets, and what is left of a score when their bins
are flipped.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import as_array

FLIPPED = {
    "all channels": ("#1A1A1A", "o", "-"),
    "active only": ("#0072B2", "^", "--"),
    "reactive only": ("#E69F00", "s", "-"),
    "control: random order": ("#56B4E9", "x", ":"),
    "control: by energy": ("#999933", "d", "-."),
    "control: random weights": ("#777777", "+", (0, (1, 1))),
}


@checked
def channel_relevance(
    ax: Axes, shares: np.ndarray, names: Sequence[str], matching: Sequence[int] = ()
):
    """Draw a bar for each channel's mean, a dot for its median, whiskers from the 5th to the 95th
    percentile.

    Parameters
    ----------
    ax : matplotlib Axes
    shares : array_like, shape (n_scenes, n_channels)
        Per cent of each scene's relevance.
    names : sequence of str
    matching : sequence of int
        Channels of the scenes' direction: dark, all others pale. Hatches are left to controls.

    Returns
    -------
    BarContainer

    Raises
    ------
    ParameterError
        If names and shares do not fit.

    Notes
    -----
    Figure 3 of Kiyan et al. (2022).
    """
    shares = as_array(shares)
    if shares.ndim != 2 or shares.shape[1] != len(names) or not len(shares):
        raise ParameterError(
            f"Shares must be (scenes, {len(names)}) for the channels {list(names)}, "
            f"got {shares.shape}."
        )
    places, low_high = np.arange(len(names)), np.percentile(shares, [5, 95], axis=0)
    colours = ["#0072B2" if channel in matching else "#C9DDEB" for channel in places]
    bars = ax.bar(places, shares.mean(0), 0.7, color=colours, edgecolor="#333333", linewidth=0.7)
    median = np.median(shares, axis=0)
    ax.errorbar(
        places,
        median,
        [median - low_high[0], low_high[1] - median],
        fmt="o",
        ms=4,
        color="#1A1A1A",
        capsize=3,
        elinewidth=1,
    )
    ax.set_xticks(places, labels=list(names))
    ax.set_ylabel("Share of relevance (%)")
    ax.grid(axis="y")
    return bars


@checked
def flipped_scores(
    ax: Axes,
    fractions: np.ndarray,
    scores: Mapping[str, Sequence],
    spread: Mapping[str, Sequence] | None = None,
):
    """Draw the score of the true class over the fraction of bins set to zero, a line each; return
    the lines.

    Parameters
    ----------
    ax : matplotlib Axes
    fractions : array_like, shape (n_fractions,)
        Of the bins, 0 to 1; drawn on a scale that gives small ones room.
    scores : mapping of a name in :data:`FLIPPED` to array_like, shape (n_fractions,)
    spread : mapping, optional
        Standard errors likewise, drawn as bands.

    Notes
    -----
    Figure 4 of Kiyan et al. (2022).
    """
    percent, lines = 100 * as_array(fractions), {}
    for name, score in scores.items():
        if name not in FLIPPED or len(score) != len(percent):
            raise ParameterError(
                f"A line of {len(percent)} scores under one of {list(FLIPPED)} is needed, "
                f"got {name!r} with {len(score)}."
            )
        colour, marker, line = FLIPPED[name]
        (lines[name],) = ax.plot(percent, score, color=colour, marker=marker, ls=line, label=name)
        if spread and name in spread:
            ax.fill_between(
                percent, score - spread[name], score + spread[name], color=colour, alpha=0.2, lw=0
            )
    ax.set_xscale("symlog", linthresh=1)
    ticks = [tick for tick in (0, 1, 3, 10, 30, 100) if tick <= percent.max()]
    ax.set_xticks(ticks, labels=[str(tick) for tick in ticks])
    ax.set(xlabel="Bins set to zero (%)", ylabel="Score of the true direction")
    ax.set_ylim(bottom=0)
    ax.grid(True)
    ax.figure.legend(loc="outside upper left", ncols=2, handlelength=2.6)
    return lines


__all__ = ["FLIPPED", "channel_relevance", "flipped_scores"]
