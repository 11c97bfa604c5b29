"""The command line. Every command teaches itself: ``earwitness COMMAND --help``."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from earwitness.errors import EarwitnessError, ParameterError, UnknownNameError

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown", add_completion=False,
    help="An executable book on explaining audio networks: list its notebooks, run them with other parameters, "
    "build the site.\n\nStart with `earwitness list`, then `earwitness build`.",
)
data_app = typer.Typer(no_args_is_help=True, help="The corpora: what is here, how to get more, whether it is intact.")
app.add_typer(data_app, name="data")

_options = {"debug": False}

Which = Annotated[str, typer.Argument(metavar="NOTEBOOK", help="Its name, or a unique part: `pixel-flipping`.")]
Pairs = Annotated[list[str] | None, typer.Option(
    "--parameter", "-p", metavar="NAME VALUE", help="Change a parameter; may be given several times.")]
Profile = Annotated[str, typer.Option("--profile", metavar="NAME", help="smoke, demo, real or paper.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Notebooks at once on this machine.")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A running dask scheduler.")]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", help="Longest time for one cell.")]
Force = Annotated[bool, typer.Option("--force", help="Execute even if nothing changed.")]


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False) -> None:
    """Options of all commands."""
    _options["debug"] = debug


@app.command("list")
def list_() -> None:
    """Show chapters and notebooks."""
    from earwitness.runner import notebooks

    chapter = None
    for notebook in notebooks.every():
        if notebook.chapter != chapter:
            chapter = notebook.chapter
            typer.secho(chapter, bold=True)
        typer.echo(f"  {notebook.id:<34} {notebook.title()}")


@app.command()
def params(notebook: Which) -> None:
    """Show name, type, default and meaning of each parameter of a notebook.

    Example: `earwitness params pixel-flipping`
    """
    from earwitness.runner import notebooks, parameters

    found = notebooks.find(notebook)
    rows = [{"parameter": p.name, "type": p.type, "default": repr(p.default), "meaning": p.meaning}
            for p in parameters.declared(found).values()]
    _table(rows, title=f"{found.id}: {found.title()}", empty="It has no parameters.")


@app.command()
def run(
    notebook: Which, parameter: Pairs = None, profile: Profile = "demo",
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where the executed notebook goes.")] = None,
    force: Force = False, timeout: Timeout = None,
) -> None:
    """Execute one notebook, perhaps with other parameters; the last line names the executed notebook.

    Examples: `earwitness run audiomnist/pixel-flipping`,
    `earwitness run pixel-flipping -p n_clips 50 -p corpus aev --profile real`

    Without `-p` and `--out` the result also becomes part of the site that `earwitness build` makes for the profile.
    """
    from earwitness.runner import execute, notebooks, parameters, site

    found = notebooks.find(notebook)
    given = parameters.convert(found, _typed(parameter))
    job = execute.prepare(found, profile, given, execute.surroundings(), force=force, timeout=timeout)
    built = site.folder(profile)
    folder = out or (built / "runs" / execute.cache.digest(job.values)[:8] if given else built / "executed")
    results = _execute([job], lambda job: folder)
    typer.echo(folder.resolve() / f"{found.page}.ipynb")
    _end(_failures(results))


@app.command()
def sweep(
    notebook: Which, parameter: Pairs = None, profile: Profile = "demo", workers: Workers = 1,
    scheduler: Scheduler = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="A folder per run, and table.csv.")] = None,
    force: Force = False, timeout: Timeout = None,
) -> None:
    """Execute a notebook with every combination of values, and print what each recorded.

    Example: `earwitness sweep pixel-flipping -p seed 0,1,2 -p corpus voices,aev --workers 2`

    Values are separated by commas (by semicolons for parameters that are lists).
    """
    from earwitness.runner import execute, notebooks, site
    from earwitness.runner import sweep as sweeping

    found = notebooks.find(notebook)
    tried = sweeping.values(found, _typed(parameter))
    if not tried:
        raise ParameterError("A sweep needs a parameter and its values: -p NAME V1,V2.")
    around = execute.surroundings()
    jobs = [execute.prepare(found, profile, each, around, force=force, timeout=timeout)
            for each in sweeping.combinations(tried)]
    base = out or site.folder(profile) / "sweeps" / found.id

    def label(job) -> str:
        return sweeping.label({name: job.values[name] for name in tried})

    results = _execute(jobs, lambda job: base / label(job), workers, scheduler, name=label)
    rows = sweeping.table(tried, results)
    sweeping.write(rows, base / "table.csv")
    _table([{name: value for name, value in row.items() if any(r[name] != "" for r in rows)} for row in rows])
    typer.echo((base / "table.csv").resolve())
    _end(_failures(results))


@app.command()
def build(
    profile: Profile = "demo", workers: Workers = 1, scheduler: Scheduler = None, force: Force = False,
    timeout: Timeout = None,
    render_only: Annotated[bool, typer.Option("--render-only", help="Execute nothing; show what there is.")] = False,
) -> None:
    """Execute the notebooks that changed, render the site, check it; the last line is the path of its first page.

    Examples: `earwitness build`, `earwitness build --profile real --workers 2`

    A notebook that fails does not stop the others: its page shows the error, and the exit status is 1.
    """
    from earwitness.runner import check, execute, site

    around = execute.surroundings()
    jobs = [] if render_only else [
        execute.prepare(notebook, profile, {}, around, force=force, timeout=timeout) for notebook in site.chapters()
    ]
    results = _execute(jobs, lambda job: site.folder(profile) / "executed", workers, scheduler)
    with _console().status("Rendering"):
        index = site.build(profile)
        found = check.problems(profile)
    for sentence in found:
        typer.secho(sentence, fg="red", err=True)
    typer.echo(index.resolve())
    _end([*_failures(results), *([f"The site has {len(found)} problems."] if found else [])])


@app.command()
def serve(
    profile: Profile = "demo", port: Annotated[int, typer.Option(help="On this machine only.", min=0)] = 8000,
) -> None:
    """Show the built site in the browser, at an address of this machine, until Ctrl-C."""
    from earwitness.errors import MissingDataError
    from earwitness.runner import site

    html = site.folder(profile) / "html"
    if not (html / "index.html").exists():
        raise MissingDataError(f"No site is built for profile {profile}: `earwitness build --profile {profile}` does.")
    with site.server(html, port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo()


@app.command()
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
    _table(rows.round(2).to_dict("records"))
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
    _table([{"model": model, "input": kind, "source": source,
             "iterations": how["specification"]["recipe"]["iterations"],
             "within_10_deg_percent": round(100 * last["within_10_deg"], 1),
             "median_error_deg": round(last["median_error_deg"], 2)}])
    if export:
        command = (f"earwitness train DoaCRNN --corpus scenes --source {source} --input {kind} --recipe {recipe} "
                   f"--seed {seed} --export {export}")
        directions.export(network, how, export, command)
        typer.echo(export.resolve())


@app.command()
def record(
    chapter: Annotated[list[str] | None, typer.Argument(metavar="[CHAPTER]...", help="All chapters if none.")] = None,
    profile: Profile = "real", workers: Workers = 1, scheduler: Scheduler = None, force: Force = False,
) -> None:
    """Execute chapters in full and keep what they measured in `data/recorded/`, with what made it.

    Example: `EARWITNESS_DATA=~/corpora earwitness record audiomnist`

    Commit first: a `+` behind the recorded commit says that files differed from it.
    """
    from earwitness import project
    from earwitness.errors import choose
    from earwitness.runner import execute, recording, site

    known = list(dict.fromkeys(notebook.chapter for notebook in site.chapters()))
    wanted = [choose(name, known, "chapter") for name in chapter or known]
    if project.commit().endswith("+"):
        typer.secho("Files differ from the last commit; what is recorded says so with a '+'.", fg="yellow", err=True)
    around = execute.surroundings()
    jobs = [execute.prepare(notebook, profile, {}, around, force=force)
            for notebook in site.chapters() if notebook.chapter in wanted]
    results = _execute(jobs, lambda job: site.folder(profile) / "executed", workers, scheduler)
    command = " ".join(["earwitness record", *wanted, "--profile", profile])
    for name in wanted:
        good = [result for job, result in results
                if job.notebook.startswith(f"{name}/") and not _failures([(job, result)])]
        if path := recording.keep(name, good, command):
            typer.echo(path)
    _end(_failures(results))


@app.command()
def scoreboard(
    json: Annotated[bool, typer.Option("--json", help="A list of objects, for other programs.")] = False,
    profile: Annotated[str | None, typer.Option(help="Only what this profile measured.")] = None,
) -> None:
    """Show every claim: published, recorded, this build, verdict."""
    from earwitness import records
    from earwitness.errors import choose
    from earwitness.runner import profiles, site

    folder = site.folder(choose(profile, profiles.names(), "profile")) if profile else None
    board = records.scoreboard(folder)
    if json:
        typer.echo(records.to_json(board))
        return
    columns = ["claim", "source", "published", "recorded", "measured", "unit", "corpus", "profile", "verdict"]
    _table([{name: _cell(row[name]) for name in columns} for row in board.to_dict("records")], empty="No claims yet.")


@data_app.command()
def status() -> None:
    """Show which corpora are on this machine, and where the others can be got."""
    from earwitness.corpora import store

    _table(store.status().to_dict("records"))


@data_app.command()
def download(corpus: Annotated[list[str] | None, typer.Argument(help="Names; see `data status`.")] = None) -> None:
    """Fetch corpora, check every file, and put them where the notebooks look.

    Example: `earwitness data download fsdd aev`
    """
    from earwitness.corpora import store
    from earwitness.errors import choose

    known = store.describe()
    if not corpus:
        raise ParameterError(f"Say which corpora to download: {', '.join(n for n in known if known[n]['downloads'])}.")
    for name in corpus:
        choose(name, known, "corpus")
    for name in corpus:
        typer.echo(f"{name}: {store.download(name)}")


@data_app.command()
def verify(corpus: Annotated[list[str] | None, typer.Argument(help="All that are here if none.")] = None) -> None:
    """Compare the files of corpora with their checksums."""
    from earwitness.corpora import store

    rows = store.status()
    names = corpus or list(rows.loc[rows["present"], "corpus"])
    wrong = 0
    for name in names:
        found = store.verify(name, progress=sys.stderr.isatty())
        wrong += len(found)
        typer.echo(f"{name}: {'intact' if not found else f'{len(found)} problems'}. {store.checks(name)}")
        for sentence in found:
            typer.secho(f"  {sentence}", fg="red", err=True)
    _end([f"{wrong} files are not as they should be."] if wrong else [])


# --- executing with something to look at


def _execute(jobs, folder, workers=1, scheduler=None, name=lambda job: job.notebook) -> list:
    """Execute jobs, put each result in ``folder(job)``, say how it went; return (job, result) in the jobs' order."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from earwitness.runner import parallel

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console, results, waiting = _console(), [], [name(job) for job in jobs]
    try:
        with Progress(*columns, console=console, transient=True, disable=not jobs) as progress:
            bar = progress.add_task(_in_work(waiting, workers), total=len(jobs))
            for job, result in parallel.run(jobs, workers, scheduler) if jobs else ():
                results.append((job, result))
                _put(job, result, folder(job))
                waiting.remove(name(job))
                progress.console.print(_outcome(name(job), result), highlight=False, soft_wrap=True)
                progress.update(bar, advance=1, description=_in_work(waiting, workers))
    except KeyboardInterrupt:
        typer.echo(f"\nStopped; {len(results)} of {len(jobs)} notebooks are done and kept.", err=True)
        sys.stderr.flush()
        os._exit(130)      # kernels end with this process; waiting for their threads would be waiting for their cells
    order = [name(job) for job in jobs]
    return sorted(results, key=lambda pair: order.index(name(pair[0])))


