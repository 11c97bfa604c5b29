"""Channels and the phones that they stand for, on shares that are worked out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from earwitness.errors import ParameterError
from earwitness_book.chapters import audible_explanations as chapter

RATE = 10
PHONES = pd.DataFrame(
    {"start_s": [0.0, 0.2, 0.4], "end_s": [0.2, 0.4, 0.6], "phone": ["n", "aɪ", "n"]}
)


def test_a_clip_without_positive_relevance_is_left_out_and_the_others_keep_their_numbers():
    relevance = torch.tensor(
        [[3.0, 0, 1, 0, 0, -9], [-1, -1, -1, 0, 0, 0], [0, 0, 2, 2, 0, 4], [0, 0, 0, 0, 0, 0]]
    )
    found = chapter.share_on_phone(relevance, [PHONES] * 4, [0.0] * 4, RATE)
    assert found.to_dict() == {0: pytest.approx(25), 2: pytest.approx(50)}
    assert chapter.share_on_phone(relevance[1::2], [PHONES] * 2, [0.0] * 2, RATE).empty


def test_the_phone_is_looked_for_where_the_clip_begins():
    relevance = torch.tensor([[0.0, 0, 0, 1, 1, 0]])
    (found,) = chapter.share_on_phone(relevance, [PHONES], [0.1], RATE)
    assert found == pytest.approx(100)
    (found,) = chapter.share_on_phone(relevance, [PHONES], [0.0], RATE, position=3)
    assert found == pytest.approx(50)


def test_half_of_the_relevance_is_counted_in_channels_from_the_largest():
    shares = np.array([[0.1, 0.2, 0.7, 0.0], [0.25, 0.25, 0.25, 0.25]])
    assert chapter.channels_for_half(shares) == pytest.approx(100 * (1 + 2) / 2 / 4)


def test_a_class_without_clips_has_no_shares():
    shares = np.array([[0.2, 0.8], [0.4, 0.6]])
    found = chapter.shares_by_class(shares, np.array([2, 2]), 3)
    np.testing.assert_allclose(found, [[0, 0], [0, 0], [30, 70]])


def test_common_channels_are_those_that_two_words_share_and_others_lack():
    shares = np.array([[0.1, 0.4, 0.4, 0.1], [0.0, 0.5, 0.4, 0.1], [0.1, 0.6, 0.0, 0.3]])
    assert chapter.common_channels(shares, np.array([5, 9, 1]), (5, 9), 1) == [2]
    dead = np.array([[0.4, 0.6, 0.0], [0.3, 0.7, 0.0], [0.5, 0.5, 0.0]])
    assert chapter.common_channels(dead, np.array([5, 9, 1]), (5, 9), 2) == [1, 0]
    with pytest.raises(ParameterError, match="must be among the clips"):
        chapter.common_channels(shares[:2], np.array([5, 9]), (5, 9), 1)
    with pytest.raises(ParameterError, match="must be among the clips"):
        chapter.common_channels(shares, np.array([5, 1, 2]), (5, 9), 1)


def test_accuracy_is_in_per_cent_of_the_clips():
    inputs = torch.eye(4)
    assert chapter.accuracy(nn.Identity(), inputs, np.array([0, 1, 2, 0])) == 75


def test_spoken_clips_are_those_of_up_to_a_second_in_the_middle_of_it():
    class Clip:
        samples, sample_rate = np.ones(4000, np.float32) / 2, 8000

    class Trained:
        class corpus(list):
            table = pd.DataFrame({"longer_than_1s": [False, True, False]})

        class fold:
            test = [1, 2]

        @staticmethod
        def prepare(seconds):
            return torch.from_numpy(seconds)[:, None]

    Trained.corpus = type("Corpus", (list,), {"table": Trained.corpus.table})([Clip] * 3)
    table, inputs = chapter.spoken_clips(Trained)
    assert list(table.index) == [2] and inputs.shape == (1, 1, 8000)
    assert inputs[0, 0].nonzero().flatten()[[0, -1]].tolist() == [2000, 5999]
