"""What happens to speech on its way: each degradation returns the sound and what it did, when and
at which frequencies.

All take samples (T,) and a sample rate in Hz first, keep the length, and do not delay the speech.
Samples that :func:`earwitness.audio.check_samples` refuses are an AudioError, silence only where
speech is measured; options outside what is allowed are a ParameterError.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from scipy.signal import fftconvolve, firwin

from earwitness.acoustics.codecs import CODECS, through_codec
from earwitness.arguments import check, checked
from earwitness.audio import check_samples
from earwitness.errors import AudioError, ParameterError, check_choice

PACKET_S = 0.02
_FRAME_S = 0.02
_ACTIVE_RANGE_DB = 30.0
_N_TAPS = 1023
_JOIN_S = 0.01  # clipped samples nearer than this are one disturbance
_ANY = ("a finite number from -200 to 200", Real, lambda value: abs(value) <= 200)
_SHARE = ("a share from 0 to 1", Real, lambda value: 0 <= value <= 1)
_COUNT = ("a positive integer", Integral, lambda value: value >= 1)
_ALLOWED = {  # option: in words, its type, whether a finite value of that type is allowed
    "gain_db": _ANY,
    "snr_db": _ANY,
    "q_db": _ANY,
    "direct_db": _ANY,
    "part": _SHARE,
    "share": _SHARE,
    "loss": ("above 0 and at most 1", Real, lambda value: 0 < value <= 1),
    "n": _COUNT,
    "burst": _COUNT,
    "low_hz": ("0 Hz or more", Real, lambda value: value >= 0),
    "high_hz": ("above 0 Hz", Real, lambda value: value > 0),
    "length_s": ("above 0 s", Real, lambda value: value > 0),
    "t60_s": ("from 0.01 to 60 s", Real, lambda value: 0.01 <= value <= 60),
}


@dataclass(frozen=True)
class Disturbance:
    """What one degradation did.

    Attributes
    ----------
    kind : str
    intervals_s : tuple of (float, float)
        When, in seconds.
    bands_hz : tuple of (float, float)
        At which frequencies.
    values : dict
        Its own measure: ``snr_db``, ``q_db``, ``share``, ``loss``, ``t60_s``, ...
    """

    kind: str
    intervals_s: tuple
    bands_hz: tuple
    values: dict = field(default_factory=dict)


@checked
def active_level(samples: np.ndarray, sample_rate: int) -> float:
    """Return the root mean square of the active speech: frames of 20 ms at most 30 dB below the
    loudest one.

    A simplification of the active speech level of ITU-T P.56, which needs no time constants.

    Raises
    ------
    AudioError
        If there is no frame, or nothing but silence.
    """
    samples = check_samples(samples, sample_rate, may_be_silent=True, any_scale=True)
    size = int(_FRAME_S * sample_rate)
    if len(samples) < size or not np.any(samples[: len(samples) // size * size]):
        raise AudioError(
            f"In {len(samples)} samples at {sample_rate} Hz there is no frame of "
            f"{1000 * _FRAME_S:.0f} ms "
            "with sound: speech has no level here."
        )
    power = (samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64) ** 2).mean(
        1
    )
    return float(np.sqrt(power[power >= power.max() * 10 ** (-_ACTIVE_RANGE_DB / 10)].mean()))


def _everywhere(samples, sample_rate, kind: str, **values) -> Disturbance:
    return Disturbance(
        kind, ((0.0, len(samples) / sample_rate),), ((0.0, sample_rate / 2),), values
    )


def _degradation(function: Callable) -> Callable:
    """Have samples and options checked before a degradation is applied."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args, **options):
        try:
            given = signature.bind(*args, **options).arguments
        except TypeError as error:
            raise ParameterError(f"The degradation {function.__name__}: {error}.") from None
        _check_options(given)
        check(function, given)
        given["samples"] = check_samples(given["samples"], given["sample_rate"], may_be_silent=True)
        return function(**given)

    return call


def _check_options(options: dict) -> None:
    for name in _ALLOWED.keys() & options:
        value, (words, kind, allowed) = options[name], _ALLOWED[name]
        if (
            isinstance(value, bool)
            or not isinstance(value, kind)
            or not math.isfinite(value)
            or not allowed(value)
        ):
            raise ParameterError(f"{name} must be {words}, got {value!r}.")


def _gain(db: float) -> float:
    return 10 ** (db / 20)


@_degradation
def level(
    samples: np.ndarray,
    sample_rate: int,
    rng: np.random.Generator,
    gain_db: float,
    part: float = 1.0,
):
    """Change the level by ``gain_db`` for a share ``part`` of the clip, in its middle."""
    n = len(samples)
    start, end = round(n * (1 - part) / 2), round(n * (1 + part) / 2)
    changed = samples.copy()
    changed[start:end] *= _gain(gain_db)
    return changed, Disturbance(
        "level",
        ((start / sample_rate, end / sample_rate),),
        ((0.0, sample_rate / 2),),
        {"gain_db": gain_db},
    )


