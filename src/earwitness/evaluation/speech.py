"""Does a signal keep what makes it speech: period, F0, envelope, formants, sub-bands,
intelligibility.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pystoi

from earwitness import features, former
from earwitness.arguments import checked
from earwitness.audio import check_finite, check_rate, check_samples
from earwitness.errors import AudioError, ParameterError, check_number

FRAME_S = 0.025
_SEGMENT_S = 0.05
_F0_RANGE_HZ = (75.0, 500.0)
_SHORTEST_S = 0.41  # 30 frames of 25.6 ms, every 12.8 ms


@checked
def waveform_correlation(sound: np.ndarray, relevance: np.ndarray) -> float:
    """Return the magnitude of the correlation of two signals (T,), sample by sample: 0 to 1."""
    sound, relevance = _pair(sound, relevance)
    if not (sound.any() and relevance.any()):
        return 0.0
    return float(abs(sound @ relevance) / (np.linalg.norm(sound) * np.linalg.norm(relevance)))


@checked
def period_agreement(
    sound: np.ndarray, relevance: np.ndarray, sample_rate: int, tolerance: float = 0.05
) -> float:
    """Return the share of voiced segments of 50 ms in which both autocorrelations peak at the same
    lag.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    tolerance : float
        Largest difference of the lags, as a share of the sound's. Peaks are looked for between the
        periods of 500 Hz and 75 Hz.

    Returns
    -------
    float
        0 to 1; NaN if Praat finds no voiced segment in the sound.

    Notes
    -----
    Muckenhirn et al. (2019), section 3.2 and Figure 3c. Chapter: raw-waveform.
    """
    sound, relevance = _pair(sound, relevance)
    length = int(_SEGMENT_S * check_rate(sample_rate))
    starts = np.arange(0, len(sound) - length + 1, length)
    voiced = np.isfinite(features.f0_at(sound, sample_rate, (starts + length / 2) / sample_rate))
    if not voiced.any():
        return float("nan")
    lags = [
        [_period(signal[start : start + length], sample_rate) for start in starts[voiced]]
        for signal in (sound, relevance)
    ]
    ours, theirs = np.array(lags)
    return float(np.mean(np.abs(theirs / ours - 1) <= tolerance))


@checked
def f0_agreement(
    sound: np.ndarray, relevance: np.ndarray, sample_rate: int, tolerance: float = 0.05
) -> float:
    """Return the share of the sound's voiced frames in which the relevance signal has the same F0.

    Parameters
    ----------
    sound, relevance : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    tolerance : float
        Largest difference, as a share of the sound's F0. A frame that is unvoiced in the relevance
        signal is a miss.

    Returns
    -------
    float
        0 to 1; NaN if the sound has no voiced frame.

    Notes
    -----
    Muckenhirn et al. (2019), Figures 4 and 6, which show contours and count nothing. F0 by Praat.
    Chapter: raw-waveform.
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


