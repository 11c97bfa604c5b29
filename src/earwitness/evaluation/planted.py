"""Cues planted into sounds: where they are is known, so a map of relevance is right or wrong."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import scipy.signal
import scipy.stats
import torch
from torch import nn

from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.audio import check_samples
from earwitness.errors import ParameterError, check_choice
from earwitness.evaluation.flipping import pixel_flipping

FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
FAITHFULNESS = ("most relevant first", "least relevant first", "random parts")
_AZIMUTH_DEG, _ELEVATION_DEG = -60, 30  # of a source whose direction is the cue: right, above
_N_PARTS, _N_SUBSETS = 40, 48


class Cue(NamedTuple):
    """A kind of cue and what it is by default.

    Attributes
    ----------
    change : callable
        ``(part, rate, gain, centre_hz, rng) -> part`` of a sound: samples (n,), or (4, n) of
        first-order ambisonics; gain is the root mean square of what is added.
    seconds, level_db, centre_hz : float
        How long it lasts, how loud it is beside the sound (root mean square), and where it lies.
    adds : bool
        Whether something is added; otherwise something is taken away or moved.
    words : str
        What a listener would call it.
    """

    change: Callable
    seconds: float
    level_db: float
    centre_hz: float
    adds: bool
    words: str


class Planted(NamedTuple):
    """A sound with a cue and the same sound without.

    Attributes
    ----------
    sound, clean : ndarray, shape (T,) or (4, T)
    start, stop : int
        The samples between which the two differ.
    cue : str
    """

    sound: np.ndarray
    clean: np.ndarray
    start: int
    stop: int
    cue: str


# --- what each cue does to a part of a sound


def _scaled(added: np.ndarray, gain: float) -> np.ndarray:
    return added * (gain / max(np.sqrt(np.mean(added**2)), 1e-12))


def _faded(added: np.ndarray, rate: int, seconds: float = 0.005) -> np.ndarray:
    n = min(round(seconds * rate), added.shape[-1] // 2)
    window = np.ones(added.shape[-1])
    window[:n] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    window[len(window) - n :] = window[:n][::-1]
    return added * window


def _click(part, rate, gain, centre_hz, rng):
    decay = np.exp(-np.arange(len(part)) / (0.0007 * rate))
    return part + _scaled(decay * rng.choice([-1.0, 1.0], len(part)), gain)


def _tone(part, rate, gain, centre_hz, rng):
    phase = 2 * np.pi * centre_hz * np.arange(len(part)) / rate + rng.uniform(0, 2 * np.pi)
    return part + _scaled(_faded(np.sin(phase), rate), gain)


def _formant(part, rate, gain, centre_hz, rng):
    """Add pulses of a random F0 through one resonance, 100 Hz wide."""
    pulses = np.zeros(len(part))
    period = rate / rng.uniform(90, 180)
    pulses[np.arange(rng.uniform(0, period), len(part), period).astype(int)] = 1.0
    radius = np.exp(-np.pi * 100 / rate)
    poles = [1, -2 * radius * np.cos(2 * np.pi * centre_hz / rate), radius**2]
    return part + _scaled(_faded(scipy.signal.lfilter([1, 0, -1], poles, pulses), rate), gain)


def _harmonics(part, rate, gain, centre_hz, rng):
    """Add ten harmonics whose middle is the centre, in random phase."""
    freqs_hz = centre_hz / 5.5 * np.arange(1, 11)
    freqs_hz = freqs_hz[freqs_hz < 0.95 * rate / 2]
    phases = rng.uniform(0, 2 * np.pi, (len(freqs_hz), 1))
    waves = np.sin(2 * np.pi * freqs_hz[:, None] * np.arange(len(part)) / rate + phases)
    return part + _scaled(_faded(waves.sum(0), rate), gain)


def _noise(part, rate, gain, centre_hz, rng):
    return part + _scaled(_faded(rng.normal(size=len(part)), rate), gain)


def _blended(part, other, rate):
    """Return ``other`` with ends that go over into the part, within a millisecond."""
    weight = _faded(np.ones(part.shape[-1]), rate, 0.001)
    return (1 - weight) * part + weight * other


def _gap(part, rate, gain, centre_hz, rng):
    return _blended(part, np.zeros(len(part)), rate)


def _band_limit(part, rate, gain, centre_hz, rng):
    """Take everything above the centre away, as a codec of few bits does."""
    spectrum = np.fft.rfft(part)
    spectrum[np.fft.rfftfreq(len(part), 1 / rate) > centre_hz] = 0
    return _blended(part, np.fft.irfft(spectrum, len(part)), rate)


def _from_the_right(sound):
    """Return the first-order ambisonic signal (4, T) of a source to the right, ACN and N3D."""
    place = sphere.unit_vector(*np.deg2rad([_AZIMUTH_DEG, _ELEVATION_DEG]))
    return sphere.harmonics(place, 1)[:, None] * sound


def _direction(part, rate, gain, centre_hz, rng):
    """Move a source in an ambisonic signal (4, n) to the other side: Y changes its sign."""
    return _blended(part, part * np.array([[1], [-1], [1], [1]]), rate)


CUES: dict[str, Cue] = {
    "click": Cue(_click, 0.005, 20, 0, True, "a click"),
    "tone": Cue(_tone, 0.12, 0, 1500, True, "a tone in one band"),
    "formant": Cue(_formant, 0.12, 3, 1500, True, "a formant: pulses through one resonance"),
    "harmonics": Cue(_harmonics, 0.12, 3, 1400, True, "ten harmonics"),
    "noise": Cue(_noise, 0.08, 3, 0, True, "a burst of noise"),
    "beep": Cue(_tone, 0.06, 3, 3000, True, "a short beep"),
    "gap": Cue(_gap, 0.1, 0, 0, False, "a gap"),
    "band-limit": Cue(_band_limit, 0.15, 0, 1000, False, "nothing left above a frequency"),
    "direction": Cue(_direction, 0.12, 0, 0, False, "the sound moves to the left"),
}


@checked
def plant(
    samples: np.ndarray,
    sample_rate: int,
    cue: str,
    rng: np.random.Generator,
    level_db: float | None = None,
    centre_hz: float | None = None,
    start_s: float | None = None,
    seconds: float | None = None,
) -> Planted:
    """Return a sound with a cue in it, and the sound itself.

    Parameters
    ----------
    samples : ndarray, shape (T,)
        In -1..1. Where the cue would lead above 1, both sounds are made softer alike.
    sample_rate : int
        In Hz.
    cue : str
        One of :data:`CUES`. ``"direction"`` gives four channels, first-order ambisonics: the sound
        comes from the right, 30 degrees above, and for the moment of the cue from the left.
    rng : Generator
        Of the moment, where none is given, and of phases and noise.
    level_db : float, optional
        Root mean square of what is added, in dB re that of the sound.
    centre_hz : float, optional
        Frequency of a tone, a resonance, the middle of ten harmonics, or the highest that a band
        limit leaves.
    start_s : float, optional
        When it begins; by default anywhere that it fits.
    seconds : float, optional
        How long it lasts.

    Raises
    ------
    ParameterError
        If it does not fit into the sound.
    AudioError
        If the sound is silent: a cue is as loud as the sound says.
    """
    kind = CUES[check_choice(cue, CUES, "cue")]
    sound = np.float64(check_samples(samples, sample_rate, what="The sound"))
    n = max(2, round((kind.seconds if seconds is None else seconds) * sample_rate))
    latest = len(sound) - n
    start = int(rng.integers(0, latest + 1)) if start_s is None and latest >= 0 else -1
    start = start if start_s is None else round(start_s * sample_rate)
    if not 0 <= start <= latest:
        raise ParameterError(
            f"A {cue} of {n / sample_rate:g} s does not fit into {len(sound) / sample_rate:g} s"
            + ("." if start_s is None else f" from {start_s:g} s on.")
        )
    centre = kind.centre_hz if centre_hz is None else centre_hz
    if kind.centre_hz and not 0 < centre < sample_rate / 2:
        raise ParameterError(
            f"centre_hz must lie between 0 and half the sample rate, got {centre:g}."
        )
    gain = np.sqrt(np.mean(sound**2))
    gain *= 10 ** ((kind.level_db if level_db is None else level_db) / 20)
    clean = _from_the_right(sound) if cue == "direction" else sound
    part = slice(start, start + n)
    changed = clean.copy()
    changed[..., part] = kind.change(clean[..., part], sample_rate, gain, centre, rng)
    scale = 1 / max(1.0, np.abs(changed).max(), np.abs(clean).max())
    return Planted(np.float32(scale * changed), np.float32(scale * clean), start, start + n, cue)


@checked
def truth(planted: Planted, with_cue: torch.Tensor, without: torch.Tensor, least: float = 0.25):
    """Return where a network's input holds the cue, a mask of the input's shape.

    Parameters
    ----------
    with_cue, without : Tensor, shape (1, ...) or (...)
        What the network is given of ``planted.sound`` and ``planted.clean``.
    least : float
        Of a spectrogram, cells count whose change is at least this part of the largest; of samples,
        all from the first that differs to the last.

    Raises
    ------
    ParameterError
        If the two inputs differ in shape, or nowhere.
    """
    if with_cue.shape != without.shape:
        raise ParameterError(
            f"Inputs with and without the cue differ in shape: {tuple(with_cue.shape)} and "
            f"{tuple(without.shape)}."
        )
    change = (with_cue - without).abs()
    if not change.any():
        raise ParameterError("The cue changes nothing of what the network is given.")
    if with_cue.shape[-1] == planted.sound.shape[-1]:
        mask = torch.zeros_like(change, dtype=torch.bool)
        mask[..., planted.start : planted.stop] = True
        return mask
    return change >= least * change.max()


@checked
def pointing(relevance: torch.Tensor, masks: torch.Tensor) -> dict[str, np.ndarray]:
    """Return how well maps point at what was planted, a value for each clip.

    Parameters
    ----------
    relevance : Tensor, shape (batch, ...)
    masks : BoolTensor, shape of ``relevance``
        True where the cue is.

    Returns
    -------
    dict
        ``area``: how likely a value in the cue has more absolute relevance than one outside of it
        (area under the ROC curve; 0.5 is chance); ``positive``: the same of what speaks for the
        output; ``share`` of the absolute relevance that lies in the cue, and ``chance``, the share
        of the values that do; ``hit``: whether the largest value lies in the cue. A map that is
        zero everywhere gets what chance gets.
    """
    if relevance.shape != masks.shape:
        raise ParameterError(
            f"relevance {tuple(relevance.shape)} and masks {tuple(masks.shape)} differ in shape."
        )
    values = relevance.detach().double().flatten(1).numpy()  # (batch, value)
    inside = masks.flatten(1).numpy()
    if (inside.all(1) | ~inside.any(1)).any():
        raise ParameterError("A cue that is nowhere, or everywhere, cannot be pointed at.")
    size, chance = np.abs(values), inside.mean(1)
    total = size.sum(1)
    share = np.divide((size * inside).sum(1), total, out=chance.copy(), where=total > 0)
    rows = np.arange(len(values))
    hit = np.where(total > 0, inside[rows, size.argmax(1)], chance)
    return {
        "area": _areas(size, inside),
        "positive": _areas(np.maximum(values, 0), inside),
        "share": share,
        "chance": chance,
        "hit": hit.astype(float),
    }


def _areas(scores: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve of each row; equal scores count half."""
    ranks, n_in = scipy.stats.rankdata(scores, axis=1), inside.sum(1)
    n_out = inside.shape[1] - n_in
    return ((ranks * inside).sum(1) - n_in * (n_in + 1) / 2) / (n_in * n_out)


