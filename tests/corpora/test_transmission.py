"""The corpus of transmitted speech: 54 conditions, the truth about each clip, labels by PESQ."""

import numpy as np
import pytest

from earwitness import corpora
from earwitness.acoustics.degradations import Disturbance
from earwitness.corpora import transmission
from earwitness.corpora.transmission import CONDITIONS, Truth
from earwitness.errors import AudioError, FoldError, ParameterError, UnknownNameError

SOME = ("clean", "white-10", "band-300-3400", "gaps-3x100", "plc-10", "babble-15-plc-10")


@pytest.fixture(scope="module")
def corpus():
    return corpora.load("transmission", n_samples=2, conditions=SOME)


def test_there_are_54_conditions_of_every_kind_the_chapter_names():
    names = [condition.name for condition in CONDITIONS]
    assert len(names) == len(set(names)) == 54
    assert {condition.kind for condition in CONDITIONS} == {
        "clean",
        "level",
        "white noise",
        "babble",
        "mnru",
        "band-pass",
        "clipping",
        "interruption",
        "packet loss",
        "concealed loss",
        "codec",
        "reverberation",
        "combination",
    }
    assert all(
        len(condition.steps) >= 2 for condition in CONDITIONS if condition.kind == "combination"
    )


def test_the_table_has_a_row_per_condition_and_sample_by_different_speakers(corpus):
    assert len(corpus) == 12
    assert corpus.table["condition"].tolist() == [name for name in SOME for _ in range(2)]
    assert corpus.table["id"].is_unique
    assert (corpus.table.groupby("condition")["speaker"].nunique() == 2).all()
    assert set(corpus.table["sex"]) == {"female", "male"}
    for i, clip in enumerate(corpus):
        assert (
            len(clip.samples)
            == len(corpus.reference(i).samples)
            == round(corpus.table["duration_s"][i] * 16000)
        )
        assert np.abs(clip.samples).max() < 1


def test_sentences_are_sent_at_one_level_between_silences(corpus):
    for i in (0, 1, 5):
        sent = corpus.reference(i).samples
        assert 20 * np.log10(transmission.active_level(sent, 16000)) == pytest.approx(-26, abs=0.1)
        assert not sent[:4800].any()
        assert not sent[-4800:].any()
    np.testing.assert_array_equal(corpus[0].samples, corpus.reference(0).samples)


def test_some_conditions_are_the_same_clips_as_in_a_larger_corpus(corpus):
    fewer = corpora.load("transmission", n_samples=1, conditions=["plc-10", "white-10"])
    for i, clip in enumerate(fewer):
        j = corpus.table.index[corpus.table["id"] == clip.id][0]
        np.testing.assert_array_equal(clip.samples, corpus[j].samples)
        assert fewer.truth(i) == corpus.truth(j)