def _in_work(waiting: list[str], workers: int) -> str:
    return ", ".join(waiting[:workers]) + (" …" if len(waiting) > workers else "")


def _put(job, result, folder: Path) -> None:
    from earwitness.runner import execute, notebooks

    if isinstance(result, execute.Executed):
        execute.place(result, folder)
        return
    old = folder / f"{notebooks.find(job.notebook).page}.ipynb"      # an older result would pass for this build's
    old.unlink(missing_ok=True)
    old.with_suffix(".records.json").unlink(missing_ok=True)


def _outcome(name: str, result) -> str:
    from rich.markup import escape

    failure = _failure(result)
    if failure:
        return f"[red]✗[/] {escape(str(failure))}"
    return f"[green]✓[/] {escape(name)}  [dim]{'nothing changed' if result.cached else f'{result.seconds:.0f} s'}[/]"


def _failure(result):
    from earwitness.runner.execute import Failure

    return result if isinstance(result, Failure) else result.failure


def _failures(results: list) -> list[str]:
    return [str(failure) for _, result in results if (failure := _failure(result))]


def _end(failures: list[str]) -> None:
    """Say once more what failed, after everything else, and leave with status 1."""
    for sentence in failures:
        typer.secho(sentence, fg="red", err=True)
    if failures:
        raise typer.Exit(1)


