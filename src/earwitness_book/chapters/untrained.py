"""Trained or not? The book's opening clip, and the game that asks readers to tell the two apart."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from earwitness import audition, figures
from earwitness.errors import ParameterError
from earwitness.html import html, in_script
from earwitness_book.licences import withheld

_LEVEL = 0.5  # peak of a clip as it is played


@dataclass(frozen=True)
class Clip:
    """A sound, and its relevance from a trained and from an untrained network.

    Attributes
    ----------
    samples, trained, untrained : ndarray, shape (T,)
        The waveform, and the relevance of each of its samples.
    sample_rate : int
        Hz.
    predicted : str
        The trained network's class.
    corpus : str
        Where the sound comes from; recordings that no licence allows to show are withheld.
    """

    samples: np.ndarray
    trained: np.ndarray
    untrained: np.ndarray
    sample_rate: int
    predicted: str
    corpus: str = ""

    def __post_init__(self):
        shapes = {np.shape(self.samples), np.shape(self.trained), np.shape(self.untrained)}
        if len(shapes) > 1 or len(next(iter(shapes))) != 1:
            raise ParameterError(f"Samples and relevances of a clip differ in shape: {shapes}.")
        if not np.any(self.samples):
            raise ParameterError("A silent clip has no explanation to listen to.")

    def audible(self, relevance: np.ndarray) -> np.ndarray:
        """Return what of the clip spoke for the prediction: ReLU(R) x, shape (T,)."""
        return audition.relevance_times_signal(relevance, self.samples)

    def comparison(self) -> audition.Comparison:
        """Return the player that switches between clip, explanation and control."""
        scale = _LEVEL / float(np.abs(self.samples).max())
        sounds = {
            "the recording": self.samples,
            f"what the network used to predict “{self.predicted}”": self.audible(self.trained),
            "the same from an untrained network": self.audible(self.untrained),
        }
        clips = [(scale * y, self.sample_rate, name) for name, y in sounds.items()]
        return audition.compare(clips, label=f"Predicted: “{self.predicted}”", gain="match")


@dataclass(frozen=True)
class Opening:
    """The first thing of the book: a clip to switch, over its two maps; notebooks show HTML."""

    clip: Clip

    def _repr_html_(self) -> str:
        clip = self.clip
        if sentence := withheld(clip.corpus):
            return sentence
        figure, axes = figures.panels(1, 2, height=1.7, sharey=True)
        for ax, (title, relevance) in zip(axes, _both(clip).items(), strict=True):
            figures.relevance_on_waveform(ax, clip.samples, relevance, clip.sample_rate)
            ax.set(title=title, yticks=[], ylabel="")
        words = (
            f"The waveform of a spoken “{clip.predicted}”, red where it spoke for it, blue "
            f"where against. Half of what is red lies {_where(clip.trained, clip)}; for an "
            f"untrained network {_where(clip.untrained, clip)}."
        )
        return html(
            '<div class="ew-opening"><img class="dark-light" alt="{}" src="{}">{}</div>',
            words,
            _png(figure),
            clip.comparison()._repr_html_(),
        )


@dataclass(frozen=True)
class Game:
    """Pairs to tell apart: of each, one map or sound is an untrained network's.

    Attributes
    ----------
    clips : sequence of Clip
        One a round; rounds alternate between maps and sounds.
    seed : int
        Decides on which side the untrained network stands.
    """

    clips: Sequence[Clip]
    seed: int = 0

    def __post_init__(self):
        if not self.clips:
            raise ParameterError("A game needs at least one clip.")

    @cached_property
    def untrained_first(self) -> np.ndarray:
        """Whether the untrained network stands on the left, a round each, shape (rounds,)."""
        return np.random.default_rng(self.seed).random(len(self.clips)) < 0.5

    def as_json(self) -> str:
        """Return the rounds, and how probable each score is for who guesses, for ``spot.js``."""
        rounds = [
            {
                "form": "sound" if number % 2 else "map",
                "predicted": clip.predicted,
                "untrained": 0 if first else 1,
                "shown": _sounds(clip, first) if number % 2 else _seen(clip, first),
            }
            for number, (clip, first) in enumerate(
                zip(self.clips, self.untrained_first, strict=True)
            )
        ]
        whole = {"rounds": rounds, "by_guessing": chances(len(rounds))}
        return in_script(whole)

    def _repr_html_(self) -> str:
        for corpus in {clip.corpus for clip in self.clips}:
            if sentence := withheld(corpus):
                return sentence
        return html(
            '<div class="ew-spot"><p>The game runs on its page of the built book, with scripts '
            'switched on.</p><script type="application/json">{}</script></div>',
            self.as_json(),
        )


def chances(rounds: int) -> list[float]:
    """Return, for each score from 0 on, how probable it or a better one is by guessing.

    The tail of a binomial distribution with one half a round.
    """
    return [float(binom.sf(score - 1, rounds, 0.5)) for score in range(rounds + 1)]


def _both(clip: Clip) -> dict[str, np.ndarray]:
    return {"a trained network": clip.trained, "an untrained one": clip.untrained}


def _where(relevance: np.ndarray, clip: Clip) -> str:
    """Return where the middle half of the positive relevance lies, in words."""
    share = np.cumsum(np.maximum(relevance, 0))
    if share[-1] == 0:
        return "nowhere"
    low, high = (np.searchsorted(share / share[-1], part) for part in (0.25, 0.75))
    return f"between {low / clip.sample_rate:.2f} and {high / clip.sample_rate:.2f} s"


def _seen(clip: Clip, untrained_first: bool) -> list[str]:
    pair = [_map(clip, clip.untrained), _map(clip, clip.trained)]
    return pair if untrained_first else pair[::-1]


def _map(clip: Clip, relevance: np.ndarray) -> str:
    figure, ax = figures.panels(1, 1, height=2.2)
    figures.relevance_on_waveform(ax, clip.samples, relevance, clip.sample_rate)
    ax.set(yticks=[], ylabel="")
    return _png(figure)


def _sounds(clip: Clip, untrained_first: bool) -> list[str]:
    """Return both audible explanations, as loud as the clip, as data: addresses."""
    scale = _LEVEL / float(np.abs(clip.samples).max())
    sounds = (clip.samples, clip.audible(clip.untrained), clip.audible(clip.trained))
    players = [(scale * y, clip.sample_rate, "") for y in sounds]
    made = audition.players(players, gain="match").clips[1:]
    pair = ["data:audio/wav;base64," + base64.b64encode(one.wav()).decode() for one in made]
    return pair if untrained_first else pair[::-1]


def _png(figure) -> str:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=130, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
