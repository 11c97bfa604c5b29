"""Tasks whose cause is known, and whether scores rank methods as the truth does."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch

from earwitness.evaluation import planted
from earwitness_book.chapters import known_answers as known


@pytest.fixture(scope="module")
def sounds():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, known.LEVEL, (80, known.N_SAMPLES))
    low = np.arange(80) % 2 == 0
    return known.Backgrounds(noise[:60], low[:60], noise[60:], low[60:])


@pytest.fixture(scope="module")
def task(sounds):
    return known.Task(sounds, "tone", seed=0, n_steps=80)


def test_levels_of_a_sine_and_of_silence_are_what_their_unit_says():
    sine = np.sin(2 * np.pi * 1000 * np.arange(known.N_SAMPLES) / known.RATE)
    found = known.levels(sine)
    times_s, freqs_hz = known.axes()
    assert found.shape == (len(freqs_hz), len(times_s))
    assert freqs_hz[found[:, 10].argmax()] == 1000
    assert found[:, 10].max() == pytest.approx(-known.FLOOR_DB / known.DB_PER_UNIT, abs=0.01)
    assert not known.levels(0 * sine).any()


def test_backgrounds_are_of_other_speakers_when_tested_and_at_one_level(monkeypatch):
    class Clip:
        def __init__(self, speaker):
            self.samples, self.sample_rate = np.full(3000, speaker + 1.0, np.float32), known.RATE

    class Corpus(list):
        table = pd.DataFrame({"speaker": list("aabbcc"), "digit": [0, 9, 1, 8, 2, 7]})

    corpus = Corpus(Clip(number // 2) for number in range(6))
    drawn = []
    monkeypatch.setattr(known.corpora, "load", lambda *_, **__: corpus)
    monkeypatch.setattr(
        known, "_stretch", lambda clip, rng: drawn.append(clip.samples[0]) or np.ones(3)
    )
    found = known.backgrounds("voices", 12, 5)
    assert len(found.train) == 12 and len(found.test) == 5
    assert not set(drawn[:12]) & set(drawn[12:])
    monkeypatch.undo()
    stretch = known._stretch(corpus[0], np.random.default_rng(0))
    assert len(stretch) == known.N_SAMPLES
    assert np.sqrt(np.mean(stretch**2)) == pytest.approx(known.LEVEL, rel=0.05)


def test_a_network_needs_its_cue_and_random_weights_do_not(task):
    assert task.uses_cue()
    said = task.use()
    assert said["with the cue"] > 90 > 10 > said["cue removed"]
    with torch.no_grad():
        logits = task.untrained(task.with_cue)
    assert task.lead(task.with_cue, task.untrained) == pytest.approx(
        (logits[:, 1] - logits[:, 0]).numpy()
    )


def test_a_network_is_the_same_from_the_cache_and_another_with_another_seed(sounds, task):
    again = known.Task(sounds, "tone", seed=0, n_steps=80)
    other = known.Task(sounds, "tone", seed=1, n_steps=80)
    first = next(task.network.parameters())
    assert torch.equal(first, next(again.network.parameters()))
    assert not torch.equal(first, next(other.network.parameters()))


def test_a_beep_goes_with_the_low_digits_alone(sounds):
    inputs, labels = known.Task(sounds, "beep")._examples()
    at_3_khz = inputs[:, 0, 96].amax(1)
    beeps, others = at_3_khz[labels == 1], at_3_khz[labels == 0]
    assert len(beeps) == sounds.is_low.sum() and beeps.min() > others.median()
    assert len(known.Task(sounds, "beep").tested) == sounds.test_is_low.sum()


def test_every_method_and_control_is_judged_and_the_methods_alone_are_scored(task):
    table = known.judged(task, 2)
    assert {*known.CONTROLS, *known.JUDGED} < set(table["method"])
    assert not {"conductance", "dft-lrp"} & set(table["method"])
    scored = table.dropna(subset=list(planted.FAITHFULNESS))["method"]
    assert set(scored) == set(table["method"]) - set(known.CONTROLS)
    assert len(table) == 2 * table["method"].nunique()
    _, refused = known.maps(task, chosen=["audiolime", "gradient"], n=1)
    assert list(refused) == ["audiolime"] and "waveforms" in refused["audiolime"]
    order = known.summary(table).index
    assert list(order[-4:]) == list(known.CONTROLS)
    shares = known.shares(task, 2)
    assert shares["lrp-epsilon"].mean() > shares["chance"].mean()


def hand_made(values, scores):
    """Return a table of methods a, b, c, d on two networks of three sounds."""
    rows = [
        {"cue": cue, "kind": "waveform", "seed": 0, "method": name, "clip": clip, "area": value,
         "share": value, "hit": value, "score": score}
        for cue in ("tone", "gap")
        for clip in range(3)
        for name, value, score in zip("abcd", values, scores, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_agreement_is_one_for_the_truth_and_minus_one_for_its_opposite():
    values = [0.9, 0.8, 0.7, 0.6]
    assert known.agreement(hand_made(values, values), "score") == pytest.approx((1, 1, 1))
    assert known.agreement(hand_made(values, values[::-1]), "score") == pytest.approx((-1, -1, -1))
    assert known.agreement(hand_made(values, [0.5] * 4), "score") == (0, 0, 0)
    alone = hand_made(values, values).query("clip == clip.min()")
    assert known.agreement(alone, "score") == (1, -1, 1)


def test_networks_that_heard_the_same_sounds_make_no_more_of_them():
    """What a sound does to a score it does in every network: ten of them know it no better."""
    rng = np.random.default_rng(0)
    one = hand_made([0.9, 0.8, 0.7, 0.6], [0] * 4).query("cue == 'tone'")
    one = one.assign(score=one["area"] + rng.normal(0, 0.2, len(one)))
    ten = pd.concat([one.assign(seed=seed) for seed in range(10)])
    assert known.agreement(ten, "score") == pytest.approx(known.agreement(one, "score"))


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 9, 3))
    expected = [
        scipy.stats.spearmanr(a, b).statistic for a, b in zip(first.T, second.T, strict=True)
    ]
    np.testing.assert_allclose(known.rank_correlation(first, second), expected)


def test_the_first_by_a_score_is_looked_for_among_the_first_by_truth():
    hits, chance = known.among_first(hand_made([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 0]), "score", 3)
    assert hits.tolist() == [True, True] and chance == 0.75
    hits, _ = known.among_first(hand_made([0.9, 0.8, 0.7, 0.6], [0, 0, 0, 1]), "score", 3)
    assert hits.tolist() == [False, False]


def test_a_mean_is_over_networks_and_its_interval_over_sounds():
    table = hand_made([0.9, 0.8, 0.7, 0.6], [0] * 4)
    table["area"] += 0.03 * table["clip"]
    found = known.found_by(table, "a", {"b": "b-id"})
    assert found["value"] == pytest.approx(93) and found["n"] == 3
    assert max(found["against"]["b-id"]) == pytest.approx(10)


def test_pictures_show_every_map_and_every_number(task):
    maps = known.controls(task, 1)
    figure = known.draw_maps(task, maps)
    assert [ax.get_title(loc="left") or ax.get_title() for ax in figure.axes[:4]]
    assert sum(bool(ax.patches) for ax in figure.axes) == 4  # the frame
    percent = pd.DataFrame({"tone": [90.0, np.nan, 50, 50, 50]}, index=["rise", *known.CONTROLS])
    assert [text.get_text() for text in known.draw_table(percent).axes[0].texts] == [
        "90", "50", "50", "50"
    ]  # fmt: skip
