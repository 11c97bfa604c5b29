"""Sound files judged by what their containers promise: whether every sample is there.

libsndfile reads what is there of a truncated file without a word, and believes the sizes that a
pipe leaves in a header. So what is promised is compared with what is there before a file is read.
"""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from earwitness import mpeg
from earwitness.errors import AudioError

_LEAST_UNKNOWN = (
    0x7F000000  # pipes write 0x7FFFF000, 0x80000000, 0xFFFFFFFF; no clip of ours is that long
)
_MOST_CHUNKS = 10_000
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_W64_RIFF = b"riff" + bytes.fromhex("2e91cf11a5d628db04c10000")


@dataclass(frozen=True)
class Extent:
    """Where the samples lie in a file, in bytes.

    Attributes
    ----------
    start, promised : int
        Where they begin, and how many bytes of them the header states.
    fields : tuple of (int, str, int)
        Offset, struct format and what to add to the bytes of samples, of every size in the header:
        to put them right where the writer did not know them.
    ends_in_chunks : bool
        Whether chunks may follow: then a promise of 0 bytes can be true.
    trim : bool
        Whether libsndfile takes what follows the samples for samples.
    """

    start: int
    promised: int
    fields: tuple = ()
    ends_in_chunks: bool = False
    trim: bool = False


def complete(path: Path) -> Path | io.BytesIO:
    """Return what to read the sound file from: ``path``, or its content with the sizes put right.

    Raises
    ------
    AudioError
        If samples are missing, or it is of a kind for which that cannot be told.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        try:
            found = _examine(file, size)
        except struct.error:
            raise AudioError(f"{path} is cut off within its header; fetch it again.") from None
        if isinstance(found, str):
            raise AudioError(f"{path} {found}")
        if found is None:
            return path
        file.seek(0)
        return found() if callable(found) else _by_extent(path, file, size, found)


def _examine(file, size: int) -> Extent | Callable | str | None:
    """Return the samples' extent, what puts them right, what is wrong, or None if all is well."""
    head = file.read(16)
    for magic, examine in _KINDS.items():
        if head.startswith(magic):
            return examine(file, size)
    if mpeg.frame_length(head):
        return _mpeg(file, size)
    return (
        "is not a sound file that can be read: WAV (RIFF, RIFX, RF64), W64, AIFF, AU, CAF, "
        "SPHERE, FLAC, Ogg and MP3 are."
    )


def _by_extent(path: Path, file, size: int, extent: Extent) -> Path | io.BytesIO:
    there = max(size - extent.start, 0)
    known = 0 < extent.promised < _LEAST_UNKNOWN or there == 0 or _only_chunks(file, extent, size)
    if known and extent.promised > there:
        raise AudioError(
            f"{path} is cut off: {there:,} of {extent.promised:,} bytes of samples are there; "
            "fetch it again."
        )
    if known and not (extent.trim and extent.promised < there):
        return path
    file.seek(0)
    content = bytearray(file.read(extent.start + extent.promised if known else -1))
    for offset, form, more in () if known else extent.fields:
        struct.pack_into(form, content, offset, there + more)
    return io.BytesIO(content)


def _only_chunks(file, extent: Extent, size: int) -> bool:
    """Tell whether only well-formed chunks stand where samples would begin: then there are none."""
    if extent.promised or not extent.ends_in_chunks:
        return False
    order, at = extent.fields[0][1][0], extent.start
    while at + 8 <= size:
        name, length = _unpack(file, at, f"{order}4sI")
        if not name.isascii() or not name.decode().isprintable():
            return False
        at += 8 + length + length % 2
    return size <= at <= size + 1


def _unpack(file, at: int, form: str) -> tuple:
    file.seek(at)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _chunk(file, size: int, at: int, form: str, wanted: bytes, header: int = 0, align: int = 2):
    """Return where the wanted chunk's content begins and its size, which may count its header."""
    for _ in range(_MOST_CHUNKS):
        if at + struct.calcsize(form) > size:
            break
        name, length = _unpack(file, at, form)
        if name == wanted:
            return at + struct.calcsize(form), length - header
        at += max(struct.calcsize(form) - header + length, 1)
        at += -at % align
    return None


_NO_SAMPLES = "is cut off before its samples, or has none; fetch it again."


def _riff(file, size: int) -> Extent | str:
    order = ">" if _unpack(file, 0, "4s")[0] == b"RIFX" else "<"
    if (found := _chunk(file, size, 12, f"{order}4sI", b"data")) is None:
        return _NO_SAMPLES
    start, promised = found
    fields = ((start - 4, f"{order}I", 0), (4, f"{order}I", start - 8))
    return Extent(start, promised, fields, ends_in_chunks=True, trim=True)


