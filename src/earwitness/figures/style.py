"""What all pictures share: the style sheet, the colours of methods, limits of relevance, panels."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize

from earwitness.errors import ParameterError, check_choice

RELEVANCE_CMAP = "bwr"  # zennit's; red for, white zero, blue against
SPECTROGRAM_CMAP = "magma"
LEVEL_CMAP = (
    "BuPu"  # magnitude of relevance, which has no sign: neither red nor blue, white is little
)
WIDTH_IN = 5.6

# Colour, marker and line of each way to choose or explain. Random, amplitude and LRP have the
# paper's blue, orange and
# green in the version of Okabe and Ito, which colour-blind readers tell apart; marker and line
# repeat what colour says.
METHODS = {
    "random": ("#56B4E9", "s", ":"),
    "amplitude": ("#E69F00", "^", "--"),
    "lrp-epsilon": ("#009E73", "o", "-"),
    "lrp-epsilon-plus": ("#0B5345", "D", "-"),
    "lrp-alpha1-beta0": ("#44AA99", "v", "-."),
    "lrp-gamma": ("#117733", "P", (0, (5, 1))),
    "lrp-kiyan2022": ("#2A7F9E", "2", (0, (6, 1, 1, 1))),  # the rules of Kiyan et al.
    "gradient": ("#0072B2", "<", "--"),
    "gradient-x-input": ("#332288", ">", "-."),
    "integrated-gradients": ("#CC79A7", "p", "-"),
    "guided-backprop": ("#AA4499", "h", "--"),
    "deeplift": ("#882255", "X", "-."),
    "conductance": ("#999933", "d", "-"),
    "occlusion": ("#D55E00", "*", "-"),
    "audiolime": ("#661100", "8", "--"),
    "smoothgrad": ("#4477AA", "3", "-"),
    "vargrad": ("#88CCEE", "4", "--"),
    "grad-cam": ("#BB5566", "|", "-"),
    "kernel-shap": ("#A65628", 4, "-"),  # 4 to 6: small triangles, tips left, right, up
    "sampling-shap": ("#C4772E", 5, (0, (5, 2))),
    "rise": ("#DDAA33", 6, "-."),
    "random-weights": ("#777777", "x", (0, (1, 1))),
    "dft-lrp": ("#6699CC", "H", (0, (3, 1, 1, 1))),
    "original": ("#1A1A1A", "_", "-"),  # the recording itself: the ceiling
    "noise": ("#A08F5A", "+", (0, (2, 2))),  # these three are floors, with random-weights
    "permuted": ("#8C6D31", "1", ":"),
    "oracle": ("#4E9A9A", 7, (0, (4, 2, 1, 2))),  # 7: a small triangle, tip down
}
METHOD_COLOURS = {name: colour for name, (colour, _, _) in METHODS.items()}
NETWORKS = {"phone-cnn": ("#08519C", "o", "-"), "speaker-cnn": ("#D4A017", "s", "--")}
NAMES = {
    "lrp-epsilon": "LRP-ε",
    "lrp-epsilon-plus": "LRP-ε+",
    "gradient-x-input": "gradient × input",
    "integrated-gradients": "integrated gradients",
    "guided-backprop": "guided backpropagation",
    "smoothgrad": "SmoothGrad",
    "vargrad": "VarGrad",
    "grad-cam": "Grad-CAM",
    "kernel-shap": "KernelSHAP",
    "sampling-shap": "SHAP by random orders",
    "rise": "RISE",
    "audiolime": "audioLIME",
    "deeplift": "DeepLIFT",
    "original": "original sound",
    "random-weights": "random weights",
    "noise": "white noise",
    "phone-cnn": "phone network",
    "speaker-cnn": "speaker network",
}
SEX_COLOURS = {"female": "#5E3C99", "male": "#E08214"}


def use_style() -> None:
    """Draw everything from now on in the book's style."""
    plt.style.use(Path(__file__).with_name("earwitness.mplstyle"))


def method_style(name: str) -> dict:
    """Return colour, marker and line style of a method or network, as keyword arguments for
    ``plot``.

    Raises
    ------
    UnknownNameError
        If no colour is declared for it in :data:`METHODS` or :data:`NETWORKS`.
    """
    looks = METHODS | NETWORKS
    colour, marker, line = looks[check_choice(name, looks, "method or network with a colour")]
    return {"color": colour, "marker": marker, "linestyle": line}


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
    size = (WIDTH_IN, height or 2.6 * rows + 0.4)
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", **options)
    plt.close(figure)
    FigureCanvasAgg(figure)  # closing took the canvas away, and with it the layout
    return figure, axes


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
    magnitude = np.abs(np.concatenate([np.ravel(as_array(relevance)) for relevance in relevances]))
    if not np.isfinite(magnitude).all():
        raise ParameterError("Relevance holds NaN or infinite values; nothing can be drawn.")
    if not magnitude.any():
        raise ParameterError("Relevance is zero everywhere; there is nothing to draw.")
    return float(np.quantile(magnitude[magnitude > 0], quantile))


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
