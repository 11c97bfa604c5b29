"""The network in the page learns digits: from people where recordings are present, and from many
generated voices, each time as another room and another microphone would bring them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from earwitness import corpora, features, models
from earwitness.training import clips
from earwitness.training.classifiers import confusion
from earwitness.training.clips import Clips, TrainedOnClips, represent, seconds
from earwitness.training.experiment import trains
from earwitness.training.recipes import Recipe

LEARNT_SEED, UNMET_SEED = 2, 1  # of generated speakers: who is learnt from, who only tests
N_UNMET = 20
_SPEED = (0.8, 1.25)
_NOISE_DB = (5.0, 50.0)  # below the level of the second
_TILT = 0.6  # largest coefficient of the first-order filter that stands for a microphone
_HIDDEN = (8, 14)  # widest stretch of bands and of frames that is hidden


@dataclass(frozen=True)
class DigitRecipe(Recipe):
    """How it learns digits.

    Attributes
    ----------
    n_voices, n_repetitions : int
        Generated speakers, and how often each says each digit, beside the clips of the corpus.
    share_of_corpus : int
        How often a pass meets each clip of the corpus.
    """

    n_voices: int = 100
    n_repetitions: int = 4
    share_of_corpus: int = 2


@dataclass(kw_only=True)
class TrainedDigits(TrainedOnClips):
    """DigitNet trained, with a second test: generated speakers whom it has not met."""

    def measured(self) -> dict:
        """Return what a card says of how well it does on the test part, and on unmet voices."""
        unmet = corpora.load("voices", n_speakers=N_UNMET, repetitions=1, seed=UNMET_SEED)
        targets = torch.tensor(unmet.targets(self.specification["task"]))
        guessed = models.logits(self.model, self.prepare(seconds(unmet, range(len(unmet)))))
        right = confusion(targets, guessed.argmax(1), len(self.classes)).trace()
        return super().measured() | {
            "voices_accuracy_percent": round(100 * float(right) / len(unmet), 2),
            "voices_n_clips": len(unmet),
        }


@trains(
    "DigitNet",
    {
        "fast": DigitRecipe("adamw", 4e-3, 800, batch_size=100, weight_decay=0.05),
        "brief": DigitRecipe("adamw", 4e-3, 266, batch_size=64, weight_decay=0.05),
        "smoke": DigitRecipe("adamw", 4e-3, 2, batch_size=500, n_voices=2, n_repetitions=1),
    },
)
class Digits(Clips):
    """Seconds of speech as small spectrograms; training changes speed, level, colour and noise of
    each, and hides a stretch of bands and of time.
    """

    recipe_class = DigitRecipe
    trained = TrainedDigits
    default_corpus = "fsdd"
    task = "digit"

    def prepare(self) -> None:
        """Deal clips of the corpus and of generated voices out to batches."""
        super().prepare()
        recipe = self.recipe
        self.voices = corpora.load(
            "voices",
            n_speakers=recipe.n_voices,
            repetitions=recipe.n_repetitions,
            seed=LEARNT_SEED,
        )
        others = len(self.corpus) + np.arange(len(self.voices))
        self.rows = np.concatenate([*[self.rows] * recipe.share_of_corpus, others])
        self.n_batches = self.n_parts = -(-len(self.rows) // recipe.batch_size)
        self.targets = torch.cat([self.targets, torch.tensor(self.voices.targets(self.task))])

    def _training_mean(self, rows: np.ndarray) -> torch.Tensor:
        return torch.zeros(1)  # silence is zero, and stays it

    def initialise(self, network: nn.Module) -> None:
        """Leave the weights as torch draws them: batch norms set the scale."""

    def examples(self, numbers: np.ndarray, rng: np.random.Generator | None = None):
        """Return inputs and targets of clips; with ``rng`` as another room would bring them."""
        if rng is None:
            return super().examples(numbers)
        changed = np.stack([changed_second(self._clip(number), rng) for number in numbers])
        return hidden(represent(self.model, changed), rng), self.targets[numbers]

    def _clip(self, number: int) -> np.ndarray:
        """Return a clip of the corpus or, behind them, of the generated voices; at 8 kHz."""
        own = len(self.corpus)
        corpus, row = (self.corpus, number) if number < own else (self.voices, number - own)
        return clips.resampled(corpus)[row]


def changed_second(clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a second (8000,) with the clip somewhere in it: faster or slower, through another
    microphone, in noise.
    """
    speed = rng.uniform(*_SPEED)
    places = np.arange(0, len(clip) - 1, speed)
    faster = np.interp(places, np.arange(len(clip)), clip).astype(np.float32)
    second = features.pad_to_length(features.loudest_second(faster), rng)
    noise = _coloured(rng.standard_normal(len(second)), rng.uniform(-0.9, 0.9))
    level = np.sqrt(np.mean(second**2) / np.mean(noise**2)) * 10 ** (-rng.uniform(*_NOISE_DB) / 20)
    return _coloured(second + level * noise, rng.uniform(-_TILT, _TILT)).astype(np.float32)


def _coloured(samples: np.ndarray, coefficient: float) -> np.ndarray:
    return samples - coefficient * np.concatenate([[0.0], samples[:-1]])


def hidden(inputs: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Silence a stretch of bands and one of frames, of random place and width, in each of the
    inputs (batch, 1, band, frame), in place.
    """
    for one in inputs[:, 0]:
        for axis, widest in enumerate(_HIDDEN):
            width = int(rng.integers(widest + 1))
            start = int(rng.integers(one.shape[axis] - width + 1))
            one.narrow(axis, start, width).zero_()
    return inputs
