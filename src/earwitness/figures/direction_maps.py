"""Pictures of directions: rooms, harmonics, the sphere seen from inside, errors under
conditions.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from earwitness.acoustics import sphere
from earwitness.acoustics.rooms import Room, image_sources
from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.figures.style import as_array, panels

# Colour, marker and line of what locates: networks by their input, the formula, and two floors.
LOCATORS = {
    "intensity": ("#0072B2", "o", "-"),
    "order1": ("#E69F00", "^", "--"),
    "order2": ("#009E73", "s", "-"),
    "pseudo-intensity": ("#CC79A7", "D", "-."),
    "random-weights": ("#777777", "x", ":"),
}
LOCATOR_NAMES = {
    "intensity": "network, intensity",
    "order1": "network, order 1",
    "order2": "network, order 2",
    "pseudo-intensity": "pseudo-intensity vector",
    "random-weights": "network, random weights",
}
_ERRORS = colormaps["viridis_r"]
SIGN_CMAP = "PuOr_r"  # orange and violet: signs of a field; red and blue are kept for relevance


@checked
def room(ax: Axes, place: Room, reach_m: float = 0.0):
    """Draw a room with its array and source in three dimensions; return the lines of its edges.

    Parameters
    ----------
    ax : matplotlib Axes3D
    place : Room
    reach_m : float
        Image sources so near to the array are drawn too, pale, with the walls' mirror images left
        out.
    """
    size = np.array(place.size_m)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    edges = [
        (a, b) for a in corners for b in corners if (b - a).sum() == 1 and np.abs(b - a).sum() == 1
    ]
    lines = [
        ax.plot(*np.stack([a * size, b * size]).T, color="#999999", lw=0.9)[0] for a, b in edges
    ]
    if reach_m:
        position, count = image_sources(place, reach_m)
        position = position[count > 0] + place.receiver_m
        ax.scatter(
            *position.T, s=9, color="#E69F00", alpha=0.45, label="image source", depthshade=False
        )
    array, source = np.array(place.receiver_m), np.array(place.source_m)
    ax.plot(*np.stack([array, source]).T, color="#333333", lw=1.4)
    for point, name, colour, marker in [
        (array, "array", "#0072B2", "o"),
        (source, "source", "#D55E00", "^"),
    ]:
        ax.plot(*np.stack([point, point * [1, 1, 0]]).T, color=colour, lw=0.8, ls=":")
        ax.scatter(*point, s=55, color=colour, marker=marker, label=name, depthshade=False)
    ax.set(xlabel="x (m)", ylabel="y (m)", zlabel="z (m)")
    ax.set_box_aspect(
        [np.ptp(limits) for limits in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim())], zoom=0.8
    )
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_major_locator(MaxNLocator(3))
        axis.set_tick_params(labelsize=8, pad=-1)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.05, 1.02))
    return lines


@checked
def harmonics(order: int = 2):
    """Return a figure of the directivity of every channel up to ``order``, a row per order.

    Distance from the centre is the gain's magnitude; orange is positive, violet negative. x points
    to the reader's left and front, z up.
    """
    azimuth, elevation = np.meshgrid(
        np.linspace(-np.pi, np.pi, 61), np.linspace(-np.pi / 2, np.pi / 2, 31)
    )
    towards = sphere.unit_vector(azimuth, elevation)
    gains = sphere.harmonics(towards, order)
    columns, names = 2 * order + 1, sphere.channel_names(order)
    figure, axes = panels(
        order + 1, columns, height=1.25 * (order + 1) + 0.2, subplot_kw={"projection": "3d"}
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for n in range(order + 1):
        for m in range(-n, n + 1):
            channel = n * n + n + m
            ax, gain = axes[n, m + order], gains[..., channel]
            radius = np.abs(gain)[..., None] * towards
            colours = np.where(gain[..., None] > 0, [0.90, 0.55, 0.10], [0.45, 0.30, 0.65])
            ax.plot_surface(
                *np.moveaxis(radius, -1, 0), facecolors=colours, rstride=1, cstride=1, linewidth=0
            )
            limit = 0.8 * np.abs(gains).max()
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit), zlim=(-limit, limit))
            ax.set_box_aspect((1, 1, 1), zoom=1.3)
            ax.view_init(elev=22, azim=-55)
            ax.set_title(
                f"{channel}: {names[channel]}",
                loc="center",
                fontsize=9,
                fontweight="normal",
                y=1.06,
                pad=0,
            )
    return figure


@checked
def sphere_axes(rows: int = 1, columns: int = 1, height: float | None = None):
    """Return a figure with maps of the sphere (Mollweide: areas are true), to be used by the
    functions below.
    """
    return panels(
        rows, columns, height=height or 3.4 * rows, subplot_kw={"projection": "mollweide"}
    )


def _dress(ax) -> None:
    ax.grid(True, lw=0.5)
    ax.set_xticks(np.deg2rad([-120, -60, 0, 60, 120]), labels=[""] * 5)
    for azimuth, label in zip(
        (-120, -60, 0, 60, 120), ("120°", "60°", "ahead", "−60°", "−120°"), strict=True
    ):
        ax.annotate(
            label,
            (np.deg2rad(azimuth), 0),
            ha="center",
            va="center",
            fontsize=8.5,
            zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
        )
    ax.set_yticks(
        np.deg2rad([-60, -30, 0, 30, 60]), labels=["−60°", "−30°", "0°", "30°", "60°"], fontsize=9
    )


@checked
def on_map(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return map coordinates as seen from the array: left of it is left on the map."""
    azimuth, elevation = sphere.angles(directions)
    return -azimuth, elevation