def naive(inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return maps that know nothing of a network: ``energy``, the size of each value, and
    ``edges``, how much it differs from its neighbours; shape of ``inputs`` (batch, channel, ...).
    """
    axes = range(2, inputs.ndim)
    steps = [torch.gradient(inputs, dim=axis)[0].square() for axis in axes]
    return {"energy": inputs.abs(), "edges": torch.stack(steps).sum(0).sqrt()}


@checked
def faithfulness(
    model: nn.Module,
    inputs: torch.Tensor,
    target: int,
    maps: Mapping[str, torch.Tensor],
    rng: np.random.Generator,
) -> dict[str, dict[str, np.ndarray]]:
    """Return what scores that do not know the truth say of maps: name -> score -> a value for each
    clip, more is better.

    Parameters
    ----------
    model : Module
        Returns logits (batch, n_classes).
    inputs : Tensor, shape (batch, ...)
        Zero stands for silence.
    target : int
        The output that the maps explain.
    maps : mapping from name to Tensor, shape of ``inputs``
    rng : Generator
        Of the random parts.

    Returns
    -------
    dict
        ``most relevant first``: how much of the target's probability is lost on average while
        values are set to zero by falling relevance; ``least relevant first``: how much is left
        while they go by rising relevance; ``random parts``: correlation of relevance and fall of
        the logit when some of forty parts are taken away.

    Notes
    -----
    Samek et al. (2017) for the first two; Bhatt et al. (2020), Eq. (5), for the third, with parts
    in place of single values.
    """
    removed, falls = _removals(model, inputs, target, rng)
    found = {}
    for name, relevance in maps.items():
        most, least = (
            pixel_flipping(model, inputs, target, order, FRACTIONS, "nonzero").areas("score")
            for order in (relevance, -relevance)
        )
        said = torch.einsum("sp,bp->bs", removed, _by_part(relevance)).double().numpy()
        found[name] = dict(
            zip(FAITHFULNESS, (1 - most, least, _correlations(said, falls)), strict=True)
        )
    return found


def _part_numbers(shape: tuple[int, ...]) -> torch.Tensor:
    """Return the number of the part that each value (...) belongs to: 40 stretches of samples, or
    8 bands of 5 moments; channels share their parts.
    """
    last = torch.arange(shape[-1])
    if len(shape) < 3:
        return (last * _N_PARTS // shape[-1]).expand(shape)
    rows = torch.arange(shape[-2]) * 8 // shape[-2]
    return (rows[:, None] * 5 + last * 5 // shape[-1]).expand(shape)


def _by_part(values: torch.Tensor) -> torch.Tensor:
    """Return the sum of a map over each part, (batch, part)."""
    numbers = _part_numbers(tuple(values.shape[1:])).reshape(1, -1).expand(len(values), -1)
    return values.new_zeros(len(values), _N_PARTS).scatter_add_(1, numbers, values.flatten(1))


@torch.no_grad()
def _removals(model, inputs, target, rng) -> tuple[torch.Tensor, np.ndarray]:
    """Return which parts were removed (subset, part), and by how much the logit of the target,
    less the mean of the others, fell: (batch, subset).
    """
    removed = torch.from_numpy(rng.random((_N_SUBSETS, _N_PARTS)) < 0.3)
    numbers = _part_numbers(tuple(inputs.shape[1:]))

    def lead(given):
        logits = model(given)
        others = (logits.sum(1) - logits[:, target]) / max(1, logits.shape[1] - 1)
        return logits[:, target] - others

    whole = lead(inputs)
    falls = [whole - lead(inputs * ~gone[numbers]) for gone in removed]
    return removed.to(inputs.dtype), torch.stack(falls, 1).double().numpy()


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of each pair of rows; 0 where one of them is constant."""
    first, second = (rows - rows.mean(1, keepdims=True) for rows in (first, second))
    size = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return np.divide((first * second).sum(1), size, out=np.zeros(len(size)), where=size > 0)
