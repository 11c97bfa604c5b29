"""Training: recipes as published, folds kept apart, cached under the specification, resumed after a
kill.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import cache, corpora, models, runtime, training
from earwitness.errors import EarwitnessError, FoldError, ParameterError, UnknownNameError
from earwitness.models import registry
from earwitness.training.experiment import Experiment

TINY = {"n_speakers": 6, "repetitions": 1}
RECIPE = training.Recipe("adamw", 1e-3, 4, batch_size=10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(folder, monkeypatch):
    """A network of AlexNet's kinds of layers and of its input, with a thousandth of its weights."""
    monkeypatch.setenv("EARWITNESS_CACHE", str(folder))
    for where, name in ((registry, "_NETWORKS"), (training.experiment, "_EXPERIMENTS")):
        monkeypatch.setattr(where, name, dict(getattr(where, name)))

    @models.register(
        sample_rate=8000, audio="spectrogram", tasks=("clips",), input_shape=(1, 227, 227)
    )
    class SmallNet(torch.nn.Sequential):
        def __init__(self, n_classes):
            super().__init__(
                torch.nn.Conv2d(1, 8, 11, stride=4), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2),
                torch.nn.Conv2d(8, 8, 5, stride=3, groups=2), torch.nn.ReLU(), torch.nn.Flatten(),
                torch.nn.Dropout(0.5), torch.nn.Linear(8 * 8 * 8, n_classes),
            )  # fmt: skip

    training.trains("SmallNet", {"smoke": RECIPE, "fast": RECIPE})(training.clips.Clips)
    yield
    training.RECIPES.pop("SmallNet")


def fit(seed=0, **options):
    return training.fit(
        "SmallNet",
        "voices",
        "digit",
        recipe="smoke",
        seed=seed,
        progress=False,
        device="cpu",
        corpus_options=TINY,
        **options,
    )


def test_the_paper_recipe_is_the_papers():
    alexnet, audionet = (
        training.recipe_for("paper", name, "digit") for name in ("AlexNet", "AudioNet")
    )
    assert (alexnet.optimiser, alexnet.learning_rate) == ("sgd", 1e-3)
    assert (alexnet.iterations, alexnet.halve_every) == (10_000, 2_500)
    assert (audionet.learning_rate, audionet.iterations, audionet.halve_every) == (
        1e-4,
        50_000,
        10_000,
    )
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
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True)
    )
    path.write_bytes(path.read_bytes()[:1000])  # damaged: must not be trusted
    anew = fit()
    assert all(map(torch.equal, first.model.parameters(), anew.model.parameters()))


def test_a_killed_run_resumes_from_its_checkpoint_and_ends_as_an_uninterrupted_one(
    folder, monkeypatch
):
    from earwitness.training import loop

    whole = fit(seed=1)
    specification = whole.specification
    (folder / "models" / f"{cache.digest(specification)}.pt").unlink()
    began = []
    real = loop.Learner.on_train_epoch_start

    def stop_in_the_second_pass(module):
        began.append(module.current_epoch)
        if len(began) == 2:
            raise KeyboardInterrupt
        real(module)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(loop.Learner, "on_train_epoch_start", stop_in_the_second_pass)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            fit(seed=1)
    assert list((folder / "unfinished" / cache.digest(specification)).glob("*.ckpt"))
    resumed = []
    monkeypatch.setattr(
        loop.Learner,
        "on_train_epoch_start",
        lambda module: (resumed.append(module.current_epoch), real(module)),
    )
    finished = fit(seed=1)
    assert resumed[0] == 1, "it began anew"
    assert all(map(torch.equal, whole.model.parameters(), finished.model.parameters()))
    assert not (folder / "unfinished" / cache.digest(specification)).exists()


def test_inputs_are_the_clips_less_the_training_mean_and_always_at_one_place():
    trained = fit()
    rows = trained.fold.train
    torch.testing.assert_close(trained.inputs(rows[:3]), trained.inputs(rows[:3]))
    assert float(trained.inputs(rows).mean().abs()) < 1e-3
    speakers = trained.corpus.table["speaker"].to_numpy()
    assert not set(speakers[rows]) & set(speakers[trained.fold.test])


def test_accuracy_is_what_the_confusion_says_and_what_the_model_predicts():
    trained = fit()
    guessed = models.logits(trained.model, trained.inputs(trained.fold.test)).argmax(1)
    assert trained.accuracy == pytest.approx(
        float((guessed == trained.targets(trained.fold.test)).float().mean())
    )
    assert trained.confusion.sum() == len(trained.fold.test)
    true = np.bincount(trained.targets(trained.fold.test), minlength=10)
    np.testing.assert_array_equal(trained.confusion.sum(1), true)


def test_test_rows_are_spread_evenly():
    trained = fit()
    np.testing.assert_array_equal(trained.test_rows(0), trained.fold.test)
    some = trained.test_rows(3)
    assert len(some) == 3 and some[0] == trained.fold.test[0] and some[-1] == trained.fold.test[-1]


