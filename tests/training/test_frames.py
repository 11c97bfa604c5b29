"""Training on frames of utterances: what a frame is, what it is labelled, and that networks learn
from it.
"""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import utterances

from earwitness import features, models, training
from earwitness.errors import ParameterError
from earwitness.training import fitting, frames

PLAIN = training.FrameRecipe("adamw", 1e-3, 24, batch_size=20)
AA, S, SIL = 0, 2, 3


@pytest.fixture(scope="module")
def corpus():
    return utterances.Utterances()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def fit(corpus, folder, monkeypatch):
    """Return ``training.fit`` on the tiny corpus."""
    monkeypatch.setenv("EARWITNESS_CACHE", str(folder))
    for name in ("PhoneCNN", "SpeakerCNN"):
        monkeypatch.setitem(training.RECIPES[name], "brief", PLAIN)

    def run(model, recipe="brief", corpus=corpus, **options):
        protocol = {"PhoneCNN": "speaker", "SpeakerCNN": "utterance"}[model]
        return training.fit(
            model, corpus, recipe=recipe, device="cpu", progress=False, protocol=protocol, **options
        )

    return run


def examples(corpus, task="phone", **changes):
    specification = {
        "model": "PhoneCNN",
        "task": task,
        "protocol": "utterance" if task == "speaker" else "speaker",
        "fold": 0,
        "seed": 0,
        "recipe": asdict(PLAIN) | changes,
    }
    made = frames.Frames(corpus, specification, {})
    made.check()
    made.prepare()
    return made


def test_a_frame_is_labelled_by_its_middle_and_glottal_stops_do_not_count(corpus):
    # 60 frames of 10 ms: their middles lie at 5, 15, ... 595 ms; the last phone ends at 592 ms
    expected = [SIL] * 10 + [AA] * 20 + [-1] * 5 + [S] * 15 + [SIL] * 9 + [-1]
    assert frames.frame_targets(corpus, "phone", 0).tolist() == expected


def test_silence_around_an_utterance_is_no_ones_but_pauses_within_are_the_speakers(corpus):
    assert frames.frame_targets(corpus, "speaker", 7).tolist() == [-1] * 10 + [2] * 40 + [-1] * 10


def test_an_utterance_of_nothing_but_silence_has_no_frame_that_counts(corpus, monkeypatch):
    monkeypatch.setattr(utterances, "PHONES", [(0.0, 0.6, "sil")])
    assert (frames.frame_targets(corpus, "speaker", 0) == -1).all()


def test_evaluation_sees_each_frame_as_its_utterance_alone_would_show_it(corpus):
    made = examples(corpus, jitter_samples=80, speeds=(1.0, 1.3))
    rows = made.within(np.array([4]))
    inputs, targets = made.examples(rows)
    counted = frames.frame_targets(corpus, "phone", 4) >= 0
    samples = corpus[4].samples
    alone = features.normalised(
        features.windows(samples, features.frame_centres(len(samples))[counted])
    )
    torch.testing.assert_close(inputs[:, 0], torch.from_numpy(alone))
    assert targets.tolist() == frames.frame_targets(corpus, "phone", 4)[counted].tolist()


def test_a_jittered_frame_is_labelled_by_what_is_spoken_where_it_went(corpus):
    made = examples(
        corpus, jitter_samples=240
    )  # a frame and a half: some cross into another phone, some into none
    counted = np.flatnonzero(frames.frame_targets(corpus, "phone", 1) >= 0)
    near_a_change = np.array(
        [min(abs(frame - change) for change in (9.5, 29.5, 34.5, 49.5)) < 2 for frame in counted]
    )
    rows = made.within(np.array([1]))[near_a_change]
    inputs, targets = made.examples(rows, np.random.default_rng(0))
    samples = corpus[1].samples
    spoken = frames._labels(corpus, "phone", 1)
    centres = features.frame_centres(len(samples))[counted[near_a_change]]
    went = []
    for shown, target, centre in zip(inputs[:, 0].numpy(), targets, centres, strict=True):
        near = np.clip(np.arange(centre - 240, centre + 241), 0, len(samples) - 1)
        distance = np.abs(features.normalised(features.windows(samples, near)) - shown).max(1)
        assert distance.min() < 1e-4
        went.append(near[distance.argmin()] - centre)
        assert spoken[near[distance.argmin()]] == target >= 0
    assert min(went) < -120 and max(went) > 120
    assert targets.tolist() != made.labels[made.centres[rows]].tolist(), (
        "none crossed into another phone"
    )


def test_a_faster_batch_has_higher_tones_around_the_same_moment(corpus):
    made = examples(corpus, task="speaker", speeds=(1.25,))
    middle = made.within(np.array([0]))[10]  # 205 ms, in the middle of the tone of 200 Hz
    fast, _ = made.examples(np.array([middle]), np.random.default_rng(0))
    plain, _ = made.examples(np.array([middle]))
    tones = [
        np.fft.rfft(x[0, 0, 1600:2400].numpy() * np.hanning(800), 16000) for x in (plain, fast)
    ]
    assert [np.abs(tone).argmax() for tone in tones] == pytest.approx([200, 250], abs=3)
    starts = [np.flatnonzero(np.abs(x[0, 0].numpy()) > 0.5)[0] - 2000 for x in (plain, fast)]
    assert starts[1] == pytest.approx(starts[0] / 1.25, abs=20)


