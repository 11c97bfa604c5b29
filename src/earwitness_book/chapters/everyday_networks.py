"""Networks in wide use, and sounds that are put together from known parts.

A sound is the sum of its parts: bands and moments of a recording, harmonics of a tone. The parts'
gains are the input that is explained (:class:`Mixture`), so that every method gives one number a
part, and removing the part says what that number should have been.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import parselmouth
import scipy.stats
import torch
from parselmouth.praat import call
from torch import nn

from earwitness import attribution, figures
from earwitness.arguments import checked
from earwitness.attribution.occlusion import silence_db
from earwitness.corpora import transmission
from earwitness.errors import ParameterError, check_choice
from earwitness.evaluation import statistics
from earwitness.figures import described
from earwitness.models import crepe, dnsmos, resemblyzer
from earwitness.models.silero import CHUNK

RATE = 16000
METHODS = (
    "gradient-x-input", "integrated-gradients", "lrp-epsilon", "lrp-epsilon-plus", "lrp-gamma",
)  # fmt: skip
_OPTIONS = {"integrated-gradients": {"n_steps": 16}}
BAND_EDGES_HZ = (0, 250, 500, 1000, 1500, 2000, 3000, 4500, 8000)


class Mixture(nn.Module):
    """A network whose input is how much there is of each part of a sound.

    Parameters
    ----------
    network : Module
        (batch, 1, T) -> outputs.
    parts : ndarray, shape (n_parts, T)
        They add up to the sound; the gains of the whole are ones.
    pool : callable, optional
        What is explained of the outputs, (batch, n): for instance their mean over some chunks.
    """

    def __init__(self, network: nn.Module, parts: np.ndarray, pool: Callable | None = None):
        super().__init__()
        self.network, self.pool = network, pool or (lambda outputs: outputs)
        self.register_buffer("parts", torch.from_numpy(np.float32(parts)))

    def forward(self, gains: torch.Tensor) -> torch.Tensor:
        """Return the pooled outputs for gains (batch, n_parts)."""
        return self.pool(self.network((gains @ self.parts)[:, None]))

    @property
    def whole(self) -> torch.Tensor:
        """The gains of the sound as it is, (1, n_parts)."""
        return self.parts.new_ones(1, len(self.parts))

    @torch.no_grad()
    def losses(self, target: int = 0, batch_size: int = 64) -> np.ndarray:
        """Return by how much the output falls when a part is removed, (n_parts,)."""
        gains = 1 - torch.eye(len(self.parts))
        left = torch.cat([self(some)[:, target] for some in gains.split(batch_size)])
        return (self(self.whole)[0, target] - left).numpy()

    def relevance(self, method: str, target: int = 0, **options) -> np.ndarray:
        """Return the relevance of each part, (n_parts,)."""
        options = _OPTIONS.get(method, {}) | options
        found = attribution.attribute(self, self.whole, target, method, **options)
        return found[0].numpy()


@checked
def agreement(
    mixture: Mixture,
    untrained: Mixture,
    rng: np.random.Generator,
    target: int = 0,
    methods: Sequence[str] = METHODS,
) -> dict[str, float]:
    """Return the rank correlation of the loss by removing a part with what methods say of it.

    Beside the methods: ``energy`` of the part, ``random`` numbers, and ``untrained``, integrated
    gradients of random weights.
    """
    losses = mixture.losses(target)
    said = {method: mixture.relevance(method, target) for method in methods}
    said["energy"] = mixture.parts.square().sum(1).numpy()
    said["random"] = rng.normal(size=len(losses))
    said["untrained"] = untrained.relevance("integrated-gradients", target)
    return {name: spearman(losses, values) for name, values in said.items()}


def spearman(first, second) -> float:
    """Return the rank correlation of two lists; 0 where one of them is the same everywhere."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(scipy.stats.spearmanr(first, second).statistic)


