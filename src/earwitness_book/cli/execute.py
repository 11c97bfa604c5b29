"""Commands that execute notebooks: run, sweep, build, record."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.output import console, end, table, typed_pairs
from earwitness.errors import ParameterError
from earwitness_book.cli.options import Force, Pairs, Profile, Scheduler, Timeout, Which, Workers


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
    from earwitness_book.runner import execute, notebooks, parameters, site

    found = notebooks.find(notebook)
    given = parameters.convert(found, typed_pairs(parameter))
    job = execute.prepare(found, profile, given, execute.surroundings(), force=force, timeout=timeout)
    built = site.folder(profile)
    folder = out or (built / "runs" / execute.cache.digest(job.values)[:8] if given else built / "executed")
    results = _execute([job], lambda job: folder)
    typer.echo(folder.resolve() / f"{found.page}.ipynb")
    end(_failures(results))


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
    from earwitness_book.runner import execute, notebooks, site
    from earwitness_book.runner import sweep as sweeping

    found = notebooks.find(notebook)
    tried = sweeping.values(found, typed_pairs(parameter))
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
    table([{name: value for name, value in row.items() if any(r[name] != "" for r in rows)} for row in rows])
    typer.echo((base / "table.csv").resolve())
    end(_failures(results))


def build(
    profile: Profile = "demo", workers: Workers = 1, scheduler: Scheduler = None, force: Force = False,
    timeout: Timeout = None,
    render_only: Annotated[bool, typer.Option("--render-only", help="Execute nothing; show what there is.")] = False,
) -> None:
    """Execute the notebooks that changed, render the site, check it; the last line is the path of its first page.

    Examples: `earwitness build`, `earwitness build --profile real --workers 2`

    A notebook that fails does not stop the others: its page shows the error, and the exit status is 1.
    """
    from earwitness_book.runner import check, execute, site

    around = execute.surroundings()
    jobs = [] if render_only else [
        execute.prepare(notebook, profile, {}, around, force=force, timeout=timeout) for notebook in site.chapters()
    ]
    results = _execute(jobs, lambda job: site.folder(profile) / "executed", workers, scheduler)
    with console().status("Rendering"):
        index = site.build(profile)
        found = check.problems(profile)
    for sentence in found:
        typer.secho(sentence, fg="red", err=True)
    typer.echo(index.resolve())
    end([*_failures(results), *([f"The site has {len(found)} problems."] if found else [])])


def record(
    chapter: Annotated[list[str] | None, typer.Argument(metavar="[CHAPTER]...", help="All chapters if none.")] = None,
    profile: Profile = "real", workers: Workers = 1, scheduler: Scheduler = None, force: Force = False,
) -> None:
    """Execute chapters in full and keep what they measured in `data/recorded/`, with what made it.

    Example: `EARWITNESS_DATA=~/corpora earwitness record audiomnist`

    Commit first: a `+` behind the recorded commit says that files differed from it.
    """
    from earwitness.errors import check_choice
    from earwitness_book import project
    from earwitness_book.runner import execute, recording, site

    known = list(dict.fromkeys(notebook.chapter for notebook in site.chapters()))
    wanted = [check_choice(name, known, "chapter") for name in chapter or known]
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
    end(_failures(results))


def _execute(jobs, folder, workers=1, scheduler=None, name=lambda job: job.notebook) -> list:
    """Execute jobs, put each result in ``folder(job)``, say how it went; return (job, result) in the jobs' order."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from earwitness_book.runner import parallel

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen, results, waiting = console(), [], [name(job) for job in jobs]
    try:
        with Progress(*columns, console=screen, transient=True, disable=not jobs) as progress:
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
    from earwitness_book.runner import execute, notebooks

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
    from earwitness_book.runner.execute import Failure

    return result if isinstance(result, Failure) else result.failure


def _failures(results: list) -> list[str]:
    return [str(failure) for _, result in results if (failure := _failure(result))]
