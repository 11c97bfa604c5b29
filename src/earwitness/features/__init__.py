"""From waveforms to what networks eat, and to what phonetics measures."""

from earwitness.features.spectrogram import frame_times_s, frequencies_hz, log_spectrogram, scale_frequencies
from earwitness.features.waveform import fit_to_second, loudest_second, place, resample, waveform

__all__ = [
    "fit_to_second", "frame_times_s", "frequencies_hz", "log_spectrogram", "loudest_second", "place", "resample",
    "scale_frequencies", "waveform",
]
