"""Archives, cached pairs, checkpoints, weights, cards, YAML and tables, damaged or made to harm."""

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch

from benchmarks.faults import Try, flipped
from earwitness import cache, catalogue, corpora, models
from earwitness.corpora import archive
from earwitness.training import experiment, loop, recipes

ROOT = Path(__file__).parents[2]
TEXTS = {
    "empty": b"",
    "mapping": b"{}",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b"no such thing",
    "open": b"a: [1, {",
    "tabs": b"a:\n\t- b",
    "latin-1": b"a: \xfcber",
    "zeros": bytes(200),
    "nested": b"[" * 3000,
    "nested mapping": b"a: " * 300,
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "nan": b"a: .nan\nb: .inf",
    "twice": b"a: 1\na: 2\n",
    "anchor": b"a: &a [*a]",
    "tag": b"!!python/object/apply:os.abort []",
    "list of null": b"- null\n- null\n",
    "keys": b"? [1, 2]\n: 3\n1: {2: null}\n",
}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables, and give back what they were."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def damages(content: bytes, rng, n: int) -> Iterator[tuple[str, bytes]]:
    """Yield what files become: cut off, with other bytes, other things altogether."""
    for at in sorted(rng.integers(0, len(content), n)):
        yield f"cut off after {at}", content[:at]
    for k in range(n):
        yield f"damage {k}", flipped(content, rng, int(rng.integers(1, 5)))
    yield from TEXTS.items()


def archives(folder: Path, rng, n: int = 40) -> Iterator[Try]:
    """Archives that lead out of their folder, swell, or are damaged."""
    many = _tar([(str(k), b"") for k in range(200_001)], "")
    good = _zip({"a/1.txt": b"one" * 50, "a/2.txt": b"two" * 50})
    packed = {
        k: _tar({"a/1.txt": b"one" * 50, "a/2.txt": b"two" * 50}, k)
        for k in ("gz", "xz", "bz2", "")
    }
    names = ["../x", "/x", "a/../../x", "..\\x", "C:/x", "a/..", "x" * 300, "a\0b"]
    hostile = {f"zip with {name!r}"[:60]: lambda name=name: _zip({name: b"x"}) for name in names}
    hostile |= {
        f"tar with {name!r}"[:60]: lambda name=name: _tar({name: b"x"}, "") for name in names
    }
    hostile |= {
        f"tar with {kind} to {to}": lambda kind=kind, to=to: _tar({}, "", link=(kind, to))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
        for to in ("/etc/passwd", "../x", "a")
    }
    hostile |= {
        "zip bomb": lambda: _zip({"x": bytes(3 * 10**8)}),
        "tar.gz bomb": lambda: _tar({"x": bytes(3 * 10**8)}, "gz"),
        "tar of too many": lambda: many,
        "two of one name": lambda: _tar([("x", b"1"), ("x", b"2")], ""),
        "file as folder": lambda: _tar([("x", b"1"), ("x/y", b"2")], ""),
    }
    for name, make in hostile.items():
        yield _unpacking(folder, name, make)
    for ending, content in {"zip": good, **{f"tar.{k}": v for k, v in packed.items()}}.items():
        for what, bad in damages(content, rng, n):
            yield _unpacking(folder, f"{ending}, {what}", lambda bad=bad: bad)


def _unpacking(folder: Path, name: str, make: Callable[[], bytes]) -> Try:
    def act():
        shutil.rmtree(folder / "u", ignore_errors=True)
        (folder / "u" / "in").mkdir(parents=True)
        path = folder / "u" / "in" / "archive"
        path.write_bytes(make())
        archive.unpack(path, folder / "u" / "out")
        return {p.relative_to(folder / "u").parts[0] for p in (folder / "u").rglob("*")}

    return Try(name, act, lambda tops: tops <= {"in", "out"}, folder / "u")


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name) if len(content) == 1 else name, content)
    return out.getvalue()