@_degradation
def noise(
    samples: np.ndarray,
    sample_rate: int,
    rng: np.random.Generator,
    snr_db: float,
    colour: str = "white",
    babble: Callable | None = None,
):
    """Add noise ``snr_db`` below the active speech; ``colour``: ``"white"`` or ``"babble"``, from
    :func:`degrade`.
    """
    kinds = {
        "white": lambda: rng.standard_normal(len(samples)),
        "babble": lambda: babble(len(samples), rng),
    }
    added = kinds[check_choice(colour, kinds, "colour of noise")]()
    added *= active_level(samples, sample_rate) * _gain(-snr_db) / np.sqrt((added**2).mean())
    return (samples + added).astype(np.float32), _everywhere(
        samples, sample_rate, f"{colour} noise", snr_db=snr_db
    )


@_degradation
def mnru(samples: np.ndarray, sample_rate: int, rng: np.random.Generator, q_db: float):
    """Add noise that speech modulates: x (1 + 10^(-Q/20) n), the reference unit of ITU-T P.810,
    without its filters.
    """
    modulated = samples * (1 + _gain(-q_db) * rng.standard_normal(len(samples)))
    return modulated.astype(np.float32), _everywhere(samples, sample_rate, "mnru", q_db=q_db)


@_degradation
def band(
    samples: np.ndarray, sample_rate: int, rng: np.random.Generator, low_hz: float, high_hz: float
):
    """Keep the frequencies from ``low_hz`` to ``high_hz``; 0 and half the sample rate leave that
    end open.
    """
    nyquist = sample_rate / 2
    if low_hz >= min(high_hz, nyquist):
        raise ParameterError(
            f"Between {low_hz:g} and {high_hz:g} Hz there is no band below {nyquist:g} Hz to keep."
        )
    edges = [edge for edge in (low_hz, high_hz) if 0 < edge < nyquist]
    removed = tuple(gap for gap in ((0.0, low_hz), (high_hz, nyquist)) if gap[1] > gap[0])
    taps = (
        firwin(_N_TAPS, edges, pass_zero=bool(low_hz <= 0), fs=sample_rate) if edges else np.ones(1)
    )
    kept = fftconvolve(samples, taps, mode="same")  # symmetric taps, centred: no delay
    return kept.astype(np.float32), Disturbance(
        "band",
        ((0.0, len(samples) / sample_rate),),
        removed,
        {"low_hz": low_hz, "high_hz": high_hz},
    )


@_degradation
def clipping(samples: np.ndarray, sample_rate: int, rng: np.random.Generator, share: float):
    """Clip the loudest ``share`` of the active speech's samples at their threshold."""
    loud = np.abs(samples)
    active = loud > 0.01 * active_level(samples, sample_rate)
    threshold = np.quantile(loud[active], 1 - share)
    where = _runs(loud > threshold, int(_JOIN_S * sample_rate))
    return np.clip(samples, -threshold, threshold), Disturbance(
        "clipping",
        tuple((a / sample_rate, b / sample_rate) for a, b in where),
        ((0.0, sample_rate / 2),),
        {"share": share, "threshold": float(threshold)},
    )


@_degradation
def interruptions(
    samples: np.ndarray, sample_rate: int, rng: np.random.Generator, length_s: float, n: int = 1
):
    """Cut ``n`` gaps of ``length_s`` out of the middle four fifths of the clip, apart by at least
    their own length.
    """
    total, gap = len(samples), round(length_s * sample_rate)
    first, room = total // 10, total * 8 // 10 - n * gap - (n - 1) * gap
    if room < 0:
        raise ParameterError(
            f"{n} interruptions of {length_s:g} s do not fit into {total / sample_rate:.2f} s."
        )
    starts = first + np.sort(rng.integers(0, room + 1, n)) + 2 * gap * np.arange(n)
    cut = samples.copy()
    for start in starts:
        cut[start : start + gap] = 0
    return cut, Disturbance(
        "interruption",
        tuple((s / sample_rate, (s + gap) / sample_rate) for s in starts.tolist()),
        ((0.0, sample_rate / 2),),
        {"length_s": length_s, "n": n},
    )


@_degradation
def packet_loss(
    samples: np.ndarray,
    sample_rate: int,
    rng: np.random.Generator,
    loss: float,
    burst: int = 1,
    conceal: bool = False,
):
    """Lose a share ``loss`` of the packets of 20 ms, ``burst`` neighbours at a time.

    Without concealment lost packets are silent; with it the last period before the gap is repeated,
    fading out within 60 ms, in the manner of ITU-T G.711 Appendix I. The first two packets arrive.
    """
    size = int(PACKET_S * sample_rate)
    n = len(samples) // size
    lost = _lost(n, max(1, round(loss * n / burst)), burst, rng)
    received = samples.copy()
    for start, end in _runs(lost, 0):
        received[start * size : end * size] = (
            _concealed(received[: start * size], (end - start) * size, sample_rate)
            if conceal
            else 0
        )
    return received, Disturbance(
        "concealed loss" if conceal else "packet loss",
        tuple((a * PACKET_S, b * PACKET_S) for a, b in _runs(lost, 0)),
        ((0.0, sample_rate / 2),),
        {"loss": float(lost.mean()), "burst": burst},
    )


