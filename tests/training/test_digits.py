import numpy as np
import pytest
import torch

from earwitness import corpora, models, training
from earwitness.training import digits


@pytest.fixture(scope="module")
def spoken():
    return corpora.load("voices", n_speakers=6, repetitions=1)


@pytest.fixture
def briefly(monkeypatch):
    """Learn from few, test few."""
    recipe = training.digits.DigitRecipe(
        "adamw", 1e-3, 1, batch_size=60, n_voices=1, n_repetitions=1, share_of_corpus=1
    )
    monkeypatch.setitem(training.RECIPES["DigitNet"], "smoke", recipe)
    monkeypatch.setattr(digits, "N_UNMET", 2)


def test_it_learns_from_the_corpus_and_from_other_voices_and_its_card_tests_both(
    briefly, spoken, tmp_path
):
    trained = training.fit("DigitNet", spoken, recipe="smoke", progress=False)
    card = training.export(trained, tmp_path / "own-voice.pt", "again")
    assert trained.model.training is False and card["task"] == "digit"
    assert card["measured"]["n_clips"] == len(trained.fold.test)
    assert card["measured"]["voices_n_clips"] == 20
    assert card["classes"] == list(range(10)) and card["weights"]["n"] < 300_000
    again = models.pretrained(tmp_path / "own-voice.pt")
    inputs = trained.inputs([0])
    torch.testing.assert_close(again.model(inputs), trained.model(inputs), rtol=0.05, atol=0.05)


def test_batches_draw_from_both_with_the_right_targets(briefly, spoken):
    specification = training.fit("DigitNet", spoken, recipe="smoke", progress=False).specification
    experiment = training.experiment.find("DigitNet")(spoken, specification, {})
    experiment.check()
    experiment.prepare()
    assert len(experiment.rows) == len(experiment.fold.train) + 10
    of_others = np.arange(len(spoken), len(spoken) + 10)
    inputs, targets = experiment.examples(of_others, np.random.default_rng(0))
    assert inputs.shape == (10, 1, 40, 81) and targets.tolist() == list(range(10))


def test_a_changed_second_is_another_each_time_and_as_long_as_any(spoken):
    rng = np.random.default_rng(0)
    clip = training.clips.resampled(spoken)[0]
    first, second = (digits.changed_second(clip, rng) for _ in range(2))
    assert first.shape == second.shape == (8000,) and first.dtype == np.float32
    assert np.isfinite(first).all() and not np.array_equal(first, second)


def test_hidden_stretches_are_silent_and_no_wider_than_allowed():
    inputs = digits.hidden(torch.ones(40, 1, 40, 81), np.random.default_rng(0))
    bands = (inputs[:, 0] == 0).all(2).sum(1)
    frames = (inputs[:, 0] == 0).all(1).sum(1)
    assert 0 < bands.max() <= 8 and 0 < frames.max() <= 14


def test_the_voices_that_test_are_not_those_that_are_learnt_from():
    assert digits.LEARNT_SEED != digits.UNMET_SEED and 0 not in (
        digits.LEARNT_SEED,
        digits.UNMET_SEED,
    )
