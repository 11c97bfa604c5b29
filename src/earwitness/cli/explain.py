"""Explaining sounds to a network of any origin."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.options import (
    Channel,
    ClassAxis,
    Classes,
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
from earwitness.errors import ParameterError


def explain(
    sounds: Annotated[
        list[Path], typer.Argument(metavar="SOUND...", help="Files in any format that is read.")
    ],
    model: Model,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where a folder for each sound is written.")
    ],
    method: Annotated[
        str, typer.Option(help="One of earwitness.attribution.methods().")
    ] = "lrp-epsilon",
    target: Target = "predicted",
    weights: Weights = None,
    channel: Channel = None,
    sample_rate: SampleRate = None,
    front_end: FrontEnd = None,
    samples: Samples = None,
    classes: Classes = None,
    output: Output = None,
    class_axis: ClassAxis = None,
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
    parameter: Parameters = None,
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
    options = typed_values(parameter)
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
