"""Ambisonic spectra and intensities: sizes, scales, a plane wave that points to its source."""

import numpy as np
import pytest
import torch

from earwitness import features
from earwitness.acoustics import sphere
from earwitness.errors import AudioError, ParameterError


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal(16000)


def plane_wave(direction, samples, order=1):
    return sphere.harmonics(np.asarray(direction, float), order)[:, None] * samples


def vectors(n=12):
    drawn = np.random.default_rng(1).standard_normal((n, 3))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_a_second_gives_50_frames_of_512_bins_per_channel(noise):
    assert features.ambisonic_stft(plane_wave([1, 0, 0], noise, 2)).shape == (9, 50, 512)
    assert features.ambisonic_stft(torch.zeros(3, 4, 8000)).shape == (3, 4, 25, 512)


def test_a_frame_is_the_windowed_transform_around_its_time(noise):
    frame, k = 17, 41
    part = noise[frame * 320 - 512 : frame * 320 + 512]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    wanted = (part * window * np.exp(-2j * np.pi * k * np.arange(1024) / 1024)).sum() / window.sum()
    assert complex(features.ambisonic_stft(noise[None])[0, frame, k - 1]) == pytest.approx(wanted)


def test_a_sine_has_half_its_amplitude_at_its_bin():
    sine = 0.6 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    spectrum = features.ambisonic_stft(sine[None])[0, 25].abs()
    bins = features.ambisonics.bin_frequencies_hz()
    assert bins[spectrum.argmax()] == 1000
    assert spectrum.max() == pytest.approx(0.3)


def test_magnitudes_come_first_and_phases_after(noise):
    stft = features.ambisonic_stft(plane_wave([0, 1, 0], noise))
    both = features.magnitude_phase(stft)
    assert both.shape == (8, 50, 512)
    torch.testing.assert_close(torch.polar(both[:4], both[4:]), stft)


@pytest.mark.parametrize("direction", vectors())
def test_the_active_intensity_of_a_plane_wave_is_the_unit_vector_to_its_source(direction, noise):
    intensity = features.intensity(features.ambisonic_stft(plane_wave(direction, noise)))
    np.testing.assert_allclose(intensity[:3].numpy() - direction[:, None, None], 0, atol=1e-6)
    np.testing.assert_allclose(intensity[3:].numpy(), 0, atol=1e-6)


def test_pressure_and_velocity_a_quarter_of_a_period_apart_are_reactive(noise):
    stft = features.ambisonic_stft(plane_wave([0, 0, 1], noise))
    stft[1:] *= 1j
    intensity = features.intensity(stft)
    np.testing.assert_allclose(intensity[:3].numpy(), 0, atol=1e-6)
    np.testing.assert_allclose(intensity[5].numpy(), 1, atol=1e-6)


def test_two_equal_opposite_waves_have_no_active_intensity(noise):
    both = plane_wave([1, 0, 0], noise) + plane_wave([-1, 0, 0], noise)
    assert features.intensity(features.ambisonic_stft(both)).abs().max() < 1e-6


def test_intensity_over_energy_is_never_longer_than_one():
    field = np.random.default_rng(2).standard_normal((4, 16000))
    both = features.intensity(features.ambisonic_stft(field)).reshape(2, 3, 50, 512)
    assert both.norm(dim=1).max() <= 1 + 1e-9
    assert 0.2 < both[0].norm(dim=0).mean() < 0.8


def test_silence_has_no_intensity():
    assert features.intensity(features.ambisonic_stft(torch.zeros(4, 16000))).abs().max() == 0


def test_higher_channels_do_not_change_the_intensity(noise):
    third = features.ambisonic_stft(plane_wave([0.6, 0.8, 0], noise, 3))
    torch.testing.assert_close(features.intensity(third), features.intensity(third[:4]))


@pytest.mark.parametrize("direction", vectors(6))
def test_the_classical_estimate_finds_a_plane_wave_within_a_degree(direction, noise):
    found = features.pseudo_intensity_direction(
        features.ambisonic_stft(plane_wave(direction, noise))
    )
    assert np.rad2deg(sphere.angle_between(found, direction)) < 1


def test_the_classical_estimate_weighs_loud_waves_more(noise):
    other = np.random.default_rng(3).standard_normal(16000)
    field = plane_wave([1, 0, 0], 3 * noise) + plane_wave([0, 1, 0], other)
    x, y, _ = features.pseudo_intensity_direction(features.ambisonic_stft(field))
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(np.rad2deg(np.arctan(1 / 9)), abs=1.5)


@pytest.mark.parametrize(
    ("kind", "n"), [("intensity", 6), ("order1", 8), ("order2", 18), ("order4", 50)]
)
def test_each_network_gets_its_number_of_channels_from_a_scene_of_order_four(kind, n, noise):
    assert features.network_input(plane_wave([1, 0, 0], noise, 4)[None], kind).shape == (
        1,
        n,
        50,
        512,
    )


def test_too_few_channels_for_an_input_are_refused(noise):
    with pytest.raises(
        ParameterError, match="'order2' needs 9 ambisonic channels, the scene has 4"
    ):
        features.network_input(plane_wave([1, 0, 0], noise), "order2")


@pytest.mark.parametrize("kind", ["order5", "orders", "Intensity", ""])
def test_an_unknown_input_is_refused(kind, noise):
    with pytest.raises(ParameterError, match="There is no input"):
        features.network_input(plane_wave([1, 0, 0], noise), kind)


@pytest.mark.parametrize("function", [features.intensity, features.magnitude_phase])
def test_channels_of_no_order_have_no_features(function):
    with pytest.raises(ParameterError, match="5 channels are no ambisonic signal"):
        function(torch.zeros(5, 50, 512, dtype=torch.complex64))


def test_lengths_that_are_no_multiple_of_the_hop_are_refused():
    with pytest.raises(AudioError, match="multiple of 320 samples"):
        features.ambisonic_stft(torch.zeros(4, 15999))


def test_samples_that_are_no_numbers_are_refused():
    with pytest.raises(AudioError, match="NaN or infinite"):
        features.ambisonic_stft(torch.full((4, 16000), torch.nan))


def test_silence_comes_from_nowhere():
    with pytest.raises(AudioError, match="no net intensity"):
        features.pseudo_intensity_direction(features.ambisonic_stft(torch.zeros(4, 16000)))