def _console():
    from rich.console import Console

    return Console(stderr=True)


def _table(rows: list[dict], title: str | None = None, empty: str = "Nothing to show.") -> None:
    from rich.console import Console
    from rich.table import Table

    if not rows:
        typer.echo(empty)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    wide = None if sys.stdout.isatty() else 200      # a file or a pipe has no width
    Console(width=wide, markup=False, highlight=False).print(table) if wide else Console(markup=False).print(table)


def _cell(value) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _typed(pairs: list[str] | None) -> dict[str, str]:
    """Return name -> value as typed.

    Raises
    ------
    ParameterError
        For a name without a value, or given twice.
    """
    given: dict[str, str] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ParameterError(f"-p needs a name and a value; after {name!r} there is no value.")
        if name in given:
            raise ParameterError(f"{name} is given twice.")
        given[name] = value
    return given


def _paired(arguments: list[str]) -> list[str]:
    """Return arguments with ``-p NAME VALUE`` as ``-p NAME=VALUE``: Typer knows no repeated option with two values."""
    joined, rest = [], list(arguments)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] in ("-p", "--parameter") and len(rest) > 1 and "=" not in rest[0]:
            joined.append(f"{rest.pop(0)}={rest.pop(0)}")
    return joined


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error of ours becomes its sentence, and status 2 (bad request) or 1."""
    try:
        app(args=_paired(sys.argv[1:] if arguments is None else arguments))
    except EarwitnessError as error:
        if _options["debug"]:
            raise
        typer.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(2 if isinstance(error, (ParameterError, UnknownNameError)) else 1)


if __name__ == "__main__":
    main()
