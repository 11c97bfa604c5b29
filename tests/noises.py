"""Files of quiet noise, in the place of recordings."""

import numpy as np
import soundfile


def write(path, n_samples=800, rate=8000, seed=None, channels=1):
    """Write a WAV file under any ending; noise of the same seed (or length) is the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(n_samples if seed is None else seed)
    soundfile.write(path, 0.1 * rng.standard_normal((n_samples, channels)), rate, format="WAV")
