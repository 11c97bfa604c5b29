"""Frames of utterances as examples: 250 ms of raw waveform around every 10 ms, for PhoneCNN and SpeakerCNN."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import soxr
import torch
from torch import nn

from earwitness import corpora, features, models
from earwitness.errors import ParameterError
from earwitness.models import layout
from earwitness.training.clips import confusion
from earwitness.training.recipes import FrameRecipe
from earwitness.training.trained import Trained

SAMPLE_RATE = 16000
PHONE = "phone"  # the task whose target changes within an utterance
_SILENCE = "sil"  # phone_39 of pauses


@dataclass(kw_only=True)
class TrainedOnFrames(Trained):
    """A network trained on frames of utterances.

    Attributes
    ----------
    utterances : tensor, shape (n_test, n_classes)
        For each utterance of the test part the sum over its frames of each class' log-probability.
    """

    utterances: torch.Tensor

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
            raise ParameterError("Phones change within an utterance, so it has no phone to be right about.")
        targets = self.corpus.targets(task)[self.fold.test]
        return float((self.utterances.argmax(1).numpy() == targets).mean())

    def more(self) -> dict:
        """Return what a summary shows beside the accuracy of frames."""
        if self.specification["task"] == PHONE:
            return {}
        return {"utterance_accuracy_percent": 100 * self.utterance_accuracy}

    def samples(self, index: int) -> np.ndarray:
        """Return an utterance of its corpus as samples (T,) at 16 kHz."""
        return _samples(self.corpus[index])

    def targets(self, index: int) -> np.ndarray:
        """Return the class index of each frame (10 ms) of an utterance, (n_frames,); -1 where it is not counted."""
        return frame_targets(self.corpus, self.specification["task"], index)

    def logits(self, index: int) -> torch.Tensor:
        """Return the answers to each frame (10 ms) of an utterance, (n_frames, n_classes)."""
        return models.frame_logits(self.model, self.samples(index))


def frame_targets(corpus: corpora.Corpus, task: str, index: int) -> np.ndarray:
    """Return the class index of each frame (10 ms) of an utterance, (n_frames,) int64; -1 where it is not counted.

    A frame is labelled by the middle of its 10 ms. In the task ``"phone"`` glottal stops are not counted, as is custom
    since Lee and Hon (1989). In the other tasks the silence before and after the utterance is not: it is no one's.
    """
    return _labels(corpus, task, index)[features.frame_centres(len(_samples(corpus[index])))]


def _labels(corpus: corpora.Corpus, task: str, index: int) -> np.ndarray:
    """Return the class index of each sample of an utterance at 16 kHz, (T,) int64; -1 where it is not counted."""
    phones, labels = corpus.phones(index), np.full(len(_samples(corpus[index])), -1)
    bounds = (phones[["start_s", "end_s"]].to_numpy() * SAMPLE_RATE).round().astype(int)
    if task == PHONE:
        positions = {phone: i for i, phone in enumerate(corpus.classes(PHONE))}
        for (start, end), phone in zip(bounds, phones["phone_39"], strict=True):
            labels[start:end] = positions.get(phone, -1)
    else:
        spoken = bounds[(phones["phone_39"] != _SILENCE).to_numpy()]
        labels[spoken.min(initial=len(labels)) : spoken.max(initial=0)] = corpus.targets(task)[index]
    return labels


def _samples(clip: corpora.Clip) -> np.ndarray:
    return features.resample(clip.samples, clip.sample_rate, SAMPLE_RATE)


class FrameExamples:
    """A corpus as frames to learn from; an example is known by its number among all frames of the corpus.

    The utterances stand one after the other in one long signal, far enough apart that no window reaches two.
    """

    recipe, trained = FrameRecipe, TrainedOnFrames
    specification: ClassVar[dict] = {
        "examples": {"kind": "frames", "version": 1, "length": features.windowing.LENGTH, "hop": features.windowing.HOP}}

    def __init__(self, corpus: corpora.Corpus, specification: dict, train: np.ndarray):
        self.corpus, self.task = corpus, specification["task"]
        self.settings = FrameRecipe(**specification["recipe"])
        before = features.windowing.LENGTH // 2
        gap = int(before * max(1.0, *self.settings.speeds)) + self.settings.jitter_samples + 1
        signal, labels, centres, clips, start = [np.zeros(gap, np.float32)], [np.full(gap, -1)], [], [], gap
        for index in range(len(corpus)):
            samples = _samples(corpus[index])
            signal += [samples, np.zeros(gap, np.float32)]
            labels += [_labels(corpus, self.task, index), np.full(gap, -1)]
            centres.append(start + features.frame_centres(len(samples)))
            clips.append(np.full(len(centres[-1]), index))
            start += len(samples) + gap
        self.labels, self.centres, self.clips = (np.concatenate(parts) for parts in (labels, centres, clips))
        self._windows = {speed: _windows(np.concatenate(signal), speed) for speed in {1.0, *self.settings.speeds}}

    @staticmethod
    def check(corpus: corpora.Corpus, task: str) -> None:
        """Raise ParameterError if the corpus does not say where its phones are."""
        if not hasattr(corpus, "phones") or PHONE not in corpus.tasks:
            raise ParameterError(f"PhoneCNN and SpeakerCNN learn from utterances whose phones are known; "
                                 f"{corpus.name} has none. timit has, and voices with words='sentences'.")

    def within(self, rows: np.ndarray) -> np.ndarray:
        """Return the frames that count of some rows of the table."""
        return np.flatnonzero(np.isin(self.clips, rows) & (self.labels[self.centres] >= 0))

    def draw(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs (n, 1, length) and targets of frames; with ``rng`` jittered, and at one of the speeds."""
        centres, speed = self.centres[rows], 1.0
        if rng is not None:
            reach = self.settings.jitter_samples
            moved = centres + rng.integers(-reach, reach + 1, len(centres))
            centres = np.where(self.labels[moved] >= 0, moved, centres)  # what does not count is no target
            speed = self.settings.speeds[rng.integers(len(self.settings.speeds))]
        inputs = features.normalised(self._windows[speed][np.round(centres / speed).astype(int)])
        return torch.from_numpy(inputs)[:, None], torch.from_numpy(self.labels[centres])

    def outcome(self, network: nn.Module, n_classes: int, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Return what is kept of a trained network beside its weights."""
        return measure(network, self.corpus, self.task, rows)


def _windows(signal: np.ndarray, speed: float) -> np.ndarray:
    """Return the view whose row i is the window around sample i of the signal played at ``speed``."""
    if speed != 1.0:
        signal = soxr.resample(signal, SAMPLE_RATE, SAMPLE_RATE / speed).astype(np.float32)
    length = features.windowing.LENGTH
    return np.lib.stride_tricks.sliding_window_view(np.pad(signal, (length // 2, length)), length)


def measure(network: nn.Module, corpus: corpora.Corpus, task: str, rows: np.ndarray) -> dict[str, torch.Tensor]:
    """Return how a network answers to the frames of utterances.

    Returns
    -------
    dict
        ``"confusion"`` (n_classes, n_classes): frames by true and by guessed class; ``"utterances"`` (n, n_classes):
        for each utterance the sum over its frames of each class' log-probability.
    """
    n_classes = len(corpus.classes(task))
    answering = layout.channels_last(network).eval()
    table, utterances = torch.zeros(n_classes, n_classes, dtype=torch.int64), []
    for row in rows:
        targets = torch.from_numpy(frame_targets(corpus, task, int(row)))
        counted = targets >= 0
        scores = models.frame_logits(answering, _samples(corpus[int(row)]))[counted].log_softmax(1)
        utterances.append(scores.sum(0))
        table += confusion(targets[counted], scores.argmax(1), n_classes)
    return {"confusion": table, "utterances": torch.stack(utterances)}
