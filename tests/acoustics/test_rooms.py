"""Rooms: image sources where a peer has them, reverberation as long and as loud as asked, nonsense
refused.
"""

import numpy as np
import pyroomacoustics
import pytest
from scipy import signal

from earwitness.acoustics import rooms, sphere
from earwitness.acoustics.rooms import Room
from earwitness.errors import ParameterError

ROOM = Room((6.0, 5.0, 3.0), (4.0, 3.2, 1.2), (2.1, 1.8, 1.6), 0.5)
RATE = 16000


def rng(seed=0):
    return np.random.default_rng(seed)


def decay_s(response, top_db=-5, bottom_db=-25):
    """Return T60 from Schroeder's backward integral."""
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    level = 10 * np.log10(energy / energy[0])
    part = np.flatnonzero((level <= top_db) & (level >= bottom_db))
    return -60 / np.polyfit(part / RATE, level[part], 1)[0]


def test_image_sources_are_where_pyroomacoustics_has_them():
    peer = pyroomacoustics.ShoeBox(ROOM.size_m, fs=RATE, max_order=8)
    peer.add_source(ROOM.source_m)
    peer.add_microphone(ROOM.receiver_m)
    peer.image_source_model()
    theirs = peer.sources[0].images.T - np.array(ROOM.receiver_m)
    reach_m = 12.0  # nothing beyond eight reflections comes from nearer
    near = np.linalg.norm(theirs, axis=1) <= reach_m
    ours, n_reflections = rooms.image_sources(ROOM, reach_m)
    assert len(ours) == near.sum() > 60

    def listed(positions, counts):
        return sorted(tuple(row) for row in np.column_stack([counts, positions]).round(6).tolist())

    assert listed(ours, n_reflections) == listed(theirs[near], peer.sources[0].orders[near])


def test_the_first_image_source_is_the_source_itself():
    position, n_reflections = rooms.image_sources(ROOM, 10.0)
    np.testing.assert_allclose(position[0], np.subtract(ROOM.source_m, ROOM.receiver_m))
    assert n_reflections[0] == 0 and (n_reflections[1:] > 0).all()


def test_there_is_no_direct_sound_in_the_reverberation():
    position, _ = rooms.image_sources(ROOM, 12.0)
    first = (
        (np.sort(np.linalg.norm(position, axis=1))[1] - ROOM.distance_m)
        / rooms.SPEED_OF_SOUND
        * RATE
    )
    response = rooms.reverberation(ROOM, 1, RATE, rng())
    assert np.abs(response[:, : int(first) - 16]).max() < 1e-3 and first > 20
    assert np.abs(response[0, int(first) - 2 : int(first) + 3]).max() > 0.1


def test_a_reflection_comes_when_and_whence_and_as_loud_as_geometry_says():
    # a source 2 m above a floor that is 1 m below the microphone: the floor's image is 4 m down
    room = Room((40.0, 40.0, 30.0), (20.0, 20.0, 3.0), (20.0, 20.0, 1.0), 2.0)
    response = rooms.reverberation(room, 1, RATE, rng())
    late = (4.0 - 2.0) / rooms.SPEED_OF_SOUND * RATE
    around = slice(int(late) - 12, int(late) + 14)
    gain = response[:, around].sum(1)  # a delayed impulse keeps its sum
    np.testing.assert_allclose(
        gain, 2 / 4 * room.reflection * sphere.harmonics(np.array([0, 0, -1.0]), 1), atol=0.01
    )
    centre = (np.arange(around.start, around.stop) * response[0, around] ** 2).sum() / (
        response[0, around] ** 2
    ).sum()
    assert centre == pytest.approx(late, abs=0.3)


