"""Shoebox rooms recorded by an ideal ambisonic microphone: image sources first, then a diffuse
tail.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.errors import ParameterError, check_number

SPEED_OF_SOUND = 343.0  # m/s
MAX_REACH_M = 1000.0  # further ones are too many to hold
ARRAY_RADIUS_M = 0.1  # no source comes nearer to the microphone
MIXING_TIME_S = 0.05  # after the direct sound: image sources before, a diffuse field after
_HALF_TAPS = 16  # of the windowed sinc that delays by fractions of a sample


@dataclass(frozen=True)
class Room:
    """A shoebox room with one corner at the origin, a source and a microphone in it; metres and
    seconds.
    """

    size_m: tuple[float, float, float]
    source_m: tuple[float, float, float]
    receiver_m: tuple[float, float, float]
    t60_s: float

    def __post_init__(self):
        size, source, receiver = (
            np.asarray(v, float) for v in (self.size_m, self.source_m, self.receiver_m)
        )
        if size.shape != (3,) or not (np.isfinite(size) & (size > 0)).all():
            raise ParameterError(f"A room has three positive edges in metres, got {self.size_m}.")
        for name, point in [("source", source), ("receiver", receiver)]:
            if point.shape != (3,) or not ((point > 0) & (point < size)).all():
                raise ParameterError(
                    f"The {name} at {tuple(point.tolist())} m is outside the room of "
                    f"{tuple(size.tolist())} m."
                )
        if not 0 < self.t60_s < np.inf:
            raise ParameterError(f"The reverberation time must be positive, got {self.t60_s} s.")
        if self.distance_m <= ARRAY_RADIUS_M:
            raise ParameterError(
                f"The source is {self.distance_m:.3f} m from the receiver, inside the array, whose "
                f"radius is {ARRAY_RADIUS_M} m."
            )

    @property
    def distance_m(self) -> float:
        """From the microphone to the source."""
        return float(np.linalg.norm(np.subtract(self.source_m, self.receiver_m)))

    @property
    def direction(self) -> np.ndarray:
        """The unit vector (3,) from the microphone to the source."""
        return np.subtract(self.source_m, self.receiver_m) / self.distance_m

    @property
    def reflection(self) -> float:
        """The pressure reflected by every wall, from Eyring's formula for the reverberation
        time.
        """
        length, width, height = self.size_m
        surface = 2 * (length * width + length * height + width * height)
        mean_free_path_m = 4 * length * width * height / surface
        # a plane wave loses 60 dB in t60: as many reflections as mean free paths fit in
        return float(10 ** (-3 * mean_free_path_m / (SPEED_OF_SOUND * self.t60_s)))


@checked
def image_sources(room: Room, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the image sources that lie at most ``reach_m``, 1000 m or less, from the microphone.

    Returns
    -------
    position : ndarray, shape (n, 3)
        Relative to the microphone, in metres; the first is the source itself.
    n_reflections : ndarray, shape (n,), int

    Notes
    -----
    Allen and Berkley (1979), J. Acoust. Soc. Am. 65(4), eq. (9).
    """
    check_number("reach_m", reach_m, 0, MAX_REACH_M)
    positions, counts = [], []
    for edge, source, receiver in zip(room.size_m, room.source_m, room.receiver_m, strict=True):
        k = np.arange(-int(reach_m // (2 * edge)) - 1, int(reach_m // (2 * edge)) + 2)
        positions.append(np.concatenate([2 * k * edge + source, 2 * k * edge - source]) - receiver)
        counts.append(np.concatenate([np.abs(2 * k), np.abs(2 * k - 1)]))
    x, y, z = positions
    squared = (x * x)[:, None, None] + (y * y)[:, None] + z * z
    i, j, k = np.nonzero(squared <= reach_m**2)
    n_reflections = counts[0][i] + counts[1][j] + counts[2][k]
    order = np.argsort(n_reflections, kind="stable")
    return np.stack([x[i], y[j], z[k]], 1)[order], n_reflections[order]


@checked
def reverberation(
    room: Room,
    order: int,
    sample_rate: int,
    rng: np.random.Generator,
    mixing_time_s: float = MIXING_TIME_S,
) -> np.ndarray:
    """Return the ambisonic impulse response without the direct sound, (channels, T) float32.

    Time starts, and amplitude is 1, where the direct sound arrives; it lasts as long as T60.

    Notes
    -----
    Image sources up to ``mixing_time_s``, each encoded where it comes from; from there on a diffuse
    field, Gaussian noise of equal power in all channels (N3D) that decays with T60. Its power per
    second in W, relative to the direct sound at distance d, is 4 pi c d² / V exp(-13.8 t / T60), t
    counted from emission: what image sources have in the mean (their number per second grows as 4
    pi c³ t² / V, the energy of each falls as 1 / (ct)²). So hybrid simulators do it (Wabnitz et al.
    2010, the paper's reference [13]). All walls absorb alike and at all frequencies alike.
    """
    rng_length = max(int(np.ceil(max(room.t60_s, mixing_time_s) * sample_rate)), 1) + 2 * _HALF_TAPS
    position, n_reflections = image_sources(room, room.distance_m + SPEED_OF_SOUND * mixing_time_s)
    response = _encoded(room, position[1:], n_reflections[1:], order, sample_rate, rng_length)
    start = int(mixing_time_s * sample_rate)
    response[:, start:] += _tail(room, order, sample_rate, start, rng_length - start, rng)
    return response


def _encoded(room, position, n_reflections, order, sample_rate, length) -> np.ndarray:
    """Return the sum of delayed, attenuated, encoded impulses, (channels, length)."""
    distance = np.linalg.norm(position, axis=1)
    gains = sphere.harmonics(position / distance[:, None], order)  # (n, channels)
    gains *= (room.distance_m / distance * room.reflection**n_reflections)[:, None]
    delay = (distance - room.distance_m) / SPEED_OF_SOUND * sample_rate
    whole = np.floor(delay).astype(int)
    offset = np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1) - (delay - whole)[:, None]  # (n, taps)
    taps = np.sinc(offset) * np.cos(np.pi * offset / (2 * _HALF_TAPS)) ** 2
    rows = (
        whole[:, None] + np.arange(1 - _HALF_TAPS, _HALF_TAPS + 1) + _HALF_TAPS
    )  # room for what rings before zero
    delays = sparse.csc_array(
        (taps.ravel(), rows.ravel(), np.arange(len(delay) + 1) * taps.shape[1]),
        shape=(length + 2 * _HALF_TAPS, len(delay)),
    )
    return np.ascontiguousarray(
        (delays @ gains)[_HALF_TAPS : _HALF_TAPS + length].T, dtype=np.float32
    )


def _tail(room, order, sample_rate, start, length, rng) -> np.ndarray:
    channels = sphere.n_channels(order)
    time_s = (start + np.arange(length)) / sample_rate + room.distance_m / SPEED_OF_SOUND
    density = 4 * np.pi * SPEED_OF_SOUND * room.distance_m**2 / np.prod(room.size_m) / sample_rate
    envelope = np.sqrt(density) * 10 ** (-3 * time_s / room.t60_s)
    return rng.standard_normal((channels, length), dtype=np.float32) * envelope.astype(np.float32)
