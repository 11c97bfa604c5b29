"""Sounds put together from known parts, and what removing a part does."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from matplotlib import pyplot as plt
from torch import nn

from earwitness import features, figures
from earwitness.errors import ParameterError, UnknownNameError
from earwitness.models import crepe, dnsmos
from earwitness_book.chapters import everyday_networks as everyday

RATE = everyday.RATE


class Weighted(nn.Module):
    """Two outputs: the samples' sum under known weights, and minus that."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(np.float32(weights)))

    def forward(self, waveforms):
        found = (waveforms[:, 0] * self.weights).sum(1)
        return torch.stack([found, -found], 1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_bands_and_moments_add_up_to_the_sound_and_lie_where_they_should(rng):
    sound = rng.normal(size=4000)
    parts = everyday.bands(sound, (0, 1000, 8000))
    np.testing.assert_allclose(parts.sum(0), sound, atol=1e-9)
    power = np.abs(np.fft.rfft(parts)) ** 2
    assert power[0, 251:].max() < 1e-12 and power[1, :250].max() < 1e-12
    grid = everyday.bands_and_moments(sound, 5, (0, 1000, 8000))
    assert grid.shape == (10, 4000)
    np.testing.assert_allclose(grid.sum(0), sound, atol=1e-9)
    np.testing.assert_allclose(grid[:5].sum(0), parts[0], atol=1e-9)
    assert not grid[0, 1000:].any() and grid[1, 900:1500].any()


def test_a_map_of_parts_puts_bands_above_and_moments_beside_each_other_and_says_where_the_red_is():
    figure, ax = figures.panels()
    values = np.zeros(8)
    values[5] = 2.0  # the second band, the second of four moments
    image = everyday.parts_map(ax, values, 4, 2.0, (0, 1000, 8000))
    assert image.get_array()[1, 1] == 2 and image.get_extent() == [0, 2, 0, 2]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0", "1000", "8000"]
    assert "between 0.75 and 0.75 s and 4500 and 4500 Hz" in figures.described.where(figure)
    plt.close(figure)


def test_losses_are_what_each_part_brought_and_linear_relevance_equals_them(rng):
    parts = rng.normal(size=(4, 50))
    network = Weighted(rng.normal(size=50))
    mixture = everyday.Mixture(network, parts)
    expected = parts @ network.weights.detach().numpy()
    np.testing.assert_allclose(mixture.losses(0), expected, atol=1e-4)
    np.testing.assert_allclose(mixture.losses(1), -expected, atol=1e-4)
    for method in everyday.METHODS[:3]:
        np.testing.assert_allclose(mixture.relevance(method, 0), expected, atol=1e-3)


def test_agreement_of_a_linear_network_is_perfect_for_methods_and_not_for_controls(rng):
    parts = rng.normal(size=(40, 50))
    trained, untrained = (everyday.Mixture(Weighted(rng.normal(size=50)), parts) for _ in range(2))
    found = everyday.agreement(trained, untrained, rng, methods=["integrated-gradients"])
    assert found["integrated-gradients"] == pytest.approx(1)
    assert all(abs(found[name]) < 0.6 for name in ("energy", "random", "untrained"))
    assert list(found) == ["integrated-gradients", "energy", "random", "untrained"]


def test_a_pool_picks_the_chunks_that_are_explained():
    outputs = torch.arange(5.0).reshape(1, 5, 1)
    pool = everyday.mean_logit(np.array([False, True, False, True, False]))
    assert pool(outputs).tolist() == [[2.0]]


def test_rank_correlation_is_zero_where_one_side_says_nothing(rng):
    first, second = rng.normal(size=(2, 12))
    expected = scipy.stats.spearmanr(first, second).statistic
    assert everyday.spearman(first, second) == pytest.approx(expected)
    assert everyday.spearman(first, np.ones(12)) == 0.0


def test_rows_become_values_with_intervals_over_clips_and_paired_differences(rng):
    base = rng.normal(size=30)
    rows = [{"own": 1 + b, "control": b} for b in base]
    found = everyday.paired(rows, "own", {"control": "a/b"})
    assert found["value"] == pytest.approx(1 + base.mean()) and found["n"] == 30
    low, high = found["against"]["a/b"]  # the difference is 1 for every clip
    assert low == pytest.approx(1) and high == pytest.approx(1)
    assert found["interval"][0] < found["value"] < found["interval"][1]
    table = everyday.mean_rows(rows)
    assert table.loc["control", "mean"] == pytest.approx(base.mean())
    share = everyday.of_share([True, False, True, True], "clips")
    assert share["value"] == 75 and share["n"] == 4 and share["interval"][0] > 0


def test_partials_have_their_frequency_and_level_and_none_lies_above_nyquist(rng):
    found = everyday.partials([500.0, 9000.0], [-20.0, 0.0], rng, 1600)
    spectrum = np.abs(np.fft.rfft(found[0])) / 800
    assert spectrum.argmax() == 50 and spectrum[50] == pytest.approx(0.1, rel=1e-6)
    assert not found[1].any()
    with pytest.raises(ParameterError, match="frequency and a level"):
        everyday.partials([500.0], [0.0, 0.0], rng)


def test_cents_and_bins():
    assert everyday.cents(200, 100) == pytest.approx(1200)
    assert everyday.is_near([102.9, 103.0], 100).tolist() == [True, False]
    assert everyday.nearest_bin(crepe.bins_hz()[123] * 1.002) == 123


def test_an_octave_jump_is_found_where_the_pitch_first_doubles(rng, monkeypatch):
    def pitch(network, sounds):  # doubles once the odd harmonics are 12 dB down
        power = [np.abs(np.fft.rfft(sound * np.hanning(1024))) ** 2 for sound in sounds]
        first, second = (round(hz * 1024 / RATE) for hz in (250, 500))
        return np.array([500.0 if p[first] < 0.0632 * p[second] else 250.0 for p in power])

    monkeypatch.setattr(everyday, "pitches_hz", pitch)
    assert everyday.octave_jump_db(nn.Identity(), 250.0, rng) == 12.0
    monkeypatch.setattr(everyday, "pitches_hz", lambda network, sounds: np.full(len(sounds), 250.0))
    assert np.isnan(everyday.octave_jump_db(nn.Identity(), 250.0, rng))


def test_speech_is_where_the_middle_of_a_chunk_lies_in_a_phone():
    phones = pd.DataFrame(
        {
            "start_s": [0, 0.05, 0.1, 0.2],
            "end_s": [0.05, 0.1, 0.2, 0.3],
            "phone": ["h#", "bcl", "b", ""],
        }
    )
    assert everyday.is_speech(phones, 8).tolist() == [False, False, *[True] * 4, False, False]


def test_noise_has_the_power_that_is_asked_for_and_levels_are_of_chunks(rng):
    tone = np.sin(np.arange(16000) / 5)
    noise = everyday.with_noise(tone, 10.0, rng) - tone
    assert 10 * np.log10(np.mean(tone**2) / np.mean(noise**2)) == pytest.approx(10, abs=0.3)
    levels = everyday.levels_db(np.r_[np.zeros(512), np.full(512, 0.1), np.full(100, 0.1)])
    assert levels[:2] == pytest.approx([-120, -20], abs=0.1) and len(levels) == 3


def test_sounds_that_are_no_speech_have_their_length_and_level(rng):
    table = everyday.not_speech(2, 0.5, rng)
    assert list(table["kind"].unique()) == list(everyday.NOT_SPEECH) and len(table) == 24
    assert {len(samples) for samples in table["samples"]} == {8000}
    levels = {
        kind: 10 * np.log10(np.mean(rows["samples"].iloc[0] ** 2) + 1e-20)
        for kind, rows in table.groupby("kind")
    }
    assert levels["white noise"] == pytest.approx(-30, abs=0.1)
    assert levels["noise at −90 dB"] == pytest.approx(-90, abs=0.1) and levels["silence"] < -190
    assert everyday.NEAR_SILENCE == ("silence", "noise at −90 dB", "noise at −60 dB")
    with pytest.raises(UnknownNameError, match="no kind of sound"):
        everyday.not_speech_of("a kettle", 1.0, rng)


def test_the_fall_is_that_of_the_band_that_relevance_names(rng):
    class Low(nn.Module):  # its logit is how much of a known tone there is
        def forward(self, waveforms):
            tone = torch.sin(2 * np.pi * 300 * torch.arange(waveforms.shape[-1]) / RATE)
            frames = (waveforms[:, 0] * tone).unflatten(1, (-1, 512)).sum(-1)
            return frames[..., None]

    times_s = np.arange(4 * 512) / RATE
    sound = np.sin(2 * np.pi * 300 * times_s) + 3 * np.sin(2 * np.pi * 5000 * times_s)
    found = everyday.falls(Low(), sound, "integrated-gradients", np.ones(4, bool))
    assert found["relevant"] == found["most effective"] > 50 * abs(found["loudest"])
    assert (
        everyday.BAND_EDGES_HZ[found["which"]] <= 300 < everyday.BAND_EDGES_HZ[found["which"] + 1]
    )
    sound[: 3 * 512 // 2] *= 0.01
    sound[3 * 512 :] = 3 * np.sin(2 * np.pi * 5000 * times_s[3 * 512 :])
    found = everyday.falls(Low(), sound, "integrated-gradients", np.ones(4, bool), "moments")
    assert found["which"] in (3, 4, 5) and found["relevant"] > 50 * abs(found["loudest"])


def test_a_small_microphone_is_weak_in_the_bass_and_strong_at_a_few_kilohertz():
    times_s = np.arange(RATE) / RATE

    def gain_db(freq_hz):
        tone = np.sin(2 * np.pi * freq_hz * times_s)
        return 20 * np.log10(everyday.microphone(tone).std() / tone.std())

    assert gain_db(300) == pytest.approx(-6, abs=0.1) and gain_db(3500) == pytest.approx(9, abs=0.1)
    assert gain_db(50) - gain_db(25) == pytest.approx(12, abs=0.5)
    assert gain_db(1000) == pytest.approx(-0.7, abs=0.3)


@pytest.fixture
def sentence(rng):
    return np.float32(0.1 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE))


def test_a_burst_is_planted_in_a_pause_as_loud_as_the_speech(sentence, rng):
    clips = [everyday.planted(sentence, rng) for _ in range(8)]
    for clip in clips:
        added = clip.disturbed - clip.clean
        touched = np.flatnonzero(np.abs(added) > 1e-6)
        assert 3990 < touched[-1] - touched[0] < 4001
        assert touched[-1] < 0.4 * RATE or touched[0] > 1.6 * RATE
        own = 10 * np.log10(np.mean(added[touched[0] : touched[-1] + 1] ** 2))
        assert own == pytest.approx(10 * np.log10(0.1**2 / 2), abs=0.2)
        frames = np.flatnonzero(clip.frames) * 160
        assert frames[0] + 320 > touched[0] >= frames[0]
        assert frames[-1] <= touched[-1] < frames[-1] + 320
    begun = {bool(np.flatnonzero(clip.frames)[0] > 100) for clip in clips}
    assert begun == {False, True}, "before the speech and after it"


def test_clipping_cuts_the_loudest_tenth(rng):
    samples = rng.normal(size=5000)
    cut = everyday.clipped(samples)
    assert np.mean(np.abs(cut) >= np.abs(cut).max() - 1e-12) == pytest.approx(0.1, abs=0.001)
    assert np.array_equal(cut[np.abs(samples) < 1], samples[np.abs(samples) < 1])


class Blaming(nn.Module):
    """A judge whose BAK falls with the power of known frames, and with nothing else."""

    def __init__(self, frames):
        super().__init__()
        torch.manual_seed(0)
        self.analysis, self.spectrogram = nn.Conv1d(1, 322, 320, 160, bias=False), dnsmos.LogPower()
        self.frames = torch.from_numpy(np.float32(frames))

    def judge(self, spectrograms):
        against = -(spectrograms[:, 0].mean(-1) * self.frames).sum(-1)
        return torch.stack([against * 0, against, against * 0], 1)


def test_what_speaks_against_an_opinion_is_found_where_it_is(sentence, rng):
    clip = everyday.planted(sentence, rng)
    network = Blaming(clip.frames)
    found = everyday.burst_scores(network, Blaming(~clip.frames), clip, rng)
    assert found["lrp-epsilon"] == found["gradient-x-input"] == 100 and found["untrained"] == 0
    assert found["occlusion"] > 95 and 20 < found["random"] < 80
    spectrogram = everyday.log_power(network, clip.disturbed)
    blamed = everyday.blame(network, spectrogram, 1, "lrp-epsilon").sum(1)
    counted = spectrogram[0, 0].mean(-1).numpy() - everyday.SILENCE
    np.testing.assert_allclose(blamed, np.where(clip.frames, counted, 0), rtol=1e-3, atol=1e-3)


def test_every_speaker_is_compared_with_others_of_the_same_sex():
    first = torch.eye(4)
    second = torch.tensor(
        [[1, 0, 0, 0], [0, 0.8, 0.6, 0], [0, 0.9, 0.1, 0], [0.5, 0, 0, 0.4]], dtype=torch.float32
    )
    own, others, below = everyday.own_against_others(first, second, ["f", "m", "m", "f"])
    np.testing.assert_allclose(own, [1, 0.8, 0.1, 0.4], rtol=1e-6)
    np.testing.assert_allclose(others, [0.5, 0.9, 0.6, 0.0], rtol=1e-6)
    assert below.tolist() == [100, 0, 0, 100]
    assert everyday.nearest_other(first, second)[:3].tolist() == [3, 2, 1]


def vowel(f0_hz, formants_hz=(500, 1500)):
    """A second of harmonics under two resonances."""
    times_s, numbers = np.arange(RATE) / RATE, np.arange(1, 30)
    gains = sum(1 / (1 + ((numbers * f0_hz - at) / 60) ** 2) for at in formants_hz)
    return 0.05 * (gains[:, None] * np.sin(2 * np.pi * f0_hz * numbers[:, None] * times_s)).sum(0)


def test_a_voice_is_moved_in_f0_or_in_its_formants_and_not_in_the_other():
    def measured(samples):
        f0_hz = np.nanmedian(features.f0(np.float64(samples), RATE)[1])
        power = np.abs(np.fft.rfft(samples[2000:14000] * np.hanning(12000))) ** 2
        freqs_hz = np.fft.rfftfreq(12000, 1 / RATE)
        low = freqs_hz < 1000
        return f0_hz, np.average(freqs_hz[low], weights=power[low])

    f0_hz, centre_hz = measured(vowel(120.0))
    higher, same = measured(everyday.moved(vowel(120.0), f0=1.25))
    assert higher == pytest.approx(1.25 * f0_hz, rel=0.02)
    assert same == pytest.approx(centre_hz, rel=0.08)
    kept, raised = measured(everyday.moved(vowel(120.0), formants=1.2))
    assert kept == pytest.approx(f0_hz, rel=0.02) and raised > 1.1 * centre_hz


def test_a_telephone_keeps_300_to_3400_hz(rng):
    power = np.abs(np.fft.rfft(everyday.telephone(rng.normal(size=RATE)))) ** 2
    assert power[:299].max() < 1e-3 < power[301:3399].min() and power[3402:].max() < 1e-3


def test_a_question_with_two_sides_is_a_difference():
    outputs = torch.tensor([[0.9, 0.4], [0.1, 0.3]])
    torch.testing.assert_close(everyday.one_not_other(outputs), torch.tensor([[0.5], [-0.2]]))


def test_a_mean_spectrum_does_not_depend_on_the_level(rng):
    class Bands:
        def mel_powers(self, waveforms):
            return (waveforms[0] ** 2).reshape(1, 4, -1)

    noise = np.float32(rng.normal(size=400) * np.repeat([1, 2, 3, 4], 100))
    soft, loud = everyday.mel_means(Bands(), [noise, 10 * noise])
    torch.testing.assert_close(soft, loud, atol=1e-4, rtol=0)
    assert float(soft.norm()) == pytest.approx(1) and soft.argsort().tolist() == [0, 1, 2, 3]


def test_pauses_are_silent_or_gone_and_the_interval_is_the_burst(sentence, rng):
    clip = everyday.planted(sentence, rng)
    speech, silent = everyday.without_pauses(clip), everyday.silent_pauses(clip)
    pause = round(everyday.PAUSE_S * RATE)
    assert len(silent) == len(clip.clean) == len(speech) + 2 * pause
    assert not silent[:pause].any() and not silent[-pause:].any() and clip.clean[:pause].any()
    np.testing.assert_array_equal(silent[pause:-pause], speech)
    added = np.flatnonzero(np.abs(clip.disturbed - clip.clean) > 1e-6)
    start_s, end_s = clip.interval_s
    assert start_s == pytest.approx(added[0] / RATE, abs=0.001)
    assert end_s - start_s == pytest.approx(0.25)


def test_what_speaks_against_clean_clips_is_dealt_out_between_pauses_and_speech(sentence, rng):
    clip = everyday.planted(sentence, rng)
    pause = everyday.against_in_pauses(OverallBlaming(slice(0, 38)), clip)
    speech = everyday.against_in_pauses(OverallBlaming(slice(45, 100)), clip)
    assert pause["against"] == pytest.approx(100) and speech["against"] == pytest.approx(0)
    assert pause["time"] == speech["time"] == pytest.approx(40, abs=1)  # 0.8 of 2 seconds
    assert pause["energy"] < 1


class OverallBlaming(Blaming):
    """A judge whose OVRL falls with the power of known frames, and with nothing else."""

    def __init__(self, kept):
        frames = np.zeros(199)
        frames[kept] = 1
        super().__init__(frames)

    def judge(self, spectrograms):
        return super().judge(spectrograms).roll(1, dims=1)


def test_judges_agree_where_they_fall_alike():
    clean = pd.Series({"OVRL": 3.0, "NISQA": 4.0, "untrained": 1.0})
    falls = [(0.1, 0.3, 0.0), (0.5, 2.0, -0.1), (0.9, 0.6, -0.2)]
    spoiled = [clean - pd.Series(fall, clean.index) for fall in falls]
    found = everyday.judges_agree(clean, spoiled)
    assert found == {"NISQA": pytest.approx(0.5), "untrained": pytest.approx(-1)}


class Quiet(nn.Module):
    """A NISQA whose opinion falls with the level of its spectrogram."""

    def spectrogram(self, samples, rate):
        frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
        level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-8)
        return torch.from_numpy(np.float32(level))[None].repeat(48, 1)

    def forward(self, spectrograms):
        return -(spectrograms + 80).mean((1, 2))[:, None]


