"""Sound files that are cut off or damaged, in every container that is read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.faults import Try, flipped
from earwitness import audio

RATE = 16000
CONTAINERS = {
    "wav": ("WAV", "PCM_16", "FILE"),
    "wav-float": ("WAV", "FLOAT", "FILE"),
    "wav-ulaw": ("WAV", "ULAW", "FILE"),
    "wav-ima": ("WAV", "IMA_ADPCM", "FILE"),
    "wav-gsm": ("WAV", "GSM610", "FILE"),
    "wavex": ("WAVEX", "PCM_24", "FILE"),
    "rifx": ("WAV", "PCM_16", "BIG"),
    "rf64": ("RF64", "PCM_16", "FILE"),
    "w64": ("W64", "PCM_16", "FILE"),
    "aiff": ("AIFF", "PCM_16", "FILE"),
    "au": ("AU", "PCM_16", "FILE"),
    "caf": ("CAF", "PCM_16", "FILE"),
    "sphere": ("NIST", "PCM_16", "FILE"),
    "flac": ("FLAC", "PCM_16", "FILE"),
    "ogg": ("OGG", "VORBIS", "FILE"),
    "opus": ("OGG", "OPUS", "FILE"),
    "mp3": ("MP3", "MPEG_LAYER_III", "FILE"),
}


def cut_off(folder: Path, rng, n: int = 20) -> Iterator[Try]:
    """Each container cut off at ``n`` places: refused, as all samples cannot be there."""
    for name, whole, n_samples in _written(folder, rng):
        for at in np.unique(rng.integers(0, len(whole), n)):
            path = folder / f"{name}-cut.{_ending(name)}"
            yield Try(
                f"{name} cut off after {at} of {len(whole)} bytes",
                _reading(path, whole[:at]),
                lambda value, n_samples=n_samples: len(value) == n_samples,
                folder,
            )


def flips(folder: Path, rng, n: int = 60) -> Iterator[Try]:
    """Each container with one to eight bytes of other values, most in its head."""
    for name, whole, _ in _written(folder, rng):
        for k in range(n):
            head = len(whole) if k % 3 == 0 else min(120, len(whole))
            content = flipped(whole[:head], rng, int(rng.integers(1, 9))) + whole[head:]
            path = folder / f"{name}-flipped.{_ending(name)}"
            yield Try(f"{name}, damage {k}", _reading(path, content), _are_samples, folder)


def _ending(name: str) -> str:
    return CONTAINERS[name][0].lower().replace("wavex", "wav").replace("nist", "sph")


def _written(folder: Path, rng) -> Iterator[tuple[str, bytes, int]]:
    samples = 0.3 * np.sin(np.arange(RATE // 2) / 9) + 0.01 * rng.standard_normal(RATE // 2)
    for name, (container, subtype, order) in CONTAINERS.items():
        path = folder / f"{name}.{_ending(name)}"
        rate = 8000 if name == "wav-gsm" else RATE
        soundfile.write(path, samples, rate, format=container, subtype=subtype, endian=order)
        yield name, path.read_bytes(), len(audio.read_audio(path)[0])


def _reading(path: Path, content: bytes):
    def act():
        path.write_bytes(content)
        samples, _ = audio.read_audio(path)
        if audio.length(path)[0] != len(samples):
            return "another length than is read"
        return samples

    return act


def _are_samples(value) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1 and bool(np.isfinite(value).all())


KINDS = {"sound files, cut off": cut_off, "sound files, flipped bytes": flips}
