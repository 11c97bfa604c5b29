"""Explaining every clip of a corpus to a network of any origin."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.options import (
    FrontEnd,
    Model,
    Output,
    Parameters,
    SampleRate,
    Samples,
    Target,
    Weights,
    number_or_name,
    typed_values,
)
from earwitness.cli.train import corpus_options
from earwitness.errors import EarwitnessError, ParameterError


def attribute(
    corpus: Annotated[
        str, typer.Argument(help="A corpus by name, module:Class, or a folder of sound files.")
    ],
    model: Model,
    out: Annotated[
        Path, typer.Option(metavar="MAPS.zarr", help="Where the maps are written, batch by batch.")
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(help="One of earwitness.attribution.methods(); may be given several times."),
    ] = None,
    target: Target = "predicted",
    weights: Weights = None,
    sample_rate: SampleRate = None,
    front_end: FrontEnd = None,
    samples: Samples = None,
    output: Output = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the corpus.")
    ] = None,
    parameter: Parameters = None,
    batch: Annotated[int, typer.Option(min=1, help="Clips at a time, and in a chunk.")] = 16,
    workers: Annotated[int, typer.Option(min=1, help="Processes at once on this machine.")] = 1,
    part: Annotated[
        str, typer.Option(metavar="I/N", help="Only the I-th of N shares; the rest runs elsewhere.")
    ] = "1/1",
) -> None:
    """Explain every clip of a corpus: maps, predictions and ledger in one store for xarray.

    Whatever was computed before it was stopped is kept; the same command goes on.

    Examples: `earwitness attribute fsdd --model mynet:Net --weights net.pt --method lrp-epsilon
    --out maps.zarr`, `earwitness attribute recordings/ --model phone-cnn --samples 4000 --method
    lrp-epsilon --method gradient-x-input --workers 2 --out maps.zarr`
    """
    share, methods = _share(part), method or ["lrp-epsilon"]
    from earwitness import corpora, explaining, runtime
    from earwitness.explaining.maps import CorpusMaps, attribute_corpus

    runtime.tune()
    network = explaining.find(
        model, weights=weights, sample_rate=sample_rate, front_end=front_end, n_samples=samples
    )
    asked = CorpusMaps(
        corpora.load(corpus, **corpus_options(option or [])),
        network,
        methods,
        target,
        number_or_name(output),
        _of_methods(methods, parameter),
        batch=batch,
    )
    if workers > 1 and share == (1, 1):
        attribute_corpus(asked, out, (1, max(asked.n_chunks, 1)))  # makes the store, one batch
        _together(workers)
    else:
        attribute_corpus(asked, out, share)
    typer.echo(out)


def _of_methods(methods: list[str], pairs: list[str] | None) -> dict[str, dict]:
    """Return the options of each method, out of those that were given for all."""
    from earwitness import attribution

    given = typed_values(pairs)
    known = {name: set(attribution.options(name)) for name in methods}
    if unknown := sorted(set(given).difference(*known.values())):
        raise ParameterError(f"None of {', '.join(methods)} has an option {', '.join(unknown)}.")
    return {
        name: {key: given[key] for key in given if key in options}
        for name, options in known.items()
    }


def _share(text: str) -> tuple[int, int]:
    number, _, n_parts = text.partition("/")
    if not (number.isdigit() and n_parts.isdigit()):
        raise ParameterError(f"--part is I/N, for instance 2/8, got {text!r}.")
    return int(number), int(n_parts)


def _together(workers: int) -> None:
    """Run this very command as several processes, each with a share."""
    command = [sys.executable, "-m", "earwitness.cli", *sys.argv[1:]]
    running = [
        subprocess.Popen([*command, "--part", f"{number + 1}/{workers}"], stdout=subprocess.DEVNULL)
        for number in range(workers)
    ]
    try:
        failed = [process.wait() for process in running if process.wait()]
    finally:
        for process in running:
            process.terminate()
    if failed:
        raise EarwitnessError(
            f"{len(failed)} of {workers} processes ended before their share was done; the same "
            "command goes on where they stopped."
        )
