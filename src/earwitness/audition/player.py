"""A sound in a page: a native audio element whose sound travels inside the page, with a caption
that says so.

Outside the site (Jupyter, no scripts, paper) that is all there is. In the book
``book/_static/player.js`` turns each player into a waveform with a playhead, and :func:`compare`
into one that switches between its clips while they play.
"""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import soundfile

from earwitness.arguments import checked
from earwitness.errors import AudioError, check_choice
from earwitness.html import html, joined

_FULL_SCALE = 32767 / 32768  # the largest positive value of 16 bits
_NORMAL_PEAK = 0.9


@dataclass(frozen=True, repr=False)
class Player:
    """One clip to listen to; shown by notebooks as HTML.

    Attributes
    ----------
    samples : ndarray, shape (T,) or (T, 2) for two ears, float64
        As given; ``gain`` is applied when the sound is written.
    sample_rate : int
        Hz.
    label : str
    gain : float
        Factor on the samples, 1 if the clip plays as loud as it is.
    reason : str
        Why the gain is not 1, for the caption.
    """

    samples: np.ndarray
    sample_rate: int
    label: str
    gain: float = 1.0
    reason: str = ""

    @property
    def duration_s(self) -> float:
        """Return how long it lasts."""
        return len(self.samples) / self.sample_rate

    @property
    def caption(self) -> str:
        """Return the label, the duration and what was done to the loudness."""
        parts = [self.label, f"{self.duration_s:.2f} s"]
        if abs(20 * np.log10(self.gain)) >= 0.05:  # less is printed as 0.0 dB, and not heard
            level = (
                f"{abs(20 * np.log10(self.gain)):.1f} dB {'louder' if self.gain > 1 else 'softer'}"
            )
            parts.append(f"{self.reason}: {level}")
        return " · ".join(part for part in parts if part)

    def wav(self) -> bytes:
        """Return the clip as a WAV file of 16 bits."""
        stream = io.BytesIO()
        soundfile.write(
            stream, self.samples * self.gain, self.sample_rate, format="WAV", subtype="PCM_16"
        )
        return stream.getvalue()

    def _repr_html_(self) -> str:
        return html(
            '<figure class="ew-player"><figcaption>{}</figcaption>'
            '<audio controls preload="metadata" aria-label="{}" '
            'src="data:audio/wav;base64,{}"></audio></figure>',
            self.caption,
            self.label or "Sound",
            base64.b64encode(self.wav()).decode(),
        )

    def __repr__(self) -> str:
        return f"<sound: {self.caption}>"


@dataclass(frozen=True, repr=False)
class Players:
    """Several players side by side; they wrap below each other on a narrow page."""

    clips: tuple[Player, ...]

    def _repr_html_(self) -> str:
        style = "display:flex;flex-wrap:wrap;gap:0.75rem"
        inside = joined(clip._repr_html_() for clip in self.clips)
        return html('<div class="ew-players" role="group" style="{}">{}</div>', style, inside)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.clips))


@dataclass(frozen=True, repr=False)
class Comparison(Players):
    """Clips of one duration in one player that switches between them; without scripts, players side
    by side.
    """

    label: str = ""
    picture: str = "waveform"

    def _repr_html_(self) -> str:
        return html(
            '<figure class="ew-compare" data-picture="{}">{}{}</figure>',
            self.picture,
            html("<figcaption>{}</figcaption>", self.label) if self.label else "",
            super()._repr_html_(),
        )


@checked
def player(
    samples: np.ndarray, sample_rate: int, label: str = "", normalise: bool = False
) -> Player:
    """Return a player for one clip.

    Parameters
    ----------
    samples : array_like, shape (T,), or (T, 2) for left and right
        Played as loud as it is; one that exceeds full scale is made softer, and the caption says by
        how much.
    sample_rate : int
        Hz.
    label : str
        What is heard, for caption and screen readers.
    normalise : bool
        Bring the peak to 0.9, and say so.

    Raises
    ------
    AudioError
        If there is no sound in one channel of finite samples, or the rate is none that browsers
        play.
    """
    return players([(samples, sample_rate, label)], gain="each" if normalise else "keep").clips[0]