@checked
def envelope_correlation(
    sound: np.ndarray,
    relevance: np.ndarray,
    sample_rate: int,
    time_s: float,
    max_hz: float = 5000.0,
) -> float:
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
    Muckenhirn et al. (2019), Figure 5, which overlays envelopes of 25 ms. Sixteen poles. Chapter:
    raw-waveform.
    """
    frames = _frames(sound, relevance, sample_rate, time_s)
    if frames is None:
        return 0.0
    check_number("max_hz", max_hz, 100, 1e6)
    spectra = [features.lp_spectrum(frame, sample_rate) for frame in frames]
    kept = spectra[0][0] <= max_hz
    return float(np.corrcoef(spectra[0][1][kept], spectra[1][1][kept])[0, 1])


@checked
def harmonic_correlation(
    sound: np.ndarray,
    relevance: np.ndarray,
    sample_rate: int,
    time_s: float,
    max_hz: float = 2000.0,
) -> float:
    """Return the correlation of what two short-time spectra in dB have beyond their LP spectra:
    their harmonics.

    Parameters and result as for :func:`envelope_correlation`.

    Notes
    -----
    Muckenhirn et al. (2019), Figure 5. Chapter: raw-waveform.
    """
    frames = _frames(sound, relevance, sample_rate, time_s)
    if frames is None:
        return 0.0
    check_number("max_hz", max_hz, 100, 1e6)
    fine = []
    for frame in frames:
        spectrum = np.abs(np.fft.rfft(frame * np.hanning(len(frame)), 1024))
        freqs_hz, envelope_db = features.lp_spectrum(frame, sample_rate, n_points=513)
        fine.append(
            (20 * np.log10(spectrum + 1e-6 * spectrum.max()) - envelope_db)[freqs_hz <= max_hz]
        )
    return float(np.corrcoef(*fine)[0, 1])


@checked
def formant_agreement(
    sound: np.ndarray,
    relevance: np.ndarray,
    sample_rate: int,
    times_s: np.ndarray,
    tolerance: float = 0.1,
) -> np.ndarray:
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
    if np.ndim(times_s) != 1:
        raise ParameterError(
            f"times_s must be a list of moments (n,), got {np.ndim(times_s)} axes."
        )
    sound, relevance = _pair(sound, relevance)
    if not relevance.any():
        return np.zeros((len(times_s), 2), bool)
    ours, theirs = (features.formants(signal, sample_rate) for signal in (sound, relevance))
    nearest = np.abs(ours["time_s"].to_numpy()[None] - np.asarray(times_s, float)[:, None]).argmin(
        1
    )
    ratio = theirs[["F1", "F2"]].to_numpy()[nearest] / ours[["F1", "F2"]].to_numpy()[nearest]
    return np.abs(ratio - 1) <= tolerance


@checked
def band_levels(
    samples: np.ndarray,
    sample_rate: int,
    edges_hz: Sequence[float],
    *,
    window_s: float = 0.025,
    hop_s: float = 0.01,
) -> np.ndarray:
    """Return the mean level of a recording in each sub-band, (n_bands,), in dB re 1.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    sample_rate : int
        In Hz.
    edges_hz : sequence of float, shape (n_bands + 1,)
        Rising; a band has its lower edge and not its upper one. Every band must hold a bin (40 Hz
        wide for 25 ms).
    window_s, hop_s : float
        Hann windows; the power of a band is averaged over bins and frames before the logarithm, so
        pauses weigh little.

    Raises
    ------
    AudioError
        If the samples are silent, not finite or not one channel.
    ParameterError
        If the recording is shorter than a window, or a band holds no bin.
    """
    samples = check_samples(samples, sample_rate)
    spectra = features.spectral_relevance(
        samples, sample_rate, window_s, hop_s
    )  # conjugate of a short-time transform
    freqs_hz, _ = features.spectral_axes(len(samples), sample_rate, window_s, hop_s)
    power = (np.abs(spectra) ** 2).mean(-1)  # (n_freq,)
    return 10 * np.log10(np.maximum(_by_band(power, freqs_hz, edges_hz), np.finfo(float).tiny))


@checked
def f_ratio(band_levels: np.ndarray, speakers: Sequence) -> np.ndarray:
    """Return, for each sub-band, the variance of the speakers' means over the mean variance within
    speakers.

    Parameters
    ----------
    band_levels : array, shape (n_utterances, n_bands)
        Log energies, dB; see :func:`band_levels`. Utterances or frames.
    speakers : sequence, length n_utterances
        Who speaks; at least two speakers, each with at least two utterances.

    Returns
    -------
    ndarray, shape (n_bands,)
        Above 0; inf where speakers never vary. With n utterances a speaker, levels that have
        nothing to do with speakers give about ``1 / (n - 1)``, not 0.

    Raises
    ------
    ParameterError
        If shapes do not fit, values are not finite, or there are fewer speakers or utterances.

    Notes
    -----
    Lu and Dang (2008), Speech Communication 50(4), 312-322, equation (1): variances over M speakers
    and N utterances are divided by M and N. Kinnunen (2003), which the paper cites, uses the same
    ratio. Chapter: raw-waveform.
    """
    levels, speakers = np.asarray(band_levels, float), np.asarray(speakers)
    if levels.ndim != 2 or speakers.shape != levels.shape[:1] or not np.isfinite(levels).all():
        raise ParameterError(
            "Band levels must be finite, (n_utterances, n_bands), with a speaker for each "
            "utterance; "
            f"got {levels.shape} and {speakers.shape}."
        )
    names, counts = np.unique(speakers, return_counts=True)
    if len(names) < 2 or counts.min() < 2:
        raise ParameterError(
            "An F-ratio needs at least two speakers with at least two utterances each, got "
            f"{dict(zip(names.tolist(), counts.tolist(), strict=True))}."
        )
    means = np.stack([levels[speakers == name].mean(0) for name in names])  # (n_speakers, n_bands)
    within = np.mean([levels[speakers == name].var(0) for name in names], axis=0)
    return np.divide(means.var(0), within, out=np.full(levels.shape[1], np.inf), where=within > 0)


@checked
def stoi(
    reference: np.ndarray, signal: np.ndarray, sample_rate: int, *, extended: bool = False
) -> float:
    """Return the short-time objective intelligibility of a signal.

    Parameters
    ----------
    reference : ndarray, shape (T,)
        The clean speech.
    signal : ndarray, shape (T,)
        What is heard instead: degraded speech, or a relevance signal. Its scale and sign do not
        matter.
    sample_rate : int
        In Hz.
    extended : bool
        The later version (Jensen and Taal 2016), made for noise that itself fluctuates.

    Returns
    -------
    float
        1 for the speech itself. What has nothing to do with it does not get 0: envelopes are
        clipped to those of the speech before they are compared, and steady white noise reaches 0.2
        to 0.4 (extended: 0). So give that as the floor. A rank, not a share of words: how it maps
        to words was fitted for noisy speech, not for relevance.

    Raises
    ------
    AudioError
        If one of the two is silent, not finite, not one channel, or the speech, without its pauses,
        lasts less than 410 ms.
    ParameterError
        If they differ in length.

    Notes
    -----
    Taal et al. (2011), IEEE Trans. Audio Speech Lang. Process. 19(7), 2125-2136, by pystoi. What it
    does not hear: both are resampled to 10 kHz and compared in 15 third-octave bands, centred at
    150 to 3800 Hz, and all above is ignored; frames more than 40 dB below the loudest frame of the
    speech are left out; envelopes are compared over 30 frames (384 ms) at a time, so shorter speech
    has no value. Chapter: raw-waveform.
    """
    sample_rate = check_rate(sample_rate)
    reference = check_samples(reference, sample_rate, what="The clean speech").astype(float)
    signal = np.asarray(signal, float)
    if signal.shape != reference.shape:
        raise ParameterError(
            f"The signal must be as long as the clean speech, got {signal.shape} and "
            f"{reference.shape} samples."
        )
    check_samples(
        signal, sample_rate, what="The signal", any_scale=True
    )  # kept in double precision: relevance may be very small
    too_short = AudioError(
        f"STOI compares 384 ms at a time: the speech must last at least {1000 * _SHORTEST_S:.0f} "
        "ms "
        f"without its pauses, this clip lasts {1000 * len(signal) / sample_rate:.0f} ms with them."
    )
    if len(signal) < _SHORTEST_S * sample_rate:
        raise too_short
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames", category=RuntimeWarning)
        try:
            return float(
                pystoi.stoi(
                    reference, signal / np.abs(signal).max(), sample_rate, extended=extended
                )
            )
        except RuntimeWarning:
            raise too_short from None


def _pair(sound, relevance) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64 with the relevance's largest magnitude at 1."""
    sound, relevance = np.asarray(sound, float), np.asarray(relevance, float)
    if sound.ndim != 1 or sound.shape != relevance.shape:
        raise ParameterError(
            f"A sound and its relevance signal must be (T,) and equally long, got {sound.shape} "
            "and "
            f"{relevance.shape}."
        )
    check_finite(sound, "The sound")
    if not np.isfinite(relevance).all():
        raise ParameterError("The relevance signal holds NaN or infinite values.")
    largest = np.abs(relevance).max(initial=0.0)
    return sound, relevance / largest if largest > 0 else relevance


