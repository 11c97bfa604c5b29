"""Training: recipes as published, folds kept apart, cached under the specification, and gone on with after a kill."""

import numpy as np
import pytest
import torch

from earwitness import cache, training
from earwitness.errors import FoldError, UnknownNameError

TINY = {"n_speakers": 6, "repetitions": 1}
RECIPE = training.Recipe("adamw", 1e-3, 4, batch_size=10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(folder))
    monkeypatch.setitem(training.RECIPES["smoke"], "AlexNet", RECIPE)


def fit(seed=0, **options):
    return training.fit("AlexNet", "voices", "digit", recipe="smoke", seed=seed, progress=False, device="cpu",
                        corpus_options=TINY, **options)


def test_the_paper_recipe_is_the_papers():
    alexnet, audionet = (training.recipe_for("paper", name, "digit") for name in ("AlexNet", "AudioNet"))
    assert (alexnet.optimiser, alexnet.learning_rate) == ("sgd", 1e-3)
    assert (alexnet.iterations, alexnet.halve_every) == (10_000, 2_500)
    assert (audionet.learning_rate, audionet.iterations, audionet.halve_every) == (1e-4, 50_000, 10_000)
    assert (alexnet.gradient_clip, audionet.gradient_clip, alexnet.batch_size) == (5.0, 0.0, 100)
    sex = training.recipe_for("paper", "AudioNet", "sex")
    assert (sex.iterations, sex.halve_every) == (10_000, 5_000)
    assert training.recipe_for("paper", "AlexNet", "sex") == alexnet


def test_names_that_do_not_exist_are_refused_before_anything_is_trained():
    with pytest.raises(UnknownNameError, match="AudioNet"):
        training.fit("AudioNett", "voices", "digit", corpus_options=TINY)
    with pytest.raises(UnknownNameError, match="fast"):
        training.fit("AudioNet", "voices", "digit", recipe="fas", corpus_options=TINY)
    with pytest.raises(UnknownNameError, match="sex"):
        training.fit("AudioNet", "voices", "sexx", corpus_options=TINY)
    with pytest.raises(FoldError, match="there is no 9"):
        training.fit("AudioNet", "voices", "digit", fold=9, corpus_options=TINY)


def test_a_second_fit_is_read_from_the_cache_and_the_same_without_it(folder, monkeypatch):
    first = fit()
    path = folder / "models" / f"{cache.digest(first.specification)}.pt"
    with monkeypatch.context() as broken:
        broken.setattr(training.fitting, "_train", lambda *_: pytest.fail("trained again"))
        again = fit()
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True))
    path.write_bytes(path.read_bytes()[:1000])  # damaged: must not be trusted
    anew = fit()
    for a, b in zip(first.model.parameters(), anew.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)


def test_a_killed_run_goes_on_from_its_checkpoint_and_ends_as_an_uninterrupted_one(folder, monkeypatch):
    from earwitness.training import loop

    whole = fit(seed=1)
    specification = whole.specification
    (folder / "models" / f"{cache.digest(specification)}.pt").unlink()
    began = []
    real = loop.Classifier.on_train_epoch_start

    def stop_in_the_second_pass(module):
        began.append(module.current_epoch)
        if len(began) == 2:
            raise KeyboardInterrupt
        real(module)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(loop.Classifier, "on_train_epoch_start", stop_in_the_second_pass)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(seed=1)
    assert list((folder / "unfinished" / cache.digest(specification)).glob("*.ckpt"))
    resumed = []
    monkeypatch.setattr(loop.Classifier, "on_train_epoch_start",
                        lambda module: (resumed.append(module.current_epoch), real(module)))
    finished = fit(seed=1)
    assert resumed[0] == 1, "it began anew"
    for a, b in zip(whole.model.parameters(), finished.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
    assert not (folder / "unfinished" / cache.digest(specification)).exists()


def test_inputs_are_the_clips_less_the_training_mean_and_always_at_one_place():
    trained = fit()
    rows = trained.fold.train
    torch.testing.assert_close(trained.inputs(rows[:3]), trained.inputs(rows[:3]))
    assert float(trained.inputs(rows).mean().abs()) < 1e-3
    speakers = trained.corpus.table["speaker"].to_numpy()
    assert not set(speakers[rows]) & set(speakers[trained.fold.test])


def test_accuracy_is_what_the_confusion_says_and_what_the_model_answers():
    trained = fit()
    from earwitness import models

    guessed = models.logits(trained.model, trained.inputs(trained.fold.test)).argmax(1)
    assert trained.accuracy == pytest.approx(float((guessed == trained.targets(trained.fold.test)).float().mean()))
    assert trained.confusion.sum() == len(trained.fold.test)
    true = np.bincount(trained.targets(trained.fold.test), minlength=10)
    np.testing.assert_array_equal(trained.confusion.sum(1), true)


def test_test_rows_are_spread_evenly():
    trained = fit()
    np.testing.assert_array_equal(trained.test_rows(0), trained.fold.test)
    some = trained.test_rows(3)
    assert len(some) == 3 and some[0] == trained.fold.test[0] and some[-1] == trained.fold.test[-1]


def test_tasks_put_the_task_of_many_classes_first():
    assert [t.task for t in training.tasks("aev+fsdd")] == ["word", "sex", "digit", "digit"]
    assert training.tasks("aev")[0].family == "digits"
    with pytest.raises(UnknownNameError, match="fsdd"):
        training.tasks("fsd")