def _lost(n: int, n_bursts: int, burst: int, rng) -> np.ndarray:
    """Return which of ``n`` packets are lost: ``n_bursts`` runs of ``burst`` at random that do not
    touch.
    """
    spare = n - 2 - n_bursts * (burst + 1) + 1
    if spare < 0:
        raise ParameterError(
            f"{n_bursts} bursts of {burst} lost packets do not fit into {n} packets."
        )
    starts = 2 + np.sort(rng.integers(0, spare + 1, n_bursts)) + (burst + 1) * np.arange(n_bursts)
    lost = np.zeros(n, bool)
    lost[(starts[:, None] + np.arange(burst)).ravel()] = True
    return lost


def _concealed(past: np.ndarray, length: int, sample_rate: int) -> np.ndarray:
    """Return ``length`` samples that go on from ``past``: its last period (2.5 to 15 ms) again and
    again, fading.
    """
    shortest, longest = int(0.0025 * sample_rate), int(0.015 * sample_rate)
    end = past[-longest:].astype(np.float64)
    likeness = [
        end @ past[-longest - lag : -lag] / (np.linalg.norm(past[-longest - lag : -lag]) + 1e-9)
        for lag in range(shortest, longest)
    ]
    period = shortest + int(np.argmax(likeness))
    after_s = np.arange(length) / sample_rate
    return np.resize(past[-period:], length) * np.clip(1.2 - after_s / 0.05, 0, 1)


@_degradation
def codec(
    samples: np.ndarray, sample_rate: int, rng: np.random.Generator, name: str, bit_rate: int = 0
):
    """Code and decode: :func:`earwitness.acoustics.codecs.through_codec`."""
    coded = through_codec(samples, sample_rate, name, bit_rate)
    rate = CODECS[name].rate
    return coded, _everywhere(
        samples, sample_rate, "codec", codec=name, bit_rate=bit_rate, codec_rate_hz=rate
    )


@_degradation
def reverberation(
    samples: np.ndarray,
    sample_rate: int,
    rng: np.random.Generator,
    t60_s: float,
    direct_db: float = 0.0,
):
    """Add a room: noise that decays by 60 dB in ``t60_s``, its energy ``direct_db`` below that of
    the direct sound.

    The tail begins 2 ms after the direct sound.
    """
    n = int(1.2 * t60_s * sample_rate)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / (t60_s * sample_rate))
    tail[: int(0.002 * sample_rate)] = 0
    response = tail * _gain(-direct_db) / np.sqrt((tail**2).sum())
    response[0] = 1
    wet = fftconvolve(samples, response)[: len(samples)]
    return wet.astype(np.float32), _everywhere(
        samples, sample_rate, "reverberation", t60_s=t60_s, direct_db=direct_db
    )


def _runs(chosen: np.ndarray, join: int) -> list[tuple[int, int]]:
    """Return start and end (exclusive) of the runs of True; runs at most ``join`` apart count as
    one.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] <= join:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs


DEGRADATIONS: dict[str, Callable] = {
    f.__name__: f
    for f in (level, noise, mnru, band, clipping, interruptions, packet_loss, codec, reverberation)
}


@checked
def degrade(
    samples: np.ndarray,
    sample_rate: int,
    steps: Sequence[tuple[str, Mapping]],
    rng: np.random.Generator,
    babble: Callable | None = None,
):
    """Apply one degradation after the other.

    Parameters
    ----------
    samples : ndarray, shape (T,)
    sample_rate : int
        Hz.
    steps : sequence of (str, dict)
        Name of a degradation and its options.
    rng : numpy.random.Generator
    babble : callable, optional
        (n, rng) -> n samples of voices in the background; needed where a step asks for them.

    Returns
    -------
    samples : ndarray, shape (T,), float32
    disturbances : list of Disturbance

    Raises
    ------
    UnknownNameError
        If a step names no degradation.
    AudioError
        If :func:`earwitness.audio.check_samples` refuses the samples (they may be silent), or a
        step needs the level of speech and there is no sound.
    ParameterError
        If an option is absent, unknown or outside what is allowed; if a step asks for voices in the
        background and there are none.
    """
    samples, disturbances = check_samples(samples, sample_rate, may_be_silent=True), []
    for name, options in steps:
        if options.get("colour") == "babble" and babble is None:
            raise ParameterError(
                "Babble needs voices: give degrade a function (n, rng) that returns so many "
                "samples."
            )
        given = {"babble": babble} if options.get("colour") == "babble" else {}
        apply = DEGRADATIONS[check_choice(name, DEGRADATIONS, "degradation")]
        samples, disturbance = apply(samples, sample_rate, rng, **options, **given)
        disturbances.append(disturbance)
    return samples.astype(np.float32), disturbances