def test_longer_clips_are_sentences_of_one_speaker_after_the_other(corpus):
    longer = corpora.load("transmission", n_samples=1, conditions=SOME[:1], n_sentences=3)
    one, three = corpus.reference(0), longer.reference(0)
    assert longer.table["id"][0] == corpus.table["id"][0]
    np.testing.assert_array_equal(three.samples[: len(one.samples)], one.samples)
    assert len(three.samples) > 2 * len(one.samples)
    first, all_of = corpus.truth(0).speech_s, longer.truth(0).speech_s
    assert all_of[: len(first)] == first and all_of[-1][1] > len(one.samples) / 16000
    spoken = longer.truth(0).speech_mask(len(three.samples) // 160)
    level = np.square(three.samples[: 160 * len(spoken)]).reshape(-1, 160).mean(1)
    assert level[spoken].mean() > 30 * level[~spoken].mean()


def test_a_floor_fills_pauses_at_the_level_asked_for(corpus):
    floored = corpora.load("transmission", n_samples=1, conditions=SOME[:1], floor_db=-60.0)
    sent = floored.reference(0).samples
    edge = sent[: int(0.3 * 16000)].astype(float)
    assert 10 * np.log10(np.mean(edge**2)) == pytest.approx(-60, abs=4)
    assert np.abs(sent - corpus.reference(0).samples).max() < 0.01
    power = np.square(np.abs(np.fft.rfft(edge)))
    assert power[30:60].sum() == pytest.approx(power[600:1200].sum(), rel=0.6)  # an octave each


def test_another_seed_draws_other_gaps_for_the_same_sentence(corpus):
    other = corpora.load("transmission", n_samples=1, conditions=["gaps-3x100"], seed=1)
    i = SOME.index("gaps-3x100") * 2
    np.testing.assert_array_equal(other.reference(0).samples, corpus.reference(i).samples)
    assert other.truth(0).intervals_s != corpus.truth(i).intervals_s


def test_truth_tells_where_clips_differ_from_what_was_sent(corpus):
    for name in ("gaps-3x100", "plc-10"):
        i = SOME.index(name) * 2
        difference = corpus[i].samples != corpus.reference(i).samples
        times = np.flatnonzero(difference) / 16000
        intervals = corpus.truth(i).intervals_s
        assert all(any(start - 1e-9 <= t < end for start, end in intervals) for t in times)
        assert len(times)
    assert corpus.truth(0).intervals_s == []
    assert not corpus.truth(0).mask(100).any()


def test_truth_of_a_band_is_the_frequencies_that_are_gone(corpus):
    truth = corpus.truth(4)
    assert truth.bands_hz == [(0.0, 300.0), (3400.0, 8000.0)]
    cells = truth.map(50, np.array([100.0, 1000.0, 5000.0]))
    assert cells[[0, 2]].all()
    assert not cells[1].any()
    assert truth.local.disturbances == truth.disturbances
    assert truth.values == {"low_hz": 300.0, "high_hz": 3400.0}


def test_noise_is_everywhere_and_so_is_nowhere_in_particular(corpus):
    truth = corpus.truth(2)
    assert truth.mask(100).all()
    assert truth.local.disturbances == ()
    both = corpus.truth(10)
    assert [one.kind for one in both.disturbances] == ["babble noise", "concealed loss"]
    assert [one.kind for one in both.local.disturbances] == ["concealed loss"]
    assert 0 < both.local.mask(200).mean() < 0.5


def test_speech_is_where_the_energy_is(corpus):
    sent = corpus.reference(0).samples
    n = len(sent) // 160
    level = np.sqrt((sent[: n * 160].reshape(n, 160) ** 2).mean(1))
    speech = corpus.truth(0).speech_mask(n)
    assert 0.3 < speech.mean() < 0.95
    assert level[speech].mean() > 20 * level[~speech].mean()
    assert not speech[:25].any()


def test_a_frame_is_disturbed_if_its_hop_is_touched():
    truth = Truth(
        (Disturbance("gap", ((0.1, 0.2), (0.2, 0.25)), ((0.0, 8000.0),)),), 1.0, ((0.0, 0.05),)
    )
    assert np.flatnonzero(truth.mask(100)).tolist() == list(range(10, 26))
    assert truth.intervals_s == [(0.1, 0.25)]
    assert np.flatnonzero(truth.speech_mask(100)).tolist() == list(range(6))
    assert np.flatnonzero(truth.mask(50, hop_s=0.02)).tolist() == list(range(5, 13))


def test_pesq_orders_conditions_as_they_should_be_and_is_kept(corpus, monkeypatch):
    pesq = corpus.pesq()
    by_condition = dict(zip(SOME, pesq.reshape(-1, 2).mean(1), strict=True))
    assert by_condition["clean"] > 4.6
    assert by_condition["white-10"] < 2 < by_condition["band-300-3400"] < 4.5
    monkeypatch.setattr(transmission, "pesq_wideband", lambda *_: pytest.fail("measured again"))
    np.testing.assert_array_equal(corpus.pesq(), pesq)


@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")
def test_pesq_says_when_it_cannot_judge():
    with pytest.raises(AudioError, match=r"PESQ cannot judge this clip of 0.10 s"):
        transmission.pesq_wideband(np.ones(1600, np.float32) * 0.1, np.ones(1600, np.float32) * 0.1)
    with pytest.raises(AudioError, match=r"What was sent is silent"):
        transmission.pesq_wideband(np.zeros(16000, np.float32), np.zeros(16000, np.float32))


def test_wrong_options_get_a_sentence(corpus):
    with pytest.raises(UnknownNameError, match="Did you mean 'white-10'"):
        corpora.load("transmission", conditions=["white-1O"])
    with pytest.raises(UnknownNameError, match="voices"):
        corpora.load("transmission", source="voice")
    for n in (0, True, 51):
        with pytest.raises(ParameterError, match="n_samples of transmission must be from 1 to 50"):
            corpora.load("transmission", n_samples=n)
    for n in (0, True, 9):
        with pytest.raises(ParameterError, match="n_sentences of transmission must be from 1 to 8"):
            corpora.load("transmission", n_sentences=n)
    with pytest.raises(ParameterError, match="between -120 and -30 dB"):
        corpora.load("transmission", floor_db=0.0)
    with pytest.raises(IndexError):
        corpus.truth(12)
    with pytest.raises(FoldError, match="transmission has no folds"):
        corpus.folds("condition")


def test_silences_are_gaps_and_packets_that_nothing_replaces():
    def one(kind, *intervals_s):
        return Disturbance(kind, intervals_s, ((0.0, 8000.0),))

    truth = Truth(
        (
            one("interruption", (0.1, 0.2)),
            one("packet loss", (0.15, 0.3), (0.5, 0.52)),
            one("concealed loss", (0.7, 0.72)),
            one("noise", (0.0, 1.0)),
        ),
        1.0,
        ((0.0, 1.0),),
    )
    assert truth.silences_s == [(0.1, 0.3), (0.5, 0.52)]
