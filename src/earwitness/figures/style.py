"""What all pictures share: the style sheet, the colours of methods, limits of relevance, panels."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize

from earwitness import looks
from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number

RELEVANCE_CMAP = "bwr"  # zennit's; red for, white zero, blue against
SPECTROGRAM_CMAP = "magma"
LEVEL_CMAP = (
    "BuPu"  # magnitude of relevance, which has no sign: neither red nor blue, white is little
)
WIDTH_IN = 5.6

SEX_COLOURS = {"female": "#5E3C99", "male": "#E08214"}


def use_style() -> None:
    """Draw everything from now on in the book's style."""
    plt.style.use(Path(__file__).with_name("earwitness.mplstyle"))


def known_looks() -> Mapping[str, looks.Look]:
    """Return how each method, control and network looks, by name, those of other packages
    included.
    """
    from earwitness import attribution  # torch takes seconds, and only named curves need it

    attribution.methods()
    return looks.declared()


@checked
def method_style(name: str) -> dict:
    """Return colour, marker and line style of a method or network, as keyword arguments for
    ``plot``.

    Raises
    ------
    UnknownNameError
        If no method, control or network of that name is registered.
    """
    known_looks()
    look = looks.find(name)
    return {"color": look.colour, "marker": look.marker, "linestyle": look.line}


def method_label(name: str) -> str:
    """Return what legends call a method, control or network; another name stays as it is."""
    look = known_looks().get(name)
    return look.label if look else name


@checked
def panels(rows: int = 1, columns: int = 1, height: float | None = None, **options):
    """Return a figure of the book's width and its axes.

    Parameters
    ----------
    rows, columns : int
        More than two columns become too small on a phone.
    height : float, optional
        Inches; default 2.6 a row.
    **options
        For ``plt.subplots``, for instance ``sharex=True``.

    Notes
    -----
    The figure is closed for pyplot: a notebook shows it where a cell ends in it, and not a second
    time by itself.
    """
    for name, number in (("rows", rows), ("columns", columns)):
        check_number(name, number, 1, 100, whole=True)
    check_number("height", 1.0 if height is None else height, 0.1, 1000)
    size = (WIDTH_IN, height or 2.6 * rows + 0.4)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", **options)
    plt.close(figure)
    FigureCanvasAgg(figure)  # closing took the canvas away, and with it the layout
    return figure, axes


@checked
def relevance_limit(*relevances, quantile: float = 1.0) -> float:
    """Return the limit of a colour scale shared by several relevances of any shape.

    Parameters
    ----------
    *relevances : array_like
    quantile : float
        1.0: the largest magnitude. Relevance has heavy tails; 0.995 lets the hottest half per cent
        saturate, which the colour bar shows by arrows.

    Raises
    ------
    ParameterError
        If relevance is zero everywhere or not finite: there is nothing to draw, and nothing to hide
        behind a scale.
    """
    if not relevances:
        raise ParameterError("There is no relevance to find a limit of.")
    check_number("quantile", quantile, 0, 1)
    magnitude = np.abs(np.concatenate([np.ravel(as_array(relevance)) for relevance in relevances]))
    if not np.isfinite(magnitude).all():
        raise ParameterError("Relevance holds NaN or infinite values; nothing can be drawn.")
    if not magnitude.any():
        raise ParameterError("Relevance is zero everywhere; there is nothing to draw.")
    return float(np.quantile(magnitude[magnitude > 0], quantile))


def axis(values, what: str) -> np.ndarray:
    """Return finite numbers (n,) that stand along an axis.

    Raises
    ------
    ParameterError
        If they are none, not in one row, or NaN or infinite; the message says what they are.
    """
    values = as_array(values)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ParameterError(
            f"{what} must be finite numbers in one row, got "
            f"{np.count_nonzero(~np.isfinite(values))} of shape {values.shape} that are not finite."
        )
    return values


def as_array(values) -> np.ndarray:
    """Return values, a torch tensor included, as a numpy array that is only read."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def checked_limit(relevance: np.ndarray, limit: float | None) -> float:
    """Return ``limit``, or the largest magnitude; relevance that is zero everywhere is refused
    either way.
    """
    largest = relevance_limit(relevance)
    if limit is not None and not limit > 0:
        raise ParameterError(f"The limit of a relevance scale must be positive, got {limit}.")
    return largest if limit is None else float(limit)


def symmetric(limit: float) -> Normalize:
    """Return the colour scale from ``-limit`` to ``limit``; zero is white."""
    return Normalize(-limit, limit)