def _rf64(file, size: int) -> Extent | str:
    if (found := _chunk(file, size, 12, "<4sI", b"data")) is None:
        return _NO_SAMPLES
    start, promised = found
    if promised == 0xFFFFFFFF and (wide := _chunk(file, size, 12, "<4sI", b"ds64")):
        return Extent(
            start,
            _unpack(file, wide[0] + 8, "<Q")[0],
            ((wide[0] + 8, "<Q", 0), (wide[0], "<Q", start - 8)),
        )
    return Extent(start, promised, ((start - 4, "<I", 0),))


def _w64(file, size: int) -> Extent | str:
    if (found := _chunk(file, size, 40, "<16sQ", b"data" + _W64_TAIL, header=24, align=8)) is None:
        return _NO_SAMPLES
    return Extent(
        found[0], max(found[1], 0), ((found[0] - 8, "<Q", 24), (16, "<Q", found[0])), trim=True
    )


def _aiff(file, size: int) -> Extent | str:
    if (found := _chunk(file, size, 12, ">4sI", b"SSND")) is None:
        return _NO_SAMPLES
    start, promised = found
    return Extent(start, promised, ((start - 4, ">I", 0), (4, ">I", start - 8)))


def _caf(file, size: int) -> Extent | str:
    if (found := _chunk(file, size, 8, ">4sQ", b"data", align=1)) is None:
        return _NO_SAMPLES
    return Extent(found[0], found[1], ((found[0] - 8, ">Q", 0),))


def _au(file, size: int) -> Extent:
    order = ">" if _unpack(file, 0, "4s")[0] == b".snd" else "<"
    start, promised = _unpack(file, 4, f"{order}II")
    return Extent(start, promised, ((8, f"{order}I", 0),), trim=True)


def _sphere(file, size: int) -> Extent | str:
    file.seek(0)
    head = file.read(4096).decode("latin-1")
    fields = dict(
        line.split(maxsplit=2)[::2]
        for line in head.split("end_head")[0].splitlines()
        if len(line.split(maxsplit=2)) == 3
    )
    coding = fields.get("sample_coding", "pcm").strip()
    if coding not in ("pcm", "ulaw", "mu-law", "alaw"):
        return (
            f"is a SPHERE file with the coding {coding!r}, which cannot be read here; convert it, "
            "for instance with `sph2pipe -f wav`."
        )
    defaults = {"sample_count": "", "sample_n_bytes": "2", "channel_count": "1"}
    numbers = [head[8:16], *(fields.get(name, default) for name, default in defaults.items())]
    if not all(number.strip().isdecimal() for number in numbers):
        return "is a SPHERE file whose header does not say how many samples it has."
    start, count, width, channels = (int(number) for number in numbers)
    return Extent(start, count * width * channels, trim=True)


def _flac(file, size: int) -> None:
    """Find nothing: the decoder notices a missing end, the reader that samples are missing."""


def _ogg(file, size: int) -> str | None:
    at, last = 0, False
    while at + 27 <= size and _unpack(file, at, "4s")[0] == b"OggS":
        kind, n_segments = _unpack(file, at + 5, "B20xB")
        last = bool(kind & 4)
        file.seek(at + 27)
        lengths = file.read(n_segments)
        at += 27 + n_segments + sum(lengths)
        if len(lengths) < n_segments or at > size:
            last = False
            break
    return None if last else "is cut off: its stream has no end; fetch it again."


def _behind_id3(file, size: int) -> int:
    """Return where the sound begins behind the tags in front of it."""
    at = 0
    while at + 10 <= size and _unpack(file, at, "3s")[0] == b"ID3":
        flags, a, b, c, d = _unpack(file, at + 5, "B4B")
        at += 10 + (a << 21 | b << 14 | c << 7 | d) + 10 * bool(flags & 0x10)
    return at


def _mpeg(file, size: int) -> Callable | str | None:
    start = _behind_id3(file, size)
    file.seek(start)
    content = file.read()
    return None if content[:4] == b"fLaC" else mpeg.examine(content)


_KINDS = {
    b"RIFF": _riff,
    b"RIFX": _riff,
    b"RF64": _rf64,
    b"BW64": _rf64,
    _W64_RIFF: _w64,
    b"FORM": _aiff,
    b".snd": _au,
    b"dns.": _au,
    b"caff": _caf,
    b"NIST_1A": _sphere,
    b"fLaC": _flac,
    b"OggS": _ogg,
    b"ID3": _mpeg,
}
