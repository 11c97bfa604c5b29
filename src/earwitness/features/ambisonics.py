"""What networks that find directions take: spectra of ambisonic signals, and the sound intensity in
them.
"""

import numpy as np
import torch

from earwitness.acoustics import sphere
from earwitness.arguments import checked
from earwitness.audio import check_finite
from earwitness.errors import AudioError, ParameterError

SAMPLE_RATE = 16000
N_WINDOW = 1024
N_HOP = 320
N_FRAMES = 50
N_BINS = 512
LENGTH = N_FRAMES * N_HOP
# of the energy that intensity is divided by, far below -60 dB of a scene; silence stays zero
_FLOOR = 1e-12


@checked
def ambisonic_stft(samples: np.ndarray) -> torch.Tensor:
    """Return the short-time Fourier transform (..., C, 50, 512) of one-second scenes (..., C,
    16000).

    Any multiple of 320 samples is taken and gives as many frames; a second gives 50.

    Raises
    ------
    AudioError
        If samples are not finite, or their number is no multiple of the hop.

    Notes
    -----
    Hann window of 1024 samples, hop 320 (20 ms), frame n centred at n * 20 ms, silence around; bins
    1 to 512 of 0 to 512: Kiyan et al., Table 1, says 50 x 512. Scaled so that a sine of amplitude 1
    has magnitude 0.5. Frames along the last axis but one, as the network takes them. Chapter:
    sound-direction.
    """
    samples = torch.as_tensor(np.asarray(samples) if not torch.is_tensor(samples) else samples)
    length = samples.shape[-1]
    if length == 0 or length % N_HOP:
        raise AudioError(
            f"An ambisonic spectrum is made of a multiple of {N_HOP} samples (a second has "
            f"{LENGTH}), "
            f"not of {length}."
        )
    if not torch.isfinite(samples).all():
        raise AudioError("The ambisonic signal holds samples that are NaN or infinite.")
    window = torch.hann_window(N_WINDOW, dtype=samples.dtype, device=samples.device)
    padded = torch.nn.functional.pad(samples, (N_WINDOW // 2, N_WINDOW // 2))
    frames = padded.unfold(-1, N_WINDOW, N_HOP)[..., : length // N_HOP, :]  # (..., C, frames, 1024)
    return torch.fft.rfft(frames * (window / window.sum()))[..., 1:]


@checked
def magnitude_phase(stft: torch.Tensor) -> torch.Tensor:
    """Return magnitudes of all channels, then phases in radians: (..., 2C, frames, bins) of (...,
    C, frames, bins).

    Raises
    ------
    ParameterError
        If C is no number of ambisonic channels of order 1 to 4.
    """
    sphere.order_of(stft.shape[-3])
    check_finite(stft, "The spectrum")
    real, imaginary = (
        stft.real.contiguous(),
        stft.imag.contiguous(),
    )  # abs() and angle() take three times as long
    return torch.cat(
        [(real.square() + imaginary.square()).sqrt(), torch.atan2(imaginary, real)], -3
    )


@checked
def intensity(stft: torch.Tensor, normalised: bool = True) -> torch.Tensor:
    """Return x, y, z of the active, then of the reactive intensity: (..., 6, frames, bins).

    Parameters
    ----------
    stft : Tensor, shape (..., C, frames, bins), complex
        Channels beyond the first order are not used.
    normalised : bool
        Divide each bin by its energy, so that a plane wave's active intensity is the unit vector to
        its source and nothing is longer than 1.

    Notes
    -----
    With pressure p = W and u = (X, Y, Z) / sqrt(3) (N3D), proportional to the negative particle
    velocity: active Re(p* u), reactive Im(p* u), energy (|p|² + |u|²) / 2. The active part points
    to where sound comes from. Perotin et al. (2019), section II-C; they divide by the energy, and
    Kiyan et al., Table 1, normalise no further.
    """
    sphere.order_of(stft.shape[-3])
    pressure = stft[..., :1, :, :]
    velocity = stft[..., [3, 1, 2], :, :] / 3**0.5  # ACN: W Y Z X
    product = pressure.conj() * velocity
    both = torch.cat([product.real, product.imag], -3)
    if not normalised:
        return both
    energy = (pressure.abs().square() + velocity.abs().square().sum(-3, keepdim=True)) / 2
    return both / energy.clamp_min(_FLOOR)


@checked
def pseudo_intensity_direction(stft: torch.Tensor) -> np.ndarray:
    """Return the unit vectors (..., 3) of the active intensity summed over all bins: the classical
    estimate.

    Notes
    -----
    Jarrett, Habets and Naylor (2010), 3D source localization in the spherical harmonic domain using
    a pseudointensity vector. Loud bins weigh more, as energies do.

    Raises
    ------
    AudioError
        If the signal is silent, or its intensities cancel exactly.
    """
    active = intensity(stft, normalised=False)[..., :3, :, :].double().sum((-2, -1)).numpy()
    length = np.linalg.norm(active, axis=-1, keepdims=True)
    if not (length > 0).all():
        raise AudioError(
            "The ambisonic signal has no net intensity: it is silent or perfectly symmetric."
        )
    return active / length


@checked
def network_input(samples: np.ndarray, kind: str) -> torch.Tensor:
    """Return what a network of that kind takes for scenes (..., C, T).

    Parameters
    ----------
    kind : str
        ``"intensity"`` (6 channels) or ``"order1"`` to ``"order4"`` (8, 18, 32, 50 channels).

    Raises
    ------
    ParameterError
        If there is no such kind, or the scenes have too few channels for it.
    """
    needed = 4 if kind == "intensity" else _channels_of(kind)
    n = samples.shape[-2]
    if n < needed:
        raise ParameterError(
            f"Input {kind!r} needs {needed} ambisonic channels, the scene has {n}."
        )
    stft = ambisonic_stft(samples[..., :needed, :])
    return intensity(stft) if kind == "intensity" else magnitude_phase(stft)


def _channels_of(kind: str) -> int:
    if kind not in {f"order{n}" for n in range(1, sphere.MAX_ORDER + 1)}:
        raise ParameterError(
            f"There is no input {kind!r}; known: intensity, order1, order2, order3, order4."
        )
    return sphere.n_channels(int(kind[-1]))


def bin_frequencies_hz() -> np.ndarray:
    """Return the frequency of each bin in Hz, (512,)."""
    return np.arange(1, N_BINS + 1) * SAMPLE_RATE / N_WINDOW


def stft_times_s(n_frames: int = N_FRAMES) -> np.ndarray:
    """Return the centre of each frame in seconds, (n_frames,)."""
    return np.arange(n_frames) * N_HOP / SAMPLE_RATE
