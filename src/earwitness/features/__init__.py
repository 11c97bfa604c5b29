"""From waveforms to what networks take, and to what phonetics measures."""

from earwitness import former
from earwitness.audio import resample
from earwitness.features.ambisonics import (
    ambisonic_stft,
    intensity,
    magnitude_phase,
    network_input,
    pseudo_intensity_direction,
)
from earwitness.features.compact import compact_spectrogram
from earwitness.features.mel import mel_edges_hz, mel_spectrogram
from earwitness.features.phonetics import (
    autocorrelation,
    f0,
    f0_at,
    formants,
    lp_spectrum,
    scale_f0,
)
from earwitness.features.spectral import spectral_axes, spectral_relevance
from earwitness.features.spectrogram import (
    frame_times_s,
    frequencies_hz,
    log_spectrogram,
    scale_frequencies,
)
from earwitness.features.steady import SteadyState, steady_state
from earwitness.features.waveform import fit_to_second, loudest_second, pad_to_length, waveform
from earwitness.features.windowing import frame_centres, normalised, windows

__all__ = [
    "SteadyState",
    "ambisonic_stft",
    "autocorrelation",
    "compact_spectrogram",
    "f0",
    "f0_at",
    "fit_to_second",
    "formants",
    "frame_centres",
    "frame_times_s",
    "frequencies_hz",
    "intensity",
    "log_spectrogram",
    "loudest_second",
    "lp_spectrum",
    "magnitude_phase",
    "mel_edges_hz",
    "mel_spectrogram",
    "network_input",
    "normalised",
    "pad_to_length",
    "pseudo_intensity_direction",
    "resample",
    "scale_f0",
    "scale_frequencies",
    "spectral_axes",
    "spectral_relevance",
    "steady_state",
    "waveform",
    "windows",
]

__getattr__ = former.names_of(__name__)
