"""F0, formants and LP spectra of sounds whose truth is known: textbook vowels made here, and
KlattGrid's words.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from earwitness import corpora
from earwitness.errors import AudioError, ParameterError
from earwitness.features import phonetics
from earwitness.features.phonetics import f0, formants, lp_spectrum, scale_f0

VOWELS_HZ = {
    "men's ah": (768, 1333, 2522, 3687),
    "men's iy": (342, 2322, 3000, 3657),
    "women's iy": (437, 2761, 3372, 4352),
    "women's uw": (459, 1105, 2735, 4115),
}


def pulses(f0_hz, rate, seconds=0.5):
    """A pulse train of constant or given F0, softened at 12 dB per octave like a voice.

    Made of harmonics, not of ones between zeros: periods rounded to whole samples would really
    alternate, and F0 halve.
    """
    f0_hz = np.broadcast_to(f0_hz, int(seconds * rate))
    phase = 2 * np.pi * np.cumsum(f0_hz / rate)
    train = sum(np.cos(h * phase) for h in range(1, int(0.48 * rate / f0_hz.max()) + 1))
    return lfilter([1], [1, -0.98], lfilter([1], [1, -0.9], train))


def resonate(source, formants_hz, rate, bandwidth_hz=80):
    for formant_hz in formants_hz:
        radius, angle = np.exp(-np.pi * bandwidth_hz / rate), 2 * np.pi * formant_hz / rate
        source = lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], source)
    return (0.3 * source / np.abs(source).max()).astype(np.float32)


def vowel(formants_hz, f0_hz=120, rate=16000, seconds=0.5):
    return resonate(pulses(f0_hz, rate, seconds), formants_hz, rate)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.floats(80, 400), st.sampled_from([8000, 16000, 44100]))
def test_f0_of_a_steady_voice_is_found_within_one_percent(f0_hz, rate):
    times_s, found_hz = f0(vowel((700, 1300, 2500), f0_hz, rate), rate)
    inner = (times_s > 0.1) & (times_s < 0.4)
    assert np.abs(found_hz[inner] / f0_hz - 1).max() < 0.01


def test_f0_follows_a_glide_with_times_in_seconds():
    rate, glide_hz = 16000, np.linspace(100, 200, 16000)
    times_s, found_hz = f0(resonate(pulses(glide_hz, rate, 1.0), (500, 1500, 2500), rate), rate)
    inner = (times_s > 0.1) & (times_s < 0.9)
    np.testing.assert_allclose(found_hz[inner], 100 + 100 * times_s[inner], rtol=0.02)
    assert np.diff(times_s) == pytest.approx(0.01)


def test_noise_and_silence_are_unvoiced():
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(4000)
    samples = np.concatenate([noise, vowel((500, 1500, 2500)), np.zeros(4000)]).astype(np.float32)
    times_s, found_hz = f0(samples, 16000)
    assert np.isnan(found_hz[(times_s < 0.2) | (times_s > 0.8)]).mean() > 0.95
    assert not np.isnan(found_hz[(times_s > 0.3) & (times_s < 0.7)]).any()


def test_f0_outside_the_limits_is_not_reported():
    samples = vowel((500, 1500, 2500), f0_hz=90)
    _, found_hz = f0(samples, 16000, floor_hz=150, ceiling_hz=400)
    assert not np.any(np.abs(found_hz / 90 - 1) < 0.1)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.5])
def test_at_another_pitch_f0_is_scaled_formants_and_length_are_kept(factor, rate):
    before = vowel((768, 1333, 2522), f0_hz=120, rate=rate)
    copy = before.copy()
    after = scale_f0(before, rate, factor)
    assert after.shape == before.shape and after.dtype == np.float32
    np.testing.assert_array_equal(before, copy)
    assert np.nanmedian(f0(after, rate)[1]) == pytest.approx(120 * factor, rel=0.01)
    tracks = formants(after, rate)
    middle = tracks[tracks["time_s"].between(0.1, 0.4)][["F1", "F2", "F3"]].median()
    assert middle.to_numpy() == pytest.approx([768, 1333, 2522], rel=0.06)


def test_a_sound_without_pitch_stays_as_it_is_at_every_factor():
    noise = (0.1 * np.random.default_rng(0).standard_normal(8000)).astype(np.float32)
    for factor in (1.0, 1.5):
        assert np.corrcoef(scale_f0(noise, 16000, factor), noise)[0, 1] > 0.99


@pytest.mark.parametrize("factor", [0, -1.0, 0.01, 1e6, np.nan, np.inf])
def test_impossible_factors_of_pitch_are_refused(factor):
    with pytest.raises(ParameterError, match="factor .*must be a (positive )?number"):
        scale_f0(vowel((500, 1500)), 16000, factor)


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("name", VOWELS_HZ)
def test_formants_of_a_textbook_vowel_are_found(name, rate):
    f0_hz = 220 if name.startswith("women") else 120
    found = formants(vowel(VOWELS_HZ[name], f0_hz, rate), rate)
    middle = found[found["time_s"].between(0.1, 0.4)][["F1", "F2", "F3", "F4"]].median()
    for k, truth_hz in enumerate(VOWELS_HZ[name], start=1):
        assert middle[f"F{k}"] == pytest.approx(truth_hz, abs=max(0.03 * truth_hz, 0.15 * f0_hz))


def test_formants_at_8_khz_use_half_as_many_poles_and_find_the_same():
    found = formants(vowel((768, 1333, 2522), rate=8000), 8000)
    middle = found[["F1", "F2", "F3"]].median()
    assert middle.to_numpy() == pytest.approx([768, 1333, 2522], rel=0.03)


def test_formants_of_generated_words_agree_with_their_construction(tmp_path, monkeypatch):
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path))
    corpus = corpora.load("voices", words="hvd", n_speakers=6, repetitions=1)
    ratios = []
    for clip in corpus:
        track = formants(clip.samples, clip.sample_rate)
        nearest = track.iloc[
            (track["time_s"] - clip.labels["steady_s"]).abs().argsort()[:5]
        ].median()
        ratios.append([nearest[f"F{k}"] / clip.labels[f"f{k}_hz"] for k in (1, 2, 3)])
    error = np.abs(np.array(ratios) - 1)  # (72, 3)
    assert (np.median(error, axis=0) < [0.05, 0.02, 0.02]).all()
    assert ((error < 0.1).mean(axis=0) > [0.85, 0.95, 0.95]).all()


def test_keeping_broad_poles_puts_womens_formants_out_of_place():
    """Why max_bandwidth_hz exists: the pole that models the spectrum's tilt is taken for F2."""
    samples = vowel((437, 2761, 3372, 4352), f0_hz=220)
    kept, pruned = (
        formants(samples, 16000, max_bandwidth_hz=bw)["F2"].median() for bw in (1e9, 700)
    )
    assert pruned == pytest.approx(2761, rel=0.03) and kept < 0.9 * 2761