def test_no_window_reaches_two_utterances_even_played_fast_and_early(corpus):
    class Loud(utterances.Utterances):
        def _samples(self, index):
            return np.full(9600, 1.0 if index else 0.25, np.float32), 16000

    made = examples(Loud(), jitter_samples=80, speeds=(1.5,))
    centres = made.centres[made.clips == 0]
    for early in (-80, 80):
        raw = made._windows[1.5][np.round((centres + early) / 1.5).astype(int)]
        assert 0.2 < raw.max() < 0.3  # 0.25 and the ringing of the resampling filter


def test_phones_are_learnt_and_read_from_the_cache_again(fit, monkeypatch):
    trained = fit("PhoneCNN")
    assert trained.accuracy > 0.85
    assert (
        trained.confusion.sum() == 3 * 54
    )  # three utterances of speaker d, 54 frames that count in each
    assert trained.confusion.sum(1).tolist() == [60, 0, 45, 57]
    assert "validation_accuracy" in trained.history
    monkeypatch.setattr(fitting, "_train", lambda *_: pytest.fail("trained again"))
    again = fit("PhoneCNN")
    assert all(
        torch.equal(a, b)
        for a, b in zip(trained.model.parameters(), again.model.parameters(), strict=True)
    )
    np.testing.assert_array_equal(trained.confusion, again.confusion)


def test_the_confusion_is_what_the_network_predicts_frame_by_frame(fit):
    trained = fit("PhoneCNN")
    expected = np.zeros((4, 4), int)
    for row in trained.fold.test:
        for guess, target in zip(trained.logits(row).argmax(1), trained.targets(row), strict=True):
            if target >= 0:
                expected[target, guess] += 1
    np.testing.assert_array_equal(trained.confusion, expected)


def test_phones_have_no_utterance_accuracy(fit):
    with pytest.raises(ParameterError, match="no phone to be right about"):
        fit("PhoneCNN").utterance_accuracy  # noqa: B018  a property that raises


def test_a_speaker_is_who_has_most_log_probability_summed_over_frames(fit):
    trained = fit("SpeakerCNN")
    assert trained.classes == list("abcd") and len(trained.fold.test) == 4
    right = []
    for i, row in enumerate(trained.fold.test):
        counted = trained.targets(row) >= 0
        scores = trained.logits(row)[counted].double().log_softmax(1).sum(0)
        torch.testing.assert_close(trained.utterances[i].double(), scores, rtol=1e-4, atol=1e-3)
        right.append(int(scores.argmax()) == "abcd".index(trained.corpus.table["speaker"][row]))
    assert trained.utterance_accuracy == np.mean(right) == 1.0
    assert training.summary([trained])["utterance_accuracy_percent"].tolist() == [100.0]


def test_a_network_and_a_corpus_that_do_not_fit_are_refused_in_a_sentence(fit, corpus):
    with pytest.raises(ParameterError, match="A phone is shorter than a clip"):
        training.fit("AudioNet", corpus, "phone")
    without_phones = utterances.Utterances()
    without_phones.tasks = {"speaker": ["a", "b", "c", "d"]}
    with pytest.raises(ParameterError, match="utterances has none. timit has"):
        fit("SpeakerCNN", corpus=without_phones)


def test_a_pass_is_never_longer_than_the_recipe(fit, monkeypatch):
    monkeypatch.setitem(
        training.RECIPES["PhoneCNN"], "smoke", training.FrameRecipe("adamw", 1e-3, 2, batch_size=10)
    )
    drawn = []
    real = frames.Frames.examples
    monkeypatch.setattr(
        frames.Frames,
        "examples",
        lambda self, rows, rng=None: (
            drawn.append((len(rows), rng is None)),
            real(self, rows, rng),
        )[1],
    )
    trained = fit("PhoneCNN", recipe="smoke")
    assert len(trained.history) == 1
    assert [n for n, fixed in drawn if not fixed] == [
        10
    ] * 3  # one to compare layouts, two of the pass


def test_dropout_hides_in_training_only_and_leaves_the_published_layers(corpus):
    from earwitness.training import loop

    torch.manual_seed(0)
    network = models.SpeakerCNN(4)
    form = loop._form(network, examples(corpus, task="speaker", dropout=0.5))
    x = torch.randn(2, 1, 4000)
    assert {name for name, _ in form.named_children()} == {
        name for name, _ in network.named_children()
    }
    assert not torch.allclose(form.train()(x), form(x))
    torch.testing.assert_close(form.eval()(x), network.eval()(x))


def test_the_raw_waveform_paper_recipe_is_sgd_without_dropout_or_other_speeds():
    for name in ("PhoneCNN", "SpeakerCNN"):
        recipe = training.recipe_for("paper", name, "phone")
        assert (recipe.optimiser, recipe.learning_rate, recipe.momentum, recipe.schedule) == (
            "sgd",
            0.1,
            0.5,
            "halve",
        )
        assert (recipe.dropout, recipe.speeds, recipe.jitter_samples, recipe.batch_size) == (
            0.0,
            (1.0,),
            0,
            256,
        )


def test_an_optimiser_takes_momentum_and_weight_decay_from_the_recipe():
    from earwitness.training import loop

    for recipe, key, value in [
        (training.FrameRecipe("sgd", 0.1, 1, "halve", 1, momentum=0.25), "momentum", 0.25),
        (training.FrameRecipe("adamw", 0.1, 1, weight_decay=0.3), "weight_decay", 0.3),
        (training.Recipe("sgd", 0.1, 1, "halve", 1), "momentum", 0.9),
        (training.Recipe("adamw", 0.1, 1), "weight_decay", 0.01),
    ]:
        experiment = SimpleNamespace(recipe=recipe, n_batches=1, n_epochs=1)
        learner = loop.Learner(torch.nn.Linear(1, 1), experiment)
        assert learner.configure_optimizers()["optimizer"].param_groups[0][key] == value
