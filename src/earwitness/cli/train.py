"""Training a network."""

from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.output import table
from earwitness.errors import ParameterError


def train(
    model: Annotated[str, typer.Argument(help="AlexNet, AudioNet, PhoneCNN, SpeakerCNN or DoaCRNN.")],
    corpus: Annotated[str, typer.Option(help="voices, fsdd, aev, audiomnist, timit or scenes.")] = "voices",
    task: Annotated[str, typer.Option(help="digit, word or sex; phone or speaker on sentences.")] = "digit",
    fold: Annotated[str, typer.Option(help="Its number, or `all`.")] = "0",
    protocol: Annotated[str, typer.Option(
        help="speaker (nobody is in two parts), repetition (fsdd), or utterance (for the task speaker).")] = "speaker",
    recipe: Annotated[str, typer.Option(help="smoke, brief, fast, or paper.")] = "fast",
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    input_: Annotated[str, typer.Option("--input", help="DoaCRNN only: intensity, order1 to order4.")] = "intensity",
    source: Annotated[str, typer.Option(help="Scenes only, who speaks in them: voices or timit.")] = "voices",
    export: Annotated[Path | None, typer.Option(
        metavar="FILE.pt", help="Write rounded weights and their card, as `data/weights` has them.")] = None,
) -> None:
    """Train a network on a fold of a corpus, or take it from the cache, and print its accuracy.

    Examples: `earwitness train AudioNet --corpus aev --task sex --fold all`,
    `earwitness train PhoneCNN --corpus timit --task phone --export data/weights/phone-cnn.pt`,
    `earwitness train SpeakerCNN --corpus timit --task speaker --protocol utterance`,
    `earwitness train DoaCRNN --corpus scenes --source timit --input order2`
    """
    if model == "DoaCRNN" or corpus == "scenes":
        return _train_directions(model, corpus, input_, source, recipe, seed, device, export)
    if fold != "all" and not fold.isdigit():
        raise ParameterError(f"fold must be a number from 0, or 'all', got {fold!r}.")
    if fold == "all" and export:
        raise ParameterError("One network is exported: name its fold.")
    from earwitness import runtime, training

    runtime.tune()
    how = {"recipe": recipe, "seed": seed, "device": device, "progress": True}
    if fold == "all":
        done = training.cross_validate(model, training.Task(corpus, task, protocol), **how)
    else:
        done = [training.fit(model, corpus, task, int(fold), protocol=protocol, **how)]
    rows = training.summary(done)
    table(rows.round(2).to_dict("records"))
    if len(done) > 1:
        accuracy = rows["accuracy_percent"]
        typer.echo(f"{accuracy.mean():.2f} ± {accuracy.std(ddof=0):.2f} % over {len(done)} folds")
    if export:
        command = (f"earwitness train {model} --corpus {corpus} --task {task} --fold {fold} --protocol {protocol} "
                   f"--recipe {recipe} --seed {seed} --export {export}")
        training.export(done[0], export, command)
        typer.echo(export.resolve())


def _train_directions(model: str, corpus: str, kind: str, source: str, recipe: str, seed: int, device: str,
                      export: Path | None):
    if (model, corpus) != ("DoaCRNN", "scenes"):
        raise ParameterError(f"DoaCRNN learns from scenes and nothing else does, got {model} and {corpus}.")
    from earwitness import runtime
    from earwitness.training import directions

    runtime.tune()
    network, how = directions.fit_directions(kind, source, recipe, seed, device=device)
    last = how["history"][-1]
    table([{"model": model, "input": kind, "source": source,
             "iterations": how["specification"]["recipe"]["iterations"],
             "within_10_deg_percent": round(100 * last["within_10_deg"], 1),
             "median_error_deg": round(last["median_error_deg"], 2)}])
    if export:
        command = (f"earwitness train DoaCRNN --corpus scenes --source {source} --input {kind} --recipe {recipe} "
                   f"--seed {seed} --export {export}")
        directions.export(network, how, export, command)
        typer.echo(export.resolve())