def _tar(members, packing: str, link=None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{packing}", format=tarfile.PAX_FORMAT) as file:
        for name, content in dict(members).items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        if link:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = link
            file.addfile(info)
    return out.getvalue()


def cached_pairs(folder: Path, rng, n: int = 60) -> Iterator[Try]:
    """A result or its note damaged, of another specification, a folder: made again, right."""
    with environment(EARWITNESS_CACHE=str(folder)):
        path = _store(1)
        data, note = path.read_bytes(), path.with_name(path.name + ".json").read_bytes()
        other = _store(2)
        for which, whole in (("data", data), ("note", note)):
            target = path if which == "data" else path.with_name(path.name + ".json")
            for what, bad in damages(whole, rng, n):
                yield _storing(folder, f"{which}, {what}", lambda t=target, b=bad: t.write_bytes(b))
            yield _storing(folder, f"{which} is a folder", lambda t=target: (t.unlink(), t.mkdir()))
            yield _storing(folder, f"{which} is gone", target.unlink)
        yield _storing(
            folder,
            "pair of another specification",
            lambda: [
                shutil.copy(a, b) for a, b in ((other, path), (f"{other}.json", f"{path}.json"))
            ],
        )


def _store(number: int) -> Path:
    content = b"result %d " % number * 40
    return cache.stored("faults", {"number": number}, ".bin", lambda p: p.write_bytes(content))


def _storing(folder: Path, name: str, damage: Callable) -> Try:
    def act():
        with environment(EARWITNESS_CACHE=str(folder)):
            _store(1)
            damage()
            return _store(1).read_bytes()

    return Try(name, act, lambda content: content == b"result 1 " * 40, folder)


def checkpoints(folder: Path, rng, n: int = 25) -> Iterator[Try]:
    """A checkpoint that is damaged, of another run or no checkpoint: the weights as without it."""
    expected = _trained(folder / "whole")
    kept = _interrupted(folder / "run")
    other = torch.load(kept, weights_only=True)
    other["state_dict"] = {k: v + 1 for k, v in other["state_dict"].items()}
    torch.save(other, folder / "other.ckpt")
    torch.save({"a": torch.zeros(3)}, folder / "foreign.ckpt")
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, folder / "huge.ckpt")
    torch.save(np.float64, folder / "pickle.ckpt")
    bad = list(damages(kept.read_bytes(), rng, n))
    bad += [(path.stem, path.read_bytes()) for path in sorted(folder.glob("*.ckpt"))]
    for what, content in [("whole", kept.read_bytes()), *bad]:

        def act(content=content):
            _interrupted(folder / "run").write_bytes(content)
            return _trained(folder / "run")

        yield Try(
            what, act, lambda state: all(torch.equal(state[k], expected[k]) for k in expected)
        )


class _Stopped(Exception):
    """The run ends here."""


def _interrupted(folder: Path) -> Path:
    """Return the newest checkpoint of a run that ended after three of its four passes."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _trained(folder, n_batches_done=7)
    except _Stopped:
        return max(folder.rglob("*.ckpt"), key=lambda path: path.stat().st_mtime)
    raise AssertionError("the run was to be interrupted")


class _Small(experiment.Experiment):
    """Eight numbers, four passes of two batches; stopped at a batch of one's choice."""

    n_batches, n_epochs, every = 2, 4, 1

    def __init__(self, n_batches_done: int):
        recipe = vars(recipes.Recipe("adamw", 1e-2, 8))
        super().__init__(None, {"model": "Small", "seed": 0, "recipe": recipe}, {})
        self.n_batches_done, self.n_seen = n_batches_done, 0

    def keys(self, epoch):
        return iter([(0,), (1,)])

    def draw(self, number):
        return torch.full((4, 3), 1.0 + number), torch.zeros(4)

    def loss(self, network, batch):
        self.n_seen += 1
        if self.n_seen == self.n_batches_done:
            raise _Stopped
        return network(batch[0]).square().mean()

    def validate(self, network):
        return {}


def _trained(folder: Path, n_batches_done: int = 99) -> dict:
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    loop.train(_Small(n_batches_done), network, torch.device("cpu"), False, folder)
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def home(folder: Path) -> Path:
    """Return a copy of what a checkout knows: data, notebooks, table of contents, profiles."""
    target = folder / "home"
    if not target.exists():
        for part in ("data", "notebooks", "book"):
            shutil.copytree(ROOT / part, target / part)
        shutil.copy(ROOT / "_config.yml", target)
    return target


def yaml_files(folder: Path, rng, n: int = 25) -> Iterator[Try]:
    """Catalogue, published and recorded values, profiles, contents, notebooks, edited by hand."""
    from earwitness_book import records
    from earwitness_book.records import measurements
    from earwitness_book.runner import notebooks, profiles, site

    base = home(folder)
    profile = profiles._folder()
    readers = {
        base / "data/corpora.yaml": lambda: [catalogue.about(name) for name in catalogue.corpora()],
        base / "data/manifests/fsdd.sha256": lambda: catalogue.manifest("fsdd"),
        base / "data/published/audiomnist.yaml": lambda: records.scoreboard(),
        base / "data/recorded/audiomnist.yaml": lambda: [
            measurements.recorded("audiomnist"),
            records.scoreboard(),
        ],
        base / "book/_toc.yml": lambda: [site.chapters(), notebooks.toc_pages()],
        sorted((base / "notebooks/audiomnist").glob("*.ipynb"))[0]: lambda: [
            (each.title(), each.parameters) for each in notebooks.every()
        ],
    }
    if profile.is_relative_to(base):
        readers[profile / "demo.yaml"] = lambda: profiles.load("demo")
    for path, read in readers.items():
        whole = path.read_bytes()
        for what, bad in damages(whole, rng, n):
            yield _reading_damaged(base, path, bad, whole, what, read)