def mean_rows(rows: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Return mean and 95 % interval over clips of each column, a row for each: ``mean``, ``low``,
    ``high``.
    """
    table = pd.DataFrame(rows)
    found = {name: statistics.bootstrap(table[name].to_numpy()) for name in table}
    return pd.DataFrame(
        {name: {"mean": i.value, "low": i.low, "high": i.high} for name, i in found.items()}
    ).T


def paired(rows: Sequence[Mapping[str, float]], name: str, ids: Mapping[str, str]) -> dict:
    """Return what ``records.record_many`` takes of a column: value, interval over clips, and the
    interval of its difference to other columns, whose ids are given.
    """
    table = pd.DataFrame(rows)
    value = statistics.bootstrap(table[name].to_numpy())
    against = {
        id: statistics.paired_bootstrap(table[name].to_numpy(), table[other].to_numpy()).ends
        for other, id in ids.items()
    }
    return {"value": value.value, "interval": value.ends, "against": against, "n": len(table)}


def of_share(hits: Sequence[bool], of: str, **more) -> dict:
    """Return what ``records.record_many`` takes of a share, in per cent, with Wilson's interval."""
    found = statistics.share(int(np.sum(hits)), len(hits))
    ends = (100 * found.low, 100 * found.high)
    return {"value": 100 * found.value, "interval": ends, "n": found.n, "of": of, **more}


# --- parts


@checked
def bands(samples: np.ndarray, edges_hz: Sequence[float] = BAND_EDGES_HZ) -> np.ndarray:
    """Return the bands of a sound at 16 kHz, (n_bands, T), which add up to it exactly."""
    spectrum = np.fft.rfft(np.float64(samples))
    freqs_hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    edges_hz = [*edges_hz[:-1], np.inf]
    chosen = [(freqs_hz >= low) & (freqs_hz < high) for low, high in zip(edges_hz, edges_hz[1:])]  # noqa: B905
    return np.stack([np.fft.irfft(spectrum * kept, len(samples)) for kept in chosen])


@checked
def bands_and_moments(
    samples: np.ndarray, n_moments: int, edges_hz: Sequence[float] = BAND_EDGES_HZ
) -> np.ndarray:
    """Return bands cut into moments, (n_bands * n_moments, T), which add up to the sound; windows
    overlap by 10 ms, so that no cut clicks.
    """
    windows = moments(len(samples), n_moments)
    return (bands(samples, edges_hz)[:, None] * windows).reshape(-1, len(samples))


def parts_map(
    ax,
    values: np.ndarray,
    n_moments: int,
    seconds: float,
    edges_hz: Sequence[float] = BAND_EDGES_HZ,
):
    """Draw a number for each of :func:`bands_and_moments` of so many seconds, bands at equal
    heights, red for and blue against; return the image.
    """
    grid, edges_hz = values.reshape(-1, n_moments), np.array(edges_hz)
    limit = np.abs(grid).max()
    image = ax.imshow(
        grid, cmap=figures.RELEVANCE_CMAP, vmin=-limit, vmax=limit, origin="lower", aspect="auto",
        extent=(0, seconds, 0, len(grid)),
    )  # fmt: skip
    ax.set_yticks(np.arange(len(edges_hz)), labels=[str(hz) for hz in edges_hz])
    ax.set(xlabel="Time (s)", ylabel="Frequency (Hz)")
    times_s = (np.arange(n_moments) + 0.5) * seconds / n_moments
    return described.remember(image, grid, times_s, (edges_hz[:-1] + edges_hz[1:]) / 2)


def moments(n_samples: int, n_moments: int, overlap: int = 160) -> np.ndarray:
    """Return windows (n_moments, n_samples) that add up to one."""
    edges = np.linspace(0, n_samples, n_moments + 1)[1:-1]
    times = np.arange(n_samples)
    rising = [np.clip((times - edge) / overlap + 0.5, 0, 1) for edge in edges]
    steps = np.stack([np.ones(n_samples), *rising, np.zeros(n_samples)])
    return steps[:-1] - steps[1:]


@checked
def partials(
    freqs_hz: Sequence[float], levels_db: Sequence[float], rng: np.random.Generator,
    n_samples: int = crepe.N_SAMPLES,
) -> np.ndarray:  # fmt: skip
    """Return sinusoids at 16 kHz in random phase, (n, n_samples), levels re 1; those above Nyquist
    are silent.
    """
    freqs_hz, levels_db = np.asarray(freqs_hz, float), np.asarray(levels_db, float)
    if freqs_hz.shape != levels_db.shape or freqs_hz.ndim != 1:
        raise ParameterError("Each partial has a frequency and a level.")
    phases = rng.uniform(0, 2 * np.pi, (len(freqs_hz), 1))
    times_s = np.arange(n_samples) / RATE
    gains = np.where(freqs_hz < RATE / 2, 10 ** (levels_db / 20), 0.0)
    return gains[:, None] * np.sin(2 * np.pi * freqs_hz[:, None] * times_s + phases)


# --- pitch


@torch.no_grad()
def pitches_hz(network: nn.Module, sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Return CREPE's pitch in Hz of sounds of 1024 samples."""
    return crepe.pitch_hz(network(standard(sounds)))


def standard(sounds: Sequence[np.ndarray]) -> torch.Tensor:
    """Return the input (n, 1, 1024) of CREPE for sounds of 1024 samples."""
    return crepe.standardised(torch.from_numpy(np.float32(np.stack(sounds))))[:, None]


def cents(measured_hz, true_hz) -> np.ndarray:
    """Return how much a frequency lies above another, in cents."""
    return 1200 * np.log2(np.asarray(measured_hz) / np.asarray(true_hz))


def is_near(measured_hz, true_hz, within_cents: float = 50.0) -> np.ndarray:
    """Tell which pitches lie within 50 cents of the truth."""
    return np.abs(cents(measured_hz, true_hz)) <= within_cents


def scaled(parts: np.ndarray) -> np.ndarray:
    """Return the partials of a frame as CREPE gets them: with the frame's standard deviation 1."""
    return parts / parts.sum(0).std(ddof=1)


def nearest_bin(pitch_hz: float) -> int:
    """Return the output of CREPE that stands for a pitch."""
    return int(np.abs(cents(crepe.bins_hz(), pitch_hz)).argmin())


@checked
def octave_jump_db(network: nn.Module, f0_hz: float, rng: np.random.Generator) -> float:
    """Return how far the odd ones of ten harmonics lie below the even ones, in dB, when the pitch
    first is twice F0; NaN if it never is.
    """
    whole = partials(f0_hz * np.arange(1, 11), np.zeros(10), rng)
    steps_db = np.arange(0.0, 61.0, 3.0)
    odd = np.arange(1, 11) % 2 == 1
    sounds = [(np.where(odd, 10 ** (-db / 20), 1.0)[:, None] * whole).sum(0) for db in steps_db]
    jumped = is_near(pitches_hz(network, sounds), 2 * f0_hz)
    return float(steps_db[jumped][0]) if jumped.any() else np.nan


# --- voice activity


@torch.no_grad()
def odds(network: nn.Module, samples: np.ndarray) -> np.ndarray:
    """Return Silero's probability of speech in each chunk, (n_chunks,)."""
    return network(torch.from_numpy(np.float32(samples))[None, None]).sigmoid()[0, :, 0].numpy()


def levels_db(samples: np.ndarray) -> np.ndarray:
    """Return the level of each chunk in dB re 1, (n_chunks,)."""
    chunks = np.pad(np.float64(samples), (0, -len(samples) % CHUNK)).reshape(-1, CHUNK)
    return 10 * np.log10(np.mean(chunks**2, axis=1) + 1e-12)


PAUSES = ("", "h#", "pau", "epi")  # of generated voices; of TIMIT: the closure of a stop is none


def spoken(phones: pd.DataFrame) -> pd.DataFrame:
    """Return the phones that are no pause."""
    return phones[~phones["phone"].isin(PAUSES)]


def is_speech(phones: pd.DataFrame, n_chunks: int) -> np.ndarray:
    """Tell of which chunks the middle is spoken, (n_chunks,)."""
    middles_s = (np.arange(n_chunks) + 0.5) * CHUNK / RATE
    phones = spoken(phones)
    inside = (middles_s[:, None] >= phones["start_s"].to_numpy()) & (
        middles_s[:, None] < phones["end_s"].to_numpy()
    )
    return inside.any(1)


def with_noise(samples: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Return a clip in white noise, ``snr_db`` below its own level (root mean square)."""
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)))
    return np.float32(samples + rng.normal(0, level * 10 ** (-snr_db / 20), len(samples)))


def with_babble(
    samples: np.ndarray, others: Sequence[np.ndarray], snr_db: float, rng: np.random.Generator
) -> np.ndarray:
    """Return a clip in the babble of six other clips, each at the same level and from a point at
    random, ``snr_db`` below its own level.
    """
    chosen = rng.choice(len(others), 6, replace=len(others) < 6)
    talkers = [
        np.resize(np.roll(o, -int(rng.integers(len(o)))), len(samples))
        for o in (others[i] for i in chosen)
    ]
    babble = sum(t / np.sqrt(np.mean(np.square(t, dtype=np.float64))) for t in talkers)
    level = np.sqrt(np.mean(np.square(samples, dtype=np.float64)) / np.mean(babble**2))
    return np.float32(samples + level * 10 ** (-snr_db / 20) * babble)


def roc(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the area under the ROC curve in per cent."""
    return 100 * statistics.roc_area(scores, truth)


def _noise(slope: float, level_db: float, seconds: float, rng) -> np.ndarray:
    """Return noise whose amplitude falls with frequency to that power, at a level re 1."""
    n = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.normal(size=n))
    spectrum *= np.maximum(np.fft.rfftfreq(n, 1 / RATE), 50.0) ** slope
    return at_level(np.fft.irfft(spectrum, n), level_db)


def at_level(samples: np.ndarray, level_db: float) -> np.ndarray:
    """Return a sound with that root mean square, in dB re 1."""
    return np.float32(samples / np.sqrt(np.mean(samples**2)) * 10 ** (level_db / 20))


def _complex(f0_hz: float, rhythm: bool, seconds: float, rng, rate_hz: float = 4.0) -> np.ndarray:
    """Return twenty harmonics with the formants of a vowel; gliding and pulsing ``rate_hz`` times
    a second, or steady.
    """
    times_s = np.arange(round(seconds * RATE)) / RATE
    sway = np.sin(2 * np.pi * rate_hz * times_s + rng.uniform(0, 2 * np.pi))
    glide = 2 ** (0.15 * sway) if rhythm else np.ones(len(times_s))
    phase = 2 * np.pi * np.cumsum(f0_hz * glide) / RATE
    numbers = np.arange(1, 21)
    gains = sum(np.exp(-(((numbers * f0_hz - at) / 300) ** 2)) for at in (500, 1500)) + 0.05
    sound = (gains[:, None] * np.sin(numbers[:, None] * phase)).sum(0)
    return at_level(sound * (0.5 + 0.5 * sway if rhythm else 1.0), -25.0)


def _chirps(rng, seconds: float) -> np.ndarray:
    """Return short falling whistles above 2 kHz, as of a bird."""
    times_s = np.arange(round(seconds * RATE)) / RATE
    within = times_s * 6 % 1
    freqs_hz = 4500 - 2000 * within
    return at_level(np.sin(2 * np.pi * np.cumsum(freqs_hz) / RATE) * (within < 0.4), -25.0)


def _clicks(rng, seconds: float) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE))
    sound[rng.integers(0, len(sound), round(8 * seconds))] = 1.0
    return at_level(sound, -35.0)


