"""Cues of known place, planted for a network of any origin."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.options import (
    Channel,
    ClassAxis,
    Classes,
    FrontEnd,
    Json,
    Output,
    SampleRate,
    Samples,
    Target,
    Weights,
    number_or_name,
)
from earwitness.cli.output import table


def bench(
    model: Annotated[
        str,
        typer.Option(
            help="As earwitness explain takes it: package.module:name, a file.onnx, a file.pt, or "
            "a name such as phone-cnn."
        ),
    ] = "phone-cnn",
    sounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="A file or a folder of them, repeated; default: generated voices."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the report is written.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="One of earwitness.attribution.methods(), repeated; default: four."),
    ] = None,
    cue: Annotated[
        list[str] | None,
        typer.Option(help="click, tone, formant, harmonics, noise, beep, gap or band-limit."),
    ] = None,
    target: Target = "predicted",
    weights: Weights = None,
    channel: Channel = None,
    sample_rate: SampleRate = None,
    front_end: FrontEnd = None,
    samples: Samples = None,
    classes: Classes = None,
    output: Output = None,
    class_axis: ClassAxis = None,
    seed: Annotated[int, typer.Option(help="Of moments, random weights and random orders.")] = 0,
    json: Json = False,
) -> None:
    """Plant known cues into sounds: does a network react, and do explanations say so?

    Examples: `earwitness bench --model phone-cnn --out known`,
    `earwitness bench --model mynet:Net --weights net.pt --sounds clips/ --method lrp-epsilon
    --method rise --out known`
    """
    from earwitness import explaining, runtime
    from earwitness.explaining import bench as known

    runtime.tune()
    network = explaining.find(
        model,
        weights=weights,
        sample_rate=sample_rate,
        front_end=front_end,
        n_samples=samples,
        classes=classes.split(",") if classes else None,
    )
    found = known.bench(
        network,
        known.files_of(sounds) if sounds else _generated(),
        method or known.METHODS,
        cue or known.CUES,
        target,
        channel,
        number_or_name(output),
        class_axis,
        seed=seed,
    )
    if out:
        found.save(out)
    if json:
        table(found.numbers["methods"], json=True)
        return
    for sentence in known.sentences(found):
        typer.echo(sentence)
    if out:
        typer.echo(out / "report.html")


def _generated() -> list[tuple]:
    """Return six sentences of generated voices, each of another speaker."""
    from earwitness import corpora

    voices = corpora.load("voices", words="sentences", n_speakers=6, repetitions=1)
    first = voices.table.drop_duplicates("speaker").index
    return [(voices[int(row)].samples, voices[int(row)].sample_rate) for row in first]
