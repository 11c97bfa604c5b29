"""Ambisonic scenes per second, beside the Fourier transforms that must happen and pyroomacoustics
for one channel.
"""

import os

import numpy as np
import pyroomacoustics
import torch
from scipy import fft

from benchmarks.measure import interleaved
from earwitness import corpora, features, models, runtime
from earwitness.acoustics import rooms

TITLE = "Scenes: simulated, turned into features, located"


def _transforms(response: np.ndarray, dry: np.ndarray) -> None:
    """The least that convolution takes: each channel forward, multiplied, and back."""
    size = fft.next_fast_len(len(dry) + response.shape[1] - 1, real=True)
    fft.irfft(fft.rfft(response, size) * fft.rfft(dry, size), size)


def _peer(room: rooms.Room, dry: np.ndarray, order: int) -> None:
    """One omnidirectional channel by pyroomacoustics, image sources as far as ours reach before the
    diffuse tail.
    """
    peer = pyroomacoustics.ShoeBox(
        room.size_m, fs=16000, max_order=order, materials=pyroomacoustics.Material(0.2)
    )
    peer.add_source(room.source_m, signal=dry)
    peer.add_microphone(room.receiver_m)
    peer.compute_rir()
    peer.simulate()


def run(n_scenes: int = 50) -> dict[str, list[dict]]:
    """Return the tables of simulation and of what follows."""
    runtime.tune()
    source = "timit" if os.environ.get("EARWITNESS_DATA") else "voices"
    of_order = {
        n: corpora.load("scenes", source=source, n_scenes=n_scenes, order=n) for n in (1, 2, 4)
    }
    first = of_order[1]
    room, dry = first.room(0), first.parts(0).dry
    reach = room.distance_m + rooms.SPEED_OF_SOUND * rooms.MIXING_TIME_S
    order = int(rooms.image_sources(room, reach)[1].max())
    response = rooms.reverberation(room, 1, 16000, np.random.default_rng(0))
    rows = interleaved(
        {
            f"Fourier transforms of {n_scenes} convolutions, order 1 (the bound)": lambda: [
                _transforms(response, dry) for _ in range(n_scenes)
            ],
            **{
                f"{n_scenes} scenes, order {n}, one thread": lambda corpus=corpus: corpus.mixtures(
                    range(n_scenes)
                )
                for n, corpus in of_order.items()
            },
            f"{n_scenes} scenes, order 1, two threads": lambda: first.mixtures(
                range(n_scenes), n_workers=2
            ),
            f"pyroomacoustics, {n_scenes} times one channel, order {order}, no noise": lambda: [
                _peer(room, dry, order) for _ in range(n_scenes)
            ],
        }
    )
    for row in rows:
        row["scenes per second"] = n_scenes / row["seconds"]
    mixtures = of_order[2].mixtures(range(n_scenes))
    networks = {"intensity": models.DoaCRNN(6).eval(), "order2": models.DoaCRNN(18).eval()}
    stft = features.ambisonic_stft(mixtures)

    def forward(kind):
        with torch.no_grad():
            networks[kind](features.network_input(mixtures, kind))

    after = interleaved(
        {
            "spectra of order 2": lambda: features.ambisonic_stft(mixtures),
            "magnitude and phase": lambda: features.magnitude_phase(stft),
            "intensity": lambda: features.intensity(stft),
            "pseudo-intensity vector": lambda: features.pseudo_intensity_direction(stft),
            "features and network, intensity": lambda: forward("intensity"),
            "features and network, order 2": lambda: forward("order2"),
        },
        n_rounds=3,
    )
    for row in after:
        row["ms a scene"] = 1000 * row["seconds"] / n_scenes
    return {
        f"Simulation, speech from {source}": rows,
        f"Features and networks, {n_scenes} scenes": after,
    }
