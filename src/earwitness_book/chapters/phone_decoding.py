"""From the phone network's frames to phones, and how many of them are wrong: a hidden Markov model
with a phone bigram.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import librosa
import numpy as np
import pandas as pd
from rapidfuzz.distance import Levenshtein

from earwitness import models, training
from earwitness.errors import ParameterError

N_STATES = 3  # of each phone, one after the other: it lasts 30 ms or longer
SCALES = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class PhoneModel:
    """How phones follow each other and how long they last, counted over labelled frames of 10 ms.

    Attributes
    ----------
    first : ndarray, shape (n_phones,)
        With what an utterance begins; sums to 1.
    bigram : ndarray, shape (n_phones, n_phones)
        What follows what; rows sum to 1, nothing follows itself.
    stays : ndarray, shape (n_phones,)
        How likely each of the ``N_STATES`` states of a phone is to last another frame.
    prior : ndarray, shape (n_phones,)
        Share of each phone among the frames; sums to 1.
    """

    first: np.ndarray
    bigram: np.ndarray
    stays: np.ndarray
    prior: np.ndarray


def phone_model(labels: Sequence[np.ndarray], n_phones: int) -> PhoneModel:
    """Count a phone model over utterances.

    Every pair of phones is counted once more than it was found (Laplace), so that none is
    impossible.

    Parameters
    ----------
    labels : sequence of int arrays, shape (n_frames,)
        The phone of each frame of each utterance; -1 where none is counted, which is left out.
    n_phones : int

    Returns
    -------
    PhoneModel
    """
    first, frames = np.ones(n_phones), np.ones(n_phones)
    follows, segments = 1.0 - np.eye(n_phones), np.zeros(n_phones)
    for each in labels:
        spoken = each[each >= 0]
        phones = collapsed(each)
        first[phones[0]] += 1
        np.add.at(frames, spoken, 1)
        np.add.at(segments, phones, 1)
        np.add.at(follows, (phones[:-1], phones[1:]), 1)
    n_frames = frames / np.maximum(segments, 1) / N_STATES  # of one state, on average
    return PhoneModel(
        first / first.sum(),
        follows / follows.sum(1, keepdims=True),
        1 - 1 / np.maximum(n_frames, 1.05),
        frames / frames.sum(),
    )


def collapsed(labels: np.ndarray) -> np.ndarray:
    """Return the phones of an utterance from those of its frames: what is not counted (-1) is left
    out, and neighbours that are equal are one.
    """
    kept = labels[labels >= 0]
    return kept[np.diff(kept, prepend=-1) != 0]


def decode(log_probabilities: np.ndarray, model: PhoneModel, scale: float = 1.0) -> np.ndarray:
    """Return the most probable phones of an utterance: the path of a hidden Markov model.

    Parameters
    ----------
    log_probabilities : ndarray, shape (n_frames, n_phones)
        The network's, of each phone in each frame.
    model : PhoneModel
    scale : float
        How much a frame counts beside the bigram. Neighbouring frames share 24 of their 25
        hundredths of a second, so they are no independent witnesses: less than 1 is usual.

    Returns
    -------
    ndarray of int, shape (n_decoded,)
        No two neighbours are equal.

    Raises
    ------
    ParameterError
        If the scale is not positive, or the two know different numbers of phones.

    Notes
    -----
    A network gives posterior probabilities; divided by the priors they stand for likelihoods
    (Bourlard and Morgan 1994, *Connectionist Speech Recognition*, section 7.3). The path is
    librosa's.
    """
    n_phones = len(model.prior)
    if log_probabilities.ndim != 2 or log_probabilities.shape[1] != n_phones:
        raise ParameterError(
            f"Probabilities of shape {log_probabilities.shape} do not fit a model of {n_phones} "
            f"phones; needed is (n_frames, {n_phones})."
        )
    if not scale > 0:
        raise ParameterError(f"The scale of frames must be positive, got {scale}.")
    likelihood = scale * (log_probabilities - np.log(model.prior))
    likelihood = np.exp(likelihood - likelihood.max(1, keepdims=True))
    begins = np.zeros(n_phones * N_STATES)
    begins[::N_STATES] = model.first
    states = np.repeat(likelihood, N_STATES, axis=1)
    path = librosa.sequence.viterbi(states.T, _transitions(model), p_init=begins)
    return collapsed(path // N_STATES)


def _transitions(model: PhoneModel) -> np.ndarray:
    """Return how likely each state is followed by each, (n_phones * N_STATES,) squared: states of
    a phone in their order, after the last the first of another phone.
    """
    n_phones = len(model.prior)
    found = np.zeros((n_phones * N_STATES,) * 2)
    for phone, stays in enumerate(model.stays):
        states = phone * N_STATES + np.arange(N_STATES)
        found[states, states] = stays
        found[states[:-1], states[1:]] = 1 - stays
        found[states[-1], ::N_STATES] = (1 - stays) * model.bigram[phone]
    return found


def phone_errors(spoken: Sequence[np.ndarray], decoded: Sequence[np.ndarray]) -> pd.DataFrame:
    """Return how phones that were decoded differ from those spoken, a row for each utterance.

    Returns
    -------
    DataFrame
        ``phones`` (how many were spoken), ``substitutions``, ``deletions``, ``insertions`` of the
        shortest way from one to the other, and ``error`` (%): their sum over ``phones``.
    """
    rows = []
    for truth, found in zip(spoken, decoded, strict=True):
        edits = [edit.tag for edit in Levenshtein.editops(truth.tolist(), found.tolist())]
        counts = [edits.count(kind) for kind in ("replace", "delete", "insert")]
        rows.append([len(truth), *counts, 100 * len(edits) / len(truth)])
    return pd.DataFrame(
        rows, columns=["phones", "substitutions", "deletions", "insertions", "error"]
    )


def error_rate(errors: pd.DataFrame) -> float:
    """Return the phone error rate (%) over all utterances together."""
    wrong = errors[["substitutions", "deletions", "insertions"]].to_numpy().sum()
    return 100 * wrong / errors["phones"].sum()


@dataclass(frozen=True)
class Decoding:
    """The phone errors of one network on one fold of speakers.

    Attributes
    ----------
    scale : float
        How much a frame counts beside the bigram: chosen on the validation part.
    by_scale : Series
        The error rate (%) of the validation part for each scale that was tried.
    validation, test, untrained, undecoded : DataFrame
        :func:`phone_errors` of the two parts, of the test part by the untrained network with the
        same decoder, and of the test part without a decoder (each frame's most probable phone).
    rows : ndarray
        Rows of the corpus behind ``test``, ``untrained`` and ``undecoded``.
    validated : ndarray
        Rows behind ``validation``.
    """

    scale: float
    by_scale: pd.Series
    validation: pd.DataFrame
    test: pd.DataFrame
    untrained: pd.DataFrame
    undecoded: pd.DataFrame
    rows: np.ndarray
    validated: np.ndarray


def measure(speech, fold, network, untrained, scales=SCALES) -> Decoding:
    """Decode a phone network's frames of a fold, as the paper's section 4.1 scores its network.

    Bigram, durations and priors are counted on the training part, the scale is chosen on the
    validation part. Sentences that everybody reads (TIMIT's sa) are left out, as is custom: the
    bigram would know them by heart.

    Parameters
    ----------
    speech : Corpus
        With phones, and with ``kind`` in its table.
    fold : Fold
    network, untrained : Module
        The trained network, and the same with random weights.
    scales : sequence of float
        Of these the one with the fewest errors on the validation part is taken.

    Returns
    -------
    Decoding
    """
    parts = [_rows(speech, part) for part in (fold.train, fold.validation, fold.test)]
    train, validation, test = ([_labels(speech, row) for row in part] for part in parts)
    model = phone_model(train, len(speech.classes("phone")))
    outputs = [_log_probabilities(network, speech, row) for row in parts[1]]
    tried = {
        scale: _decoded(validation, outputs, lambda each, s=scale: decode(each, model, s))
        for scale in scales
    }
    by_scale = pd.Series({scale: error_rate(each) for scale, each in tried.items()})
    best = by_scale.idxmin()
    on_test = [_log_probabilities(network, speech, row) for row in parts[2]]
    by_chance = [_log_probabilities(untrained, speech, row) for row in parts[2]]
    return Decoding(
        best,
        by_scale,
        tried[best],
        _decoded(test, on_test, lambda each: decode(each, model, best)),
        _decoded(test, by_chance, lambda each: decode(each, model, best)),
        _decoded(test, on_test, lambda each: collapsed(each.argmax(1))),
        parts[2],
        parts[1],
    )


def _rows(speech, part: np.ndarray) -> np.ndarray:
    """Return the rows of a part of the corpus without the sentences that everybody reads."""
    return part[(speech.table["kind"].iloc[part] != "sa").to_numpy()]


def _labels(speech, row: int) -> np.ndarray:
    return training.frame_targets(speech, "phone", int(row))


def _log_probabilities(network, speech, row: int) -> np.ndarray:
    logits = models.frame_logits(network, speech[int(row)].samples)
    return logits.log_softmax(1).double().numpy()


def _decoded(labels: Sequence, outputs: Sequence, decoder) -> pd.DataFrame:
    return phone_errors([collapsed(each) for each in labels], [decoder(each) for each in outputs])


def pooled(decodings: Sequence[Decoding]) -> dict[str, pd.DataFrame]:
    """Return the errors of several folds together, by what was decoded."""
    parts = {
        "validation": "validation",
        "test": "test",
        "test, without a decoder": "undecoded",
        "test, an untrained network": "untrained",
    }
    return {
        name: pd.concat([getattr(each, part) for each in decodings], ignore_index=True)
        for name, part in parts.items()
    }


def summary(errors: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row for each part of :func:`pooled`: phones, mistakes of each kind, and the rate."""
    found = pd.DataFrame(
        {name: each.drop(columns="error").sum() for name, each in errors.items()}
    ).T
    found["phone error rate (%)"] = [error_rate(each) for each in errors.values()]
    return found


def by_utterance(errors: pd.DataFrame) -> np.ndarray:
    """Return each utterance's part in the phone error rate, in per cent: their mean is the rate
    over all utterances together.
    """
    wrong = errors[["substitutions", "deletions", "insertions"]].sum(axis=1)
    return (100 * wrong / errors["phones"].mean()).to_numpy()
