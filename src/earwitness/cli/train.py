"""Training a network."""

import re
import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer
import yaml

from earwitness import cache
from earwitness.cli.options import Json
from earwitness.cli.output import table
from earwitness.errors import ParameterError


def train(
    model: Annotated[str, typer.Argument(help="A network; a name that is none lists them.")],
    corpus: Annotated[
        str | None,
        typer.Option(
            help="A corpus of `earwitness data status`. Default: the network's own, else voices."
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="One of the corpus. Default: the network's own, else the corpus's first."
        ),
    ] = None,
    fold: Annotated[str, typer.Option(help="Its number, or `all`.")] = "0",
    protocol: Annotated[
        str,
        typer.Option(
            help="What keeps the parts of a fold apart: speaker (nobody is in two), repetition or "
            "utterance."
        ),
    ] = "speaker",
    recipe: Annotated[
        str, typer.Option(help="How long and how fast: smoke, fast, and more.")
    ] = "fast",
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    device: Annotated[
        str, typer.Option(help="Where to compute; auto takes a GPU where there is one.")
    ] = "auto",
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs, or processes, that share each batch.")
    ] = 1,
    strategy: Annotated[
        str, typer.Option(help="How they start: auto, ddp_spawn, ddp_fork (processors only).")
    ] = "auto",
    input_: Annotated[
        str, typer.Option("--input", help="Variant of a network that has several.")
    ] = "",
    source: Annotated[
        str, typer.Option(help="Who speaks, for a corpus that is made of another one.")
    ] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Option of the corpus, for instance words=sentences."
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.pt",
            help="Write rounded weights and their card, as `data/weights` has them.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train a network on a corpus, or take it from the cache, and print how well it does.

    Examples: `earwitness train AudioNet --corpus aev --task sex --fold all`,
    `earwitness train PhoneCNN --corpus timit --export data/weights/phone-cnn.pt`,
    `earwitness train SpeakerCNN --corpus timit --protocol utterance`,
    `earwitness train DoaCRNN --source timit --input order2`, `earwitness train Nisqa --recipe
    smoke`
    """
    if fold != "all" and not fold.isdigit():
        raise ParameterError(f"fold must be a number from 0, or 'all', got {fold!r}.")
    if fold == "all" and export:
        raise ParameterError("One network is exported: name its fold.")
    if export:
        export = _writable(export)
    from earwitness import runtime, training

    runtime.tune()
    kind = training.experiment.find(model)
    corpus = kind.default_corpus if corpus is None else corpus
    options = corpus_options(option or []) | ({"source": source} if source else {})
    how = {
        "recipe": recipe,
        "seed": seed,
        "device": device,
        "progress": True,
        "corpus_options": options,
        "variant": input_,
        "devices": devices,
        "strategy": strategy,
    }
    if fold == "all":
        done = training.cross_validate(model, training.Task(corpus, task, protocol), **how)
    else:
        done = [training.fit(model, corpus, task, int(fold), protocol=protocol, **how)]
    rows = training.summary(done)
    table(rows.round(2).to_dict("records"), json=json)
    if len(done) > 1 and not json:
        accuracy = rows["accuracy_percent"]
        typer.echo(f"{accuracy.mean():.2f} ± {accuracy.std(ddof=0):.2f} % over {len(done)} folds")
    if export:
        again = _command(done[0].specification, corpus, recipe, options, export)
        training.export(done[0], export, again)
        typer.echo(export.resolve(), err=json)


def _writable(path: Path) -> Path:
    """Return where weights will go, ``~`` expanded; refuse before training what cannot be
    written.
    """
    try:
        path = path.expanduser()
    except RuntimeError as error:
        raise ParameterError(f"{path} cannot be written: {error}") from None
    with cache.storage(path), tempfile.NamedTemporaryFile(dir=path.parent):
        path.exists()  # raises for a name that is too long
    return path


def corpus_options(given: list[str]) -> dict:
    """Return options of a corpus, each value read as YAML reads it: 6 is a number. A pattern is no
    YAML: ``{digit}_{speaker}`` is text.
    """
    pairs = [one.partition("=") for one in given]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise ParameterError(f"An option is written NAME=VALUE, got {wrong[0]!r}.")
    try:
        return {
            name: value if re.match(r"\{\w+\}[^{}]", value) else yaml.safe_load(value)
            for name, _, value in pairs
        }
    except yaml.YAMLError as error:
        raise ParameterError(f"A value of --option cannot be read: {error}") from None


def _command(specification: dict, corpus: str, recipe: str, options: dict, export: Path) -> str:
    """Return the command line that trains and exports the same again, as a shell reads it."""
    known = {"corpus": corpus}  # as it was asked for: a folder's name alone does not find it
    known |= {name: specification[name] for name in ("task", "fold", "protocol")}
    known |= {"recipe": recipe, "seed": specification["seed"]}
    known |= {"input": specification["variant"]} if specification["variant"] else {}
    known |= {"devices": specification["devices"]} if "devices" in specification else {}
    words = ["earwitness", "train", specification["model"]]
    words += [word for name, value in known.items() for word in (f"--{name}", str(value))]
    words += [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
    return shlex.join([*words, "--export", str(export)])