NOT_SPEECH: dict[str, Callable] = {  # (seconds, rng) -> samples
    "silence": lambda seconds, rng: np.zeros(round(seconds * RATE), np.float32),
    "noise at −90 dB": lambda seconds, rng: _noise(0, -90, seconds, rng),
    "noise at −60 dB": lambda seconds, rng: _noise(0, -60, seconds, rng),
    "white noise": lambda seconds, rng: _noise(0, -30, seconds, rng),
    "pink noise": lambda seconds, rng: _noise(-0.5, -30, seconds, rng),
    "speech-shaped noise": lambda seconds, rng: _noise(-1, -30, seconds, rng),
    "noise in a rhythm": lambda seconds, rng: _pulsed(_noise(-1, -30, seconds, rng)),
    "pure tone": lambda seconds, rng: _tone(rng.uniform(200, 2000), seconds),
    "steady complex": lambda seconds, rng: _complex(rng.uniform(90, 250), False, seconds, rng),
    "complex in a rhythm": lambda seconds, rng: _complex(rng.uniform(90, 250), True, seconds, rng),
    "whistles": lambda seconds, rng: _chirps(rng, seconds),
    "clicks": lambda seconds, rng: _clicks(rng, seconds),
}
NEAR_SILENCE, STEADY_NOISE = tuple(NOT_SPEECH)[:3], tuple(NOT_SPEECH)[3:6]


