"""MP3 files, frame by frame: whether the last one is whole, and how many there are.

An MP3 states its length in a frame of its own, if at all; libsndfile guesses where it does not, and
returns no more than it guessed. So the frames are counted, and one that says how many they are is
put in front of them.
"""

import io
import struct
from collections.abc import Callable

_KBPS_1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_LOW_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_KBPS_2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: _LOW_KBPS,
    3: _LOW_KBPS,
}
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_VERSION_1 = 3  # as the header writes it; 2 is version 2, 0 is 2.5


def frame_length(header: bytes) -> int:
    """Return the bytes of a frame from the first four of them; 0 if they begin none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or rate == 3 or not 0 < bit_rate < 15:
        return 0
    kbps = (_KBPS_1 if version == _VERSION_1 else _KBPS_2)[layer][bit_rate - 1]
    slots = 12 if layer == 1 else 72 if layer == 3 and version != _VERSION_1 else 144
    length = slots * 1000 * kbps // _RATES_HZ[version][rate] + padding
    return 4 * length if layer == 1 else length


def examine(content: bytes) -> Callable[[], io.BytesIO] | str | None:
    """Return what is wrong with an MP3 in words, or a function that returns it with a right count.

    Parameters
    ----------
    content : bytes
        From the first frame on, behind tags.

    Returns
    -------
    callable, str or None
        None if nothing is wrong.
    """
    lengths = _frames(content)
    if not lengths:
        return (
            "is not a sound file that can be read: it begins like an MP3 and holds no frame of one."
        )
    end, mark = sum(lengths), _mark(content, lengths[0])
    n_frames, stated = len(lengths) - (mark > 0), _stated(content, mark)
    if end > len(content) or content[end : end + 1] == b"\xff" or n_frames < stated:
        return (
            f"is cut off: after {n_frames:,} whole frames another begins or is due; fetch it again."
        )
    if n_frames == stated:
        return None
    frames = content[lengths[0] if mark else 0 : end]
    return lambda: io.BytesIO(_count(content[:4], n_frames, len(frames)) + frames)


def _frames(content: bytes) -> list[int]:
    """Return the lengths of the frames from the first on; the last may not be whole."""
    lengths, at = [], 0
    while length := frame_length(content[at : at + 4]):
        lengths.append(length)
        at += length
    return lengths


def _mark(content: bytes, length: int) -> int:
    """Return where the first frame says how many follow, 0 if it does not."""
    places = [content.find(name, 0, min(length, 64)) for name in (b"Xing", b"Info")]
    return max(0, *places)


def _stated(content: bytes, mark: int) -> int:
    has_count = mark and content[mark + 7 : mark + 8] and content[mark + 7] & 1
    return int.from_bytes(content[mark + 8 : mark + 12], "big") if has_count else 0


def _count(header: bytes, n_frames: int, n_bytes: int) -> bytes:
    """Return a frame without sound, like that of ``header``, which states these numbers."""
    first = bytearray(header)
    first[1] |= 1  # no checksum
    first[2] = first[2] & 0x0D | 0x80  # a bit rate at which a frame has room for the numbers
    frame = bytearray(frame_length(first))
    frame[:4] = first
    version_1, mono = first[1] >> 3 & 3 == _VERSION_1, first[3] >> 6 == 3
    numbers_at = (
        4
        + {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[
            version_1, mono
        ]
    )
    struct.pack_into(">4sIII", frame, numbers_at, b"Xing", 3, n_frames, n_bytes + len(frame))
    return bytes(frame)
