"""What all corpora share: samples that are refused, names, groups of speakers, folds that
rotate.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness import corpora
from earwitness.corpora.base import Corpus, Fold, balanced_groups, rotate, utterance_folds
from earwitness.errors import FoldError, MissingDataError, UnknownNameError


def test_an_unknown_corpus_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="no corpus 'audiomnst'. Did you mean 'audiomnist'"):
        corpora.load("audiomnst")


@pytest.mark.parametrize("name", ["aev", "audiomnist", "fsdd"])
def test_a_corpus_that_is_not_here_says_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    monkeypatch.delenv("EARWITNESS_DATA", raising=False)
    with pytest.raises(MissingDataError, match=f"earwitness data download {name}.*EARWITNESS_DATA"):
        corpora.load(name)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(3, 5))
def test_groups_share_out_each_stratum_and_folds_rotate_through_them(n_women, n_men, n_groups):
    women, men = [f"w{i}" for i in range(n_women)], [f"m{i}" for i in range(n_men)]
    if n_women + n_men < n_groups:
        with pytest.raises(FoldError, match="speakers are too few"):
            balanced_groups([women, men], n_groups)
        return
    groups = balanced_groups([women, men], n_groups)
    assert sorted(sum(groups, [])) == sorted(women + men)
    for stratum in (women, men):
        shares = [len(set(group) & set(stratum)) for group in groups]
        assert max(shares) - min(shares) <= 1
    index = {speaker: i for i, speaker in enumerate(women + men)}
    folds = rotate(
        groups, n_groups - 2, lambda speakers: np.array([index[s] for s in speakers], int)
    )
    for fold in folds:
        everyone = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(everyone) == list(range(n_women + n_men))
        assert len(fold.train) and len(fold.validation) and len(fold.test)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(n_women + n_men))


def rows(speakers):
    return np.array([int(s) for s in speakers if int(s) < 90], int)


@pytest.mark.parametrize(
    ("groups", "n_train", "match"),
    [
        ([["1"], ["2"], ["3"]], 2, "3 groups of speakers are too few"),
        ([["1"], ["2"]], 1, "too few"),
        ([["1"], ["2"], []], 1, "Group 3 of 3 has no clip"),
        ([["1"], ["2"], ["99"]], 1, "Group 3 of 3 has no clip"),
        ([["1"], ["2"], ["2"]], 1, "A speaker is in two groups"),
    ],
)
def test_groups_that_make_no_folds_are_refused(groups, n_train, match):
    with pytest.raises(FoldError, match=match):
        rotate(groups, n_train, rows)


@pytest.mark.parametrize(
    ("train", "validation", "test", "match"),
    [
        ([], [1], [2], "train part of mine is empty"),
        ([1], [2], [], "test part of mine is empty"),
        ([1, 2], [3], [2], "in two parts of mine"),
        ([1], [3, 4], [2, 4], "in two parts"),
    ],
)
def test_a_fold_has_parts_that_are_not_empty_and_apart(train, validation, test, match):
    with pytest.raises(FoldError, match=match):
        Fold(*(np.array(part, int) for part in (train, validation, test)), name="mine")


class Four(Corpus):
    tasks = {"digit": [0, 1]}

    def __init__(self, fold):
        self.table = pd.DataFrame({"speaker": list("abac"), "digit": [0, 1, 0, 1]})
        self.fold = fold

    def _fold_makers(self, task):
        return {"speaker": lambda: self.fold, "clip": lambda: self.fold}


@pytest.mark.parametrize(
    ("parts", "match"),
    [
        (([0], [1], [2]), "tests speakers that it trains on or is chosen by: a"),
        (([1], [0], [2]), "chosen by: a"),
        (([0, 2], [], [1]), "validation part of .* is empty"),
        (None, "too small"),
    ],
)
def test_no_corpus_tests_a_speaker_it_knows_or_leaves_a_part_empty(parts, match):
    folds = [Fold(*(np.array(part, int) for part in parts))] if parts else []
    with pytest.raises(FoldError, match=match):
        Four(folds).folds("digit")
    if parts:
        assert Four(folds).folds("digit", protocol="clip") == folds


def test_who_says_one_utterance_only_has_no_folds_by_utterance():
    table = pd.DataFrame(
        {"speaker": ["a", "a", "b"], "kind": "sx", "sentence": ["sx1", "sx2", "sx3"]}
    )
    with pytest.raises(FoldError, match="there is one only"):
        utterance_folds(table)
    for empty in (table[:0], table[2:]):
        with pytest.raises(FoldError):
            utterance_folds(empty)
