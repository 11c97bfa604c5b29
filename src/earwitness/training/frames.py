"""Frames of utterances as examples: 250 ms of raw waveform around every 10 ms, for PhoneCNN and
SpeakerCNN.
"""

from dataclasses import dataclass, replace

import numpy as np
import soxr
import torch
from torch import nn

from earwitness import corpora, features, models
from earwitness.arguments import checked
from earwitness.errors import ParameterError
from earwitness.training.classifiers import Classification, confusion
from earwitness.training.experiment import trains
from earwitness.training.recipes import Recipe
from earwitness.training.trained import TrainedClassifier

SAMPLE_RATE = 16000
PHONE = "phone"  # the task whose target changes within an utterance
_SILENCE = "sil"  # phone_39 of pauses


@dataclass(kw_only=True)
class TrainedOnFrames(TrainedClassifier):
    """A network trained on frames of utterances.

    Attributes
    ----------
    utterances : tensor, shape (n_test, n_classes)
        For each utterance of the test part the sum over its frames of each class' log-probability.
    """

    utterances: torch.Tensor | None = None

    @property
    def utterance_accuracy(self) -> float:
        """Share of test utterances whose summed log-probabilities are largest for the right class.

        Raises
        ------
        ParameterError
            For phones, which change within an utterance.
        """
        task = self.specification["task"]
        if task == PHONE:
            raise ParameterError(
                "Phones change within an utterance, so it has no phone to be right about."
            )
        targets = self.corpus.targets(task)[self.fold.test]
        return float((self.utterances.argmax(1).numpy() == targets).mean())

    def results(self) -> dict:
        """Return the accuracy on frames in per cent and, for who learnt speakers, on utterances."""
        if self.specification["task"] == PHONE:
            return super().results()
        return super().results() | {"utterance_accuracy_percent": 100 * self.utterance_accuracy}

    def test(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Return how test frames are classified, and what adds up over each test utterance."""
        return measure(network, self.corpus, self.specification["task"], self.fold.test)

    def measured(self) -> dict:
        """Return what a card says of how well it does on the test part."""
        found = self.results()
        return {
            "frame_accuracy_percent": round(found.pop("accuracy_percent"), 2),
            "n_frames": found.pop("n_test"),
            "n_utterances": len(self.fold.test),
            **{name: round(value, 2) for name, value in found.items()},
        }

    def origin(self) -> dict:
        """Return what every card says of it, and how long its windows are."""
        return super().origin() | {"n_samples": self.model.n_samples}

    def samples(self, index: int) -> np.ndarray:
        """Return an utterance of its corpus as samples (T,) at 16 kHz."""
        return _samples(self.corpus[index])

    def targets(self, index: int) -> np.ndarray:
        """Return the class index of each frame (10 ms) of an utterance, (n_frames,); -1 where it is
        not counted.
        """
        return frame_targets(self.corpus, self.specification["task"], index)

    def logits(self, index: int) -> torch.Tensor:
        """Return the outputs for each frame (10 ms) of an utterance, (n_frames, n_classes)."""
        return models.frame_logits(self.model, self.samples(index))


@checked
def frame_targets(corpus: corpora.Corpus, task: str, index: int) -> np.ndarray:
    """Return the class index of each frame (10 ms) of an utterance, (n_frames,) int64; -1 where it
    is not counted.

    A frame is labelled by the middle of its 10 ms. In the task ``"phone"`` glottal stops are not
    counted, as is custom since Lee and Hon (1989). In the other tasks the silence before and after
    the utterance is not: it is no one's.
    """
    return _labels(corpus, task, index)[features.frame_centres(len(_samples(corpus[index])))]


def _labels(corpus: corpora.Corpus, task: str, index: int) -> np.ndarray:
    """Return the class index of each sample of an utterance at 16 kHz, (T,) int64; -1 where it is
    not counted.
    """
    phones, labels = corpus.phones(index), np.full(len(_samples(corpus[index])), -1)
    bounds = (phones[["start_s", "end_s"]].to_numpy() * SAMPLE_RATE).round().astype(int)
    if task == PHONE:
        positions = {phone: i for i, phone in enumerate(corpus.classes(PHONE))}
        for (start, end), phone in zip(bounds, phones["phone_39"], strict=True):
            labels[start:end] = positions.get(phone, -1)
    else:
        spoken = bounds[(phones["phone_39"] != _SILENCE).to_numpy()]
        labels[spoken.min(initial=len(labels)) : spoken.max(initial=0)] = corpus.targets(task)[
            index
        ]
    return labels


def _samples(clip: corpora.Clip) -> np.ndarray:
    return features.resample(clip.samples, clip.sample_rate, SAMPLE_RATE)


@dataclass(frozen=True)
class FrameRecipe(Recipe):
    """How to train on frames of utterances; a pass is never longer than ``iterations``.

    Attributes
    ----------
    jitter_samples : int
        A frame is shown up to so many samples early or late, and labelled by what is spoken there.
    speeds : tuple of float
        Each batch is played at one of these speeds (pitch and formants go with it): a substitute
        for more speakers.
    """

    jitter_samples: int = 0
    speeds: tuple[float, ...] = (1.0,)


_SPEEDS = (0.85, 0.925, 1.0, 1.075, 1.15)


def _phones(iterations: int, speeds: tuple[float, ...] = _SPEEDS) -> FrameRecipe:
    return FrameRecipe("adamw", 1e-3, iterations, dropout=0.5, jitter_samples=80, speeds=speeds)


def _speakers(iterations: int) -> FrameRecipe:
    return FrameRecipe("adamw", 1e-3, iterations, jitter_samples=80)


_PAPER = FrameRecipe(
    "sgd", 0.1, 30_000, "halve", 6_000, 0.0, 256, False, momentum=0.5, weight_decay=0.0
)


class Frames(Classification):
    """Frames of utterances; an example is known by its number among all frames of the corpus.

    The utterances stand one after the other in one long signal, far enough apart that no window
    reaches two.
    """

    recipe_class, trained = FrameRecipe, TrainedOnFrames

    def check(self) -> None:
        """Raise if the fold is not there, or the corpus does not say where its phones are.

        Raises
        ------
        FoldError, ParameterError
        """
        if not hasattr(self.corpus, "phones") or PHONE not in self.corpus.tasks:
            raise ParameterError(
                f"{self.model} learns from utterances whose phones are known; {self.corpus.name} "
                "has none. timit has, and voices with words='sentences'."
            )
        super().check()

    def prepare(self) -> None:
        """Put all utterances into one signal, and deal their frames out to batches."""
        corpus, before = self.corpus, features.windowing.LENGTH // 2
        task = self.specification["task"]
        gap = int(before * max(1.0, *self.recipe.speeds)) + self.recipe.jitter_samples + 1
        signal, labels = [np.zeros(gap, np.float32)], [np.full(gap, -1)]
        centres, clips, start = [], [], gap
        for index in range(len(corpus)):
            samples = _samples(corpus[index])
            signal += [samples, np.zeros(gap, np.float32)]
            labels += [_labels(corpus, task, index), np.full(gap, -1)]
            centres.append(start + features.frame_centres(len(samples)))
            clips.append(np.full(len(centres[-1]), index))
            start += len(samples) + gap
        self.labels, self.centres, self.clips = map(np.concatenate, (labels, centres, clips))
        signal, speeds = np.concatenate(signal), {1.0, *self.recipe.speeds}
        self._windows = {speed: _windows(signal, speed) for speed in speeds}
        super().prepare()
        self.n_batches = min(self.n_parts, self.recipe.iterations)

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Return the frames that count of some rows of the table."""
        return np.flatnonzero(np.isin(self.clips, rows) & (self.labels[self.centres] >= 0))

    def examples(self, numbers: np.ndarray, rng: np.random.Generator | None = None):
        """Return inputs (n, 1, length) and targets of frames; with ``rng`` jittered, and at one of
        the speeds.
        """
        centres, speed = self.centres[numbers], 1.0
        if rng is not None:
            reach = self.recipe.jitter_samples
            moved = centres + rng.integers(-reach, reach + 1, len(centres))
            # what does not count is no target
            centres = np.where(self.labels[moved] >= 0, moved, centres)
            speed = self.recipe.speeds[rng.integers(len(self.recipe.speeds))]
        inputs = features.normalised(self._windows[speed][np.round(centres / speed).astype(int)])
        return torch.from_numpy(inputs)[:, None], torch.from_numpy(self.labels[centres])


@trains(
    "PhoneCNN",
    {
        "paper": _PAPER,
        "fast": _phones(2000),
        "one-speed": _phones(2000, (1.0,)),
        "plain": replace(_phones(2000, (1.0,)), dropout=0.0),
        "brief": _phones(600),
        "smoke": _phones(2),
    },
)
class PhoneFrames(Frames):
    """Frames and the phone that is spoken at their middle."""

    task = PHONE


@trains(
    "SpeakerCNN",
    {"paper": _PAPER, "fast": _speakers(800), "brief": _speakers(600), "smoke": _speakers(2)},
)
class SpeakerFrames(Frames):
    """Frames and who speaks."""

    task = "speaker"


def _windows(signal: np.ndarray, speed: float) -> np.ndarray:
    """Return the view whose row i is the window around sample i of the signal played at
    ``speed``.
    """
    if speed != 1.0:
        signal = soxr.resample(signal, SAMPLE_RATE, SAMPLE_RATE / speed).astype(np.float32)
    length = features.windowing.LENGTH
    return np.lib.stride_tricks.sliding_window_view(np.pad(signal, (length // 2, length)), length)


def measure(
    network: nn.Module, corpus: corpora.Corpus, task: str, rows: np.ndarray
) -> dict[str, torch.Tensor]:
    """Return what a network predicts for the frames of utterances.

    Returns
    -------
    dict
        ``"confusion"`` (n_classes, n_classes): frames by true and by guessed class;
        ``"utterances"`` (n, n_classes): for each utterance the sum over its frames of each class'
        log-probability.
    """
    n_classes = len(corpus.classes(task))
    length = getattr(network, "n_samples", features.windowing.LENGTH)
    noise = torch.randn(1, 1, length, generator=torch.Generator().manual_seed(0))
    predicting = models.for_prediction(network, noise)
    table, utterances = torch.zeros(n_classes, n_classes, dtype=torch.int64), []
    for row in rows:
        targets = torch.from_numpy(frame_targets(corpus, task, int(row)))
        counted = targets >= 0
        scores = models.frame_logits(predicting, _samples(corpus[int(row)]))[counted].log_softmax(1)
        utterances.append(scores.sum(0))
        table += confusion(targets[counted], scores.argmax(1), n_classes)
    return {"confusion": table, "utterances": torch.stack(utterances)}