@pytest.mark.parametrize("t60_s", [0.2, 0.5, 0.8])
def test_reverberation_lasts_as_long_as_asked(t60_s):
    # T60 is measured above 100 Hz: below, image sources of one sign add up, as in every image-
    # source model
    high = signal.butter(4, 100, "high", fs=RATE, output="sos")
    room = Room((7.0, 6.0, 3.4), (4.0, 3.2, 1.2), (2.1, 1.8, 1.6), t60_s)
    found = [
        decay_s(signal.sosfilt(high, rooms.reverberation(room, 1, RATE, rng(seed))[0]))
        for seed in range(3)
    ]
    assert np.mean(found) == pytest.approx(t60_s, rel=0.1)


def test_the_diffuse_tail_is_as_loud_as_image_sources_would_be():
    room = Room((8.0, 7.0, 4.0), (4.0, 3.0, 1.2), (2.0, 2.4, 1.8), 0.7)
    part = slice(int(0.06 * RATE), int(0.12 * RATE))
    high = signal.butter(4, 150, "high", fs=RATE, output="sos")
    images, tail = (
        signal.sosfilt(high, rooms.reverberation(room, 1, RATE, rng(), mixing_time_s=time))[:, part]
        for time in (0.15, 0.02)
    )
    assert 10 * np.log10((images**2).sum() / (tail**2).sum()) == pytest.approx(0, abs=1.5)


def test_the_tail_is_diffuse_alike_in_all_channels_and_independent():
    response = rooms.reverberation(ROOM, 2, RATE, rng())[:, int(0.06 * RATE) :]
    gram = response @ response.T / (response**2).sum() * 9
    np.testing.assert_allclose(gram, np.eye(9), atol=0.2)


def test_a_lower_order_is_the_first_channels_of_a_higher_one():
    first, third = (rooms.reverberation(ROOM, order, RATE, rng()) for order in (1, 3))
    np.testing.assert_array_equal(first, third[:4])


def test_the_same_seed_gives_the_same_tail_and_another_seed_another():
    same = rooms.reverberation(ROOM, 1, RATE, rng())
    np.testing.assert_array_equal(rooms.reverberation(ROOM, 1, RATE, rng()), same)
    assert not np.array_equal(rooms.reverberation(ROOM, 1, RATE, rng(1)), same)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"source_m": (7.0, 1.0, 1.0)}, "source at .* outside the room"),
        ({"receiver_m": (1.0, 0.0, 1.0)}, "receiver at .* outside the room"),
        ({"source_m": (1.0, 1.0)}, "outside the room"),
        ({"source_m": (2.1, 1.8, 1.65)}, "inside the array"),
        ({"size_m": (6.0, -5.0, 3.0)}, "three positive edges"),
        ({"t60_s": 0.0}, "reverberation time must be positive"),
        ({"t60_s": np.nan}, "reverberation time must be positive"),
    ],
)
def test_an_impossible_room_is_refused_in_a_sentence(change, sentence):
    possible = {
        "size_m": ROOM.size_m,
        "source_m": ROOM.source_m,
        "receiver_m": ROOM.receiver_m,
        "t60_s": ROOM.t60_s,
    }
    with pytest.raises(ParameterError, match=sentence):
        Room(**(possible | change))


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9])
def test_a_delay_by_parts_of_a_sample_is_flat_up_to_four_fifths_of_the_band(fraction):
    """One image, delayed by a fraction; a sinc cut off without a window ripples by 0.08 to 0.46
    dB.
    """
    distance = ROOM.distance_m + (100 + fraction) * rooms.SPEED_OF_SOUND / RATE
    position = np.array([[distance, 0, 0]])
    response = rooms._encoded(ROOM, position, np.array([0]), 1, RATE, 400)[0]
    spectrum = np.fft.rfft(response)
    level_db = 20 * np.log10(np.abs(spectrum) * distance / ROOM.distance_m)
    heard = slice(0, int(0.8 * len(level_db)))
    assert np.abs(level_db[heard]).max() < 0.05
    phase = np.unwrap(np.angle(spectrum))[heard]
    delay = -np.polyfit(2 * np.pi * np.arange(400)[heard] / 400, phase, 1)[0]
    assert delay == pytest.approx(100 + fraction, abs=1e-3)
