"""DFT-LRP against dense matrices of the transforms, its balance, and the mistakes of the published
program.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import kaiming, signals, waveform_net

from earwitness import attribution
from earwitness.attribution import dft_lrp
from earwitness.errors import ParameterError, UnknownNameError


def pair(n=96, seed=0, clips=2):
    """Return relevance and signal (clips, n) as LRP makes them: a product with the signal."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((clips, n))
    return signal * rng.standard_normal((clips, n)), signal


def dense(relevance, signal, windows, epsilon=1e-6, sign=np.sign):
    """Relevance (bin, frame) by the epsilon rule through the matrix of the inverse transform, one
    clip, float64.

    The layer's inputs are real and imaginary parts of all n bins of each frame; they add up to the
    samples.
    """
    n = len(signal)
    k = np.arange(n)
    angle = 2 * np.pi * np.outer(k, np.arange(n)) / n  # (bin, sample)
    forward = np.exp(-1j * angle) / np.sqrt(n)
    weights_re, weights_im = np.cos(angle) / np.sqrt(n), -np.sin(angle) / np.sqrt(n)
    result = np.zeros((n // 2 + 1, len(windows)))
    for m, window in enumerate(windows):
        x = forward @ (signal * window)
        z = (
            x.real[:, None] * weights_re + x.imag[:, None] * weights_im
        )  # contribution of (frame, bin) to each sample
        share = (z / windows.sum(0) / (signal + epsilon * sign(signal))) @ relevance
        result[:, m] = [
            share[0],
            *(share[i] + (share[n - i] if i != n - i else 0) for i in range(1, n // 2 + 1)),
        ]
    return result


def frames(n, width, hop, window):
    shape = {
        "rectangle": np.ones(width),
        "halfsine": np.sin(np.pi / width * (np.arange(width) + 0.5)),
    }[window]
    rows = []
    for start in range(0, n - width + 1, hop):
        row = np.zeros(n)
        row[start : start + width] = shape
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("n", [96, 97])
def test_the_whole_signal_gets_what_the_matrix_of_the_transform_gives(n):
    relevance, signal = pair(n)
    ours = dft_lrp.dft_lrp(relevance, signal)
    for clip in range(2):
        expected = dense(relevance[clip], signal[clip], np.ones((1, n)))[:, 0]
        np.testing.assert_allclose(ours[clip], expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("width", "hop", "window"), [(24, 24, "rectangle"), (32, 16, "halfsine"), (24, 8, "halfsine")]
)
def test_frames_with_the_bins_of_the_signal_get_what_the_matrices_give(width, hop, window):
    relevance, signal = pair()
    ours = dft_lrp.short_time_dft_lrp(
        relevance, signal, width=width, hop=hop, window=window, bins="signal"
    )
    for clip in range(2):
        expected = dense(relevance[clip], signal[clip], frames(96, width, hop, window))
        np.testing.assert_allclose(ours[clip], expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("window", ["rectangle", "halfsine"])
def test_frames_with_bins_of_their_own_get_what_the_matrix_of_each_frame_gives(window):
    relevance, signal = pair(clips=1)
    width, hop = 32, 16
    windows = frames(96, width, hop, window)
    ours = dft_lrp.short_time_dft_lrp(
        relevance[0], signal[0], width=width, hop=hop, window=window, epsilon=1e-12
    )
    for m, start in enumerate(range(0, 96 - width + 1, hop)):
        inside = slice(start, start + width)
        part = (
            signal[0, inside] * windows[m, inside]
        )  # through a layer of its own, whose frames add up to the samples
        passed = relevance[0, inside] * part / (windows.sum(0)[inside] * signal[0, inside])
        expected = dense(passed, part, np.ones((1, width)), epsilon=0)[:, 0]
        np.testing.assert_allclose(ours[:, m], expected, atol=1e-8 * np.abs(expected).max())


def test_both_kinds_of_bins_give_each_frame_the_same_sum():
    relevance, signal = pair()
    own, whole = (
        dft_lrp.short_time_dft_lrp(relevance, signal, width=32, hop=16, bins=b)
        for b in ("window", "signal")
    )
    assert own.shape == (2, 17, 5) and whole.shape == (2, 49, 5)
    np.testing.assert_allclose(own.sum(1), whole.sum(1), rtol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 200),
    seed=st.integers(0, 9),
    window=st.sampled_from([*dft_lrp.WINDOWS]),
    data=st.data(),
)
def test_relevance_is_conserved_whatever_the_frames(n, seed, window, data):
    relevance, signal = pair(n, seed)
    width = data.draw(st.integers(1, n))
    hop = data.draw(st.integers(1, width))
    ours = dft_lrp.short_time_dft_lrp(
        relevance, signal, width=width, hop=hop, window=window, epsilon=1e-12
    )
    np.testing.assert_allclose(
        ours.sum((1, 2)), relevance.sum(1), atol=1e-6 * np.abs(relevance).sum(1).max()
    )
    whole = dft_lrp.dft_lrp(relevance, signal, epsilon=1e-12)
    np.testing.assert_allclose(
        whole.sum(1), relevance.sum(1), atol=1e-6 * np.abs(relevance).sum(1).max()
    )


def test_a_tone_gets_the_relevance_of_its_frequency_and_moment():
    times_s = np.arange(4000) / 8000
    low, high = (
        np.sin(2 * np.pi * 500 * times_s),
        np.sin(2 * np.pi * 2000 * times_s) * (times_s > 0.25),
    )
    signal = low + high
    relevance = signal * high  # a network that listens to the high tone alone
    ours = dft_lrp.short_time_dft_lrp(relevance, signal, width=400, hop=200)
    freqs_hz, at_s = dft_lrp.axes(4000, 8000, width=400, hop=200)
    assert ours.shape == (len(freqs_hz), len(at_s))
    near = np.abs(freqs_hz - 2000) <= 40
    late = at_s > 0.28
    assert ours[near][:, late].sum() > 0.95 * ours[:, late].sum()
    assert np.abs(ours[:, at_s < 0.22]).max() < 1e-3 * ours.max()


@pytest.mark.parametrize("hop", [None, 20])
def test_a_map_for_a_picture_has_no_edge_sums_to_the_relevance_and_knows_its_times(hop):
    rng = np.random.default_rng(0)
    signal, relevance = rng.normal(size=(2, 1000))
    relevance *= signal
    map_, freqs_hz, times_s = dft_lrp.short_time_map(relevance, signal, 1000, width=64, hop=hop)
    size = np.abs(map_).sum(0)
    assert max(size[:2].max(), size[-3:].max()) < 3 * np.median(size)
    bare = np.abs(dft_lrp.short_time_dft_lrp(relevance, signal, width=64, hop=hop)).sum(0)
    assert bare[0] > 5 * np.median(bare), "what the silence is for"
    assert map_.sum() == pytest.approx(relevance.sum(), rel=1e-3)
    assert map_.shape == (len(freqs_hz), len(times_s)) and abs(times_s[0]) <= 0.001
    alone = np.where(np.arange(1000) == 500, relevance, 0)
    loudest = np.abs(dft_lrp.short_time_map(alone, signal, 1000, width=64, hop=hop)[0]).sum(0)
    assert times_s[loudest.argmax()] == pytest.approx(0.5, abs=0.04)


def test_axes_name_the_middle_of_each_frame_and_the_frequency_of_each_bin():
    freqs_hz, times_s = dft_lrp.axes(8000, 8000, width=800, hop=400)
    assert (
        len(freqs_hz) == 401
        and freqs_hz[1] == 10
        and len(times_s) == 19
        and times_s[0] == 399.5 / 8000
    )
    assert len(dft_lrp.axes(8000, 8000, width=800, hop=400, bins="signal")[0]) == 4001
    freqs_hz, times_s = dft_lrp.axes(8001, 8000)
    assert freqs_hz.shape == (4001,) and times_s.tolist() == [0.5]


def test_the_last_frame_is_filled_with_zeros_so_that_no_sample_is_lost():
    relevance, signal = pair(101)
    ours = dft_lrp.short_time_dft_lrp(relevance, signal, width=32, hop=16)
    assert ours.shape[-1] == len(dft_lrp.axes(101, 8000, width=32, hop=16)[1]) == 6
    np.testing.assert_allclose(ours.sum((1, 2)), relevance.sum(1), rtol=1e-4)


def test_no_array_is_larger_than_the_result(monkeypatch):
    largest = 0
    plain = dft_lrp.scipy.fft.rfft

    def watched(values, *args, **options):
        nonlocal largest
        largest = max(largest, values.size)
        return plain(values, *args, **options)

    monkeypatch.setattr(dft_lrp.scipy.fft, "rfft", watched)
    relevance, signal = pair(8000, clips=1)
    own = dft_lrp.short_time_dft_lrp(
        relevance[0], signal[0], width=800, hop=800, window="rectangle"
    )
    assert own.size <= 8000 + 20 and largest == 8000
    dft_lrp.short_time_dft_lrp(relevance[0], signal[0], width=800, hop=400, bins="signal")
    assert largest == 8000


def test_the_stabiliser_keeps_the_sign_where_the_plain_one_fails():
    signal, relevance = np.array([1.0, -1e-6, 0.0, 2.0]), np.array([0.5, 0.25, 0.0, -1.0])
    kept = dft_lrp.dft_lrp(relevance, signal)
    assert kept.sum() == pytest.approx(
        0.5 + 0.125 - 1.0, abs=1e-5
    )  # half of the tiny sample's part is absorbed
    with pytest.raises(ParameterError, match="cancels the stabiliser; use sign='keep'"):
        dft_lrp.dft_lrp(relevance, signal, sign="plain")


def test_the_two_stabilisers_agree_on_positive_samples():
    relevance, signal = pair()
    ours = [
        dft_lrp.dft_lrp(np.abs(relevance), np.abs(signal), sign=sign, epsilon=0.1)
        for sign in ("keep", "plain")
    ]
    np.testing.assert_array_equal(*ours)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "1 <= hop <= width <= 96"),
        ({"width": 97}, "1 <= hop <= width <= 96"),
        ({"width": 16, "hop": 17}, "1 <= hop <= width"),
        ({"width": 16, "hop": 0}, "1 <= hop <= width"),
        ({"width": 16, "epsilon": -1.0}, "epsilon must not be negative"),
        (
            {"width": 40, "hop": 30, "bins": "signal"},
            "need frames that fit it: 96 samples, frames of 40 every 30",
        ),
    ],
)
def test_frames_and_stabilisers_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ParameterError, match=message):
        dft_lrp.short_time_dft_lrp(*pair(), **change)