@checked
def arrows_on_sphere(ax: Axes, true: np.ndarray, estimated: np.ndarray, limit_deg: float = 40.0):
    """Draw the great circle from each true direction to its estimate, coloured by its length;
    return the dots.

    Parameters
    ----------
    ax : Axes from :func:`sphere_axes`
    true, estimated : ndarray, shape (n, 3)
        Unit vectors; a dot marks the truth.
    limit_deg : float
        End of the colour scale.
    """
    true, estimated = np.asarray(true), np.asarray(estimated)
    error_deg = np.rad2deg(sphere.angle_between(true, estimated))
    scale = Normalize(0, limit_deg)
    steps = np.linspace(0, 1, 15)[:, None]
    for start, end, error in zip(true, estimated, error_deg, strict=True):
        way = (1 - steps) * start + steps * end
        x, y = on_map(way)
        x[1:][np.abs(np.diff(x)) > np.pi] = (
            np.nan
        )  # do not cross the map where it is cut open, behind the array
        ax.plot(x, y, lw=1.1, color=_ERRORS(scale(error)))
    _dress(ax)
    return ax.scatter(*on_map(true), c=error_deg, s=10, cmap=_ERRORS, norm=scale, zorder=3)


@checked
def classes_on_sphere(
    ax: Axes, values: np.ndarray, limits: tuple[float, float] | None = None, cmap: str = "viridis"
):
    """Draw a value per class as a dot at its place on the sphere; return the dots.

    Parameters
    ----------
    ax : Axes from :func:`sphere_axes`
    values : ndarray, shape (425,)
        For instance scores, or the median error of scenes of that class; NaN is drawn as a small
        cross.
    limits : pair of float, optional
        Of the colour scale.
    """
    values, grid = as_array(values), sphere.directions()
    if values.shape != (len(grid),):
        raise ParameterError(f"A value per class is needed, ({len(grid)},), not {values.shape}.")
    low, high = limits or (np.nanmin(values), np.nanmax(values))
    empty = np.isnan(values)
    x, y = on_map(grid)
    ax.scatter(x[empty], y[empty], s=6, marker="+", color="#999999", lw=0.6)
    _dress(ax)
    return ax.scatter(
        x[~empty], y[~empty], c=values[~empty], s=26, cmap=cmap, norm=Normalize(low, high)
    )


@checked
def by_condition(
    ax: Axes, tables: Mapping[str, pd.DataFrame], x_label: str, value: str = "within_percent"
):
    """Draw accuracy or error over a condition, a line per locator with two standard errors; return
    the lines.

    Parameters
    ----------
    ax : matplotlib Axes
    tables : mapping of locator to DataFrame
        Keys of :data:`LOCATORS`; tables from :func:`earwitness.evaluation.scenes.by_condition`.
    x_label : str
        The condition with its unit.
    value : str
        ``"within_percent"`` or ``"median_deg"``.
    """
    lines = {}
    for name, table in tables.items():
        colour, marker, line = LOCATORS[name]
        spread = 2 * table["within_se"] if value == "within_percent" else None
        lines[name] = ax.errorbar(
            table["middle"],
            table[value],
            yerr=spread,
            color=colour,
            marker=marker,
            ls=line,
            capsize=3,
            elinewidth=1,
            label=LOCATOR_NAMES[name],
        )
    ax.set(
        xlabel=x_label,
        ylabel={"within_percent": "Within 10° (%)", "median_deg": "Median error (°)"}[value],
    )
    ax.set_ylim(bottom=0)
    ax.grid(True)
    return lines


