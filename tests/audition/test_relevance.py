"""Relevance as a gain: the signal, softer where less relevant, nothing of the other sign."""

import numpy as np
import pytest
import torch

from earwitness import audition
from earwitness.errors import AudioError, UnknownNameError


def test_a_case_solved_by_hand():
    relevance, samples = [2.0, -4.0, 1.0, 0.0], [0.5, 0.5, -1.0, 1.0]
    assert audition.relevance_times_signal(relevance, samples).tolist() == [0.25, 0.0, -0.25, 0.0]
    assert audition.relevance_times_signal(relevance, samples, sign="negative").tolist() == [
        0.0,
        0.5,
        0.0,
        0.0,
    ]


def test_both_signs_together_are_the_signal_weighted_by_the_magnitude_of_relevance():
    rng = np.random.default_rng(0)
    relevance, samples = rng.normal(size=(3, 200)), rng.normal(size=(3, 200))
    both = sum(
        audition.relevance_times_signal(relevance, samples, sign)
        for sign in ("positive", "negative")
    )
    weight = np.abs(relevance) / np.abs(relevance).max(axis=1)[:, None]
    assert np.allclose(both, weight * samples, atol=1e-6)


def test_it_is_never_louder_than_the_signal_and_scale_of_relevance_does_not_matter():
    rng = np.random.default_rng(1)
    relevance, samples = (
        torch.tensor(1e3 * rng.normal(size=500), requires_grad=True),
        rng.normal(size=500),
    )
    heard = audition.relevance_times_signal(relevance, samples)
    assert (np.abs(heard) <= np.abs(samples) + 1e-6).all()
    assert np.array_equal(heard, audition.relevance_times_signal(relevance * 2**-12, samples))


@pytest.mark.parametrize("relevance", [np.zeros(4), np.array([1, np.nan, 0, 0]), np.ones(3)])
def test_relevance_that_cannot_be_heard_is_refused(relevance):
    with pytest.raises(AudioError):
        audition.relevance_times_signal(relevance, np.ones(4))


def test_an_unknown_sign_is_refused():
    with pytest.raises(UnknownNameError, match="positive"):
        audition.relevance_times_signal(np.ones(3), np.ones(3), sign="positve")
