"""Maps in words: where relevance lies, for whoever cannot see the picture."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

MANY = 9  # panels that are named one by one; of more, the middle is said


def remember(artist: Artist, relevance: np.ndarray, times_s: np.ndarray, freqs_hz=None) -> Artist:
    """Note on what was drawn where the middle half of its positive relevance lies; return it."""
    relevance = np.maximum(relevance, 0)
    ends = _half(relevance.reshape(-1, relevance.shape[-1]).sum(0), times_s)
    if freqs_hz is not None:
        ends += _half(relevance.sum(1), freqs_hz)
    artist.earwitness_half = ends  # seconds, seconds, hertz, hertz
    return artist


def _half(sums: np.ndarray, places: np.ndarray) -> list[float]:
    if not sums.sum():
        return [np.nan, np.nan]
    share = np.cumsum(sums) / sums.sum()
    return [float(np.asarray(places)[np.searchsorted(share, part)]) for part in (0.25, 0.75)]


def where(figure: Figure) -> str:
    """Return in a sentence where the red of a figure's maps lies: between which moments and which
    frequencies the middle half of the positive relevance is; nothing if it has no map.
    """
    found = [
        (ax.get_title("left") or ax.get_title(), artist.earwitness_half)
        for ax in figure.axes
        for artist in (*ax.collections, *ax.images)
        if hasattr(artist, "earwitness_half")
    ]
    if not found:
        return ""
    if len(found) == 1:
        return f"Half of what is red lies {_words(found[0][1])}."
    if len(found) > MANY:
        middle = [np.nanmedian(ends) for ends in zip(*(half for _, half in found), strict=False)]
        return f"Half of what is red lies, in the median of {len(found)} panels, {_words(middle)}."
    panels = (
        f"{' '.join(title.split()) or f'panel {number}'}: {_words(half)}"
        for number, (title, half) in enumerate(found, start=1)
    )
    return f"Half of what is red lies, panel by panel, {'; '.join(panels)}."


def _words(half) -> str:
    if np.isnan(half).any():
        return "nowhere"
    start, stop, *hz = half
    words = f"between {start:.2f} and {stop:.2f} s"
    return words + (f" and {hz[0]:.0f} and {hz[1]:.0f} Hz" if hz else "")
