"""Options that say the same in every command: which network, of which input, explained how."""

import ast
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.output import typed_pairs

Json = Annotated[
    bool, typer.Option("--json", help="A list of objects instead of a table, for other programs.")
]
Model = Annotated[
    str,
    typer.Option(
        help="package.module:name of a network, a class or a function that returns one; a "
        "file.onnx; a file.pt of earwitness train --export; or phone-cnn, speaker-cnn."
    ),
]
Weights = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Of torch.save(model.state_dict()).")
]
SampleRate = Annotated[
    int | None,
    typer.Option(
        metavar="HZ", help="Rate that the network takes, if it has no attribute sample_rate."
    ),
]
FrontEnd = Annotated[
    str | None,
    typer.Option(
        "--front-end",
        "--prepare",
        help="waveform (1, 1, time), flat (1, time), scaled, normalised, "
        "spectrogram, or package.module:function of the samples.",
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Length that the network takes; of longer sounds the loudest part is explained.",
    ),
]
Target = Annotated[
    str, typer.Option(help="Number or class of the output, predicted, or A-B: why A and not B.")
]
Output = Annotated[str | None, typer.Option(help="Name or number of one of several outputs.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "-p",
        "--parameter",
        metavar="NAME VALUE",
        help="An option of the method, e.g. -p n_steps 100.",
    ),
]


def number_or_name(output: str | None) -> int | str | None:
    """Return which output is meant: a number if it is one."""
    return int(output) if output and output.lstrip("-").isdigit() else output


def typed_values(pairs: list[str] | None) -> dict:
    """Return name -> value as Python reads it; what it does not read is text."""
    return {name: _value(text) for name, text in typed_pairs(pairs).items()}


def _value(text: str):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


Channel = Annotated[str | None, typer.Option(help="left, right or mean, of files with two.")]
Classes = Annotated[str | None, typer.Option(metavar="A,B,...", help="Names of the outputs.")]
ClassAxis = Annotated[
    int | None,
    typer.Option(help="Axis of the classes: 1 for (batch, classes, time), -1 for the last."),
]