@checked
def cumulative_errors(ax: Axes, errors_deg: Mapping[str, np.ndarray], limit_deg: float = 60.0):
    """Draw for each locator the share of scenes whose error is at most so many degrees; return the
    lines.
    """
    lines = {}
    for name, errors in errors_deg.items():
        colour, _, line = LOCATORS[name]
        ordered = np.sort(errors)
        (lines[name],) = ax.step(
            [0, *ordered, 180],
            [0, *(100 * np.arange(1, len(ordered) + 1) / len(ordered)), 100],
            where="post",
            color=colour,
            ls=line,
            label=LOCATOR_NAMES[name],
        )
    ax.axvline(10, color="#999999", lw=0.8)
    ax.set(
        xlim=(0, limit_deg), ylim=(0, 101), xlabel="Angular error (°)", ylabel="Share of scenes (%)"
    )
    ax.grid(True)
    return lines


@checked
def locator_legend(figure, ax: Axes, columns: int = 2) -> None:
    """Put one legend for all panels above them."""
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, handlelength=2.6)


@checked
def field_map(
    ax: Axes, values: np.ndarray, times_s: np.ndarray, freqs_hz: np.ndarray, limit: float = 1.0
):
    """Draw a signed quantity of the field, for instance a component of intensity (freq, time);
    return the mesh.
    """
    mesh = ax.pcolormesh(
        times_s,
        freqs_hz,
        as_array(values),
        cmap=SIGN_CMAP,
        vmin=-limit,
        vmax=limit,
        shading="nearest",
        rasterized=True,
    )
    ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
    return mesh


__all__ = [
    "LOCATORS",
    "LOCATOR_NAMES",
    "SIGN_CMAP",
    "arrows_on_sphere",
    "by_condition",
    "classes_on_sphere",
    "cumulative_errors",
    "field_map",
    "harmonics",
    "locator_legend",
    "on_map",
    "room",
    "sphere_axes",
]


def truth_and_estimate(ax, truth: np.ndarray, estimate: np.ndarray, name: str) -> None:
    """Mark the true direction (3,) with a cross and an estimate (3,) with a ring on a map of the
    sphere.
    """
    ax.scatter(*on_map(truth), marker="x", s=100, color="#D55E00", lw=2.5, zorder=4, label="truth")
    ax.scatter(
        *on_map(estimate),
        marker="o",
        s=110,
        facecolors="none",
        edgecolors="#CC79A7",
        lw=2.2,
        zorder=4,
        label=name,
    )


def decay(ax, responses: Mapping[str, np.ndarray], sample_rate: float, t60_s: float) -> None:
    """Draw how the level of room impulse responses falls, in steps of 10 ms, beside a fall of 60 dB
    in T60.

    Parameters
    ----------
    ax : Axes
    responses : mapping of str to array, shape (T,)
        One channel each; at most two.
    sample_rate : float
        In Hz.
    t60_s : float
        Reverberation time in seconds.
    """
    frame = round(0.01 * sample_rate)
    for (name, response), (colour, marker) in zip(
        responses.items(), (("#0072B2", "o"), ("#E69F00", "^")), strict=False
    ):
        energy = np.square(response[: len(response) // frame * frame]).reshape(-1, frame).mean(1)
        level_db = 10 * np.log10(energy / energy[:5].mean())
        ax.plot(
            10 * (np.arange(len(level_db)) + 0.5),
            level_db,
            color=colour,
            marker=marker,
            ms=3,
            lw=1,
            label=name,
        )
    ax.plot([0, 1000 * t60_s], [2, -58], color="#333333", ls="--", lw=1, label="60 dB in T60")
    ax.set(
        xlim=(0, 800 * t60_s),
        ylim=(-60, 10),
        xlabel="Time after the direct sound (ms)",
        ylabel="Level (dB)",
    )
    ax.legend()
