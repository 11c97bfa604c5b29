"""How far does one signal resemble another as speech: period, F0, envelope, harmonics, formants.

Relevance signals are compared with the sound they explain. Their scale means nothing here: every measure is the same
for a signal and its multiple. A signal that is zero everywhere resembles nothing and gives 0.
"""

import numpy as np

from earwitness import features
from earwitness.errors import ParameterError

FRAME_S = 0.025
_SEGMENT_S = 0.05
_F0_RANGE_HZ = (75.0, 500.0)
_LINE_HZ = 16000 / 30  # three steps of a first convolution with stride 10, pooled by 3


def likeness(sound: np.ndarray, relevance: np.ndarray) -> float:
    """Return the magnitude of the correlation of two signals (T,), sample by sample: 0 to 1."""
    sound, relevance = _pair(sound, relevance)
    if not (sound.any() and relevance.any()):
        return 0.0
    return float(abs(sound @ relevance) / (np.linalg.norm(sound) * np.linalg.norm(relevance)))


def f0_agreement(sound: np.ndarray, relevance: np.ndarray, sample_rate: int, tolerance: float = 0.05) -> float:
    """Return the share of the sound's voiced frames in which the relevance signal has the same F0.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    tolerance : float
        Largest difference, as a share of the sound's F0. A frame that is unvoiced in the relevance signal is a miss.

    Returns
    -------
    float
        0 to 1; NaN if the sound has no voiced frame.

    Notes
    -----
    Muckenhirn et al. (2019), Figures 4 and 6, which show contours and count nothing. F0 by Praat. Chapter:
    raw-waveform.
    """
    sound, relevance = _pair(sound, relevance)
    times_s, f0_hz = features.f0(sound, sample_rate)
    voiced = np.isfinite(f0_hz)
    if not voiced.any():
        return float("nan")
    if not relevance.any():
        return 0.0
    found_hz = features.f0_at(relevance, sample_rate, times_s[voiced])
    return float(np.mean(np.abs(found_hz / f0_hz[voiced] - 1) <= tolerance))  # NaN counts as a miss


def period_agreement(sound: np.ndarray, relevance: np.ndarray, sample_rate: int, tolerance: float = 0.05) -> float:
    """Return the share of voiced segments of 50 ms in which both autocorrelations peak at the same lag.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    tolerance : float
        Largest difference of the lags, as a share of the sound's. Peaks are looked for between the periods of 500 Hz
        and 75 Hz.

    Returns
    -------
    float
        0 to 1; NaN if Praat finds no voiced segment in the sound.

    Notes
    -----
    Muckenhirn et al. (2019), section 3.2 and Figure 3c. Chapter: raw-waveform.
    """
    sound, relevance = _pair(sound, relevance)
    length = int(_SEGMENT_S * sample_rate)
    starts = np.arange(0, len(sound) - length + 1, length)
    voiced = np.isfinite(features.f0_at(sound, sample_rate, (starts + length / 2) / sample_rate))
    if not voiced.any():
        return float("nan")
    lags = [[_period(signal[start : start + length], sample_rate) for start in starts[voiced]]
            for signal in (sound, relevance)]
    ours, theirs = np.array(lags)
    return float(np.mean(np.abs(theirs / ours - 1) <= tolerance))


def envelope_likeness(sound, relevance, sample_rate: int, time_s: float, max_hz: float = 5000.0) -> float:
    """Return the correlation, over frequency, of two LP spectra in dB of 25 ms around a moment.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    time_s : float
        Centre of the 25 ms, in seconds.
    max_hz : float
        Frequencies above it do not count.

    Returns
    -------
    float
        -1 to 1.

    Notes
    -----
    Muckenhirn et al. (2019), Figure 5, which overlays envelopes of 25 ms. Sixteen poles. Chapter: raw-waveform.
    """
    frames = _frames(sound, relevance, sample_rate, time_s)
    if frames is None:
        return 0.0
    spectra = [features.lp_spectrum(frame, sample_rate) for frame in frames]
    kept = spectra[0][0] <= max_hz
    return float(np.corrcoef(spectra[0][1][kept], spectra[1][1][kept])[0, 1])


