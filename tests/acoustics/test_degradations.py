"""Each degradation against its own definition: measured ratio, loss, bandwidth, share, decay,
level.
"""

import numpy as np
import pytest

from earwitness.acoustics import codecs, degradations
from earwitness.acoustics.degradations import active_level, degrade
from earwitness.errors import AudioError, ParameterError, UnknownNameError

RATE = 16000


@pytest.fixture(scope="module")
def speech():
    """Three seconds of a buzz with syllables, between silences: harmonics to 7 kHz, level like
    speech.
    """
    time = np.arange(3 * RATE) / RATE
    buzz = sum(np.cos(2 * np.pi * 140 * k * time + k * k) / k for k in range(1, 50))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time), 0, None) * (time > 0.3) * (time < 2.7)
    return (0.05 * buzz * syllables).astype(np.float32)


def db(ratio):
    return 20 * np.log10(ratio)


def rms(x):
    return np.sqrt(np.mean(np.square(x, dtype=np.float64)))


def apply(speech, what, seed=0, **options):
    degraded, (disturbance,) = degrade(
        speech,
        RATE,
        [(what, options)],
        np.random.default_rng(seed),
        lambda n, rng: rng.laplace(size=n),
    )
    assert degraded.shape == speech.shape
    assert degraded.dtype == np.float32
    return degraded, disturbance


def inside(disturbance, n):
    marked = np.zeros(n, bool)
    for start, end in disturbance.intervals_s:
        marked[round(start * RATE) : round(end * RATE)] = True
    return marked


def test_the_active_level_leaves_pauses_out(speech):
    tone = np.sin(np.arange(RATE) * 0.3)
    assert active_level(
        np.concatenate([np.zeros(RATE), tone, np.zeros(2 * RATE)]), RATE
    ) == pytest.approx(rms(tone), rel=1e-3)


@pytest.mark.parametrize("gain_db", [-20.0, 3.0])
def test_level_changes_by_its_decibels_in_its_part_only(speech, gain_db):
    changed, disturbance = apply(speech, "level", gain_db=gain_db, part=0.4)
    marked = inside(disturbance, len(speech))
    assert marked.mean() == pytest.approx(0.4, abs=1e-3)
    assert db(rms(changed[marked]) / rms(speech[marked])) == pytest.approx(gain_db, abs=1e-4)
    np.testing.assert_array_equal(changed[~marked], speech[~marked])


@pytest.mark.parametrize("colour", ["white", "babble"])
@pytest.mark.parametrize("snr_db", [30.0, 0.0])
def test_noise_has_its_ratio_to_active_speech(speech, colour, snr_db):
    noisy, disturbance = apply(speech, "noise", snr_db=snr_db, colour=colour)
    assert db(active_level(speech, RATE) / rms(noisy - speech)) == pytest.approx(snr_db, abs=0.02)
    assert inside(disturbance, len(speech)).all()
    assert disturbance.values["snr_db"] == snr_db


def test_white_noise_is_white_and_drawn_anew_by_the_seed(speech):
    added = apply(speech, "noise", snr_db=10.0)[0] - speech
    power = np.abs(np.fft.rfft(added)) ** 2
    quarters = [part.mean() for part in np.array_split(power, 4)]
    assert max(quarters) / min(quarters) < 1.1
    assert not np.array_equal(added, apply(speech, "noise", seed=1, snr_db=10.0)[0] - speech)
    np.testing.assert_array_equal(added, apply(speech, "noise", snr_db=10.0)[0] - speech)


@pytest.mark.parametrize("q_db", [30.0, 10.0])
def test_mnru_noise_is_q_decibels_below_the_speech_at_every_level(speech, q_db):
    added = apply(speech, "mnru", q_db=q_db)[0] - speech
    for loud in (np.abs(speech) > 0.05, (np.abs(speech) > 0.005) & (np.abs(speech) < 0.02)):
        assert db(rms(speech[loud]) / rms(added[loud])) == pytest.approx(q_db, abs=0.5)
    assert not added[speech == 0].any(), "silence stays silent"


