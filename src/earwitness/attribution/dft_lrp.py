"""DFT-LRP: relevance of frequencies for networks that take samples, through a layer that computes
nothing new.

Put an inverse Fourier transform in front of the network and its input is a spectrum. The layer is
linear, so LRP runs through it: :func:`dft_lrp` for the spectrum of the whole signal,
:func:`short_time_dft_lrp` for frames. What the layer does to relevance is a Fourier transform
itself; it is computed by FFT, never by a matrix of the transform.
"""

from collections.abc import Callable

import numpy as np
import scipy.fft
import torch

from earwitness.attribution import lrp
from earwitness.attribution.registry import find, method
from earwitness.errors import ParameterError, check_choice

WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "rectangle": np.ones,
    "halfsine": lambda width: np.sin(np.pi / width * (np.arange(width) + 0.5)),
}
_STABILISED = {"keep": lambda x: np.where(x < 0, -1.0, 1.0), "plain": np.ones_like}


def dft_lrp(relevance, signal, *, epsilon: float = 1e-6, sign: str = "keep") -> np.ndarray:
    """Return the relevance of each frequency of a whole signal.

    Parameters
    ----------
    relevance, signal : array_like, shape (..., n_samples)
        Relevance of each sample, in units of the explained output, and the samples that the network
        was given.
    epsilon : float
        Stabiliser, in units of the samples; not negative.
    sign : {"keep", "plain"}
        ``"keep"`` adds ``epsilon`` with the sign of the sample, so that nothing is ever divided by
        zero; ``"plain"`` adds it as it is, as the authors' program does, and fails where a sample
        is ``-epsilon``.

    Returns
    -------
    ndarray, shape (..., n_samples // 2 + 1), float64
        The frequencies are those of :func:`axes`. Sums to the relevance of the samples, less what
        ``epsilon`` keeps.

    Raises
    ------
    ParameterError
        If shapes differ, values are not finite, or a sample is ``-epsilon`` under ``sign="plain"``.

    Notes
    -----
    R_k = c_k Re(X_k conj(Y_k)) with X and Y the orthonormal transforms of x_n and of R_n / (x_n +
    epsilon); c_k counts the frequencies that a real signal has twice. Vielhaben et al. (2024)
    [vielhaben2024]. A sample that is exactly zero has no frequency to pass relevance to; LRP gives
    it none, a gradient might. Chapter: audible-explanations.
    """
    signal, ratio = _ratio(relevance, signal, epsilon, sign)
    return _cross(scipy.fft.rfft(signal), scipy.fft.rfft(ratio), signal.shape[-1])


def short_time_dft_lrp(
    relevance,
    signal,
    *,
    width: int,
    hop: int | None = None,
    window: str = "halfsine",
    bins: str = "window",
    epsilon: float = 1e-6,
    sign: str = "keep",
) -> np.ndarray:
    """Return the relevance of each frequency in each frame of a signal.

    Parameters
    ----------
    relevance, signal, epsilon, sign
        As for :func:`dft_lrp`.
    width, hop : int
        Length of a frame and distance of their starts, in samples; ``hop`` is half the width unless
        given, at most the width. The last frame is filled with zeros where it reaches beyond the
        signal.
    window : {"halfsine", "rectangle"}
    bins : {"window", "signal"}
        ``"window"``: every frame is transformed by itself, into ``width // 2 + 1`` frequencies. The
        result is about as large as the signal (once per overlap), nothing is larger, and relevance
        stays in its frame. ``"signal"``: the published layer, whose frames all have the ``n_samples
        // 2 + 1`` frequencies of the whole signal. Its result is that much larger (but nothing else
        is), and a frequency of one frame is a tone that lasts through the whole signal, so it also
        collects what lies outside its frame. The sums over a frame are the same.

    Returns
    -------
    ndarray, shape (..., freq, time), float64
        Sums to the relevance of the samples, less what ``epsilon`` keeps.

    Raises
    ------
    ParameterError
        As :func:`dft_lrp`, and if width or hop do not fit the signal or each other.

    Notes
    -----
    Each sample is the sum of its frames over the sum of their windows, W_n = sum_m w_m(n). So R_mk
    = c_k Re(X_mk conj(Y_mk)) with X_mk the transform of x_n w_m(n) and Y_mk that of r_n / W_n, r_n
    = R_n / (x_n + epsilon): cut to the frame for ``bins="window"``, whole for ``"signal"``.
    Vielhaben et al. (2024).
    """
    signal, ratio = _ratio(relevance, signal, epsilon, sign)
    n_samples, hop = signal.shape[-1], _checked_hop(width, hop, signal.shape[-1])
    n_frames = 1 + -(-(n_samples - width) // hop)
    beyond = (n_frames - 1) * hop + width - n_samples
    signal, ratio = (np.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, beyond)]) for a in (signal, ratio))
    shape = WINDOWS[check_choice(window, WINDOWS, "window of DFT-LRP")](width)
    total = np.zeros(signal.shape[-1])
    for frame in range(n_frames):
        total[frame * hop : frame * hop + width] += shape
    transform = _FRAMES[check_choice(bins, _FRAMES, "kind of bins")]
    return np.moveaxis(transform(signal, ratio / total, shape, hop, n_samples), -2, -1)


