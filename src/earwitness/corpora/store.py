"""Find, fetch, verify and unpack the corpora that ``data/corpora.yaml`` describes."""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd
import pooch
import requests
from tqdm import tqdm

from earwitness import cache, catalogue, folders, former
from earwitness.arguments import checked
from earwitness.corpora.archive import move_in, move_in_file, unpack
from earwitness.errors import DamagedDataError, EarwitnessError, MissingDataError

MAX_DOWNLOAD_BYTES, MAX_DOWNLOAD_S = 8 * 10**9, 6 * 3600.0
_SILENCE_S = 30.0  # so long a server may send nothing
_SPEAKERS, _DIGITS, _REPETITIONS = range(1, 61), range(10), range(50)


def status() -> pd.DataFrame:
    """Return a row per corpus: corpus, present, files, size_mb, where, licence.

    ``present`` means that a folder with files is there; :func:`verify` tells whether they are the
    right ones.
    """
    return pd.DataFrame([_status_row(name, catalogue.about(name)) for name in catalogue.corpora()])


def _status_row(name: str, about: dict) -> dict:
    where, generated = catalogue.where(name), catalogue.is_generated(name)
    sizes = list(_sizes(where))
    return {
        "corpus": name,
        "present": generated or bool(sizes),
        "files": len(sizes),
        "size_mb": round(sum(sizes) / 1e6, 1),
        "where": str(where) if sizes else ("generated when needed" if generated else about["home"]),
        "licence": about["licence"],
    }


def _sizes(where: Path) -> Iterator[int]:
    for path in folders.walk(where)[0]:
        try:
            yield path.stat().st_size
        except FileNotFoundError:  # a download has just replaced it
            continue


@checked
def checks(name: str) -> str:
    """Return a sentence that says what :func:`verify` compares for this corpus."""
    about = catalogue.about(name)
    if about["manifest"]:
        return (
            f"The SHA-256 of each of {about['files']:,} files is compared with "
            f"data/manifests/{about['manifest']}."
        )
    if catalogue.is_generated(name):
        return "Generated clips are checked against the checksum noted when they were made."
    return "No checksums are known for this corpus; only its layout and metadata are checked."


@checked
def verify(name: str, root: str | Path | None = None, progress: bool = False) -> list[str]:
    """Return what is wrong with the files of a corpus, a sentence each; an empty list if nothing
    is.

    Raises
    ------
    MissingDataError
        If the corpus is not on this machine at all.
    """
    about, where = catalogue.about(name), catalogue.corpus_folder(name, root)
    if catalogue.is_generated(name):
        return [
            f"{path.name} is damaged; it will be made anew."
            for path in sorted(where.glob("*.np[yz]"))
            if not cache.intact(path)
        ]
    links = folders.walk(where)[1]
    if about["manifest"] is None:
        return links + _audiomnist_layout(where)
    upstream = where / about.get("inside", ".")
    return links + _compare(
        upstream if upstream.is_dir() else where,
        catalogue.manifest(name),
        about["size_bytes"],
        progress,
    )


def _compare(where: Path, expected: dict[str, str], size_bytes: int, progress: bool) -> list[str]:
    listed = tqdm(
        expected.items(),
        desc=f"Checking {where.name}",
        unit="file",
        disable=not progress,
        leave=False,
    )
    problems = [
        problem for path, checksum in listed if (problem := _problem(where / path, path, checksum))
    ]
    present = [where / path for path in expected if (where / path).is_file()]
    total = sum(path.stat().st_size for path in present)
    if total != size_bytes:
        problems.append(
            f"The {len(present):,} of {len(expected):,} listed files that are there have "
            f"{total:,} bytes, "
            f"not {size_bytes:,}."
        )
    return problems


def _problem(path: Path, listed_as: str, checksum: str) -> str:
    if not path.is_file():
        return f"{listed_as} is missing."
    if cache.file_digest(path) != checksum:
        return (
            f"{listed_as} is damaged: its {path.stat().st_size:,} bytes do not have the "
            "checksum of the manifest."
        )
    return ""


def _audiomnist_layout(where: Path) -> list[str]:
    data = where / "data" if (where / "data").is_dir() else where
    expected = (
        f"{s:02d}/{d}_{s:02d}_{r}.wav" for s in _SPEAKERS for d in _DIGITS for r in _REPETITIONS
    )
    problems = [
        f"{path} is {'empty' if (data / path).is_file() else 'missing'}."
        for path in expected
        if not (data / path).is_file() or (data / path).stat().st_size == 0
    ]
    return problems + _metadata_problems(data / "audioMNIST_meta.txt")