@checked
def players(clips: Iterable, gain: str = "keep") -> Players:
    """Return several players side by side.

    Parameters
    ----------
    clips : iterable of (samples, sample_rate, label) or :class:`Player`
    gain : {"keep", "shared", "each", "match"}
        ``"keep"``: as loud as they are, though never above full scale; ``"shared"``: one gain for
        all, which brings the loudest to 0.9, so that loudness can be compared; ``"each"``: every
        peak to 0.9, so that it cannot; ``"match"``: all as loud (root mean square) as the first, or
        as near to it as full scale allows.

    Raises
    ------
    AudioError
        If there is no clip, or one that browsers do not play.
    """
    made = [clip if isinstance(clip, Player) else _checked(*clip) for clip in clips]
    if not made:
        raise AudioError("There is no clip to play.")
    gains, reason = _GAINS[check_choice(gain, _GAINS, "gain of players")]
    pairs = zip(made, gains(made), strict=True)
    played = (replace(clip, gain=factor, reason=reason) for clip, factor in pairs)
    return Players(tuple(map(_at_full_scale, played) if gain == "match" else played))


@checked
def compare(
    clips: Iterable, *, label: str = "", gain: str = "keep", picture: str = "waveform"
) -> Comparison:
    """Return one player that switches between clips at the same position without a gap.

    Parameters
    ----------
    clips : iterable of (samples, sample_rate, label) or :class:`Player`
        What is compared, for instance a signal and its audible explanation. Sampling rates may
        differ; durations may not, by more than 1 ms.
    label : str
        What all clips are of, for the caption; without it there is none.
    gain : {"keep", "shared", "each", "match"}
        As for :func:`players`. The picture shows all clips on one scale, after the gain.
    picture : {"waveform", "spectrogram"}
        What the playhead moves over.

    Raises
    ------
    AudioError
        If there is no clip, one that browsers do not play, or clips of different durations.

    Notes
    -----
    Keys, once the player has the focus: space plays and pauses, 1 to 9 choose a clip, arrows move
    the playhead.
    """
    check_choice(picture, ("waveform", "spectrogram"), "picture of a player")
    made = players(clips, gain).clips
    lengths = [clip.duration_s for clip in made]
    if max(lengths) - min(lengths) > 0.001:
        said = ", ".join(f"{length:.3f} s" for length in lengths)
        raise AudioError(
            f"Clips that are compared must be equally long, got {said}; players() shows any clips."
        )
    return Comparison(made, str(label), picture)


def _keep(clips: list[Player]) -> list[float]:
    return [_FULL_SCALE / _peak(clip) if _peak(clip) > _FULL_SCALE else 1.0 for clip in clips]


def _shared(clips: list[Player]) -> list[float]:
    return [_NORMAL_PEAK / (max(map(_peak, clips)) or _NORMAL_PEAK)] * len(clips)


def _each(clips: list[Player]) -> list[float]:
    return [_NORMAL_PEAK / (_peak(clip) or _NORMAL_PEAK) for clip in clips]


def _match(clips: list[Player]) -> list[float]:
    levels = [float(np.sqrt(np.mean(clip.samples**2))) for clip in clips]
    wanted = [levels[0] / level if level else 1.0 for level in levels]
    return [
        min(gain, _FULL_SCALE / (_peak(clip) or 1.0))
        for gain, clip in zip(wanted, clips, strict=True)
    ]


def _at_full_scale(clip: Player) -> Player:
    """Return a clip that was to be matched, with another reason where full scale ended that."""
    cut = clip.gain * _peak(clip) > _FULL_SCALE - 1e-9
    return replace(clip, reason="as near in level as full scale allows") if cut else clip


_GAINS = {
    "keep": (_keep, "too loud as it is"),
    "shared": (_shared, "normalised"),
    "each": (_each, "normalised"),
    "match": (_match, "matched in level"),
}


def _peak(clip: Player) -> float:
    return float(np.abs(clip.samples).max())


def _checked(samples, sample_rate: int, label: str = "") -> Player:
    """Return a player for samples that can be played; silence can, unlike what a network is fed."""
    samples = np.asarray(
        samples.detach().cpu() if hasattr(samples, "detach") else samples, np.float64
    )
    if samples.size == 0 or not (samples.ndim == 1 or samples.ndim == 2 and samples.shape[1] == 2):
        raise AudioError(
            "A player needs one channel of samples (T,), or two (T, 2), got the shape "
            f"{samples.shape}."
        )
    if not np.isfinite(samples).all():
        raise AudioError(
            f"{label or 'The clip'} holds NaN or infinite samples and cannot be played."
        )
    if not 3000 <= sample_rate <= 192000:
        raise AudioError(f"Browsers play 3000 to 192000 samples a second, not {sample_rate}.")
    return Player(samples, int(sample_rate), str(label))