def short_time_map(
    relevance, signal, sample_rate: int, *, width: int, hop: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the relevance of each frequency in each frame for a picture, with its axes.

    Half a frame of silence stands before and behind the signal. Without it the first and the last
    samples lie under the foot of one window alone, by which their relevance is divided: a column of
    large values that cancel, which says nothing of the network.

    Arguments as for :func:`short_time_dft_lrp`, of one signal (T,).

    Returns
    -------
    map, freqs_hz, times_s : ndarray, shapes (freq, time), (freq,), (time,)
        The map sums to the relevance of the samples; times are the centres of the frames.
    """
    half = width // 2
    around = [np.pad(np.asarray(values, float), half) for values in (relevance, signal)]
    freqs_hz, times_s = axes(len(around[1]), sample_rate, width=width, hop=hop)
    map_ = short_time_dft_lrp(*around, width=width, hop=hop)
    return map_, freqs_hz, times_s - half / sample_rate


def axes(
    n_samples: int,
    sample_rate: int,
    *,
    width: int | None = None,
    hop: int | None = None,
    bins: str = "window",
) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies in Hz and the centres of the frames in seconds.

    Arguments as for :func:`short_time_dft_lrp`; without ``width`` those of :func:`dft_lrp`: one
    "frame", the signal.
    """
    whole = width is None
    width = n_samples if whole else width
    hop = width if whole else _checked_hop(width, hop, n_samples)
    n_bins = {"window": width, "signal": n_samples}[
        check_choice(bins, ["window", "signal"], "kind of bins")
    ]
    n_frames = 1 + -(-(n_samples - width) // hop)
    return scipy.fft.rfftfreq(n_bins, 1 / sample_rate), (
        np.arange(n_frames) * hop + (width - 1) / 2
    ) / sample_rate


def _cross(x: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Return c_k Re(x_k conj(y_k)) / n for half spectra of real signals of n samples."""
    twice = np.full(n // 2 + 1, 2.0 / n)
    twice[0] = 1.0 / n
    if n % 2 == 0:
        twice[-1] = 1.0 / n
    return twice * (x.real * y.real + x.imag * y.imag)


def _own_bins(signal, ratio, window, hop, n_samples):
    """Transform each frame by itself; (..., time, freq)."""

    def frames(values):
        return np.lib.stride_tricks.sliding_window_view(values, len(window), axis=-1)[..., ::hop, :]

    return _cross(
        scipy.fft.rfft(frames(signal) * window), scipy.fft.rfft(frames(ratio)), len(window)
    )


def _signal_bins(signal, ratio, window, hop, n_samples):
    """Transform each frame at its place in the silent rest of the signal, one at a time; (...,
    time, freq).
    """
    if signal.shape[-1] != n_samples:
        raise ParameterError(
            f"The bins of the signal need frames that fit it: {n_samples} samples, frames of "
            f"{len(window)} every {hop}."
        )
    y = scipy.fft.rfft(ratio)
    starts = range(0, n_samples - len(window) + 1, hop)
    result = np.empty((*signal.shape[:-1], len(starts), y.shape[-1]))
    for frame, start in enumerate(starts):
        alone = np.zeros_like(signal)
        alone[..., start : start + len(window)] = signal[..., start : start + len(window)] * window
        result[..., frame, :] = _cross(scipy.fft.rfft(alone), y, n_samples)
    return result


_FRAMES = {"window": _own_bins, "signal": _signal_bins}


def _checked_hop(width: int, hop: int | None, n_samples: int) -> int:
    hop = max(1, width // 2) if hop is None else hop
    if not (1 <= hop <= width <= n_samples):
        raise ParameterError(
            f"Frames need 1 <= hop <= width <= {n_samples} samples, got width {width}, hop {hop}."
        )
    return hop


def _ratio(relevance, signal, epsilon: float, sign: str) -> tuple[np.ndarray, np.ndarray]:
    """Return signal and relevance / (signal + epsilon), both (..., n_samples) in float64."""
    relevance, signal = (
        np.asarray(a.detach().cpu() if hasattr(a, "detach") else a, np.float64)
        for a in (relevance, signal)
    )
    if relevance.shape != signal.shape or signal.ndim == 0 or signal.size == 0:
        raise ParameterError(
            f"DFT-LRP needs a relevance for each sample, got {relevance.shape} and {signal.shape}."
        )
    if not (np.isfinite(relevance).all() and np.isfinite(signal).all()):
        raise ParameterError(
            "DFT-LRP needs finite values; relevance or signal hold NaN or infinite ones."
        )
    if epsilon < 0:
        raise ParameterError(f"epsilon must not be negative, got {epsilon!r}.")
    divisor = signal + epsilon * _STABILISED[
        check_choice(sign, _STABILISED, "sign of the stabiliser")
    ](signal)
    if (divisor[relevance != 0] == 0).any():
        raise ParameterError(
            "A sample with relevance cancels the stabiliser; use sign='keep' and an epsilon above "
            "0."
        )
    return signal, np.divide(relevance, divisor, out=np.zeros_like(signal), where=divisor != 0)


def waveforms(inputs: torch.Tensor, method: str) -> torch.Tensor:
    """Return inputs (batch, [1,] time) as they are, and refuse what is no waveform."""
    if not (inputs.ndim == 2 or (inputs.ndim == 3 and inputs.shape[1] == 1)):
        raise ParameterError(
            f"{method} is for waveforms (batch, 1, time), got inputs {tuple(inputs.shape)}."
        )
    return inputs


@method("dft-lrp", family="frequency", colour="#6699CC", marker="H", line=(0, (3, 1, 1, 1)))
def dft_lrp_of_band(
    model,
    inputs,
    target,
    *,
    epsilon: float = 1e-6,
    rule: str = "lrp-epsilon",
    low_hz: float = 0.0,
    high_hz: float | None = None,
    sample_rate: int = 8000,
    stabilizer: float = 1e-6,
    batch_size: int = 50,
) -> torch.Tensor:
    """Return the relevance of what each sample owes to a band of frequencies; all bands together
    give LRP itself.

    Parameters
    ----------
    epsilon : float
        Stabiliser of the LRP rules.
    rule : str
        LRP method that explains the samples.
    low_hz, high_hz : float
        The band, both ends included; by default everything up to half the sample rate.
    sample_rate : int
        Of the inputs, Hz.
    stabilizer : float
        ``epsilon`` of :func:`dft_lrp`, in units of the samples.

    Notes
    -----
    Sample n receives x_n^band from the band's frequencies in the virtual layer, so its relevance
    through them is x_n^band R_n / x_n. Summed over the clip this is the sum of :func:`dft_lrp` over
    the band. The relevance of the frequencies themselves does not have the shape of the inputs:
    hand R_n to :func:`dft_lrp`.
    """
    high_hz = sample_rate / 2 if high_hz is None else high_hz
    if not 0 <= low_hz <= high_hz:
        raise ParameterError(
            f"A band needs 0 <= low_hz <= high_hz, got {low_hz!r} and {high_hz!r}."
        )
    if not stabilizer > 0:
        raise ParameterError(f"stabilizer must be positive, got {stabilizer!r}.")
    propagate = find(rule, "lrp").function
    relevance = propagate(
        model, waveforms(inputs, "dft-lrp"), target, epsilon=epsilon, batch_size=batch_size
    ).double()
    samples = inputs.double()
    freqs_hz = torch.fft.rfftfreq(inputs.shape[-1], 1 / sample_rate, device=inputs.device)
    spectrum = torch.fft.rfft(samples) * ((freqs_hz >= low_hz) & (freqs_hz <= high_hz))
    band = torch.fft.irfft(spectrum, n=inputs.shape[-1])
    return (band * relevance / lrp.stabilize(samples, stabilizer)).to(inputs.dtype)