def _reading_damaged(base: Path, path: Path, bad: bytes, whole: bytes, what: str, read) -> Try:
    def act():
        with environment(EARWITNESS_HOME=str(base)):
            path.write_bytes(bad)
            try:
                return ("read", read())
            finally:
                path.write_bytes(whole)

    return Try(f"{path.relative_to(base)}, {what}", act, lambda value: value[0] == "read", base)


def weights(folder: Path, rng, n: int = 40) -> Iterator[Try]:
    """Shipped weights that are damaged: refused; their cards: refused, or read as they are."""
    base = home(folder)
    for ending, count in ((".pt", n), (".md", 3 * n)):
        path = base / "data/weights" / f"phone-cnn{ending}"
        whole = path.read_bytes()
        for what, bad in damages(whole, rng, count):
            one = _reading_damaged(
                base, path, bad, whole, what, lambda: models.pretrained("phone-cnn")
            )
            yield one if ending == ".md" else Try(one.name, one.act, folder=base)


def built_files(folder: Path, rng, n: int = 25) -> Iterator[Try]:
    """Executed notebooks of a build, which hold what they measured: empty, cut off, others."""
    from earwitness_book import records
    from earwitness_book.records import measurements
    from earwitness_book.runner import notebooks, site

    base = home(folder)
    with environment(EARWITNESS_HOME=str(base)):
        notebook = notebooks.find("audiomnist/pixel-flipping")
        path = site.folder("demo") / "executed" / f"{notebook.page}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.loads(notebook.source)
    kept = {"a": measurements.recorded("audiomnist")[0] | {"profile": "demo"}}
    content["metadata"]["earwitness"] = {"records": kept, "profile": "demo"}
    whole = json.dumps(content).encode()
    for what, bad in damages(whole, rng, n):
        yield _reading_damaged(
            base, path, bad, whole, what, lambda: site.executed("demo", notebook)
        )
    path.write_bytes(whole)
    for what, bad in damages(whole, rng, 2 * n):
        yield _reading_damaged(
            base, path, bad, whole, what, lambda: records.scoreboard(site.folder("demo"))
        )


def tables(folder: Path, rng, n: int = 60) -> Iterator[Try]:
    """Tables beside recordings: damaged ones are refused, or every clip keeps finite labels."""
    tone = 0.1 * np.sin(np.arange(320) / 5)
    own, aev, az = (folder / name for name in ("own", "aev", "az"))
    for path in [
        *(own / f"{k}.wav" for k in range(3)),
        *(az / "data" / s / f"0_{s}_1.wav" for s in ("01", "02")),
        *(aev / "all" / f"{g}01{v}.wav" for g in "mwbg" for v in ("ae", "iy")),
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone, 16000)
    ids = [f"{g}01{v}" for g in "mwbg" for v in ("ae", "iy")]
    (aev / "timedata.dat").write_text("\n".join(f"{name} 100.0 343.0 180.0 190.0" for name in ids))
    (aev / "vowdata.dat").write_text(
        "\n".join(f"{name} 243 174 0 2293 2752 4000 1 1" for name in ids)
    )
    (own / "labels.csv").write_text("path,word,speaker\n0.wav,yes,a\n1.wav,no,b\n2.wav,yes,c\n")
    (az / "metadata.txt").write_text("ID,0,Gender\n1,1,M\n2,1,F\n")
    for path, name, clips in (
        (own / "labels.csv", own, 3),
        (aev / "vowdata.dat", "aev", 8),
        (aev / "timedata.dat", "aev", 8),
        (az / "metadata.txt", "audiomnist_az", 2),
    ):
        root = None if name == own else path.parent
        whole = path.read_bytes()
        for what, bad in damages(whole, rng, n):
            one = _reading_damaged(
                folder,
                path,
                bad,
                whole,
                what,
                lambda name=name, root=root: corpora.load(name, root=root),
            )
            yield Try(one.name, one.act, lambda value, clips=clips: 0 < len(value[1]) <= clips)


def study_answers(folder: Path, rng, n: int = 60) -> Iterator[Try]:
    """Files of answers to the listening study: refused, or digits and outcomes that can be."""
    from earwitness_book.chapters import listening_study as study

    rows = [f"a,p{k},{k},i{k},{study.FORMATS[k % 4]},{k},{k % 3},{k},1.5" for k in range(9)]
    whole = "\n".join([",".join(study.COLUMNS), *rows]).encode()
    path = folder / "answers.csv"
    for what, bad in damages(whole, rng, n):
        one = _reading_damaged(
            folder, path, bad, whole, what, lambda: study.read_answers([folder / "answers.csv"])
        )
        yield Try(one.name, one.act, lambda value: value[1]["answer"].isin(range(10)).all())


KINDS = {
    "archives": archives,
    "cached pairs": cached_pairs,
    "checkpoints": checkpoints,
    "weights and cards": weights,
    "YAML, manifests, contents, notebooks": yaml_files,
    "executed notebooks of a build": built_files,
    "tables beside recordings": tables,
    "answers to the listening study": study_answers,
}
