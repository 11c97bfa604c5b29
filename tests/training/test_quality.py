"""The training of the small quality model: what it learns from, that it learns, that it resumes,
what its card says.
"""

from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from earwitness import cache, models, training
from earwitness.acoustics.degradations import DEGRADATIONS, degrade
from earwitness.corpora import transmission
from earwitness.corpora.transmission import CONDITIONS
from earwitness.corpora.voices import Voices
from earwitness.errors import AudioError, FoldError, ParameterError
from earwitness.models import weights
from earwitness.training import quality

TINY = quality.QualityRecipe(n_clips=24, n_validation=6, iterations=24, batch_size=6)
VOICES = SimpleNamespace(
    name="voices", tasks={}, table={}, compared=(), fingerprint=lambda: "voices"
)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))


def loudness_examples(part, n, seed):
    """Return examples whose label can be learnt: how much of the clip is loud."""
    rng = np.random.default_rng([seed, part == "train"])
    found = []
    for i in range(n):
        spectrogram = np.full((48, 41 if i % 2 else 61), -70.0, np.float16)
        share = rng.random()
        spectrogram[:, : int(share * spectrogram.shape[1])] = -20
        found.append((spectrogram, 1 + 3 * share))
    return found


def test_random_degradations_are_known_ones_of_every_kind_and_none_is_held_out():
    drawn = [quality.random_steps(np.random.default_rng(i)) for i in range(400)]
    assert {name for steps in drawn for name, _ in steps} == set(DEGRADATIONS) - {"level"}
    assert {len(steps) for steps in drawn} == {0, 1, 2}
    assert all(not (len(steps) == 2 and "reverberation" in dict(steps)) for steps in drawn)
    codecs = {options["name"] for steps in drawn for name, options in steps if name == "codec"}
    assert not codecs & {"g721", "ima-adpcm", "mp3"}
    assert set(quality.HELD_OUT) <= {condition.name for condition in CONDITIONS}


def test_every_degradation_drawn_can_be_applied():
    speech = np.random.default_rng(0).standard_normal(32000).astype(np.float32) * 0.05
    for i in range(40):
        rng = np.random.default_rng(i)
        degraded, _ = degrade(
            speech, 16000, quality.random_steps(rng), rng, lambda n, rng: rng.standard_normal(n)
        )
        assert np.isfinite(degraded).all()


@pytest.fixture
def fewer_sentences(monkeypatch):
    """Three sentences of each person instead of eight; the people are the same."""
    monkeypatch.setattr(quality, "Voices", lambda **how: Voices(**how | {"repetitions": 3}))


def test_nobody_of_the_216_clips_is_in_training_nor_in_validation_who_is_in_training(
    fewer_sentences,
):
    heard = {part: quality.source(part) for part in ("train", "validation")}
    assert {len(speech.foreground) for speech in heard.values()} == {80, 8}
    tested = transmission.SOURCES["voices"](None)
    groups = [tested.corpus.table["speaker"].unique()]
    for speech in heard.values():
        rows = [row for rows in speech.foreground.values() for row in rows]
        assert sorted(rows) == sorted(speech.background), "somebody else talks in the background"
        groups.append(speech.corpus.table["speaker"].iloc[rows].unique())
    assert len(set().union(*groups)) == sum(map(len, groups)) == 98


def test_an_example_is_a_spectrogram_of_a_whole_number_of_frames_and_its_pesq():
    speech = transmission.SOURCES["voices"](None)
    spectrogram, label, what = quality.example(speech, np.random.default_rng(3))
    assert spectrogram.shape in [(48, int(100 * seconds) + 1) for seconds in quality.DURATIONS_S]
    assert 1 < label < 4.7
    assert set(what.split("+")) <= set(DEGRADATIONS) | {""}
    again = quality.example(speech, np.random.default_rng(3))
    np.testing.assert_array_equal(again[0], spectrogram)
    assert again[1] == label