def _pulsed(samples: np.ndarray, rate_hz: float = 4.0) -> np.ndarray:
    phase = 2 * np.pi * rate_hz * np.arange(len(samples)) / RATE
    return samples * np.float32(0.5 + 0.5 * np.sin(phase))


def _tone(freq_hz: float, seconds: float) -> np.ndarray:
    times_s = np.arange(round(seconds * RATE)) / RATE
    return at_level(np.sin(2 * np.pi * freq_hz * times_s), -25.0)


@checked
def not_speech(n_each: int, seconds: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return sounds that are no speech: a row for each with ``kind`` and ``samples``."""
    return pd.DataFrame(
        [
            {"kind": kind, "samples": make(seconds, rng)}
            for kind, make in NOT_SPEECH.items()
            for _ in range(n_each)
        ]
    )


def not_speech_of(kind: str, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Return one sound of a kind of :data:`NOT_SPEECH`."""
    return NOT_SPEECH[check_choice(kind, NOT_SPEECH, "kind of sound that is no speech")](
        seconds, rng
    )


def by_modulation(
    network: nn.Module, rates_hz: Sequence[float], n_each: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the mean probability of speech (%) of pulsing sounds, a row for each: ``kind``
    (``"complex"``, ``"noise"``), ``rate_hz``, ``probability``. Complexes of one number have one
    fundamental at all rates.
    """
    f0s_hz, rows = rng.uniform(90, 250, n_each), []
    for rate in rates_hz:
        for f0_hz in f0s_hz:
            sounds = {
                "complex": _complex(f0_hz, True, 2.0, rng, rate),
                "noise": _pulsed(_noise(-1, -30, 2.0, rng), rate),
            }
            rows += [
                {"kind": kind, "rate_hz": rate, "probability": 100 * odds(network, sound).mean()}
                for kind, sound in sounds.items()
            ]
    return pd.DataFrame(rows)


def mean_logit(chunks: np.ndarray) -> Callable:
    """Return what a :class:`Mixture` pools: Silero's mean logit over some chunks."""
    index = torch.from_numpy(np.flatnonzero(chunks))
    return partial(_mean_over, index=index)


def _mean_over(outputs: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    return outputs[:, index].mean(1)


def falls(
    network: nn.Module, samples: np.ndarray, method: str, chunks: np.ndarray, parts: str = "bands"
) -> dict[str, float]:
    """Return by how much the mean logit of some chunks falls without the most relevant of eight
    ``"bands"`` or ``"moments"``, without the loudest, and without the one whose removal helps most;
    and ``which`` that is.
    """
    cut = {"bands": bands, "moments": lambda sound: sound * moments(len(sound), 8)}
    found = cut[check_choice(parts, cut, "kind of parts")](samples)
    mixture = Mixture(network, found, mean_logit(chunks))
    losses = mixture.losses()
    loudest = int(mixture.parts.square().sum(1).argmax())
    return {
        "relevant": float(losses[mixture.relevance(method).argmax()]),
        "loudest": float(losses[loudest]),
        "most effective": float(losses.max()),
        "which": int(losses.argmax()),
    }


# --- quality


class Judge(nn.Module):
    """DNSMOS from its spectrogram on: (batch, 1, n_frames, 161) -> (batch, 3)."""

    def __init__(self, network: dnsmos.Dnsmos):
        super().__init__()
        self.network = network

    def forward(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Return SIG, BAK and OVRL before the last polynomial."""
        return self.network.judge(spectrograms)


SILENCE = float(np.log10(dnsmos.FLOOR))  # of DNSMOS's spectrogram


@torch.no_grad()
def quality(network: dnsmos.Dnsmos, samples: np.ndarray) -> dict[str, float]:
    """Return SIG, BAK and OVRL of a clip as it is, not played again up to 9 s."""
    return dnsmos.calibrated(network(torch.from_numpy(np.float32(samples))[None, None]))


@torch.no_grad()
def log_power(network: dnsmos.Dnsmos, samples: np.ndarray) -> torch.Tensor:
    """Return DNSMOS's spectrogram of a clip, (1, 1, n_frames, 161), powers of ten."""
    return network.spectrogram(network.analysis(torch.from_numpy(np.float32(samples))[None, None]))


def clipped(samples: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Return a clip whose loudest tenth of sounding samples is cut off."""
    sounding = np.abs(samples[samples != 0])
    limit = np.quantile(sounding, 1 - share) if len(sounding) else 0.0
    return np.clip(samples, -limit, limit)


class Planted(NamedTuple):
    """A sentence between two pauses, the same with a burst of noise in one of them, and which
    frames of DNSMOS's spectrogram the burst touches.
    """

    clean: np.ndarray
    disturbed: np.ndarray
    frames: np.ndarray
    interval_s: tuple[float, float]


PAUSE_S = 0.4  # before and after the speech of a planted clip


@checked
def planted(samples: np.ndarray, rng: np.random.Generator, speech_s: float = 1.2) -> Planted:
    """Return a burst of noise of 250 ms in a pause before or after a part of a sentence.

    The pauses hold faint noise, 75 dB below full scale, as recordings do; the burst is as loud as
    the speech on average.
    """
    loudest = int(np.argmax(np.convolve(samples**2, np.ones(RATE // 2), "same")))
    n, pause, length = (round(s * RATE) for s in (speech_s, PAUSE_S, 0.25))
    start = int(np.clip(loudest - n // 2, 0, max(0, len(samples) - n)))
    speech = np.float32(samples[start : start + n])
    clean = np.pad(speech, (pause, pause)) + np.float32(
        rng.normal(0, 10 ** (-75 / 20), len(speech) + 2 * pause)
    )
    begin = (pause - length) // 2 + (0 if rng.random() < 0.5 else pause + len(speech))
    burst = at_level(rng.normal(size=length), 10 * np.log10(np.mean(speech**2)))
    disturbed = clean.copy()
    disturbed[begin : begin + length] += burst
    starts = np.arange((len(clean) - dnsmos.WIDTH) // dnsmos.HOP + 1) * dnsmos.HOP
    touched = (starts + dnsmos.WIDTH > begin) & (starts < begin + length)
    interval = begin / RATE, (begin + length) / RATE
    return Planted(np.float32(clean), np.float32(disturbed), touched, interval)


def without_pauses(clip: Planted) -> np.ndarray:
    """Return the speech of a clean clip alone."""
    pause = round(PAUSE_S * RATE)
    return clip.clean[pause:-pause]


def silent_pauses(clip: Planted) -> np.ndarray:
    """Return a clean clip with digital silence in its pauses."""
    pause = round(PAUSE_S * RATE)
    return np.pad(without_pauses(clip), (pause, pause))


@torch.no_grad()
def both_judges(network, nisqa, untrained, samples: np.ndarray) -> dict[str, float]:
    """Return DNSMOS's three opinions of a clip, NISQA's (its first output), and that of a NISQA
    with random weights (``"untrained"``).
    """
    spectrogram = nisqa.spectrogram(np.float32(samples), RATE)[None]
    others = {"NISQA": nisqa, "untrained": untrained}
    return quality(network, samples) | {
        name: float(each(spectrogram)[0, 0]) for name, each in others.items()
    }


def judges_agree(clean: pd.Series, spoiled: Sequence[pd.Series]) -> dict[str, float]:
    """Return the rank correlation, over ways of spoiling one clip, of the fall of OVRL with that
    of other judges: ``"NISQA"``, ``"untrained"``.
    """
    fallen = pd.DataFrame([clean - each for each in spoiled])
    return {name: spearman(fallen["OVRL"], fallen[name]) for name in ("NISQA", "untrained")}


@torch.no_grad()
def raw_outputs(network: dnsmos.Dnsmos, samples: np.ndarray) -> np.ndarray:
    """Return DNSMOS's outputs (3,) before the last polynomial."""
    return network(torch.from_numpy(np.float32(samples))[None, None])[0].numpy()


def against_in_pauses(network: dnsmos.Dnsmos, clip: Planted) -> dict[str, float]:
    """Return which share (%) of what speaks against OVRL in a clean clip lies in its pauses, beside
    their share of the time and of the energy.
    """
    spectrogram = log_power(network, clip.clean)
    against = np.maximum(
        blame(network, spectrogram, dnsmos.OUTPUTS.index("OVRL"), "lrp-epsilon"), 0
    ).sum(1)
    energy = (10 ** spectrogram[0, 0].numpy()).sum(1)
    middles_s = (np.arange(len(against)) * dnsmos.HOP + dnsmos.WIDTH / 2) / RATE
    pause = (middles_s < PAUSE_S) | (middles_s > len(clip.clean) / RATE - PAUSE_S)
    return {
        "against": 100 * float(against[pause].sum() / max(against.sum(), 1e-12)),
        "time": 100 * float(pause.mean()),
        "energy": 100 * float(energy[pause].sum() / energy.sum()),
    }


def burst_by_nisqa(nisqa, clip: Planted) -> float:
    """Return how well LRP of NISQA, counted from silence, tells the frames of a planted burst from
    others: the area under the ROC curve, per cent.
    """
    spectrogram = nisqa.spectrogram(clip.disturbed, RATE)[None]
    silence = silence_db(spectrogram[0])
    model = attribution.relative_to(nisqa, silence)
    found = attribution.attribute(model, spectrogram - silence, 0, "lrp-epsilon")[0]
    truth = transmission.frames_in([clip.interval_s], found.shape[1])
    return roc(-found.sum(0).numpy(), truth)


@torch.no_grad()
def by_silencing(
    network: dnsmos.Dnsmos, spectrogram: torch.Tensor, output: int, width: int = 10
) -> np.ndarray:
    """Return by how much an output rises when a moment of ``width`` frames is silenced, a value for
    each frame.
    """
    before, rises = network.judge(spectrogram)[0, output], []
    for start in range(0, spectrogram.shape[2], width):
        hidden = spectrogram.clone()
        hidden[:, :, start : start + width] = SILENCE
        rises.append(float(network.judge(hidden)[0, output] - before))
    return np.repeat(rises, width)[: spectrogram.shape[2]]


def blame(
    network: dnsmos.Dnsmos, spectrogram: torch.Tensor, output: int, method: str
) -> np.ndarray:
    """Return how much speaks against an output, (n_frames, 161): negative relevance, counted from
    silence.
    """
    model = attribution.relative_to(Judge(network), SILENCE)
    found = attribution.attribute(model, spectrogram - SILENCE, output, method)
    return -found[0, 0].numpy()


def burst_scores(
    network: dnsmos.Dnsmos, untrained: dnsmos.Dnsmos, clip: Planted, rng: np.random.Generator
) -> dict[str, float]:
    """Return how well each method tells the frames of a planted burst from others, by BAK: areas
    under the ROC curve in per cent.
    """
    spectrogram, bak = log_power(network, clip.disturbed), dnsmos.OUTPUTS.index("BAK")
    random = log_power(untrained, clip.disturbed)
    scores = {
        "lrp-epsilon": blame(network, spectrogram, bak, "lrp-epsilon").sum(1),
        "gradient-x-input": blame(network, spectrogram, bak, "gradient-x-input").sum(1),
        "occlusion": by_silencing(network, spectrogram, bak),
        "energy": (10 ** spectrogram[0, 0].numpy()).sum(1),
        "random": rng.normal(size=len(clip.frames)),
        "untrained": blame(untrained, random, bak, "lrp-epsilon").sum(1),
    }
    return {name: roc(score, clip.frames) for name, score in scores.items()}


# --- voices


@torch.no_grad()
def embeddings(encoder: nn.Module, clips: Sequence[np.ndarray]) -> torch.Tensor:
    """Return the embedding of each clip at the level that the encoder takes, (n, size)."""
    levels = [torch.from_numpy(resemblyzer.levelled(np.float32(clip))) for clip in clips]
    return torch.cat([encoder(clip[None, None]) for clip in levels])


def mel_means(encoder: nn.Module, clips: Sequence[np.ndarray]) -> torch.Tensor:
    """Return the mean level in each mel band, as vectors of length 1: a voice without a network."""
    with torch.no_grad():
        powers = [encoder.mel_powers(torch.from_numpy(np.float32(c))[None, None])[0] for c in clips]
    means = torch.stack([10 * torch.log10(power.mean(1) + 1e-10) for power in powers])
    centred = means - means.mean(1, keepdim=True)
    return centred / centred.norm(dim=1, keepdim=True)


def own_against_others(
    first: torch.Tensor, second: torch.Tensor, sex: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each speaker the cosine of both own clips, the mean cosine with those of others of
    the same sex, and how many per cent of these lie below the own one.
    """
    cosines, sex = (first @ second.T).numpy(), np.asarray(sex)
    own, others, below = np.diag(cosines), [], []
    for speaker, row in enumerate(cosines):
        rest = row[(sex == sex[speaker]) & (np.arange(len(row)) != speaker)]
        others.append(rest.mean())
        below.append(100 * np.mean(rest < own[speaker]))
    return own, np.array(others), np.array(below)


def nearest_other(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Return for each speaker the other one whose clip is most alike."""
    cosines = (first @ second.T).numpy().copy()
    np.fill_diagonal(cosines, -np.inf)
    return cosines.argmax(1)


def moved(
    samples: np.ndarray, f0: float = 1.0, formants: float = 1.0, rate: float = RATE
) -> np.ndarray:
    """Return a voice with F0, or all formants, multiplied, by Praat's "Change gender"."""
    sound = parselmouth.Sound(np.float64(samples), rate)
    pitch = sound.to_pitch(pitch_floor=75, pitch_ceiling=600)
    median_hz = call(pitch, "Get quantile", 0, 0, 0.5, "Hertz")
    changed = call(sound, "Change gender", 75, 600, formants, f0 * median_hz, 1.0, 1.0)
    return np.float32(changed.values[0])


def telephone(samples: np.ndarray) -> np.ndarray:
    """Return what is left of a sound between 300 and 3400 Hz."""
    return np.float32(bands(samples, (0, 300, 3400, 8000))[1])


def microphone(samples: np.ndarray) -> np.ndarray:
    """Return a sound as another, small microphone takes it up: below 300 Hz 12 dB less an octave,
    around 3.5 kHz up to 9 dB more.
    """
    freqs_hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    bass = freqs_hz**2 / (freqs_hz**2 + 300.0**2)
    octaves = np.log2(np.maximum(freqs_hz, 1.0) / 3500)
    peak_db = 9 * np.exp(-((octaves / 0.5) ** 2))
    spectrum = np.fft.rfft(np.float64(samples)) * bass * 10 ** (peak_db / 20)
    return np.float32(np.fft.irfft(spectrum, len(samples)))


def one_not_other(outputs: torch.Tensor) -> torch.Tensor:
    """Return by how much a voice is nearer to the first known one than to the second, (batch, 1);
    what a :class:`Mixture` pools.
    """
    return outputs[:, :1] - outputs[:, 1:2]
