"""Explaining sounds to a network of any origin."""

import ast
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.output import typed_pairs
from earwitness.errors import ParameterError


def explain(
    sounds: Annotated[
        list[Path], typer.Argument(metavar="SOUND...", help="Files in any format that is read.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="package.module:name of a network, a class or a function that returns one; a "
            "file.onnx; a file.pt of earwitness train --export; or phone-cnn, speaker-cnn."
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where a folder for each sound is written.")
    ],
    method: Annotated[
        str, typer.Option(help="One of earwitness.attribution.methods().")
    ] = "lrp-epsilon",
    target: Annotated[
        str, typer.Option(help="Number or class of the output, predicted, or A-B: why A and not B.")
    ] = "predicted",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of torch.save(model.state_dict()).")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(help="left, right or mean, of files with two.")
    ] = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ", help="Rate that the network takes, if it has no attribute sample_rate."
        ),
    ] = None,
    front_end: Annotated[
        str | None,
        typer.Option(
            "--front-end",
            "--prepare",
            help="waveform (1, 1, time), flat (1, time), scaled, normalised, "
            "spectrogram, or package.module:function of the samples.",
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Length that the network takes; of longer sounds the loudest part is explained.",
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Names of the outputs.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="Name or number of one of several outputs.")
    ] = None,
    class_axis: Annotated[
        int | None,
        typer.Option(help="Axis of the classes: 1 for (batch, classes, time), -1 for the last."),
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYERS=RULE",
            help="Rule of LRP for layers by a pattern of names or a kind, e.g. encoder.*=gamma, "
            "'first layer=plus'; the first that fits holds.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Of the network with random weights, and of random orders.")
    ] = 0,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME VALUE",
            help="An option of the method, e.g. -p n_steps 100.",
        ),
    ] = None,
) -> None:
    """Explain a network's prediction: pictures, sounds, numbers, and a report for any browser.

    Examples: `earwitness explain clip.wav --model phone-cnn --out why`,
    `earwitness explain *.flac --model mynet:Net --weights net.pt --sample-rate 16000 --target 3-5
    --out why`
    """
    from earwitness import explaining, runtime
    from earwitness.explaining.explanation import kept

    runtime.tune()
    network = explaining.find(
        model,
        weights=weights,
        sample_rate=sample_rate,
        front_end=front_end,
        n_samples=samples,
        classes=classes.split(",") if classes else None,
    )
    options = {name: value_of(text) for name, text in typed_pairs(parameter).items()}
    picked = number_or_name(output)
    requests = [
        explaining.Request(
            sound, network, method, target, channel, picked, seed, options, class_axis, _rules(rule)
        )
        for sound in sounds
    ]
    folders = [out / name for name in _names(sounds)]
    here = [
        kept(folder, request.specification)
        for folder, request in zip(folders, requests, strict=True)
    ]
    work = runtime.progress(zip(requests, folders, here, strict=True), "sounds", len(requests))
    for request, folder, already in work:
        if not already:
            request.explain().save(folder)
        typer.echo(folder / "report.html")


def number_or_name(output: str | None) -> int | str | None:
    """Return which output is meant: a number if it is one."""
    return int(output) if output and output.lstrip("-").isdigit() else output


def value_of(text: str):
    """Return a typed value as Python reads it; what it does not read is text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _rules(pairs: list[str] | None) -> dict[str, str] | None:
    """Return selector -> rule from texts like ``encoder.*=gamma``."""
    split = [pair.rpartition("=") for pair in pairs or ()]
    for layers, _, rule in split:
        if not layers or not rule:
            raise ParameterError(f"--rule takes LAYERS=RULE, as encoder.*=gamma, got {rule!r}.")
    return {layers: rule for layers, _, rule in split} or None


def _names(sounds: list[Path]) -> list[str]:
    """Return a folder's name for each sound, with ending or number where two are alike."""
    names: list[str] = []
    for sound in sounds:
        alike = sum(other.stem == sound.stem for other in sounds) > 1
        name = wished = sound.name if alike else sound.stem
        number = 1
        while name in names:
            number += 1
            name = f"{wished}-{number}"
        names.append(name)
    return names