def test_formants_do_not_depend_on_loudness_and_leave_the_samples_alone():
    samples = vowel((500, 1500, 2500))
    copy = samples.copy()
    np.testing.assert_allclose(formants(samples, 16000), formants(samples * 0.25, 16000), rtol=1e-6)
    np.testing.assert_array_equal(samples, copy)


def test_frames_of_silence_have_no_formants():
    found = formants(np.concatenate([np.zeros(3200, np.float32), vowel((500, 1500, 2500))]), 16000)
    assert found.loc[found["time_s"] < 0.17, ["F1", "F2", "F3", "F4"]].isna().all(axis=None)
    assert found.loc[found["time_s"] > 0.25, "F1"].notna().all()


def test_linear_prediction_solves_the_normal_equations():
    frames = np.random.default_rng(0).standard_normal((5, 400)) * np.hanning(400)
    coefficients, error = phonetics._linear_prediction(frames, 12)
    for frame, found, rest in zip(frames, coefficients, error, strict=True):
        r = np.array([frame[: len(frame) - k] @ frame[k:] for k in range(13)])
        r[0] *= 1 + 1e-9
        expected = np.append(1, -solve_toeplitz(r[:-1], r[1:]))
        np.testing.assert_allclose(found, expected, rtol=1e-8)
        assert rest == pytest.approx(expected @ r)