@pytest.mark.parametrize("change", [{"window": "hann"}, {"bins": "mel"}, {"sign": "lose"}])
def test_unknown_windows_bins_and_signs_are_named(change):
    with pytest.raises(UnknownNameError, match="There is no"):
        dft_lrp.short_time_dft_lrp(*pair(), width=16, **change)


@pytest.mark.parametrize(
    ("relevance", "signal", "message"),
    [
        (np.ones(4), np.ones(5), r"a relevance for each sample, got \(4,\) and \(5,\)"),
        (np.ones(0), np.ones(0), "a relevance for each sample"),
        (np.array(1.0), np.array(1.0), "for each sample"),
        (np.array([np.nan]), np.ones(1), "finite"),
        (np.ones(1), np.array([np.inf]), "finite"),
    ],
)
def test_values_without_a_transform_are_refused(relevance, signal, message):
    with pytest.raises(ParameterError, match=message):
        dft_lrp.dft_lrp(relevance, signal)


def test_as_a_method_it_is_lrp_itself_over_all_frequencies():
    model, inputs = kaiming(waveform_net().double(), bias=0.1), signals((1, 40))
    for rule in ("lrp-epsilon", "lrp-epsilon-plus"):
        whole = attribution.attribute(
            model, inputs, [0, 1, 2, 0], "dft-lrp", rule=rule, stabilizer=1e-12
        )
        torch.testing.assert_close(whole, attribution.attribute(model, inputs, [0, 1, 2, 0], rule))