def harmonic_likeness(sound, relevance, sample_rate: int, time_s: float, max_hz: float = 2000.0) -> float:
    """Return the correlation of what two short-time spectra in dB have beyond their LP spectra: their harmonics.

    Parameters and result as for :func:`envelope_likeness`.

    Notes
    -----
    Muckenhirn et al. (2019), Figure 5. Chapter: raw-waveform.
    """
    frames = _frames(sound, relevance, sample_rate, time_s)
    if frames is None:
        return 0.0
    fine = []
    for frame in frames:
        spectrum = np.abs(np.fft.rfft(frame * np.hanning(len(frame)), 1024))
        freqs_hz, envelope_db = features.lp_spectrum(frame, sample_rate, n_points=513)
        fine.append((20 * np.log10(spectrum + 1e-6 * spectrum.max()) - envelope_db)[freqs_hz <= max_hz])
    return float(np.corrcoef(*fine)[0, 1])


def formant_agreement(sound, relevance, sample_rate: int, times_s, tolerance: float = 0.1) -> np.ndarray:
    """Return for moments of a sound whether the relevance signal has its F1 and F2 there.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    times_s : sequence of float, shape (n,)
    tolerance : float
        Largest difference, as a share of the sound's formant.

    Returns
    -------
    ndarray, shape (n, 2), bool
        For F1 and F2. A formant that is not found counts as a miss.
    """
    sound, relevance = _pair(sound, relevance)
    if not relevance.any():
        return np.zeros((len(times_s), 2), bool)
    ours, theirs = (features.formants(signal, sample_rate) for signal in (sound, relevance))
    nearest = np.abs(ours["time_s"].to_numpy()[None] - np.asarray(times_s, float)[:, None]).argmin(1)
    ratio = theirs[["F1", "F2"]].to_numpy()[nearest] / ours[["F1", "F2"]].to_numpy()[nearest]
    return np.abs(ratio - 1) <= tolerance


def grid_share(relevance: np.ndarray, sample_rate: int = 16000, width_hz: float = 60.0) -> float:
    """Return the share of a signal's magnitude spectrum that lies on the lines of the network's own steps.

    A convolution that moves by 10 samples and a pooling by 3 treat every 30th sample alike: whatever they do unevenly
    within these 30 samples appears in a relevance signal as lines at the multiples of 533 Hz, speech or not.

    Parameters
    ----------
    relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz, 16000 for the networks of the chapter raw-waveform.
    width_hz : float
        Width of a line.

    Returns
    -------
    float
        0 to 1, of the frequencies from 300 to 7700 Hz. A flat spectrum gives the lines' share of them, 0.114.
    """
    relevance = np.asarray(relevance, float)
    spectrum = np.abs(np.fft.rfft(relevance * np.hanning(len(relevance))))
    freqs_hz = np.fft.rfftfreq(len(relevance), 1 / sample_rate)
    kept = (freqs_hz >= 300) & (freqs_hz <= 7700)
    lines = np.abs(freqs_hz - _LINE_HZ * np.round(freqs_hz / _LINE_HZ)) <= width_hz / 2
    total = spectrum[kept].sum()
    return float(spectrum[kept & lines].sum() / total) if total > 0 else 0.0


def _pair(sound, relevance) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 with the relevance's largest magnitude at 1."""
    sound, relevance = np.asarray(sound, float), np.asarray(relevance, float)
    if sound.ndim != 1 or sound.shape != relevance.shape:
        raise ParameterError(f"A sound and its relevance signal must be (T,) and equally long, got {sound.shape} and "
                             f"{relevance.shape}.")
    if not np.isfinite(relevance).all():
        raise ParameterError("The relevance signal holds NaN or infinite values.")
    largest = np.abs(relevance).max(initial=0.0)
    return sound, relevance / largest if largest > 0 else relevance


def _period(segment: np.ndarray, sample_rate: int) -> float:
    """Return the lag in seconds of the highest autocorrelation among possible periods, NaN for silence."""
    if np.ptp(segment) == 0:
        return float("nan")
    lags_s, values = features.autocorrelation(segment, sample_rate, 1 / _F0_RANGE_HZ[0])
    inside = lags_s >= 1 / _F0_RANGE_HZ[1]
    return float(lags_s[inside][values[inside].argmax()])


def _frames(sound, relevance, sample_rate: int, time_s: float) -> list[np.ndarray] | None:
    """Return 25 ms of both around a moment, None if one of them is silent there."""
    sound, relevance = _pair(sound, relevance)
    length = int(FRAME_S * sample_rate)
    start = min(max(0, round(time_s * sample_rate) - length // 2), len(sound) - length)
    if start < 0:
        raise ParameterError(f"{len(sound)} samples are less than a frame of {1000 * FRAME_S:.0f} ms.")
    frames = [signal[start : start + length] for signal in (sound, relevance)]
    frames = [frame / np.abs(frame).max(initial=1e-300) for frame in frames]
    return frames if all(np.ptp(frame) > 0 for frame in frames) else None
