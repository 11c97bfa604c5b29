"""Pictures of the voice's pitch: how a segment repeats, and how F0 moves through an utterance."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import as_array, known_looks, method_label, method_style


@checked
def autocorrelations(
    ax: Axes, lags_s: np.ndarray, curves: Mapping[str, Sequence], period_s: float | None = None
):
    """Draw autocorrelations of short segments against the lag, with the pitch period marked; return
    lines by name.

    Parameters
    ----------
    ax : matplotlib Axes
    lags_s : array_like, shape (n_lags,)
        In seconds, from 0.
    curves : mapping of name to array_like, shape (n_lags,)
        Normalised to 1 at lag 0 (``features.autocorrelation``). Names of methods and networks get
        their colours; ``"original"`` is the waveform.
    period_s : float, optional
        The pitch period in seconds, dashed.

    Raises
    ------
    ParameterError
        If a curve does not have one value per lag.

    Notes
    -----
    Figure 3c of Muckenhirn et al. (2019).
    """
    lags_s = as_array(lags_s)
    lines = {}
    for number, (name, values) in enumerate(curves.items()):
        values = _as_long(name, values, len(lags_s), "lag")
        (lines[name],) = ax.plot(lags_s, values, label=method_label(name), **_line(name, number))
    ax.axhline(0, color="#777777", linewidth=0.6, zorder=0)
    if period_s is not None:
        ax.axvline(
            period_s,
            color="#1A1A1A",
            linestyle=(0, (6, 3)),
            linewidth=1,
            zorder=0,
            label=f"pitch period, {1000 * period_s:.1f} ms",
        )
    ax.margins(x=0)
    ax.set(xlabel="Lag (s)", ylabel="Autocorrelation (1)", ylim=(-1.05, 1.05))
    ax.locator_params(axis="x", nbins=5)
    _legend_above(ax, rows=-(-(len(curves) + (period_s is not None)) // 2))
    return lines


@checked
def f0_contours(ax: Axes, contours: Mapping[str, tuple[Sequence, Sequence]], start_s: float = 0.0):
    """Draw F0 against time for several signals; return the lines by name.

    Parameters
    ----------
    ax : matplotlib Axes
    contours : mapping of name to (times_s, f0_hz)
        As ``features.f0`` returns them, NaN where unvoiced: there the line is broken. Names of
        methods and networks get their colours; ``"original"`` is the waveform, drawn broad and pale
        so that the others can lie on it.
    start_s : float
        Added to the times.

    Raises
    ------
    ParameterError
        If a contour has not one F0 per time, or none of them has a voiced frame.

    Notes
    -----
    Figures 4 and 6 of Muckenhirn et al. (2019).
    """
    lines, voiced = {}, []
    for number, (name, (times_s, f0_hz)) in enumerate(contours.items()):
        f0_hz = _as_long(name, f0_hz, len(times_s), "time")
        look = _line(name, number) | (
            {"linewidth": 5, "alpha": 0.3} if name == "original" else {"markersize": 4}
        )
        marker = None if name == "original" else look.pop("marker", None)
        (lines[name],) = ax.plot(
            start_s + as_array(times_s), f0_hz, label=method_label(name), marker=marker, **look
        )
        voiced.append(f0_hz[np.isfinite(f0_hz)])
    f0 = np.concatenate(voiced) if voiced else np.zeros(0)
    if not f0.size:
        raise ParameterError("None of the contours has a voiced frame; there is no F0 to draw.")
    ax.set(xlabel="Time (s)", ylabel="F0 (Hz)", ylim=(max(0, 0.85 * f0.min()), 1.1 * f0.max()))
    ax.grid(axis="y")
    _legend_above(ax, rows=-(-len(contours) // 2))
    return lines


def _as_long(name: str, values, length: int, of_what: str) -> np.ndarray:
    values = as_array(values)
    if values.shape != (length,):
        raise ParameterError(
            f"{name} has shape {values.shape}; one value per {of_what} is needed, {length} in all."
        )
    return values


def _line(name: str, number: int) -> dict:
    """Return the look of a named signal; without a marker on dense curves, so the line style
    repeats the colour.
    """
    if name in known_looks():
        return {key: value for key, value in method_style(name).items() if key != "marker"}
    return {"color": f"C{number % 6}", "linestyle": ("-", "--", "-.", ":")[number % 4]}


def _legend_above(ax, rows: int) -> None:
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=2,
        handlelength=2.2,
        borderaxespad=0.1,
        columnspacing=1,
    )
    ax.set_title(ax.get_title(loc="left"), pad=8 + 17 * rows)