def test_as_a_method_bands_add_up_and_each_sums_to_its_frequencies():
    model, inputs = kaiming(waveform_net().double()), signals((1, 40))
    relevance = attribution.attribute(model, inputs, 1)
    edges = [(0, 1000), (1001, 2000), (2001, 4000)]
    bands = [
        attribution.attribute(model, inputs, 1, "dft-lrp", low_hz=low, high_hz=high)
        for low, high in edges
    ]
    torch.testing.assert_close(sum(bands), relevance, rtol=1e-4, atol=1e-4)
    of_frequencies, freqs_hz = (
        dft_lrp.dft_lrp(relevance[:, 0], inputs[:, 0]),
        dft_lrp.axes(40, 8000)[0],
    )
    for (low, high), band in zip(edges, bands, strict=True):
        expected = of_frequencies[:, (freqs_hz >= low) & (freqs_hz <= high)].sum(1)
        np.testing.assert_allclose(
            band.sum((1, 2)), expected, atol=1e-6 * np.abs(of_frequencies).sum()
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low_hz": 3000, "high_hz": 200}, "0 <= low_hz <= high_hz"),
        ({"low_hz": -1.0}, "0 <= low_hz"),
        ({"stabilizer": 0.0}, "stabilizer must be positive"),
        ({"rule": "lrp-omega"}, "There is no LRP method"),
    ],
)
def test_as_a_method_it_refuses_bands_that_do_not_exist(change, message):
    with pytest.raises((ParameterError, UnknownNameError), match=message):
        attribution.attribute(
            waveform_net(), signals((1, 40), dtype=torch.float32), 0, "dft-lrp", **change
        )