def test_the_lp_spectrum_has_the_power_of_the_frame_and_peaks_at_the_formants():
    samples = vowel((768, 1333, 2522, 3687))[2000:2640]
    frequencies_hz, level_db = lp_spectrum(samples, 16000, n_points=4097)
    window = np.hanning(len(samples))
    power = 10 ** (level_db / 10)
    mean_power = (power[0] / 2 + power[1:-1].sum() + power[-1] / 2) / (len(power) - 1)
    assert mean_power == pytest.approx(
        np.sum((samples * window) ** 2) / np.sum(window**2), rel=1e-3
    )
    assert (frequencies_hz[0], frequencies_hz[-1]) == (0, 8000)
    peaks_hz = frequencies_hz[1:-1][
        (level_db[1:-1] > level_db[:-2]) & (level_db[1:-1] > level_db[2:])
    ]
    for truth_hz in (768, 1333, 2522, 3687):
        assert np.abs(peaks_hz - truth_hz).min() < 50


def test_the_lp_spectrum_of_a_known_filter_is_that_filters():
    """White noise through two poles: its LP spectrum is the filter's power response, within
    sampling error.
    """
    noise = np.random.default_rng(1).standard_normal(200_000)
    denominator = [1, -1.2, 0.8]
    _, level_db = lp_spectrum(
        lfilter([1], denominator, noise)[: 16000 * 10], 16000, lp_order=2, n_points=64
    )
    response = (
        1
        / np.abs(np.exp(-1j * np.outer(np.linspace(0, np.pi, 64), np.arange(3))) @ denominator) ** 2
    )
    np.testing.assert_allclose(level_db, 10 * np.log10(response), atol=0.3)


@pytest.mark.parametrize(
    "function", [f0, formants, lp_spectrum, lambda samples, rate: scale_f0(samples, rate, 1.5)]
)
@pytest.mark.parametrize(
    ("samples", "match"),
    [
        (np.zeros((2, 8000)), "one channel"),
        (np.array([]), "empty"),
        (np.zeros(8000), "silent"),
        (np.full(8000, np.nan), "NaN"),
        (np.append(np.ones(8000), np.inf), "infinite"),
    ],
)
def test_unusable_samples_are_refused(function, samples, match):
    with pytest.raises(AudioError, match=match):
        function(samples, 16000)


@pytest.mark.parametrize(
    ("function", "n_samples", "match"),
    [
        (f0, 600, "three periods of 75.0 Hz needs 40.0 ms"),
        (
            lambda samples, rate: scale_f0(samples, rate, 1.5),
            600,
            "three periods of 75.0 Hz needs 40.0 ms",
        ),
        (formants, 600, "the analysis window needs 40.0 ms"),
        (lp_spectrum, 10, "16 poles needs 1.1 ms"),
    ],
)
def test_clips_too_short_to_analyse_are_refused(function, n_samples, match):
    with pytest.raises(AudioError, match=match):
        function(np.ones(n_samples), 16000)


@pytest.mark.parametrize("limits", [(0, 500), (500, 500), (75, 9000), (-75, 500)])
def test_impossible_limits_of_f0_are_refused(limits):
    with pytest.raises(ParameterError, match="floor_hz must be below ceiling_hz"):
        f0(np.ones(8000), 16000, *limits)
    with pytest.raises(ParameterError, match="floor_hz must be below ceiling_hz"):
        scale_f0(np.ones(8000), 16000, 1.5, *limits)


