"""A machine's answers: known scores, controls that are as loud, and who may listen."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness.corpora import Corpus, Fold
from earwitness_book.chapters import machine_listener
from earwitness_book.chapters.listening_study import with_outcome


def _said(by_form, spoken, predicted):
    parts = [
        pd.DataFrame(
            {
                "item": range(len(spoken)),
                "spoken": spoken,
                "predicted": predicted,
                "format": form,
                "answer": answer,
            }
        )
        for form, answer in by_form.items()
    ]
    together = pd.concat(parts, ignore_index=True)
    return with_outcome(together.assign(participant="machine", position=1, seconds=np.nan))


def test_a_machine_that_follows_the_network_is_told_and_one_that_guesses_is_not():
    digits = np.tile(np.arange(10), 4)
    by_form = dict.fromkeys(machine_listener.FORMS, np.zeros(40, int))
    by_form["signal-heard"] = digits
    found = machine_listener.answer_records(_said(by_form, digits, digits), 200, 0)
    signal = found["audible-explanations/ours/machine-right-signal"]
    other = "audible-explanations/ours/machine-right-random"
    assert signal["value"] == 1 and signal["n"] == 40 and signal["of"] == "clips"
    by_form["explanation-heard"] = np.where(np.arange(40) % 3, digits, 0)  # right in part
    some = machine_listener.answer_records(_said(by_form, digits, digits), 200, 0)
    low, high = some["audible-explanations/ours/machine-right-explanation"]["interval"]
    assert low < some["audible-explanations/ours/machine-right-explanation"]["value"] < high
    assert found[other]["value"] == pytest.approx(0)
    assert signal["against"][other][0] > 0.5 and found[other]["against"][
        "audible-explanations/ours/machine-right-signal"
    ] == tuple(-end for end in reversed(signal["against"][other]))


def test_a_parrot_is_misled_where_the_network_is_wrong_and_empty_scores_are_left_out():
    spoken = np.tile(np.arange(10), 3)
    by_form = dict.fromkeys(machine_listener.FORMS, spoken)
    found = machine_listener.answer_records(_said(by_form, spoken, (spoken + 1) % 10), 50, 0)
    assert not any("-right-" in id for id in found)
    assert found["audible-explanations/ours/machine-wrong-signal"]["value"] < 0


class _Rule(torch.nn.Module):
    """Two digits by the sign of the mean."""

    def __init__(self, sign=1):
        super().__init__()
        self.sign = sign

    def forward(self, x):
        mean = self.sign * x.mean((1, 2))
        return torch.stack([mean, -mean], 1)


def _explained(seconds, corpus="voices"):
    return SimpleNamespace(
        model=_Rule().eval(),
        classes=["0", "1"],
        specification={"corpus": corpus},
        seconds=lambda rows: seconds[np.asarray(rows)],
        prepare=lambda seconds: torch.from_numpy(seconds)[:, None],
        targets=lambda rows: torch.zeros(len(rows), dtype=torch.long),
    )


def test_stimuli_are_as_loud_as_their_signal_and_the_explanation_is_the_formula(monkeypatch):
    turned = _Rule(-1).eval()  # stands for the untrained network: it has no weights to draw
    monkeypatch.setattr(machine_listener.training, "untrained", lambda trained, seed: turned)
    rng = np.random.default_rng(0)
    seconds = (rng.standard_normal((3, 8000)) + [[0.2], [-0.2], [0.1]]).astype(np.float32)
    sounds = machine_listener.stimuli(_explained(seconds), [0, 1, 2], "gradient-x-input", 0)
    assert list(sounds) == list(machine_listener.FORMS)
    level = np.sqrt((seconds**2).mean(1))
    for each in sounds.values():
        np.testing.assert_allclose(np.sqrt((each**2).mean(1)), level, rtol=1e-5)
    # the score of the digit that is predicted grows with x (0, 2) or with -x (1)
    sign = np.array([[1], [-1], [1]])
    product = np.maximum(sign * seconds, 0) * seconds
    for got, expected in zip(sounds["explanation-heard"], product, strict=True):
        assert np.corrcoef(got, expected)[0, 1] > 0.999
    other = np.maximum(-sign * seconds, 0) * seconds
    for got, expected in zip(sounds["untrained-heard"], other, strict=True):
        assert np.corrcoef(got, expected)[0, 1] > 0.999


def test_the_network_of_the_book_listens_only_to_a_corpus_it_has_not_met(monkeypatch):
    model, prepare, classes = machine_listener.recogniser(_explained(np.zeros((1, 8000))))
    assert sum(each.numel() for each in model.parameters()) > 50_000
    assert prepare(np.zeros((2, 8000), np.float32)).shape == (2, 1, 40, 81)
    assert classes == list(range(10))

    asked = {}

    def fit(*given, **named):
        asked.update(named, given=given)
        return SimpleNamespace(model="trained", prepare="prepare", classes=["0"])

    monkeypatch.setattr(machine_listener.training, "fit", fit)
    met = _explained(np.zeros((1, 8000)), "fsdd")
    met.corpus, met.fold = _Words(), Fold(np.arange(20), np.arange(20, 30), np.arange(30, 40), "f")
    assert machine_listener.recogniser(met)[0] == "trained"
    (kind, view, task), named = asked["given"], asked
    assert (kind, task) == ("DigitNet", "digit") and "fold" not in named
    (fold,) = view.folds("digit")
    assert set(fold.train) | set(fold.validation) == set(met.fold.validation)
    assert set(fold.validation) == {20, 25} and not set(fold.train) & set(met.fold.train)
    assert list(fold.test) == list(met.fold.test)


class _Words(Corpus):
    """Forty clips."""

    def fingerprint(self):
        return "words"

    def folds(self, task, protocol="speaker"):
        return []


def test_what_is_set_aside_is_kept_apart_in_the_cache_and_leaves_the_corpus_as_it_was():
    words = _Words()
    folds = [
        Fold(np.arange(20), np.arange(start, start + 10), np.arange(60, 70), f"fold {start}")
        for start in (20, 40)
    ]
    met = [SimpleNamespace(corpus=words, fold=fold) for fold in folds]
    prints = {machine_listener.set_aside(each).fingerprint() for each in met}
    assert len(prints | {words.fingerprint()}) == 3
    assert words.folds("digit") == []