def test_a_burst_is_found_by_an_opinion_that_falls_with_level(sentence, rng):
    soft = everyday.planted(sentence, rng)
    silent = soft._replace(disturbed=soft.disturbed * (np.abs(soft.disturbed - soft.clean) > 0))
    assert everyday.burst_by_nisqa(Quiet(), silent) > 95


def test_babble_is_made_of_others_at_the_level_asked_for(rng):
    own = np.float32(0.1 * np.sin(np.arange(8000)))
    others = [np.float32(rng.normal(0, 10.0**-k, 5000)) for k in range(3)]
    added = everyday.with_babble(own, others, 10, rng) - own
    ratio_db = 10 * np.log10(np.mean(own**2) / np.mean(added**2))
    assert ratio_db == pytest.approx(10, abs=0.01)


def test_modulation_is_asked_at_each_rate_of_the_same_complexes(rng):
    class Loudness(nn.Module):
        def forward(self, waveforms):
            level = waveforms[:, 0].reshape(len(waveforms), -1, everyday.CHUNK).square().mean(-1)
            return (level[..., None] - 1e-3) * 1e4

    samples = everyday._complex(120.0, True, 1.024, rng, 8.0)
    envelope = np.abs(np.fft.rfft(np.convolve(samples**2, np.ones(400) / 400, "same")))[1:40]
    assert np.argmax(envelope) + 1 in (8, 9)  # pulses in 1.024 seconds
    found = everyday.by_modulation(_Chunked(Loudness()), (2, 8), 3, rng)
    assert len(found) == 12 and set(found["kind"]) == {"complex", "noise"}
    assert found["probability"].between(0, 100).all()


class _Chunked(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, waveforms):
        n = waveforms.shape[-1] // everyday.CHUNK * everyday.CHUNK
        return self.network(waveforms[..., :n])