@pytest.mark.parametrize(("low_hz", "high_hz"), [(300.0, 3400.0), (0.0, 4000.0), (1000.0, 8000.0)])
def test_a_band_keeps_what_is_inside_and_removes_what_is_outside(low_hz, high_hz):
    hiss = np.zeros(4 * RATE, np.float32)
    hiss[RATE : 3 * RATE] = np.random.default_rng(0).standard_normal(2 * RATE)
    kept, disturbance = apply(hiss, "band", low_hz=low_hz, high_hz=high_hz)
    frequency = np.fft.rfftfreq(len(hiss), 1 / RATE)
    ratio = np.fft.rfft(kept) / np.fft.rfft(hiss)
    gain = db(np.abs(ratio))
    passed = (frequency > low_hz + 60 * (low_hz > 0)) & (frequency < high_hz - 60)
    removed = (frequency < low_hz - 60) | (frequency > high_hz + 60)
    assert np.abs(gain[passed]).max() < 0.1
    assert gain[removed].max() < -40
    assert np.abs(np.angle(ratio[passed])).max() < 0.01, "no delay"
    assert disturbance.bands_hz == tuple(
        gap for gap in ((0.0, low_hz), (high_hz, 8000.0)) if gap[0] < gap[1]
    )


def test_a_band_as_wide_as_the_signal_changes_nothing(speech):
    kept, disturbance = apply(speech, "band", low_hz=0.0, high_hz=8000.0)
    np.testing.assert_allclose(kept, speech, atol=1e-7)
    assert disturbance.bands_hz == ()


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_clipping_flattens_its_share_of_the_active_samples_and_marks_where(speech, share):
    clipped, disturbance = apply(speech, "clipping", share=share)
    active = np.abs(speech) > 0.01 * active_level(speech, RATE)
    changed = clipped != speech
    assert changed[active].mean() == pytest.approx(share, abs=0.002)
    assert np.abs(clipped).max() == pytest.approx(disturbance.values["threshold"])
    assert inside(disturbance, len(speech))[changed].all()
    assert inside(disturbance, len(speech)).mean() < 0.8


@pytest.mark.parametrize(("n", "length_s"), [(1, 0.3), (8, 0.05)])
def test_interruptions_are_so_many_silences_of_their_length_and_nothing_else(speech, n, length_s):
    cut, disturbance = apply(speech, "interruptions", length_s=length_s, n=n)
    marked = inside(disturbance, len(speech))
    assert len(disturbance.intervals_s) == n
    assert marked.sum() == n * round(length_s * RATE)
    assert not cut[marked].any()
    np.testing.assert_array_equal(cut[~marked], speech[~marked])
    starts = [start for start, _ in disturbance.intervals_s]
    assert all(b - a >= 2 * length_s - 1e-9 for a, b in zip(starts, starts[1:], strict=False))


@pytest.mark.parametrize(("loss", "burst"), [(0.1, 1), (0.24, 1), (0.1, 4)])
@pytest.mark.parametrize("conceal", [False, True])
def test_packets_are_lost_at_their_rate_in_their_bursts(speech, loss, burst, conceal):
    received, disturbance = apply(speech, "packet_loss", loss=loss, burst=burst, conceal=conceal)
    marked = inside(disturbance, len(speech))
    assert marked.mean() == pytest.approx(loss, abs=burst / 150)
    assert disturbance.values["loss"] == pytest.approx(marked.mean(), abs=1e-6)
    lengths = {round((end - start) / 0.02) for start, end in disturbance.intervals_s}
    assert lengths == {burst}
    np.testing.assert_array_equal(received[~marked], speech[~marked])
    assert bool(received[marked].any()) == conceal


def test_concealment_goes_on_with_the_last_period_and_fades_out():
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    past, length = tone[:8000], 1600
    filled = degradations._concealed(past, length, RATE)
    np.testing.assert_allclose(
        filled[:160], tone[8000:8160], atol=0.02
    )  # the first 10 ms at full level
    assert np.abs(filled[320:480]).max() < 0.85
    assert not filled[1000:].any()


def test_losses_and_gaps_that_do_not_fit_are_refused(speech):
    with pytest.raises(ParameterError, match=r"do not fit into 150 packets"):
        apply(speech, "packet_loss", loss=0.8)
    with pytest.raises(ParameterError, match=r"9 interruptions of 0.3 s do not fit into 3.00 s"):
        apply(speech, "interruptions", length_s=0.3, n=9)


