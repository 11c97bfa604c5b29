"""Phones decoded from frames: known paths, counts by hand, and what a decoder must not invent."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earwitness.errors import ParameterError
from earwitness_book.chapters import phone_decoding
from earwitness_book.chapters.phone_decoding import PhoneModel

LABELS = [np.repeat([0, 1, 2, 0], [8, 4, 6, 8]), np.repeat([0, 2, 1, 0], [6, 9, 3, 5])]


def _sure(labels, n_phones=3, of_others=1e-4):
    """Log-probabilities of a network that is nearly sure of each frame's phone."""
    found = np.full((len(labels), n_phones), of_others)
    found[np.arange(len(labels)), labels] = 1 - of_others * (n_phones - 1)
    return np.log(found)


def test_counts_by_hand():
    model = phone_decoding.phone_model(LABELS, 3)
    # pairs 01 12 20 | 02 21 10, each of the six possible counted once more
    np.testing.assert_allclose(model.bigram, [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    np.testing.assert_allclose(model.first, [3 / 5, 1 / 5, 1 / 5])
    # 27 + 1 frames of phone 0 in four pieces: 7 frames, 7/3 in each of its three states
    assert model.stays[0] == pytest.approx(1 - 3 / 7)
    np.testing.assert_allclose(model.prior, np.array([28, 8, 16]) / 52)


def test_an_utterance_begins_with_its_first_phone():
    model = phone_decoding.phone_model([np.array([1, 1, 1, 0, 0, 0])], 2)
    np.testing.assert_allclose(model.first, [1 / 3, 2 / 3])


def test_frames_that_do_not_count_are_neither_phones_nor_pairs():
    with_gap = np.array([0, 0, -1, -1, 0, 0, 0, 1, 1, 1, -1])
    np.testing.assert_array_equal(phone_decoding.collapsed(with_gap), [0, 1])
    model = phone_decoding.phone_model([with_gap], 2)
    np.testing.assert_allclose(model.prior, [6 / 10, 4 / 10])


def test_a_network_that_is_sure_is_followed_and_a_short_doubt_is_not():
    model = phone_decoding.phone_model(LABELS, 3)
    labels = LABELS[0].copy()
    np.testing.assert_array_equal(phone_decoding.decode(_sure(labels), model), [0, 1, 2, 0])
    labels[3] = 1  # a single frame: no phone is as short as that
    assert len(phone_decoding.collapsed(labels)) == 6
    np.testing.assert_array_equal(phone_decoding.decode(_sure(labels), model), [0, 1, 2, 0])


def test_the_bigram_decides_what_frames_leave_open():
    bigram = np.array([[0, 0.98, 0.02], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    stays, even = np.full(3, 0.5), np.full(3, 1 / 3)
    model = PhoneModel(np.array([0.98, 0.01, 0.01]), bigram, stays, even)
    open_end = np.log(np.array([[0.98, 0.01, 0.01]] * 4 + [[0.02, 0.49, 0.49]] * 4))
    np.testing.assert_array_equal(phone_decoding.decode(open_end, model), [0, 1])
    turned = PhoneModel(model.first, bigram[:, [0, 2, 1]], stays, even)
    np.testing.assert_array_equal(phone_decoding.decode(open_end, turned), [0, 2])


PATHS = np.array(list(itertools.product(range(6), repeat=6)))  # of six frames through six states


@given(seed=st.integers(0, 1000))
def test_the_path_is_the_best_of_all_paths(seed):
    rng = np.random.default_rng(seed)
    bigram = rng.uniform(0.1, 1, (2, 2)) * (1 - np.eye(2))
    bigram /= bigram.sum(1, keepdims=True)
    prior = rng.dirichlet([5, 5])
    model = PhoneModel(rng.dirichlet([5, 5]), bigram, rng.uniform(0.2, 0.8, 2), prior)
    log_probabilities = np.log(rng.dirichlet([1, 1], size=6))
    likelihood = (log_probabilities - np.log(prior))[np.arange(6), PATHS // 3].sum(1)
    first = PATHS[:, 0]
    start = np.where(first % 3 == 0, model.first[first // 3], 0)
    steps = phone_decoding._transitions(model)[PATHS[:, :-1], PATHS[:, 1:]].prod(1)
    with np.errstate(divide="ignore"):  # most paths cannot be gone
        best = PATHS[np.argmax(likelihood + np.log(start * steps))]
    expected = phone_decoding.collapsed(best // 3)
    np.testing.assert_array_equal(phone_decoding.decode(log_probabilities, model), expected)


def test_errors_are_counted_by_the_shortest_way():
    spoken = [np.array([1, 2, 3, 4]), np.array([1, 2])]
    found = phone_decoding.phone_errors(spoken, [np.array([1, 5, 3, 4, 6]), np.array([2])])
    assert found.iloc[0].tolist() == [4, 1, 0, 1, 50]
    assert found.iloc[1].tolist() == [2, 0, 1, 0, 50]
    assert phone_decoding.error_rate(found) == pytest.approx(100 * 3 / 6)


@pytest.mark.parametrize(
    ("shape", "scale", "said"), [((5, 4), 1.0, "3 phones"), ((5, 3), 0.0, "must be positive")]
)
def test_what_does_not_fit_is_refused(shape, scale, said):
    model = phone_decoding.phone_model(LABELS, 3)
    with pytest.raises(ParameterError, match=said):
        phone_decoding.decode(np.zeros(shape), model, scale)


def test_the_parts_of_utterances_have_the_rate_for_their_mean():
    spoken = [np.array([1, 2, 3, 4]), np.array([1, 2])]
    errors = phone_decoding.phone_errors(spoken, [np.array([1, 5, 3, 4, 6]), np.array([2])])
    parts = phone_decoding.by_utterance(errors)
    assert parts.mean() == pytest.approx(phone_decoding.error_rate(errors))
    assert parts.tolist() == pytest.approx([200 / 3, 100 / 3])


@pytest.fixture
def spoken(monkeypatch):
    """Six utterances of two phones, every second the sentence that everybody reads; the network's
    frames are right, the untrained network's are all the first phone.
    """
    labels = {row: np.repeat([0, 1, 0], [8, 4 + row, 8]) for row in range(6)}
    monkeypatch.setattr(
        phone_decoding.training, "frame_targets", lambda corpus, task, row: labels[row]
    )

    def frame_logits(network, samples):
        truth = labels[samples]
        right = torch.from_numpy(np.eye(2)[truth if network == "trained" else 0 * truth])
        return 10 * right.float()

    monkeypatch.setattr(phone_decoding.models, "frame_logits", frame_logits)
    clips = [SimpleNamespace(samples=row) for row in range(6)]
    return _Spoken(clips, pd.DataFrame({"kind": ["sa", "si"] * 3}))


class _Spoken(list):
    def __init__(self, clips, table):
        super().__init__(clips)
        self.table = table

    def classes(self, task):
        return ["a", "b"]


def test_a_fold_is_decoded_without_the_sentences_that_everybody_reads(spoken):
    speech = spoken
    fold = SimpleNamespace(
        train=np.array([0, 1]), validation=np.array([2, 3]), test=np.array([4, 5])
    )
    found = phone_decoding.measure(speech, fold, "trained", "untrained", scales=(1e-9, 1.0))
    assert found.rows.tolist() == [5] and found.validated.tolist() == [3]
    assert found.scale == 1.0 and found.by_scale[1.0] == 0 < found.by_scale[1e-9]
    assert phone_decoding.error_rate(found.test) == 0
    assert found.untrained["deletions"].tolist() == [2]
    assert phone_decoding.error_rate(found.undecoded) == 0
    together = phone_decoding.summary(phone_decoding.pooled([found, found]))
    assert together.loc["test, an untrained network", "phone error rate (%)"] == pytest.approx(
        100 * 2 / 3
    )
    assert together.loc["test", "phones"] == 6
