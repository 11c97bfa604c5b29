"""The training of the small quality model: what it hears, that it learns, that it goes on, what its card says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from earwitness import cache, models
from earwitness.corpora import transmission
from earwitness.corpora.degradations import DEGRADATIONS, degrade
from earwitness.corpora.transmission import CONDITIONS
from earwitness.corpora.voices import Voices
from earwitness.errors import AudioError
from earwitness.models import weights
from earwitness.training import quality

TINY = quality.QualityRecipe(n_clips=24, n_validation=6, passes=4, batch_size=6)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))


def loudness_examples(part, n, seed, progress=False):
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
        degraded, _ = degrade(speech, 16000, quality.random_steps(rng), rng, lambda n, rng: rng.standard_normal(n))
        assert np.isfinite(degraded).all()


def test_nobody_of_the_216_clips_is_heard_in_training(monkeypatch):
    class Recorded:
        """Stands for timit, which is not here."""
    seen = {}

    def closed(corpus, speakers):
        seen[type(corpus).__name__] = set(speakers)
        return speakers
    timit = Recorded()
    timit.table = Voices(words="sentences", n_speakers=10, repetitions=7).table
    timit.folds = lambda task: [transmission_fold]
    transmission_fold = type("Fold", (), {"train": np.arange(20, 30), "validation": np.arange(30, 40)})
    monkeypatch.setattr(quality, "Timit", lambda: timit)
    monkeypatch.setattr(quality, "Voices", lambda **options: Voices(words="sentences", n_speakers=10, repetitions=7))
    monkeypatch.setattr(quality, "_closed", closed)
    heard = {}
    for part in ("train", "validation"):
        quality.sources(part)
        heard[part] = seen.pop("Voices")
    tested = set(transmission.SOURCES["voices"](None).foreground)
    assert not tested & (heard["train"] | heard["validation"])
    assert not heard["train"] & heard["validation"]


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
    speeches = [transmission.Speech(corpus, {}, []) for _ in range(2)]
    monkeypatch.setattr(quality, "sources", lambda part: speeches)
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


def test_it_learns_is_kept_and_goes_on_after_the_last_whole_pass(own_cache, monkeypatch):
    monkeypatch.setattr(quality, "examples", loudness_examples)
    recipe = replace(TINY, passes=6)
    _, report = quality.fit_quality(recipe)
    assert report["history"][-1]["loss"] < 0.5 * report["history"][0]["loss"]
    assert not list(cache.directory("unfinished").glob("*.pt"))
    one_pass, runs = quality._one_pass, []

    def stopping(*arguments):
        runs.append(arguments[3])
        if len(runs) == 4:
            raise KeyboardInterrupt
        return one_pass(*arguments)
    for path in cache.directory("models").iterdir():
        path.unlink()
    monkeypatch.setattr(quality, "_one_pass", stopping)
    with pytest.raises(KeyboardInterrupt):
        quality.fit_quality(recipe)
    resumed, later = quality.fit_quality(recipe)
    assert runs == [0, 1, 2, 3, 3, 4, 5]
    first = [(row["pass"], row["loss"]) for row in report["history"][:3]]
    assert [(row["pass"], row["loss"]) for row in later["history"][:3]] == first
    assert [row["pass"] for row in later["history"]] == [1, 2, 3, 4, 5, 6]
    again, _ = quality.fit_quality(recipe)
    assert len(runs) == 7, "the finished network is taken from the cache"
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in again.state_dict().items())


def test_batches_hold_clips_of_one_length_and_every_clip_once():
    clips = loudness_examples("train", 30, 0)
    batches = list(quality._batches(clips, TINY, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches)) == [i for i in range(30) if any(i in batch for batch in batches)]
    assert sum(map(len, batches)) >= 28
    assert all(len({clips[i][0].shape for i in batch}) == 1 for batch in batches)


def test_the_card_describes_the_weights_beside_it(own_cache, monkeypatch, tmp_path):
    torch.manual_seed(0)
    model = models.nisqa.Nisqa(quality.SETTINGS).eval()
    report = {"specification": {"recipe": {"passes": 1}, "seed": 0}, "history": [{"correlation": 0.5, "rmse": 1.0}]}
    speech = transmission.Speech(type("Corpus", (), {"name": "voices"})(), {"07": [0]}, [])
    monkeypatch.setattr(quality, "sources", lambda part: [speech])
    monkeypatch.setattr(quality, "measure", lambda model, source: ({"all": {"n": 1}}, None))
    quality.export_quality(model, report, tmp_path / "quality.pt", "by hand")
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    card, prose = weights.read_card(tmp_path / "quality.md")
    assert card["speakers"] == {"train": {"voices": ["07"]}, "validation": {"voices": ["07"]}}
    assert card["measured"] == {"voices": {"all": {"n": 1}}}
    loaded = models.nisqa.load("quality")
    assert loaded.settings == quality.SETTINGS
    for name, value in loaded.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=2e-3, rtol=2e-3)


def test_the_shipped_network_is_what_its_card_says():
    card, prose = weights.read_card(weights.folder() / "quality.md")
    model = models.nisqa.load("quality")
    assert sum(weight.numel() for weight in model.parameters()) == card["weights"]["n"]
    assert model.cnn.n_features == 20
    assert tuple(card["held_out_conditions"]) == quality.HELD_OUT
    corpus = transmission.Transmission(n_samples=1, conditions=["clean", "white-0", "band-300-3400"])
    clean, noisy, narrow = (model.predict(clip.samples, clip.sample_rate)["mos"] for clip in corpus)
    assert clean > 4
    assert noisy < 1.5 < narrow < clean
    for spoken in card["speakers"].values():
        for source, speakers in spoken.items():
            assert not set(speakers) & set(card["held_out_speakers"][source])


def test_agreement_is_correlation_and_error():
    table = transmission.pd.DataFrame({"pesq": [1.0, 2.0, 4.0], "predicted": [1.5, 2.5, 4.5]})
    assert quality._agreement(table) == {"n": 3, "correlation": 1.0, "rank_correlation": 1.0, "rmse": 0.5}