@pytest.mark.parametrize("t60_s", [0.3, 0.8])
def test_a_room_decays_by_60_db_in_its_time_and_is_as_strong_as_said(t60_s):
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1
    response, _ = apply(click, "reverberation", t60_s=t60_s, direct_db=6.0)
    assert response[0] == pytest.approx(1)
    assert 10 * np.log10(np.sum(response[1:].astype(float) ** 2)) == pytest.approx(-6, abs=1e-3)
    decay = 10 * np.log10(
        np.cumsum(response[::-1].astype(float)[:-1] ** 2)[::-1] + 1e-30
    )  # Schroeder
    decay -= decay[0]
    reached = [np.argmax(decay < level) / RATE for level in (-5, -35)]
    assert 2 * (reached[1] - reached[0]) == pytest.approx(t60_s, rel=0.1)


@pytest.mark.parametrize(
    ("name", "bit_rate"),
    [
        ("g711-mu", 0),
        ("g711-a", 0),
        ("g721", 0),
        ("ima-adpcm", 0),
        ("gsm", 0),
        ("amr-nb", 12200),
        ("g722", 64000),
        ("opus", 24000),
        ("mp3", 32000),
    ],
)
def test_a_codec_keeps_time_and_level_and_its_own_bandwidth(name, bit_rate):
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    hum = sum(np.cos(2 * np.pi * 120 * k * time + rng.uniform(0, 6)) / k for k in range(1, 60))
    sound = (0.03 * hum * (1 - np.cos(2 * np.pi * 4 * time))).astype(np.float32)
    coded, disturbance = apply(sound, "codec", name=name, bit_rate=bit_rate)
    narrow = codecs.CODECS[name].rate == 8000
    lags = range(-40, 41)
    likeness = [np.dot(coded[100:-100], sound[100 + lag : len(sound) - 100 + lag]) for lag in lags]
    assert lags[int(np.argmax(likeness))] == 0
    assert db(rms(coded) / rms(sound)) == pytest.approx(0, abs=1.5)
    spectrum = np.abs(np.fft.rfft(coded)) ** 2
    above = spectrum[5000:].sum() / np.sum(np.abs(np.fft.rfft(sound))[5000:] ** 2)
    assert above < 0.01 if narrow else above > 0.1
    assert 0.4 < np.corrcoef(coded, sound)[0, 1] < 0.9999
    assert disturbance.values["codec"] == name


def test_fewer_bits_are_worse(speech):
    def error(bit_rate):
        return rms(codecs.through_codec(speech, RATE, "mp3", bit_rate) - speech)

    assert error(8000) > 2 * error(32000)


def test_steps_follow_each_other(speech):
    steps = [("band", {"low_hz": 300.0, "high_hz": 3400.0}), ("level", {"gain_db": -6.0})]
    both, disturbances = degrade(speech, RATE, steps, np.random.default_rng(0))
    one_by_one = apply(apply(speech, "band", **steps[0][1])[0], "level", **steps[1][1])[0]
    np.testing.assert_array_equal(both, one_by_one)
    assert [disturbance.kind for disturbance in disturbances] == ["band", "level"]


NONE = np.zeros(0, np.float32)