def _period(segment: np.ndarray, sample_rate: int) -> float:
    """Return the lag in seconds of the highest autocorrelation among possible periods, NaN for
    silence.
    """
    if np.ptp(segment) == 0:
        return float("nan")
    lags_s, values = features.autocorrelation(segment, sample_rate, 1 / _F0_RANGE_HZ[0])
    inside = lags_s >= 1 / _F0_RANGE_HZ[1]
    return float(lags_s[inside][values[inside].argmax()])


def _frames(sound, relevance, sample_rate: int, time_s: float) -> list[np.ndarray] | None:
    """Return 25 ms of both around a moment, None if one of them is silent there."""
    sound, relevance = _pair(sound, relevance)
    length = int(FRAME_S * check_rate(sample_rate))
    check_number("time_s", time_s, 0, len(sound) / sample_rate)
    start = min(max(0, round(time_s * sample_rate) - length // 2), len(sound) - length)
    if start < 0:
        raise ParameterError(
            f"{len(sound)} samples are less than a frame of {1000 * FRAME_S:.0f} ms."
        )
    frames = [signal[start : start + length] for signal in (sound, relevance)]
    frames = [frame / np.abs(frame).max(initial=1e-300) for frame in frames]
    return frames if all(np.ptp(frame) > 0 for frame in frames) else None


def _by_band(values: np.ndarray, freqs_hz: np.ndarray, edges_hz: Sequence[float]) -> np.ndarray:
    """Return the mean of ``values`` (n_freq,) over the bins of each band, (n_bands,)."""
    edges_hz = np.asarray(edges_hz, float)
    if edges_hz.ndim != 1 or len(edges_hz) < 2 or not (np.diff(edges_hz) > 0).all():
        raise ParameterError(
            f"Edges of sub-bands must rise, and be at least two, got {edges_hz.tolist()}."
        )
    members = [
        (freqs_hz >= low) & (freqs_hz < high)
        for low, high in zip(edges_hz[:-1], edges_hz[1:], strict=True)
    ]
    for member, low, high in zip(members, edges_hz[:-1], edges_hz[1:], strict=True):
        if not member.any():
            raise ParameterError(
                f"No bin lies between {low:g} and {high:g} Hz: bins are {freqs_hz[1]:g} Hz apart "
                "and "
                f"reach to {freqs_hz[-1]:g} Hz; take wider bands or a longer window."
            )
    return np.array([values[member].mean() for member in members])


__getattr__ = former.names_of(__name__)
