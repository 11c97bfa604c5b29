"""Every picture of the book, in one style: functions take ``ax`` first, return the artist and
change no input.

Red speaks for the explained output, blue against it, white is zero, and the limits are symmetric. A
method keeps its colour, marker and line in every chapter (:mod:`earwitness.looks`).
"""

from earwitness import former
from earwitness.figures import channel_shares, direction_maps
from earwitness.figures.curves import factor_curve, flipping
from earwitness.figures.maps import (
    phones,
    relevance_bar,
    relevance_map,
    relevance_on_spectrogram,
    spectral_relevance,
    spectrogram,
    spectrogram_bar,
)
from earwitness.figures.mel_maps import (
    agreement,
    by_condition,
    correlation_matrix,
    disturbed,
    effect_by_quality,
    mel_relevance,
    mel_spectrogram,
    tiles,
)
from earwitness.figures.pitch import autocorrelations, f0_contours
from earwitness.figures.spectra import by_frequency, f_ratio, filter_bank, short_time_spectrum
from earwitness.figures.style import (
    LEVEL_CMAP,
    RELEVANCE_CMAP,
    SEX_COLOURS,
    SPECTROGRAM_CMAP,
    method_label,
    method_style,
    panels,
    relevance_limit,
    use_style,
)
from earwitness.figures.summaries import bars, changes, confusion, durations, scatter_by_group
from earwitness.figures.vowel_table import vowel_shares
from earwitness.figures.waves import (
    coloured_waveform,
    relevance_on_waveform,
    relevance_signal,
    waveform,
)

__all__ = [
    "LEVEL_CMAP",
    "RELEVANCE_CMAP",
    "SEX_COLOURS",
    "SPECTROGRAM_CMAP",
    "agreement",
    "autocorrelations",
    "bars",
    "changes",
    "by_condition",
    "by_frequency",
    "channel_shares",
    "coloured_waveform",
    "confusion",
    "correlation_matrix",
    "direction_maps",
    "disturbed",
    "durations",
    "effect_by_quality",
    "f0_contours",
    "f_ratio",
    "factor_curve",
    "filter_bank",
    "flipping",
    "mel_relevance",
    "mel_spectrogram",
    "method_label",
    "method_style",
    "panels",
    "phones",
    "relevance_bar",
    "relevance_limit",
    "relevance_map",
    "relevance_on_spectrogram",
    "relevance_on_waveform",
    "relevance_signal",
    "scatter_by_group",
    "short_time_spectrum",
    "spectral_relevance",
    "spectrogram",
    "spectrogram_bar",
    "tiles",
    "use_style",
    "vowel_shares",
    "waveform",
]

__getattr__ = former.names_of(__name__)