@pytest.mark.parametrize(
    ("what", "options", "sentence"),
    [
        ("clipping", {"share": 2}, "share must be a share from 0 to 1, got 2"),
        ("clipping", {"share": np.nan}, "got nan"),
        ("packet_loss", {"loss": 0.1, "burst": 0}, "burst must be a positive integer, got 0"),
        ("packet_loss", {"loss": 0.1, "burst": 1.5}, "burst must be a positive integer, got 1.5"),
        ("packet_loss", {"loss": 0.0}, "loss must be above 0 and at most 1"),
        ("reverberation", {"t60_s": 0}, "t60_s must be from 0.01 to 60 s, got 0"),
        ("reverberation", {"t60_s": 0.5, "direct_db": np.inf}, "direct_db must be a finite number"),
        ("noise", {"snr_db": np.nan}, "snr_db must be a finite number from -200 to 200, got nan"),
        ("noise", {"snr_db": "20"}, "snr_db must be a finite number from -200 to 200, got '20'"),
        ("mnru", {"q_db": np.nan}, "q_db must be a finite"),
        ("level", {"gain_db": None}, "gain_db must be a finite"),
        ("level", {"gain_db": 3.0, "part": 1.5}, "part must be a share"),
        ("band", {"low_hz": -1, "high_hz": 4000}, "low_hz must be 0 Hz or more"),
        ("band", {"low_hz": 3400, "high_hz": 300}, "Between 3400 and 300 Hz there is no band"),
        ("band", {"low_hz": 9000, "high_hz": 10000}, "no band below 8000 Hz"),
        ("interruptions", {"length_s": 0.1, "n": 0}, "n must be a positive integer"),
        ("interruptions", {"length_s": 0}, "length_s must be above 0 s"),
        ("codec", {"name": "mp3", "bit_rate": -1}, "bit_rate must be an integer >= 0"),
        ("codec", {"name": "opus", "bit_rate": 1}, "libopus does not open with a bit_rate of 1"),
        ("clipping", {}, "degradation clipping: missing a required argument: 'share'"),
        (
            "clipping",
            {"share": 0.1, "loud": 1},
            "degradation clipping: got an unexpected keyword argument 'loud'",
        ),
    ],
)
def test_options_that_cannot_be_are_told(speech, what, options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        apply(speech, what, **options)
    with pytest.raises(ParameterError, match=sentence):
        degradations.DEGRADATIONS[what](speech, RATE, np.random.default_rng(0), **options)


def test_the_ends_of_what_is_allowed_are_allowed(speech):
    np.testing.assert_array_equal(apply(speech, "clipping", share=0)[0], speech)
    flat = np.abs(apply(speech, "clipping", share=1)[0]).max()
    assert flat == pytest.approx(0.01 * active_level(speech, RATE), rel=0.1)
    assert np.isfinite(apply(speech, "reverberation", t60_s=0.01)[0]).all()
    np.testing.assert_array_equal(
        apply(speech, "level", gain_db=-6.0, part=np.float32(0))[0], speech
    )


@pytest.mark.parametrize(
    ("what", "options"), [("clipping", {"share": 0.1}), ("noise", {"snr_db": 10.0})]
)
@pytest.mark.parametrize("samples", [np.zeros(RATE, np.float32), np.ones(319, np.float32)])
def test_what_has_no_level_of_speech_cannot_be_degraded_by_it(what, options, samples):
    with pytest.raises(AudioError, match=r"no frame of 20 ms with sound: speech has no level"):
        apply(samples, what, **options)


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (NONE, "is empty"),
        (np.array([0.1, np.nan]), "1 samples that are NaN"),
        (np.ones((9, 2)), "one channel"),
        (np.ones(9, np.int16), "whole numbers"),
    ],
)
def test_samples_that_cannot_be_degraded_are_told(samples, sentence):
    rng = np.random.default_rng(0)
    for call in (
        lambda: degrade(samples, RATE, [], rng),
        lambda: codecs.through_codec(samples, RATE, "gsm"),
        lambda: degradations.level(samples, RATE, rng, 3.0),
    ):
        with pytest.raises(AudioError, match=sentence):
            call()


def test_silence_stays_silence_where_no_level_is_needed():
    silence = np.zeros(RATE, np.float32)
    for what, options in (
        ("level", {"gain_db": 3.0}),
        ("codec", {"name": "gsm"}),
        ("reverberation", {"t60_s": 0.3}),
    ):
        assert np.abs(apply(silence, what, **options)[0]).max() < 1e-3


def test_unknown_degradations_and_codecs_and_missing_babble_are_told(speech):
    with pytest.raises(UnknownNameError, match="packet_loss"):
        degrade(speech, RATE, [("packet_los", {})], np.random.default_rng(0))
    with pytest.raises(UnknownNameError, match="g722"):
        codecs.through_codec(speech, RATE, "g72")
    with pytest.raises(ParameterError, match="Babble needs voices"):
        degrade(
            speech, RATE, [("noise", {"snr_db": 3.0, "colour": "babble"})], np.random.default_rng(0)
        )
