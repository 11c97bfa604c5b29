"""Pictures along frequency: spectra of a moment, filters of a layer, relevance and F-ratio by
band.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import SPECTROGRAM_CMAP, as_array, axis, method_label, method_style

_SHADES = ("#E4E9EC", "#F3E6D3")


@checked
def short_time_spectrum(
    ax: Axes,
    freqs_hz: np.ndarray,
    level_db: np.ndarray,
    envelope_db: np.ndarray | None = None,
    lp_db: np.ndarray | None = None,
    formants_hz: Sequence[float] = (),
):
    """Draw the spectrum of one window in dB, with its envelope, its LP spectrum and formants;
    return lines by name.

    Parameters
    ----------
    ax : matplotlib Axes
    freqs_hz, level_db : array_like, shape (n_freq,)
        In hertz, and in dB re the window's maximum or re 1; whichever, the same for all curves of a
        panel.
    envelope_db, lp_db : array_like, shape (n_freq,), optional
        Spectral envelope (for instance cepstral) and linear-prediction spectrum, at the same
        frequencies.
    formants_hz : sequence of float
        F1, F2, ... as dotted lines with their names; NaN is left out.

    Raises
    ------
    ParameterError
        If a curve does not have one value per frequency.

    Notes
    -----
    Figure 5 of Muckenhirn et al. (2019).
    """
    freqs_hz = as_array(freqs_hz)
    looks = {
        "spectrum": (level_db, {"color": "#8FA1AB", "linewidth": 1.0}),
        "envelope": (envelope_db, {"color": "#B35806", "linewidth": 1.6, "linestyle": "--"}),
        "LP": (lp_db, {"color": "#1A1A1A", "linewidth": 2.0}),
    }
    lines = {}
    for name, (values, look) in looks.items():
        if values is not None:
            (lines[name],) = ax.plot(
                freqs_hz, _checked(name, values, len(freqs_hz)), label=name, **look
            )
    for number, frequency_hz in enumerate(formants_hz, start=1):
        if np.isfinite(frequency_hz):
            _mark(ax, frequency_hz, f"F{number}")
    ax.margins(x=0)
    ax.set(xlabel="Frequency (Hz)", ylabel="Level (dB)")
    ax.legend(loc="upper right", handlelength=1.8)
    return lines


@checked
def filter_bank(ax: Axes, freqs_hz: np.ndarray, responses: np.ndarray):
    """Draw the magnitude responses of a layer's filters as a picture, sorted by their peaks; return
    the mesh.

    Parameters
    ----------
    ax : matplotlib Axes
    freqs_hz : array_like, shape (n_freq,)
        In hertz.
    responses : array_like, shape (n_filters, n_freq)
        Magnitudes; each filter is divided by its maximum, so that faint ones can be seen.

    Raises
    ------
    ParameterError
        If the shapes do not fit, or a filter is zero everywhere.
    """
    freqs_hz, responses = axis(freqs_hz, "Frequencies"), as_array(responses)
    if responses.ndim != 2 or not len(responses) or responses.shape[1] != len(freqs_hz):
        raise ParameterError(
            f"{responses.shape} is not (filters, frequencies) with {len(freqs_hz)} frequencies."
        )
    largest = responses.max(axis=1, keepdims=True)  # (n_filters, 1)
    if not (largest > 0).all():
        raise ParameterError(
            f"Filter {int(np.argmin(largest))} is zero everywhere; it has no response to draw."
        )
    order = np.argsort(responses.argmax(axis=1), kind="stable")
    number = np.arange(1, len(responses) + 1)
    mesh = ax.pcolormesh(
        number,
        freqs_hz,
        (responses / largest)[order].T,
        cmap=SPECTROGRAM_CMAP,
        vmin=0,
        vmax=1,
        shading="nearest",
        rasterized=True,
    )
    ax.set(xlabel="Filters, sorted by peak", ylabel="Frequency (Hz)")
    return mesh


@checked
def by_frequency(
    ax: Axes,
    freqs_hz: np.ndarray,
    curves: Mapping[str, Sequence],
    label: str = "Relevance (dB re mean)",
    bands: Mapping[str, tuple[float, float]] | None = None,
    spread: Mapping[str, Sequence] | None = None,
):
    """Draw curves over frequency for several networks, with bands shaded; return the lines by name.

    Parameters
    ----------
    ax : matplotlib Axes
    freqs_hz : array_like, shape (n_freq,)
        In hertz.
    curves : mapping of network or method to array_like, shape (n_freq,)
        For instance ``{"phone-cnn": ..., "speaker-cnn": ..., "random-weights": ...}``.
    label : str
        The vertical axis, with unit.
    bands : mapping of name to (low_hz, high_hz), optional
        Shaded, with their names at the top.
    spread : mapping of network to array_like, shape (n_freq,), optional
        Half-widths of a pale band around a curve, same unit; say in the caption what they are.

    Raises
    ------
    ParameterError
        If a curve does not have one value per frequency.
    UnknownNameError
        If no colour is declared for a name.

    Notes
    -----
    For the cumulative response of equation 1 and for spectral relevance (section 4.3) of Muckenhirn
    et al. (2019).
    """
    freqs_hz = as_array(freqs_hz)
    lines = {}
    for name, values in curves.items():
        values, look = _checked(name, values, len(freqs_hz)), method_style(name)
        shown = _every_eighth(len(freqs_hz), shift=len(lines))
        (lines[name],) = ax.plot(
            freqs_hz, values, label=method_label(name), markevery=shown, **look
        )
        if name in (spread or {}):
            half = _checked(name, spread[name], len(freqs_hz))
            ax.fill_between(
                freqs_hz, values - half, values + half, color=look["color"], alpha=0.2, lw=0
            )
    ax.set(xlabel="Frequency (Hz)", ylabel=label, xlim=(freqs_hz[0], freqs_hz[-1]))
    _shade(ax, bands or {})
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=2,
        handlelength=2.4,
        borderaxespad=0.1,
        columnspacing=1,
    )
    ax.set_title(ax.get_title(loc="left"), pad=8 + 17 * -(-len(curves) // 2))
    return lines


@checked
def f_ratio(
    ax: Axes,
    edges_hz: np.ndarray,
    ratios: np.ndarray,
    shuffled: float | None = None,
    bands: Mapping[str, tuple[float, float]] | None = None,
):
    """Draw the F-ratio of sub-bands as steps over frequency; return the steps.

    Parameters
    ----------
    ax : matplotlib Axes
    edges_hz : array_like, shape (n_bands + 1,)
        Edges of the sub-bands in hertz.
    ratios : array_like, shape (n_bands,)
        Variance between speakers over variance within.
    shuffled : float, optional
        The F-ratio when speakers are shuffled, dashed: what chance gives.
    bands : mapping of name to (low_hz, high_hz), optional
        Shaded as in :func:`by_frequency`.

    Raises
    ------
    ParameterError
        If there is not one more edge than ratios.
    """
    edges_hz, ratios = axis(edges_hz, "Edges"), axis(ratios, "F-ratios")
    if len(edges_hz) != len(ratios) + 1:
        raise ParameterError(
            f"{len(ratios)} sub-bands have {len(ratios) + 1} edges, got {len(edges_hz)}."
        )
    steps = ax.stairs(
        ratios, edges_hz, fill=True, facecolor="#B7C4CB", edgecolor="#37474F", linewidth=1.2
    )
    ax.set(xlabel="Frequency (Hz)", ylabel="F-ratio (1)", xlim=(edges_hz[0], edges_hz[-1]))
    ax.set_ylim(0, 1.25 * max(np.max(ratios), shuffled or 0))
    if shuffled is not None:
        ax.axhline(shuffled, color="black", linestyle=(0, (6, 3)), linewidth=1)
        ax.annotate(
            "speakers shuffled",
            (edges_hz[-1], shuffled),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9.5,
        )
    _shade(ax, bands or {})
    return steps


def _checked(name: str, values, length: int) -> np.ndarray:
    values = as_array(values)
    if values.shape != (length,):
        raise ParameterError(
            f"The curve of {name} has shape {values.shape}; {length} frequencies need one value "
            "each."
        )
    return values


def _every_eighth(length: int, shift: int) -> list[int]:
    """Return which points get a marker: about eight, and others for the next curve so that none
    hides another.
    """
    step = max(1, length // 8)
    return list(range((1 + shift) * step // 4 % step, length, step))


def _mark(ax, frequency_hz: float, name: str) -> None:
    ax.axvline(frequency_hz, color="#555555", linestyle=":", linewidth=1.2, zorder=0)
    ax.annotate(
        name,
        (frequency_hz, 1),
        xycoords=ax.get_xaxis_transform(),
        xytext=(2, -1),
        textcoords="offset points",
        va="top",
        fontsize=10,
        color="#333333",
    )


def _shade(ax, bands: Mapping[str, tuple[float, float]]) -> None:
    for number, (name, (low_hz, high_hz)) in enumerate(bands.items()):
        ax.axvspan(low_hz, high_hz, color=_SHADES[number % 2], lw=0, zorder=-1)
        ax.annotate(
            name,
            ((low_hz + high_hz) / 2, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=9.5,
        )
