"""Speech through codecs: coded and decoded in memory, at the codec's own rate, aligned with what
went in.
"""

import io
from dataclasses import dataclass
from numbers import Integral

import av
import numpy as np
import soundfile
import soxr
from scipy.signal import correlate

from earwitness.arguments import checked
from earwitness.audio import check_rate, check_samples
from earwitness.errors import ParameterError, check_choice

_MOST_DELAY_S = 0.1


@dataclass(frozen=True)
class Codec:
    """A codec: ``rate`` of its speech in Hz; ``subtype`` of libsndfile or ``encoder`` and
    ``decoder`` of FFmpeg.
    """

    rate: int
    subtype: str = ""
    container: str = "WAV"
    encoder: str = ""
    decoder: str = ""
    sample_format: str = "s16"
    options: tuple = ()


CODECS = {
    "g711-mu": Codec(8000, "ULAW"),
    "g711-a": Codec(8000, "ALAW"),
    "g721": Codec(8000, "G721_32", "AU"),
    "ima-adpcm": Codec(8000, "IMA_ADPCM"),
    "gsm": Codec(8000, "GSM610"),
    "amr-nb": Codec(8000, encoder="libopencore_amrnb", decoder="amrnb"),
    "g722": Codec(16000, encoder="g722", decoder="g722"),
    "opus": Codec(16000, encoder="libopus", decoder="libopus", options=(("application", "voip"),)),
    "mp3": Codec(16000, encoder="libmp3lame", decoder="mp3float", sample_format="s16p"),
}


@checked
def through_codec(
    samples: np.ndarray, sample_rate: int, codec: str, bit_rate: int = 0
) -> np.ndarray:
    """Return what a codec leaves of speech, (T,) as the input and aligned with it.

    Parameters
    ----------
    samples : ndarray, shape (T,)
        In [-1, 1]; what is louder is clipped, as any codec does.
    sample_rate : int
        Hz; resampled to the codec's rate and back.
    codec : str
        A key of ``CODECS``.
    bit_rate : int
        Bits a second, where the codec has a choice; 0: its only or default rate.

    Raises
    ------
    UnknownNameError
        If there is no such codec.
    AudioError
        If the samples are not floats (T,), finite, at least one, a minute at most.
    ParameterError
        If ``bit_rate`` is no integer >= 0, or one that the codec does not know.

    Notes
    -----
    libsndfile has G.711, GSM 06.10, G.721 and IMA ADPCM; FFmpeg (through PyAV) AMR narrowband,
    G.722, Opus and MP3. Frames of a codec delay its output: the shift with the largest
    cross-correlation, at most 0.1 s, is undone.
    """
    kind, sample_rate = CODECS[check_choice(codec, CODECS, "codec")], check_rate(sample_rate)
    samples = np.clip(check_samples(samples, sample_rate, may_be_silent=True), -1, 1)
    if isinstance(bit_rate, bool) or not isinstance(bit_rate, Integral) or bit_rate < 0:
        raise ParameterError(
            f"bit_rate must be an integer >= 0 (0: the codec's own), got {bit_rate!r}."
        )
    narrow = soxr.resample(samples, sample_rate, kind.rate) if sample_rate != kind.rate else samples
    narrow = np.clip(narrow, -1, 1)  # resampling overshoots; libsndfile wraps that, or crashes
    coded = _by_libsndfile(narrow, kind) if kind.subtype else _by_ffmpeg(narrow, kind, bit_rate)
    back = soxr.resample(coded, kind.rate, sample_rate) if sample_rate != kind.rate else coded
    return aligned(back, samples, int(_MOST_DELAY_S * sample_rate)).astype(np.float32)


@checked
def aligned(late: np.ndarray, reference: np.ndarray, most: int) -> np.ndarray:
    """Return ``late`` shifted by at most ``most`` samples to where it correlates best, as long as
    ``reference``.

    What the shift leaves open is zero.
    """
    padded = np.zeros(len(reference) + most)
    n = min(len(late), len(padded))
    padded[:n] = late[:n]
    delay = int(np.argmax(correlate(padded, reference, "valid", "fft")))
    return padded[delay : delay + len(reference)]


def _by_libsndfile(samples: np.ndarray, kind: Codec) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, samples, kind.rate, subtype=kind.subtype, format=kind.container)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def _by_ffmpeg(samples: np.ndarray, kind: Codec, bit_rate: int) -> np.ndarray:
    encoder = av.CodecContext.create(kind.encoder, "w")
    encoder.sample_rate, encoder.layout, encoder.format = kind.rate, "mono", kind.sample_format
    encoder.options = dict(kind.options)
    if bit_rate:
        encoder.bit_rate = bit_rate
    try:
        encoder.open()
    except av.error.FFmpegError:
        raise ParameterError(
            f"The codec {kind.encoder} does not open with a bit_rate of {bit_rate}."
        ) from None
    packets = [
        packet for frame in _frames(samples, encoder, kind) for packet in encoder.encode(frame)
    ]
    decoder = av.CodecContext.create(kind.decoder, "r")
    decoder.sample_rate, decoder.layout = kind.rate, "mono"
    decoded = [
        frame
        for packet in [*packets, *encoder.encode(None), None]
        for frame in decoder.decode(packet)
    ]
    pieces = [_as_float(frame) for frame in decoded]
    rate = decoded[0].sample_rate  # Opus decodes to 48 kHz, whatever went in
    joined = np.concatenate(pieces)
    return soxr.resample(joined, rate, kind.rate) if rate != kind.rate else joined


def _frames(samples: np.ndarray, encoder, kind: Codec):
    size = encoder.frame_size or kind.rate // 50
    whole = np.zeros(
        -(-len(samples) // size) * size + 4 * size, np.int16
    )  # the rest pushes a delayed end out
    whole[: len(samples)] = np.clip(np.round(samples * 32767), -32768, 32767)
    for start in range(0, len(whole), size):
        frame = av.AudioFrame.from_ndarray(
            whole[None, start : start + size], kind.sample_format, "mono"
        )
        frame.sample_rate, frame.pts = kind.rate, start
        yield frame


def _as_float(frame) -> np.ndarray:
    values = frame.to_ndarray()[0]
    return values / 32768 if values.dtype == np.int16 else values