@pytest.mark.parametrize("lp_order", [0, 15, 42, -2])
@pytest.mark.parametrize("function", [formants, lp_spectrum])
def test_impossible_orders_are_refused(function, lp_order):
    with pytest.raises(ParameterError, match="even number from 2 to 40"):
        function(np.ones(8000), 16000, lp_order=lp_order)


def test_impossible_bandwidths_and_numbers_of_points_are_refused():
    with pytest.raises(ParameterError, match="max_bandwidth_hz must be positive"):
        formants(np.ones(8000), 16000, max_bandwidth_hz=0)
    with pytest.raises(ParameterError, match="n_points must be a whole number from 2"):
        lp_spectrum(np.ones(8000), 16000, n_points=1)


# --- autocorrelation


@pytest.mark.parametrize("f0_hz", [90, 125, 210])
def test_a_periodic_segment_repeats_after_a_period_and_is_reversed_after_half_a_period(
    f0_hz,
):
    sine = np.sin(2 * np.pi * f0_hz * np.arange(800) / 16000 + 1)
    lags_s, values = phonetics.autocorrelation(sine, 16000)
    assert values[0] == 1 and lags_s[0] == 0 and lags_s[-1] == pytest.approx(0.02)
    later = lags_s > 0.5 / f0_hz
    assert lags_s[later][values[later].argmax()] == pytest.approx(1 / f0_hz, rel=0.05)
    assert np.interp(1 / f0_hz, lags_s, values) == pytest.approx(1, abs=0.05)
    assert np.interp(0.5 / f0_hz, lags_s, values) == pytest.approx(-1, abs=0.05)


def test_autocorrelation_of_noise_stays_near_zero_and_does_not_depend_on_loudness_or_offset():
    noise = np.random.default_rng(0).normal(size=4000)
    _, values = phonetics.autocorrelation(noise, 16000)
    assert np.abs(values[1:]).max() < 0.15
    assert np.allclose(phonetics.autocorrelation(7 * noise + 3, 16000)[1], values)


@pytest.mark.parametrize(
    "samples, complaint",
    [
        (np.ones(800), "constant"),
        (np.zeros(800), "silent"),
        (np.random.default_rng(0).normal(size=600), "longest lag"),
    ],
)
def test_a_segment_without_autocorrelation_is_refused(samples, complaint):
    with pytest.raises(AudioError, match=complaint):
        phonetics.autocorrelation(samples, 16000)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from([8000, 11025, 16000, 44100, 48000]),
    st.sampled_from([40.0, 50.0, 60.0, 75.0, 77.7, 100.0, 120.5, 200.0]),
    st.integers(0, 2),
)
@example(48000, 60.0, 0)
def test_three_periods_of_the_floor_are_enough(rate, floor_hz, more):
    n = int(np.ceil(3 * rate / floor_hz)) + more
    n += n < 3 / floor_hz * rate
    tone = 0.1 * np.sin(2 * np.pi * 250 * np.arange(n) / rate)
    _, found = f0(tone, rate, floor_hz=floor_hz)
    assert len(found) >= 1 and np.nanmax(np.abs(found - 250), initial=0) < 5
    assert scale_f0(tone, rate, 1.2, floor_hz=floor_hz).shape == tone.shape


@pytest.mark.parametrize("rate", [16000.0, np.float32(16000), np.int64(16000)])
def test_a_rate_of_any_kind_of_number_measures_the_same(rate):
    sound = vowel((500, 1500))
    for measure in (f0, formants, lp_spectrum, lambda x, r: [scale_f0(x, r, 1.1)]):
        for found, right in zip(measure(sound, rate), measure(sound, 16000), strict=True):
            np.testing.assert_array_equal(found, right)


def test_the_level_of_a_signal_changes_no_measure():
    sound = vowel((500, 1500))
    np.testing.assert_allclose(f0(1e6 * sound, 16000)[1], f0(sound, 16000)[1], rtol=1e-6)
