"""Equations (1) and (2) on filters whose answer is known."""

import numpy as np
import pytest

from earwitness import attribution
from earwitness.errors import ParameterError


def cosines(freqs_hz, width=64):
    return np.cos(2 * np.pi * np.outer(freqs_hz, np.arange(width)) / 16000) * np.hanning(width)


def test_a_single_cosine_peaks_at_its_frequency():
    freqs_hz = np.fft.rfftfreq(1024, 1 / 16000)
    for tone_hz in (1000, 3125, 6250):
        assert freqs_hz[attribution.cumulative_response(cosines([tone_hz])).argmax()] == tone_hz


def test_the_cumulative_response_is_the_sum_written_out():
    filters = np.random.default_rng(0).standard_normal((3, 4))
    angles = np.exp(-2j * np.pi * np.outer(np.arange(5), np.arange(4)) / 8)
    spectra = [np.abs(angles @ kernel) for kernel in filters]
    expected = sum(spectrum / np.sqrt((spectrum**2).sum()) for spectrum in spectra)
    np.testing.assert_allclose(attribution.cumulative_response(filters, 8), expected)


def test_every_filter_counts_alike_whatever_its_gain_and_a_filter_of_zeros_not_at_all():
    filters = cosines([500, 4000])
    expected = attribution.cumulative_response(filters)
    np.testing.assert_allclose(attribution.cumulative_response([[100], [0.01]] * filters), expected)
    np.testing.assert_allclose(
        attribution.cumulative_response(np.vstack([filters, np.zeros(64)])), expected
    )


def test_an_orthonormal_dictionary_gives_the_frames_own_spectrum():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.standard_normal((30, 30)))
    frame = rng.standard_normal(30)
    np.testing.assert_allclose(
        attribution.dictionary_response(basis, frame, 256), np.abs(np.fft.rfft(frame, 256))
    )


def test_a_dictionary_answers_only_what_it_has_in_common_with_the_frame():
    filters, frame = np.eye(4)[:2], np.array([3.0, 0, 5, 5])
    np.testing.assert_allclose(
        attribution.dictionary_response(filters, frame, 8), 3
    )  # what is left is an impulse
    twice = attribution.dictionary_response(2 * filters, frame, 8)
    np.testing.assert_allclose(twice, 12)  # once for the answer, once for the filter


@pytest.mark.parametrize(
    ("filters", "frame", "n_fft", "said"),
    [
        (np.ones(4), np.ones(4), 8, "n_filters, width"),
        (np.ones((2, 1, 4)), np.ones(4), 8, "n_filters, width"),
        (np.full((2, 4), np.nan), np.ones(4), 8, "finite"),
        (np.ones((2, 4)), np.ones(4), 3, "n_fft must be a whole number from 4"),
        (np.ones((2, 4)), np.ones(5), 8, "filters of 4 samples must have as many"),
    ],
)
def test_filters_and_frames_that_do_not_fit_are_told_in_a_sentence(filters, frame, n_fft, said):
    with pytest.raises(ParameterError, match=said):
        attribution.dictionary_response(filters, frame, n_fft)
