"""Every picture of the book, in one style: functions take ``ax`` first, return the artist and change no input.

Red speaks for the explained output, blue against it, white is zero, and the limits are symmetric. A method keeps its
colour, marker and line in every chapter (:data:`METHODS`).
"""

from earwitness.figures.curves import factor_curve, flipping
from earwitness.figures.maps import (
    relevance_bar,
    relevance_map,
    relevance_on_spectrogram,
    spectrogram,
    spectrogram_bar,
)
from earwitness.figures.style import (
    METHOD_COLOURS,
    METHODS,
    RELEVANCE_CMAP,
    SEX_COLOURS,
    SPECTROGRAM_CMAP,
    method_style,
    panels,
    relevance_limit,
    use_style,
)
from earwitness.figures.summaries import bars, confusion, durations, voices
from earwitness.figures.waves import coloured_waveform, relevance_signal, waveform

__all__ = [
    "METHODS", "METHOD_COLOURS", "RELEVANCE_CMAP", "SEX_COLOURS", "SPECTROGRAM_CMAP", "bars", "coloured_waveform",
    "confusion", "durations", "factor_curve", "flipping", "method_style", "panels", "relevance_bar", "relevance_limit",
    "relevance_map", "relevance_on_spectrogram", "relevance_signal", "spectrogram", "spectrogram_bar", "use_style",
    "voices", "waveform",
]
