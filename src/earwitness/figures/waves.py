"""Pictures along time alone: waveforms, and what each of their samples is worth."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.described import remember
from earwitness.figures.style import (
    RELEVANCE_CMAP,
    as_array,
    checked_limit,
    relevance_limit,
    symmetric,
)

_INK = "#37474F"


@checked
def waveform(
    ax: Axes,
    samples: np.ndarray,
    sample_rate: int,
    start_s: float = 0.0,
    colour: str = _INK,
    label: str = "Amplitude",
):
    """Draw samples (T,) against time in seconds and return the line; ``start_s`` is the time of the
    first.
    """
    (line,) = ax.plot(
        _times_s(samples, sample_rate, start_s), as_array(samples), color=colour, linewidth=0.6
    )
    ax.margins(x=0)
    ax.set(xlabel="Time (s)", ylabel=label)
    return line


@checked
def relevance_signal(
    ax: Axes,
    relevance: np.ndarray,
    sample_rate: int,
    limit: float | None = None,
    start_s: float = 0.0,
):
    """Draw relevance (T,) as a bar from zero at each sample, red upwards and blue downwards; return
    the bars.

    Raises
    ------
    ParameterError
        If relevance is zero everywhere, or the limit is not positive.

    Notes
    -----
    Figure 2b of Becker et al. (2018). The direction of a bar repeats what its colour says.
    """
    relevance = as_array(relevance)
    limit = checked_limit(relevance, limit)
    times_s = _times_s(relevance, sample_rate, start_s)
    red, blue = colormaps[RELEVANCE_CMAP](0.95), colormaps[RELEVANCE_CMAP](0.05)
    used = relevance != 0
    bars = ax.vlines(
        times_s[used],
        0,
        relevance[used],
        colors=np.where(relevance[used, None] > 0, red, blue),
        lw=0.8,
    )
    ax.axhline(0, color="#777777", linewidth=0.6)
    ax.set(
        xlabel="Time (s)", ylabel="Relevance", ylim=(-limit, limit), xlim=(times_s[0], times_s[-1])
    )
    ax.set_yticks([-limit, 0, limit], labels=[f"−{limit:.2g}", "0", f"+{limit:.2g}"])
    return remember(bars, relevance, times_s)


@checked
def coloured_waveform(
    ax: Axes,
    samples: np.ndarray,
    relevance: np.ndarray,
    sample_rate: int,
    start_s: float = 0.0,
    stop_s: float | None = None,
    limit: float | None = None,
):
    """Draw a stretch of a waveform with each sample coloured by its relevance; return the dots.

    Parameters
    ----------
    ax : matplotlib Axes
    samples, relevance : array_like, shape (T,)
    sample_rate : int
        Hz.
    start_s, stop_s : float
        The stretch in seconds from the first sample; 50 ms show single samples.
    limit : float, optional
        End of the symmetric scale; default from all of ``relevance``, not only the stretch.

    Raises
    ------
    ParameterError
        If shapes differ, the stretch is empty, relevance is zero everywhere, or the limit is not
        positive.

    Notes
    -----
    Figure 2c of Becker et al. (2018). The size of a dot repeats the strength of its colour.
    """
    samples, relevance = as_array(samples), as_array(relevance)
    if samples.shape != relevance.shape:
        raise ParameterError(
            f"Samples {samples.shape} and relevance {relevance.shape} differ in shape."
        )
    scale = symmetric(checked_limit(relevance, limit))
    times_s = _times_s(samples, sample_rate, 0.0)
    inside = (times_s >= start_s) & (times_s < (np.inf if stop_s is None else stop_s))
    if inside.sum() < 2:
        length_s = len(samples) / sample_rate
        raise ParameterError(
            f"No two samples lie between {start_s} s and {stop_s} s of {length_s} s."
        )
    times_s, samples, relevance = times_s[inside], samples[inside], relevance[inside]
    ax.plot(times_s, samples, color="#9E9E9E", linewidth=0.8, zorder=1)
    strength = np.clip(np.abs(relevance) / scale.vmax, 0, 1)
    dots = ax.scatter(
        times_s,
        samples,
        c=relevance,
        cmap=RELEVANCE_CMAP,
        norm=scale,
        s=7 + 45 * strength,
        zorder=2,
        edgecolors="#555555",
        linewidths=0.35,
    )
    ax.margins(x=0.01)
    ax.set(xlabel="Time (s)", ylabel="Amplitude")
    return remember(dots, relevance, times_s)


@checked
def relevance_on_waveform(
    ax: Axes,
    samples: np.ndarray,
    relevance: np.ndarray,
    sample_rate: int,
    limit: float | None = None,
):
    """Draw a whole waveform in grey, and over it a line for each sample that matters, red for and
    blue against.

    Parameters
    ----------
    ax : matplotlib Axes
    samples, relevance : array_like, shape (T,)
    sample_rate : int
        Hz.
    limit : float, optional
        End of the symmetric scale; default the 99th percentile of the magnitude. Below a twentieth
        of it nothing is drawn over the grey.

    Returns
    -------
    LineCollection

    Raises
    ------
    ParameterError
        If shapes differ, relevance is zero everywhere, or the limit is not positive.

    Notes
    -----
    The visual explanation of Becker et al. (2024). For single samples see
    :func:`coloured_waveform`.
    """
    samples, relevance = as_array(samples), as_array(relevance)
    if samples.shape != relevance.shape:
        raise ParameterError(
            f"Samples {samples.shape} and relevance {relevance.shape} differ in shape."
        )
    scale = symmetric(
        checked_limit(
            relevance, relevance_limit(relevance, quantile=0.99) if limit is None else limit
        )
    )
    waveform(ax, samples, sample_rate, colour="#B0B0B0")
    matters = np.abs(relevance) >= 0.05 * scale.vmax
    colours = colormaps[RELEVANCE_CMAP](scale(np.clip(relevance[matters], scale.vmin, scale.vmax)))
    times_s = _times_s(samples, sample_rate, 0.0)
    lines = ax.vlines(times_s[matters], 0, samples[matters], colors=colours, lw=1.2)
    return remember(lines, relevance, times_s)


def _times_s(samples, sample_rate: int, start_s: float) -> np.ndarray:
    if np.ndim(samples) != 1:
        raise ParameterError(f"What is drawn along time is (T,), got {np.shape(samples)}.")
    return start_s + np.arange(len(samples)) / sample_rate
