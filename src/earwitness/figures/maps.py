"""Pictures over time and frequency: spectrograms, relevance maps, and one laid over the other."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.described import remember
from earwitness.figures.style import (
    LEVEL_CMAP,
    RELEVANCE_CMAP,
    SPECTROGRAM_CMAP,
    as_array,
    axis,
    checked_limit,
    relevance_limit,
    symmetric,
)

# The paper under the relevance: silence white, loud parts a middle grey that leaves red and blue
# their strength.
_PALE = LinearSegmentedColormap.from_list("pale", colormaps["Greys"](np.linspace(0, 0.8, 256)))


@checked
def spectrogram(
    ax: Axes,
    level_db: np.ndarray,
    times_s: np.ndarray,
    freqs_hz: np.ndarray,
    floor_db: float = -80.0,
    cmap=SPECTROGRAM_CMAP,
):
    """Draw a spectrogram and return the mesh.

    Parameters
    ----------
    ax : matplotlib Axes
    level_db : array_like, shape (freq, time)
        dB relative to the clip's maximum.
    times_s, freqs_hz : array_like, shapes (time,), (freq,)
        Centres of the cells in seconds and hertz.
    floor_db : float
        Lower end of the scale.
    """
    return _mesh(ax, as_array(level_db), times_s, freqs_hz, cmap=cmap, vmin=floor_db, vmax=0)


@checked
def relevance_map(
    ax: Axes,
    relevance: np.ndarray,
    times_s: np.ndarray,
    freqs_hz: np.ndarray,
    limit: float | None = None,
):
    """Draw relevance over time and frequency and return the mesh.

    Parameters
    ----------
    ax : matplotlib Axes
    relevance : array_like, shape (freq, time)
        In units of the explained output.
    times_s, freqs_hz : array_like, shapes (time,), (freq,)
        Centres of the cells in seconds and hertz.
    limit : float, optional
        End of the symmetric scale; share it between panels that are compared
        (:func:`relevance_limit`).

    Raises
    ------
    ParameterError
        If relevance is zero everywhere, or the limit is not positive.
    """
    relevance = as_array(relevance)
    scale = symmetric(checked_limit(relevance, limit))
    mesh = _mesh(ax, relevance, times_s, freqs_hz, cmap=RELEVANCE_CMAP, norm=scale)
    return remember(mesh, relevance, times_s, freqs_hz)


@checked
def relevance_on_spectrogram(
    ax: Axes,
    relevance: np.ndarray,
    level_db: np.ndarray,
    times_s: np.ndarray,
    freqs_hz: np.ndarray,
    limit: float | None = None,
    floor_db: float = -65.0,
):
    """Draw a pale spectrogram with relevance over it, the more opaque the larger, and return its
    mesh.

    Parameters
    ----------
    ax : matplotlib Axes
    relevance, level_db : array_like, shape (freq, time)
        Relevance in units of the explained output; level in dB relative to the clip's maximum.
    times_s, freqs_hz : array_like, shapes (time,), (freq,)
        Centres of the cells in seconds and hertz.
    limit : float, optional
        End of the symmetric scale, as in :func:`relevance_map`.
    floor_db : float
        What is drawn white; higher than in :func:`spectrogram`, so that the harmonics stand out.

    Raises
    ------
    ParameterError
        If the shapes differ, relevance is zero everywhere, or the limit is not positive.

    Notes
    -----
    As Figure 1 of Becker et al. (2018). Relevance near zero leaves the spectrogram as it is.
    """
    relevance, level_db = as_array(relevance), as_array(level_db)
    if relevance.shape != level_db.shape:
        raise ParameterError(
            f"Relevance {relevance.shape} and spectrogram {level_db.shape} differ in shape."
        )
    scale = symmetric(checked_limit(relevance, limit))
    spectrogram(ax, level_db, times_s, freqs_hz, floor_db, cmap=_PALE)
    opacity = (
        np.clip(np.abs(relevance) / scale.vmax, 0, 1) ** 0.6
    )  # a tenth of the limit gets a quarter
    mesh = _mesh(ax, relevance, times_s, freqs_hz, cmap=RELEVANCE_CMAP, norm=scale, alpha=opacity)
    return remember(mesh, relevance, times_s, freqs_hz)


@checked
def spectral_relevance(
    ax: Axes,
    relevance: np.ndarray,
    times_s: np.ndarray,
    freqs_hz: np.ndarray,
    floor_db: float = -40.0,
):
    """Draw how strongly each frequency matters at each moment, in dB, and return the mesh.

    Parameters
    ----------
    ax : matplotlib Axes
    relevance : array_like, shape (freq, time)
        Short-time spectral relevance, complex or its magnitude: it has a strength and no sign.
    times_s, freqs_hz : array_like, shapes (time,), (freq,)
        Centres of the cells in seconds and hertz.
    floor_db : float
        Lower end of the scale, relative to the largest magnitude.

    Raises
    ------
    ParameterError
        If relevance is zero everywhere or not finite.

    Notes
    -----
    Muckenhirn et al. (2019), equation 4 for each window. :func:`spectrogram_bar` gives it a colour
    bar.
    """
    magnitude = np.abs(as_array(relevance))
    tiny = 1e-12 * relevance_limit(magnitude)
    level_db = 20 * np.log10(np.maximum(magnitude, tiny) / magnitude.max())
    return _mesh(ax, level_db, times_s, freqs_hz, cmap=LEVEL_CMAP, vmin=floor_db, vmax=0)


@checked
def phones(
    ax: Axes,
    table: pd.DataFrame,
    column: str = "phone",
    start_s: float = 0.0,
    stop_s: float = np.inf,
):
    """Draw the boundaries of phones as thin lines, with the phones written above the axes; return
    the lines.

    Parameters
    ----------
    ax : matplotlib Axes
        With time in seconds from left to right.
    table : DataFrame
        ``start_s``, ``end_s`` and the labels; as ``corpus.phones(i)`` returns it.
    column : str
        The labels' column: ``"phone"`` as labelled, ``"phone_39"`` folded.
    start_s, stop_s : float
        Only phones that begin in this stretch. Where labels would touch, they stand in up to four
        rows by turns.

    Raises
    ------
    ParameterError
        If no phone begins in the stretch.
    """
    rows = table[(table["start_s"] >= start_s) & (table["start_s"] < stop_s)]
    if rows.empty:
        raise ParameterError(f"No phone begins between {start_s} s and {stop_s} s.")
    edges_s = np.unique([*rows["start_s"], *rows["end_s"]])
    lines = ax.vlines(edges_s, 0, 1, transform=ax.get_xaxis_transform(), colors="#1A1A1A", lw=0.7)
    lines.set_path_effects(
        [withStroke(linewidth=2.0, foreground="white", alpha=0.6)]
    )  # to be seen on dark and pale
    n_rows = _rows_of_labels(ax, rows["end_s"] - rows["start_s"])
    for number, (start, end, label) in enumerate(
        zip(rows["start_s"], rows["end_s"], rows[column], strict=True)
    ):
        ax.annotate(
            label,
            ((start + end) / 2, 1),
            xycoords=ax.get_xaxis_transform(),
            ha="center",
            fontsize=9,
            xytext=(0, 2 + 10 * (number % n_rows)),
            textcoords="offset points",
            annotation_clip=False,
        )
    ax.set_title(ax.get_title(loc="left"), pad=8 + 10 * n_rows)
    return lines


def _rows_of_labels(ax, durations_s) -> int:
    """Return how many rows give each label about a quarter of an inch, judged by the shorter
    phones.
    """
    width_in = ax.figure.get_size_inches()[0] * ax.get_position().width
    one_in = width_in * np.quantile(durations_s, 0.25) / np.ptp(ax.get_xlim())
    return int(np.clip(np.ceil(0.25 / one_in), 1, 4))


@checked
def relevance_bar(
    mappable, ax: Axes | Sequence, label: str = "Relevance", clipped: bool = False, **options
):
    """Add a colour bar whose ends print the limit, and return it.

    Parameters
    ----------
    mappable
        What a relevance function returned.
    ax : matplotlib Axes or list of them
        The panels that share the scale.
    label : str
        With the explained output, for instance ``"Relevance for 'zero' (logit)"``.
    clipped : bool
        Arrows at both ends: larger values are drawn as the limit.
    """
    limit = mappable.norm.vmax
    figure = np.ravel(ax)[0].figure
    bar = figure.colorbar(
        mappable, ax=ax, extend="both" if clipped else "neither", aspect=30, pad=0.02, **options
    )
    bar.set_ticks([-limit, 0, limit], labels=[f"−{limit:.2g}", "0", f"+{limit:.2g}"])
    bar.set_label(label)
    bar.outline.set_linewidth(0.6)
    return bar


@checked
def spectrogram_bar(mappable, ax: Axes | Sequence, label: str = "Level (dB re maximum)", **options):
    """Add the colour bar of a spectrogram, and return it."""
    bar = np.ravel(ax)[0].figure.colorbar(mappable, ax=ax, aspect=30, pad=0.02, **options)
    bar.set_label(label)
    bar.outline.set_linewidth(0.6)
    return bar


def _mesh(ax, values: np.ndarray, times_s, freqs_hz, **options):
    times_s, freqs_hz = axis(times_s, "Times"), axis(freqs_hz, "Frequencies")
    if values.shape != (len(freqs_hz), len(times_s)):
        raise ParameterError(
            f"{values.shape} is not (freq, time) = ({len(freqs_hz)}, {len(times_s)})."
        )
    mesh = ax.pcolormesh(times_s, freqs_hz, values, shading="nearest", rasterized=True, **options)
    ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
    return mesh