def _metadata_problems(path: Path) -> list[str]:
    if not path.is_file():
        return [f"{path.name} is missing."]
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        return [f"{path.name} is damaged: it is not JSON ({error})."]
    if not isinstance(known, dict):
        return [f"{path.name} is damaged: it is no table of speakers."]
    return [
        f"{path.name} has no entry for speaker {s:02d}."
        for s in _SPEAKERS
        if f"{s:02d}" not in known
    ]


@checked
def download(name: str, progress: bool = True) -> Path:
    """Fetch a corpus, check every file, and put it in its folder; nothing is left behind if that
    fails.

    A corpus that is there and intact is not fetched again. If some of its files are missing or
    damaged, they are replaced; files that the corpus does not have are left alone.

    Raises
    ------
    MissingDataError
        If an address cannot be reached.
    DamagedDataError
        If what arrives differs from its checksum or from the manifest.
    """
    about, where = catalogue.about(name), catalogue.where(name)
    if catalogue.is_generated(name):
        return where
    if not about["downloads"]:
        raise MissingDataError(f"{about['title']} is not downloaded from here: {about['note']}")
    lock = cache.directory("locks") / cache.digest({"download": str(where)})
    with cache.locked(lock), cache.storage(where):
        if not where.is_dir() or verify(name, where, progress):
            with _scratch_beside(where) as scratch:
                _fetch_all(name, about, scratch, progress)
                move_in(scratch / name, where)
    return where


def _fetch_all(name: str, about: dict, scratch: Path, progress: bool) -> None:
    content = scratch / name
    for item in about["downloads"]:
        into = content / item.get("into", ".")
        arrived = _fetch(item["url"], item["sha256"], scratch, progress)
        if item["unpack"]:
            unpack(arrived, into, below=item.get("below"))
        else:
            move_in_file(arrived, into / arrived.name)
        arrived.unlink(missing_ok=True)
    if problems := verify(name, content, progress):
        raise DamagedDataError(
            f"The download of {name} is not what was expected and was not kept. "
            f"Problems found: {len(problems)}. {' '.join(problems[:3])}"
        )


def _fetch(url: str, sha256: str | None, scratch: Path, progress: bool) -> Path:
    file_name = PurePosixPath(url).name
    logging.getLogger("pooch").setLevel(
        logging.WARNING
    )  # it would announce every file, and checksums not asked for
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=sha256,
                fname=file_name,
                path=scratch,
                downloader=partial(_stream, progress=progress),
            )
        )
    except requests.RequestException as error:
        raise MissingDataError(
            f"{url} could not be fetched ({error}). Check the network, or fetch it by other means "
            "and set EARWITNESS_DATA to the folder that holds it."
        ) from None
    except EarwitnessError:
        raise
    except ValueError as error:  # what pooch raises when the checksum differs
        raise DamagedDataError(
            f"What {url} delivers is not the file that was expected: {error}"
        ) from None


def _stream(url: str, output_file: str, _: object, progress: bool) -> None:
    """Write what an address delivers to a file, within limits of bytes and seconds.

    Raises
    ------
    DamagedDataError
        If it delivers more than ``MAX_DOWNLOAD_BYTES``.
    MissingDataError
        If it takes longer than ``MAX_DOWNLOAD_S``.
    """
    began, n = time.monotonic(), 0
    with (
        requests.get(url, stream=True, timeout=_SILENCE_S) as response,
        open(output_file, "wb") as file,
    ):
        response.raise_for_status()
        total = int(response.headers.get("content-length") or 0) or None
        with tqdm(
            total=total,
            desc=PurePosixPath(url).name,
            unit="B",
            unit_scale=True,
            disable=not progress,
        ) as bar:
            for block in response.iter_content(1 << 16):
                n += len(block)
                if n > MAX_DOWNLOAD_BYTES:
                    raise DamagedDataError(
                        f"{url} delivers more than {MAX_DOWNLOAD_BYTES:,} bytes; no corpus has so "
                        "many."
                    )
                if time.monotonic() - began > MAX_DOWNLOAD_S:
                    raise MissingDataError(
                        f"{url} was given up after {MAX_DOWNLOAD_S:,.0f} s; {n:,} bytes had come."
                    )
                bar.update(file.write(block))


@contextmanager
def _scratch_beside(where: Path) -> Iterator[Path]:
    """Yield a folder on the same disk as ``where``, removed at the end (and first, if a killed
    process left it).
    """
    scratch = where.parent / f".{where.name}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


__getattr__ = former.names_of(__name__)
