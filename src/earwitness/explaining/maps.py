"""Relevance of a whole corpus, streamed into one zarr store that xarray opens."""

import json
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from earwitness import __version__, attribution, cache, runtime
from earwitness.attribution import registry
from earwitness.audio import resample
from earwitness.corpora import Clip, Corpus
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError, check_number
from earwitness.explaining.networks import Network, Prepared
from earwitness.explaining.request import fitted, index_of, logits_of

_DIMENSIONS = "_ARRAY_DIMENSIONS"  # where xarray looks for the names of axes in zarr's format 2
_PER_CLIP = ("clip",)


@dataclass(frozen=True)
class CorpusMaps:
    """What is asked of a corpus: one network, one target, one or several methods.

    Attributes
    ----------
    corpus : Corpus
    network : Network
    methods : sequence of str
        Names of :func:`earwitness.attribution.methods`.
    target : int, str or pair
        Output to explain: its number, its class, ``"predicted"`` (of each clip), or ``"a-b"``.
    output : str, int or callable, optional
        Which of several outputs, as for :func:`earwitness.attribution.attribute`.
    options : mapping
        For each method by name, its own options.
    batch : int
        Clips at a time; also the chunks of the store.
    """

    corpus: Corpus
    network: Network
    methods: Sequence[str]
    target: object = "predicted"
    output: object = None
    options: Mapping[str, Mapping] = field(default_factory=dict)
    batch: int = 16

    def __post_init__(self):
        check_number("batch", self.batch, 1, 100_000, whole=True)
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ParameterError("Name at least one method, and none twice.")
        for method in self.methods:
            registry.find(method)
        if "predicted-" in str(self.target) or "-predicted" in str(self.target):
            raise ParameterError(
                "A contrast over a corpus has the same two outputs in every clip; name both."
            )

    @property
    def n_chunks(self) -> int:
        """How many batches the corpus is."""
        return -(-len(self.corpus) // self.batch)

    @cached_property
    def first(self) -> Prepared:
        """The input of the first clip, whose shape all others have."""
        if not len(self.corpus):
            raise MissingDataError(f"The corpus {self.corpus.name} has no clip.")
        return self.network.prepare(self.part(self.corpus[0]))

    def part(self, clip: Clip) -> np.ndarray:
        """Return what of a clip the network takes, at its rate."""
        samples = resample(clip.samples, clip.sample_rate, self.network.sample_rate)
        return fitted(samples, self.network.n_samples)[0]

    @cached_property
    def specification(self) -> dict:
        """All that the numbers in the store depend on."""
        front_end = self.network.front_end
        return {
            "corpus": self.corpus.name,
            "recordings": self.corpus.fingerprint(),
            "network": self.network.name,
            "weights": self.network.digest,
            "sample_rate_hz": self.network.sample_rate,
            "front_end": front_end if isinstance(front_end, str) else front_end.__name__,
            "n_samples": self.network.n_samples,
            "methods": list(self.methods),
            "options": {name: dict(self.options.get(name, {})) for name in self.methods},
            "target": str(self.target),
            "output": str(self.output),
            "batch": self.batch,
            "version": __version__,
        }


def attribute_corpus(asked: CorpusMaps, out: str | Path, part: tuple[int, int] = (1, 1)) -> Path:
    """Explain every clip of a corpus and write the maps batch by batch; what is there is kept.

    Parameters
    ----------
    asked : CorpusMaps
    out : path
        Folder of the store, ``maps.zarr``: ``relevance`` (attribution, clip, and the axes of the
        input), ``logits`` (clip, output), ``explained`` (clip), ``relevance_sum`` and ``absorbed``
        (attribution, clip; absorbed by biases and stabilisers, NaN for methods without that
        ledger), ids and labels. Maps that are not computed yet are NaN.
    part : (int, int)
        ``(2, 8)`` computes the second of eight shares; the others may run at the same time,
        elsewhere too.

    Returns
    -------
    Path
        ``out``. ``xarray.open_zarr(out).relevance.sel(attribution="lrp-epsilon")`` reads it back.

    Raises
    ------
    ParameterError
        If clips differ in shape, or ``out`` holds other maps.
    """
    number, n_parts = part
    check_number("the number of parts", n_parts, 1, 100_000, whole=True)
    check_number("part", number, 1, n_parts, whole=True)
    out = Path(out).expanduser()
    with cache.storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        store = _opened(asked, out)
        mine = np.arange(number - 1, asked.n_chunks, n_parts)  # the same whoever starts first
        missing = mine[store["done"][:][mine] == 0]
        for chunk in runtime.progress(missing, f"batches of {asked.batch} clips"):
            _fill(asked, store, int(chunk))
    return out


def _zarr():
    try:
        import xarray  # noqa: F401  (both are needed, and come together)
        import zarr
    except ImportError:
        raise MissingDataError(
            "Maps of a whole corpus are written with zarr and xarray, which are not installed: "
            'pip install "earwitness[maps]".'
        ) from None
    return zarr


def _opened(asked: CorpusMaps, out: Path):
    """Return the store, made where there is none; refuse one that holds something else."""
    zarr = _zarr()
    with cache.locked(out):
        if not out.exists():
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
                _make(asked, Path(scratch) / "maps")
                os.replace(Path(scratch) / "maps", out)
        try:
            store = zarr.open_group(out, mode="r+")
            theirs = json.loads(store.attrs["specification"])
        except (OSError, KeyError, ValueError) as error:
            raise DamagedDataError(
                f"{out} holds no maps of a corpus that can be read ({error}). Remove it, or give "
                "another --out."
            ) from None
    ours = json.loads(_text(asked.specification))
    if different := [name for name in ours if theirs.get(name) != ours[name]]:
        raise ParameterError(
            f"{out} holds other maps: its {', '.join(different)} differ. Give another --out, or "
            "remove it."
        )
    return store


def _text(specification: dict) -> str:
    return json.dumps(specification, default=str)


def _make(asked: CorpusMaps, out: Path) -> None:
    """Write names, axes and empty arrays."""
    import xarray

    zarr, prepared, n_clips = _zarr(), asked.first, len(asked.corpus)
    shape, axes = tuple(prepared.inputs.shape[1:]), _axes(prepared)
    names = {"attribution": list(asked.methods), **_labels(asked.corpus)}
    coordinates = {
        name: (("attribution",) if name == "attribution" else _PER_CLIP, values)
        for name, values in names.items()
    }
    coordinates |= _positions(asked, prepared)
    attributes = {
        "title": f"What {asked.network.name} uses in {asked.corpus.name}",
        "specification": _text(asked.specification),
        "source": f"earwitness {__version__}",
    }
    xarray.Dataset(coords=coordinates, attrs=attributes).to_zarr(
        out, mode="w", zarr_format=2, consolidated=False
    )
    store = zarr.open_group(out, mode="r+")
    n_outputs = logits_of(asked.network, asked.output, prepared.inputs).shape[-1]
    n_methods, batch, missing = len(asked.methods), min(asked.batch, n_clips), np.nan

    def array(name, shape, chunks, dimensions, dtype="f4", fill=missing, unit="1", what=""):
        made = store.create_array(name, shape=shape, chunks=chunks, dtype=dtype, fill_value=fill)
        made.attrs.update({_DIMENSIONS: list(dimensions), "units": unit, "long_name": what})

    array("relevance", (n_methods, n_clips, *shape), (1, batch, *shape),
          ("attribution", "clip", *axes), what="relevance, shaped as the input")  # fmt: skip
    array("logits", (n_clips, n_outputs), (batch, n_outputs), ("clip", "output"), what="outputs")
    array("explained", (n_clips,), (batch,), _PER_CLIP, "f8", what="output that is explained")
    for name, what in (("relevance_sum", "sum of the map"), ("absorbed", "explained less the sum")):
        array(name, (n_methods, n_clips), (1, batch), ("attribution", "clip"), "f8", what=what)
    array("done", (asked.n_chunks,), (1,), ("batch",), "u1", fill=None, what="batch is written")
    store["done"][:] = 0  # without a fill value, which xarray would read as a missing one
    zarr.consolidate_metadata(store.store)


def _axes(prepared: Prepared) -> tuple[str, ...]:
    """Return the names of the input's axes behind the batch."""
    known = ("time",) if prepared.of_samples else ("frequency", "time")
    n_before = prepared.inputs.ndim - 1 - len(known)
    return tuple("channel" if i == 0 else f"axis_{i}" for i in range(n_before)) + known


def _positions(asked: CorpusMaps, prepared: Prepared) -> dict:
    """Return the seconds and hertz of the map's columns and rows, as far as they are known."""
    times_s = prepared.times_s
    if prepared.of_samples:
        times_s = np.arange(prepared.inputs.shape[-1]) / asked.network.sample_rate
    known = {"time": (times_s, "s"), "frequency": (prepared.freqs_hz, "Hz")}
    return {
        name: ((name,), values, {"units": unit})
        for name, (values, unit) in known.items()
        if values is not None
    }


def _labels(corpus: Corpus) -> dict[str, list]:
    """Return ids and labels of all clips; what is no number is text."""
    columns = {"id": corpus.table["id"].astype(str).tolist()}
    for name in corpus.table.columns.difference(["id", "path"]):
        values = corpus.table[name]
        numeric = values.to_numpy().dtype.kind in "biuf"
        columns[str(name)] = values.tolist() if numeric else values.astype(str).tolist()
    return columns


def _inputs(asked: CorpusMaps, rows: range) -> torch.Tensor:
    """Return the clips of a batch as inputs, all of one shape."""
    found = []
    for row in rows:
        inputs = asked.network.prepare(asked.part(asked.corpus[row])).inputs
        if inputs.shape != asked.first.inputs.shape:
            raise ParameterError(
                f"Clip {asked.corpus.table['id'].iloc[row]!r} makes an input {tuple(inputs.shape)}"
                f", the first one {tuple(asked.first.inputs.shape)}; one store has maps of one "
                "shape. Give the length that the network takes (--samples)."
            )
        found.append(inputs)
    return torch.cat(found)


def _fill(asked: CorpusMaps, store, chunk: int) -> None:
    """Compute and write one batch; it counts as done when all of it is written."""
    rows = range(chunk * asked.batch, min((chunk + 1) * asked.batch, len(asked.corpus)))
    inputs, place = _inputs(asked, rows), slice(rows.start, rows.stop)
    logits = logits_of(asked.network, asked.output, inputs)
    target = index_of(asked.target, asked.network.classes, logits[0])
    if str(asked.target) == "predicted":
        target = logits.argmax(1).tolist()
    explained = _value(logits, target)
    for number, method in enumerate(asked.methods):
        with warnings.catch_warnings():
            warnings.simplefilter("once")
            relevance = attribution.attribute(
                asked.network.model, inputs, target, method, output=asked.output,
                **asked.options.get(method, {}),
            )  # fmt: skip
        total = relevance.flatten(1).double().sum(1).cpu().numpy()
        store["relevance"][number, place] = relevance.float().cpu().numpy()
        store["relevance_sum"][number, place] = total
        if registry.find(method).family == "lrp":
            store["absorbed"][number, place] = explained - total
    store["logits"][place], store["explained"][place] = logits.numpy(), explained
    store["done"][chunk] = 1


def _value(logits: torch.Tensor, target) -> np.ndarray:
    """Return the explained output of each clip, or the difference of two."""
    if isinstance(target, tuple):
        return (logits[:, target[0]] - logits[:, target[1]]).numpy()
    columns = torch.as_tensor(target).expand(len(logits))
    return logits.gather(1, columns[:, None])[:, 0].numpy()
