"""A sound in a page: a native audio element whose sound travels inside the page, with a caption that says so."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape

import numpy as np
import soundfile

from earwitness.errors import AudioError, choose

_FULL_SCALE = 32767 / 32768            # the largest positive value of 16 bits
_NORMAL_PEAK = 0.9


@dataclass(frozen=True, repr=False)
class Player:
    """One clip to listen to; shown by notebooks as HTML.

    Attributes
    ----------
    samples : ndarray, shape (T,), float64
        As given; ``gain`` is applied when the sound is written.
    sample_rate : int
        Hz.
    label : str
    gain : float
        Factor on the samples, 1 if the clip plays as loud as it is.
    normalised : bool
        Whether the gain was asked for, or only keeps the peak below full scale.
    """

    samples: np.ndarray
    sample_rate: int
    label: str
    gain: float = 1.0
    normalised: bool = False

    @property
    def caption(self) -> str:
        """Return the label, the duration and what was done to the loudness."""
        parts = [self.label, f"{len(self.samples) / self.sample_rate:.2f} s"]
        if abs(20 * np.log10(self.gain)) >= 0.05:  # less is printed as 0.0 dB, and not heard
            level = f"{abs(20 * np.log10(self.gain)):.1f} dB {'louder' if self.gain > 1 else 'softer'}"
            parts.append(f"normalised: {level}" if self.normalised else f"too loud as it is: {level}")
        return " · ".join(part for part in parts if part)

    def wav(self) -> bytes:
        """Return the clip as a WAV file of 16 bits."""
        stream = io.BytesIO()
        soundfile.write(stream, self.samples * self.gain, self.sample_rate, format="WAV", subtype="PCM_16")
        return stream.getvalue()

    def _repr_html_(self) -> str:
        caption, label = escape(self.caption), escape(self.label or "Sound", quote=True)
        source = "data:audio/wav;base64," + base64.b64encode(self.wav()).decode()
        return (
            f'<figure class="ew-player"><figcaption>{caption}</figcaption>'
            f'<audio controls preload="metadata" aria-label="{label}" src="{source}"></audio></figure>'
        )

    def __repr__(self) -> str:
        return f"<sound: {self.caption}>"


@dataclass(frozen=True, repr=False)
class Players:
    """Several players side by side; they wrap below each other on a narrow page."""

    clips: tuple[Player, ...]

    def _repr_html_(self) -> str:
        style = "display:flex;flex-wrap:wrap;gap:0.75rem"
        inside = "".join(clip._repr_html_() for clip in self.clips)
        return f'<div class="ew-players" role="group" style="{style}">{inside}</div>'

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.clips))


def player(samples, sample_rate: int, label: str = "", normalise: bool = False) -> Player:
    """Return a player for one clip.

    Parameters
    ----------
    samples : array_like, shape (T,)
        Played as loud as it is; one that exceeds full scale is made softer, and the caption says by how much.
    sample_rate : int
        Hz.
    label : str
        What is heard, for caption and screen readers.
    normalise : bool
        Bring the peak to 0.9, and say so.

    Raises
    ------
    AudioError
        If there is no sound in one channel of finite samples, or the rate is none that browsers play.
    """
    return players([(samples, sample_rate, label)], gain="each" if normalise else "keep").clips[0]


def players(clips: Iterable, gain: str = "keep") -> Players:
    """Return several players side by side.

    Parameters
    ----------
    clips : iterable of (samples, sample_rate, label) or :class:`Player`
    gain : {"keep", "shared", "each"}
        ``"keep"``: as loud as they are, though never above full scale; ``"shared"``: one gain for all, which brings
        the loudest to 0.9, so that loudness can be compared; ``"each"``: every peak to 0.9, so that it cannot.
    """
    made = [clip if isinstance(clip, Player) else _checked(*clip) for clip in clips]
    if not made:
        raise AudioError("There is no clip to play.")
    gains = _GAINS[choose(gain, _GAINS, "gain of players")]([_peak(clip) for clip in made])
    pairs = zip(made, gains, strict=True)
    return Players(tuple(replace(clip, gain=factor, normalised=gain != "keep") for clip, factor in pairs))


def _keep(peaks: list[float]) -> list[float]:
    return [_FULL_SCALE / peak if peak > _FULL_SCALE else 1.0 for peak in peaks]


def _shared(peaks: list[float]) -> list[float]:
    return [_NORMAL_PEAK / (max(peaks) or _NORMAL_PEAK)] * len(peaks)


def _each(peaks: list[float]) -> list[float]:
    return [_NORMAL_PEAK / (peak or _NORMAL_PEAK) for peak in peaks]


_GAINS = {"keep": _keep, "shared": _shared, "each": _each}


def _peak(clip: Player) -> float:
    return float(np.abs(clip.samples).max())


def _checked(samples, sample_rate: int, label: str = "") -> Player:
    """Return a player for samples that can be played; silence can, unlike what a network is fed."""
    samples = np.asarray(samples.detach().cpu() if hasattr(samples, "detach") else samples, np.float64)
    if samples.ndim != 1 or samples.size == 0:
        raise AudioError(f"A player needs one channel of samples (T,), got the shape {samples.shape}.")
    if not np.isfinite(samples).all():
        raise AudioError(f"{label or 'The clip'} holds NaN or infinite samples and cannot be played.")
    if not 3000 <= sample_rate <= 192000:
        raise AudioError(f"Browsers play 3000 to 192000 samples a second, not {sample_rate}.")
    return Player(samples, int(sample_rate), str(label))