def test_examples_are_made_once_and_stretches_without_speech_are_left_out(own_cache, monkeypatch):
    calls = []

    def example(speech, rng):
        calls.append(speech)
        if len(calls) % 3 == 0:
            raise AudioError("no speech")
        return np.full((48, 21), -float(len(calls)), np.float32), float(len(calls)), "noise"

    corpus = type("Corpus", (), {"fingerprint": lambda self: "x"})()
    monkeypatch.setattr(quality, "source", lambda part: transmission.Speech(corpus, {}, []))
    monkeypatch.setattr(quality, "example", example)
    monkeypatch.setattr(quality, "_SHARD", 4)
    found = quality.examples("train", 6, seed=0)
    assert len(found) == 6
    assert [label for _, label in found] == [1, 2, 4, 5, 7, 8]
    assert found[2][0].shape == (48, 21)
    assert found[2][0][0, 0] == -4
    n = len(calls)
    assert len(quality.examples("train", 8, seed=0)) == 8
    assert len(calls) == n, "nothing is made twice"


@pytest.fixture
def fit(own_cache, monkeypatch):
    """Return ``training.fit`` of a recipe on examples whose label is how much of them is loud."""
    monkeypatch.setattr(quality, "examples", loudness_examples)
    monkeypatch.setattr(quality, "source", lambda part: transmission.Speech(VOICES, {}, []))

    def run(recipe):
        monkeypatch.setitem(training.RECIPES["Nisqa"], "smoke", recipe)
        return training.fit("Nisqa", "voices", recipe="smoke", progress=False, device="cpu")

    return run


def prepared(clips, **changes):
    specification = {"model": "Nisqa", "seed": 0, "recipe": asdict(replace(TINY, **changes))}
    made = quality.Quality(None, specification, {})
    made.train, made.n_batches = clips, 1
    return made


def test_it_learns_and_a_killed_run_resumes_and_ends_as_if_it_had_not_been_killed(fit, monkeypatch):
    from earwitness.training import loop

    recipe = replace(TINY, iterations=24)
    whole = fit(recipe)
    assert whole.history["loss"].iloc[-1] < 0.5 * whole.history["loss"].iloc[0]
    assert whole.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert not list(cache.directory("unfinished").iterdir())
    for path in cache.directory("models").iterdir():
        path.unlink()
    real, begun = loop.Learner.on_train_epoch_start, []

    def start(module):
        begun.append(module.current_epoch)
        if len(begun) == 4:
            raise KeyboardInterrupt
        real(module)

    monkeypatch.setattr(loop.Learner, "on_train_epoch_start", start)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(recipe)
    resumed = fit(recipe)
    assert begun == [0, 1, 2, 3, 3, 4, 5]
    assert resumed.history.equals(whole.history)
    again = fit(recipe)
    assert len(begun) == 7, "the finished network is taken from the cache"
    for other in (resumed, again):
        assert all(
            map(torch.equal, whole.model.state_dict().values(), other.model.state_dict().values())
        )


def test_batches_hold_clips_of_one_length_and_every_clip_once_and_differ_from_pass_to_pass():
    clips = loudness_examples("train", 30, 0)
    made = prepared(clips)
    plan, later = list(made.keys(0)), list(made.keys(1))
    drawn = np.concatenate([rows for _, rows in plan])
    assert len(set(drawn)) == len(drawn) >= 28
    assert all(len({clips[i][0].shape for i in rows}) == 1 for _, rows in plan)
    assert len(later) == len(plan)
    assert any(not np.array_equal(a, b) for (_, a), (_, b) in zip(plan, later, strict=True))


def test_a_batch_is_cut_at_the_hop_of_its_pass_and_its_level_is_shifted():
    clips = [
        (np.linspace(-60, -40, 61, dtype=np.float16)[None].repeat(48, 0), float(i))
        for i in range(2)
    ]
    made = prepared(clips, iterations=10)
    early, wanted = made.draw(6, np.array([1, 0]))
    late, _ = made.draw(7, np.array([1, 0]))
    assert wanted.tolist() == [1, 0]
    assert early.shape[1:] in [(6, 48, 15), (5, 48, 15)] and late.shape[1:] in [
        (12, 48, 15),
        (11, 48, 15),
    ]
    shift = early[0] - early[1]
    assert shift.abs().max() > 1e-3 and torch.allclose(shift, shift[0, 0, 0], atol=1e-4)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"corpus": "fsdd"}, "learns from the corpus voices"),
        ({"corpus_options": {"n_speakers": 3}}, "without options"),
        ({"task": "digit"}, "learns the task quality, not 'digit'"),
        ({"fold": 1}, "have no folds"),
    ],
)
def test_what_quality_is_not_learnt_from_is_refused(fit, given, sentence):
    with pytest.raises((ParameterError, FoldError), match=sentence):
        training.fit("Nisqa", **{"corpus": "voices"} | given)


