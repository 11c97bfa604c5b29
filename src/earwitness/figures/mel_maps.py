"""Pictures of speech quality: mel spectrograms, what was done to them and when, estimates beside
labels.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.described import remember
from earwitness.figures.style import (
    RELEVANCE_CMAP,
    SPECTROGRAM_CMAP,
    as_array,
    checked_limit,
    symmetric,
)

# a marker and a colour for each kind of condition; Okabe and Ito's colours, each with two markers
_KINDS = {
    "clean": ("#1A1A1A", "*"),
    "level": ("#1A1A1A", "o"),
    "white noise": ("#D55E00", "o"),
    "babble": ("#D55E00", "s"),
    "mnru": ("#D55E00", "^"),
    "band-pass": ("#0072B2", "o"),
    "codec": ("#0072B2", "s"),
    "clipping": ("#CC79A7", "o"),
    "reverberation": ("#CC79A7", "s"),
    "interruption": ("#009E73", "o"),
    "packet loss": ("#009E73", "s"),
    "concealed loss": ("#009E73", "^"),
    "combination": ("#E69F00", "D"),
}
_TILE_TICKS_HZ = (500, 2000, 8000)
_TICKS_HZ = (500, 1000, 2000, 4000, 8000, 16000)
ESTIMATE, LABEL = "#D55E00", "#0072B2"


@checked
def mel_spectrogram(
    ax: Axes,
    level_db: np.ndarray,
    centres_hz: np.ndarray,
    hop_s: float = 0.01,
    floor_db: float | None = None,
):
    """Draw a mel spectrogram, its bands at equal heights, and return the image.

    Parameters
    ----------
    ax : matplotlib Axes
    level_db : array_like, shape (n_mels, n_frames)
    centres_hz : array_like, shape (n_mels,)
        Centre frequencies of the bands.
    hop_s : float
        Seconds from frame to frame; frame i is centred on ``i * hop_s``.
    floor_db : float, optional
        Lower end of the scale; default: the smallest value.
    """
    return _image(ax, as_array(level_db), centres_hz, hop_s, cmap=SPECTROGRAM_CMAP, vmin=floor_db)


@checked
def mel_relevance(
    ax: Axes,
    relevance: np.ndarray,
    centres_hz: np.ndarray,
    hop_s: float = 0.01,
    limit: float | None = None,
):
    """Draw relevance over the bands and frames of a mel spectrogram, red for, blue against; return
    the image.

    Parameters
    ----------
    ax : matplotlib Axes
    relevance : array_like, shape (n_mels, n_frames)
        In units of the explained output; for occlusion the change of the estimate in MOS.
    centres_hz : array_like, shape (n_mels,)
    hop_s : float
    limit : float, optional
        End of the symmetric scale; share it between panels that are compared.
    """
    relevance = as_array(relevance)
    scale = symmetric(checked_limit(relevance, limit))
    image = _image(ax, relevance, centres_hz, hop_s, cmap=RELEVANCE_CMAP, norm=scale)
    return remember(image, relevance, np.arange(relevance.shape[1]) * hop_s, centres_hz)


def _image(ax, values, centres_hz, hop_s, **options):
    centres_hz = as_array(centres_hz)
    if values.ndim != 2 or len(values) != len(centres_hz):
        raise ParameterError(
            f"{values.shape} is not (mel band, time) with {len(centres_hz)} bands."
        )
    n_bands, n_frames = values.shape
    image = ax.imshow(
        values,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-hop_s / 2, (n_frames - 0.5) * hop_s, -0.5, n_bands - 0.5),
        **options,
    )
    shown = [hz for hz in _TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1] * 1.1]
    ax.set_yticks(
        np.interp(shown, centres_hz, np.arange(n_bands)), labels=[f"{hz:,}" for hz in shown]
    )
    ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
    ax.grid(visible=False)
    return image


@checked
def disturbed(ax: Axes, intervals_s: Sequence, label: str = "disturbed", colour: str = "#D55E00"):
    """Draw a bar above the axes wherever something was disturbed, and return it.

    Parameters
    ----------
    ax : matplotlib Axes
        With time in seconds from left to right.
    intervals_s : sequence of (float, float)
        As :attr:`earwitness.corpora.transmission.Truth.intervals_s`.
    label : str
        Written above the right end of the axes.
    colour : str
    """
    spans = [(start, end - start) for start, end in intervals_s]
    bars = ax.broken_barh(
        spans, (1.02, 0.05), transform=ax.get_xaxis_transform(), color=colour, clip_on=False
    )
    ax.annotate(
        label,
        (1.0, 1.09),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize=8,
        color=colour,
    )
    return bars


@checked
def by_condition(ax: Axes, table: pd.DataFrame, estimate: str = "estimate", label: str = "pesq"):
    """Draw estimate and label of each condition, joined by a line, a row per condition; return the
    points.

    Parameters
    ----------
    ax : matplotlib Axes
    table : DataFrame
        A row per condition, in the order to draw: columns ``condition``, ``kind`` and the two
        named.
    estimate, label : str
        Columns with the values.
    """
    rows = np.arange(len(table))[::-1]
    ax.hlines(
        rows,
        table[[estimate, label]].min(axis=1),
        table[[estimate, label]].max(axis=1),
        color="#BBBBBB",
        lw=1.5,
    )
    points = ax.scatter(
        table[estimate], rows, color=ESTIMATE, s=18, zorder=3, label="estimate of the network"
    )
    ax.scatter(table[label], rows, color=LABEL, marker="|", s=45, lw=1.8, zorder=3, label="PESQ")
    ax.set_yticks(rows, labels=table["condition"], fontsize=7.5)
    changes = np.flatnonzero(table["kind"].to_numpy()[1:] != table["kind"].to_numpy()[:-1])
    ax.hlines(rows[changes] - 0.5, *ax.get_xlim(), color="#DDDDDD", lw=0.6, zorder=0)
    ax.set(ylim=(-0.7, len(table) - 0.3), xlabel="Quality (1 bad, 5 excellent)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return points


@checked
def agreement(
    ax: Axes,
    table: pd.DataFrame,
    estimate: str = "estimate",
    label: str = "pesq",
    legend: bool = True,
    diagonal: bool = True,
):
    """Draw estimates over labels, a point per row, marker and colour by kind of condition; return
    the points.

    Parameters
    ----------
    ax : matplotlib Axes
    table : DataFrame
        Columns ``kind`` and the two named.
    estimate, label : str
    legend : bool
        Name the kinds below the axes.
    diagonal : bool
        Draw where both are equal, which sets the scale.
    """
    if diagonal:
        ax.plot([1, 5], [1, 5], color="#BBBBBB", lw=1, zorder=0)
    points = []
    for kind, group in table.groupby("kind", sort=False):
        colour, marker = _KINDS.get(kind, ("#777777", "x"))
        points.append(
            ax.scatter(
                group[label],
                group[estimate],
                s=16,
                color=colour,
                marker=marker,
                alpha=0.75,
                linewidths=0,
                label=kind,
            )
        )
    ax.set(xlabel="PESQ", ylabel="Estimate of the network")
    if legend:
        ax.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.22),
            ncols=3,
            frameon=False,
            fontsize=8,
            handletextpad=0.2,
            columnspacing=1.0,
        )
    return points


@checked
def effect_by_quality(
    ax: Axes,
    quality: np.ndarray,
    change: np.ndarray,
    label: str,
    colour: str = ESTIMATE,
    marker: str = "o",
):
    """Draw the mean change by masking over the estimate of the whole clip, a point per clip; return
    the points.
    """
    ax.axhline(0, color="#777777", lw=0.8, zorder=0)
    points = ax.scatter(
        quality, change, s=14, color=colour, marker=marker, alpha=0.7, linewidths=0, label=label
    )
    ax.set(xlabel="Estimate of the whole clip", ylabel="Mean change by masking")
    return points


@checked
def tiles(
    axes: Sequence,
    maps: np.ndarray,
    limit: float | None = None,
    colours: str | None = None,
    centres_hz: np.ndarray | None = None,
    hop_s: float = 0.01,
):
    """Draw small maps of segments, one on each axes and on one scale; return the images.

    Only the first has ticks, if the bands are given: it shows how far all of them reach in time and
    frequency.

    Parameters
    ----------
    axes : array of matplotlib Axes, shape (n,)
    maps : array_like, shape (n, n_bands, n_frames)
        Relevance (red for, blue against), or levels in dB if ``colours`` names a colour map.
    limit : float, optional
        End of the symmetric scale of relevance; default: the largest magnitude. Maps that are zero
        stay white.
    colours : str, optional
    centres_hz : array_like, shape (n_bands,), optional
        Centre frequencies of the bands.
    hop_s : float
        Seconds from frame to frame.
    """
    maps = as_array(maps)
    if len(maps) != len(axes):
        raise ParameterError(f"{len(maps)} maps do not fit {len(axes)} axes.")
    look = (
        {"cmap": colours, "vmin": maps.min(), "vmax": maps.max()}
        if colours
        else {"cmap": RELEVANCE_CMAP, "norm": symmetric(checked_limit(maps, limit))}
    )
    images = []
    for ax, values in zip(axes, maps, strict=True):
        image = ax.imshow(values, origin="lower", aspect="auto", interpolation="nearest", **look)
        if not colours:
            remember(image, values, hop_s * np.arange(values.shape[-1]))
        images.append(image)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    if centres_hz is not None:
        _label_tile(axes[0], maps[0], as_array(centres_hz), hop_s)
    return images


def _label_tile(ax, values, centres_hz, hop_s: float) -> None:
    """Give a small map its own frequencies in Hz and the seconds from its first frame to its
    last.
    """
    n_bands, n_frames = values.shape
    if len(centres_hz) != n_bands:
        raise ParameterError(
            f"Maps of {n_bands} bands have no {len(centres_hz)} centre frequencies."
        )
    shown = [hz for hz in _TILE_TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1] * 1.1]
    ax.set_yticks(
        np.interp(shown, centres_hz, np.arange(n_bands)), labels=[f"{hz:,} Hz" for hz in shown]
    )
    ax.set_xticks([0, n_frames - 1], labels=["0", f"{(n_frames - 1) * hop_s:.2f} s"])
    ax.tick_params(labelsize=6.5, length=2, pad=1)


@checked
def correlation_matrix(
    ax: Axes, correlations: np.ndarray, groups: Sequence | None = None, label: str = "Feature"
):
    """Draw the correlations of units, those of a group side by side; return the image.

    Parameters
    ----------
    ax : matplotlib Axes
    correlations : array_like, shape (n_units, n_units)
    groups : array_like of int, shape (n_units,), optional
        Units are sorted by it, and groups of several are framed.
    label : str
    """
    correlations = as_array(correlations)
    groups = np.arange(len(correlations)) if groups is None else as_array(groups)
    order = np.argsort(groups, kind="stable")
    image = ax.imshow(correlations[np.ix_(order, order)], cmap=RELEVANCE_CMAP, norm=symmetric(1.0))
    for group in np.unique(groups):
        places = np.flatnonzero(groups[order] == group)
        if len(places) > 1:
            ax.add_patch(
                Rectangle(
                    (places[0] - 0.5, places[0] - 0.5), len(places), len(places), fill=False, lw=1.8
                )
            )
    if len(order) <= 40:
        ax.set_xticks(range(len(order)), labels=order, fontsize=7.5, rotation=90)
        ax.set_yticks(range(len(order)), labels=order, fontsize=7.5)
    ax.set(xlabel=label, ylabel=label)
    ax.grid(visible=False)
    return image