def test_tasks_put_the_task_of_many_classes_first_and_travel_with_the_corpora():
    assert [t.task for t in training.tasks("aev+fsdd")] == ["word", "sex", "digit", "digit"]
    assert [t.protocol for t in training.tasks("fsdd")] == ["repetition", "speaker"]
    assert training.tasks("aev")[0].family == "digits"
    assert training.tasks("voices") == [
        training.Task("voices", "digit"),
        training.Task("voices", "sex"),
    ]
    with pytest.raises(UnknownNameError, match="fsdd"):
        training.tasks("fsd")
    with pytest.raises(UnknownNameError, match="aev, audiomnist, audiomnist_az, fsdd, voices"):
        training.tasks("timit")


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "cuda:97"},
        {"device": "meta"},
        {"seed": -1},
        {"seed": 2**32},
        {"seed": 0.5},
        {"seed": True},
    ],
)
def test_absent_devices_and_seeds_out_of_range_are_refused_also_for_a_cached_network(wrong):
    fit()
    with pytest.raises(
        ParameterError, match="no device" if "device" in wrong else "A seed is a whole number"
    ):
        training.fit(
            "SmallNet",
            "voices",
            "digit",
            recipe="smoke",
            progress=False,
            corpus_options=TINY,
            **wrong,
        )


def test_a_corpus_can_be_given_itself_and_other_recordings_make_another_network(monkeypatch):
    corpus = corpora.load("voices", **TINY)
    given = training.fit("SmallNet", corpus, "digit", recipe="smoke", progress=False, device="cpu")
    assert given.corpus is corpus
    assert all(map(torch.equal, given.model.parameters(), fit().model.parameters()))
    assert (
        training.fit("SmallNet", corpus, recipe="smoke", progress=False).specification["task"]
        == "digit"
    )
    with pytest.raises(ParameterError, match="loaded already"):
        training.fit("SmallNet", corpus, "digit", corpus_options=TINY)
    monkeypatch.setattr(corpus, "fingerprint", lambda: "other samples")
    monkeypatch.setattr(training.fitting, "_train", lambda *_: pytest.fail("trained anew"))
    with pytest.raises(pytest.fail.Exception, match="trained anew"):
        training.fit("SmallNet", corpus, "digit", recipe="smoke", progress=False)


def test_weights_do_not_depend_on_the_threads_of_the_caller_which_are_left_as_they_were(folder):
    before, digests = torch.get_num_threads(), []
    for n in (1, 3):
        with runtime.torch_threads(n):
            trained = fit(seed=2)
            assert torch.get_num_threads() == n
        digests.append([weight.clone() for weight in trained.model.parameters()])
        (folder / "models" / f"{cache.digest(trained.specification)}.pt").unlink()
    assert all(map(torch.equal, *digests))
    assert (
        torch.get_num_threads() == before
        and trained.specification["threads"] == training.fitting.N_THREADS
    )


def test_training_that_diverges_ends_in_a_sentence(monkeypatch):
    monkeypatch.setitem(
        training.RECIPES["SmallNet"], "smoke", training.Recipe("sgd", 1e30, 4, batch_size=10)
    )
    with pytest.raises(
        EarwitnessError, match="SmallNet diverged in pass 1.*Lower the recipe's learning rate"
    ):
        fit(seed=5)


def test_clips_without_a_label_are_named_before_anything_is_trained():
    corpus = corpora.load("voices", **TINY)
    corpus.table = corpus.table.assign(digit=[11, *corpus.table["digit"][1:]])
    with pytest.raises(
        ParameterError, match=f"1 clips .* no digit .* first is {corpus.table['id'][0]}"
    ):
        training.fit("SmallNet", corpus, "digit", recipe="smoke")


def test_a_network_of_somebody_else_is_trained_through_the_same_protocol(monkeypatch):
    @models.register(sample_rate=8000, audio="waveform", tasks=("clips",), input_shape=(1, 8000))
    class Loudness(torch.nn.Sequential):
        def __init__(self, n_classes):
            super().__init__(torch.nn.Flatten(), torch.nn.Linear(8000, n_classes))

    training.trains("Loudness", {"fast": training.Recipe("adamw", 1e-3, 1)})(training.clips.Clips)
    trained = training.fit("Loudness", "voices", device="cpu", progress=False, corpus_options=TINY)
    assert isinstance(trained.model, Loudness) and trained.sample_rate == 8000
    assert trained.inputs([0]).shape == (1, 1, 8000)
    training.RECIPES.pop("Loudness")


def test_the_untrained_network_is_where_training_would_begin_from_another_seed(monkeypatch):
    trained = fit(seed=3)
    begun = []
    monkeypatch.setattr(
        "earwitness.training.loop.train",
        lambda experiment, network, *rest: (
            begun.append({name: value.clone() for name, value in network.state_dict().items()})
            or pd.DataFrame({"epoch": [0], "loss": [0.0]}).to_dict("list")
        ),
    )
    fit(seed=4)
    state = training.untrained(trained, 4).state_dict()
    assert all(torch.equal(state[name], value) for name, value in begun[0].items())
    other = training.untrained(trained, 5).state_dict()
    assert not torch.equal(other["7.weight"], state["7.weight"])


def test_an_experiment_that_lacks_a_step_is_refused_before_anything_is_trained():
    class Half(Experiment):
        def network(self):
            return None

    with pytest.raises(TypeError, match="abstract methods? .*loss"):
        Half(None, {"model": "Half", "seed": 0, "recipe": {}}, {})