def test_the_card_describes_the_weights_beside_it(own_cache, monkeypatch, tmp_path):
    torch.manual_seed(0)
    model = models.nisqa.Nisqa(quality.SETTINGS).eval()
    specification = {
        "model": "Nisqa",
        "corpus": "voices",
        "corpus_options": {},
        "fingerprint": "x",
        "task": "quality",
        "seed": 0,
        "recipe": {},
    }
    history = pd.DataFrame([{"epoch": 1, "loss": 2.0, "correlation": 0.5, "rmse": 1.0}])
    trained = quality.TrainedOnQuality(
        model=model, specification=specification, history=history, corpus=None
    )
    speech = transmission.Speech(None, {"07": [0]}, [])
    monkeypatch.setattr(quality, "source", lambda part: speech)
    monkeypatch.setattr(quality, "measure", lambda model, source: ({"all": {"n": 1}}, None))
    training.export(trained, tmp_path / "quality.pt", "by hand")
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    card, prose = weights.read_card(tmp_path / "quality.md")
    assert card["validation"] == {"correlation": 0.5, "rmse": 1.0}
    assert card["speakers"] == {"train": ["07"], "validation": ["07"]}
    assert card["measured"] == {"timit": {"all": {"n": 1}}, "voices": {"all": {"n": 1}}}
    loaded = models.nisqa.load("quality")
    assert loaded.settings == quality.SETTINGS
    for name, value in loaded.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=2e-3, rtol=2e-3)


def test_the_shipped_network_is_what_its_card_says(fewer_sentences):
    card, prose = weights.read_card(weights.folder() / "quality.md")
    model = models.nisqa.load("quality")
    assert sum(weight.numel() for weight in model.parameters()) == card["weights"]["n"]
    assert model.cnn.n_features == 20
    assert tuple(card["held_out_conditions"]) == quality.HELD_OUT
    corpus = transmission.Transmission(
        n_samples=1, conditions=["clean", "white-0", "band-300-3400"]
    )
    clean, noisy, narrow = (model.predict(clip.samples, clip.sample_rate)["mos"] for clip in corpus)
    assert clean > 4
    assert noisy < 1.5 < narrow < clean
    assert (
        card["corpus"] == "voices"
        and "NC" not in card["licence"]
        and "+" not in card["made"]["commit"]
    )
    assert card["speakers"] == {
        part: list(quality.source(part).foreground) for part in ("train", "validation")
    }


def test_the_shipped_network_agrees_with_pesq_as_well_as_its_card_says():
    card, _ = weights.read_card(weights.folder() / "quality.md")
    corpus = transmission.Transmission(n_samples=1, conditions=transmission.FEW)
    model, said = models.nisqa.load("quality"), card["measured"]["voices"]["all"]
    predicted = [model.predict(clip.samples, clip.sample_rate)["mos"] for clip in corpus]
    found = quality._agreement(pd.DataFrame({"pesq": corpus.pesq(), "predicted": predicted}))
    assert found["n"] == 14
    assert found["correlation"] == pytest.approx(
        said["correlation"], abs=0.04
    )  # of these 14: 0.934; of all 216: 0.931
    assert found["rmse"] < said["rmse"]  # 0.343; 0.422


def test_agreement_is_correlation_and_error():
    table = pd.DataFrame({"pesq": [1.0, 2.0, 4.0], "predicted": [1.5, 2.5, 4.5]})
    assert quality._agreement(table) == {
        "n": 3,
        "correlation": 1.0,
        "rank_correlation": 1.0,
        "rmse": 0.5,
    }
