"""Notebooks at work, as a terminal shows them: what is to come, how far each is, how it went."""

import os
import sys
from pathlib import Path

import typer

from earwitness.cli.output import console


def work(
    jobs, folder, workers=1, scheduler=None, cluster=None, name=lambda job: job.notebook
) -> list:
    """Execute jobs, put each result in ``folder(job)``, say how it went; return (job, result) in
    the jobs' order.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from earwitness_book.runner import execute, parallel, plan

    for job in jobs:
        execute.check_writable(folder(job))
    execute.temporary_folder()
    screen, results = console(), []
    for line in plan.announce(jobs, workers):
        screen.print(line, markup=False, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    try:
        with Progress(*columns, console=screen, transient=True, disable=not jobs) as shown:
            state = _State(shown, len(jobs), name)
            how = (workers, scheduler, state.cell, cluster)
            for job, result in parallel.run(jobs, *how) if jobs else ():
                results.append((job, result))
                _put(job, result, folder(job))
                shown.console.print(_outcome(name(job), result), highlight=False, soft_wrap=True)
                state.done(job)
    except KeyboardInterrupt:
        typer.echo(
            f"\nStopped; {len(results)} of {len(jobs)} notebooks are done and kept.", err=True
        )
        sys.stderr.flush()
        # kernels end with this process; waiting for their threads would be waiting for
        # their cells
        os._exit(130)
    order = [name(job) for job in jobs]
    return sorted(results, key=lambda pair: order.index(name(pair[0])))


class _State:
    """The line that says which notebooks are in work, and at which cell each is."""

    def __init__(self, shown, n_jobs: int, name):
        self.shown, self.name, self.at = shown, name, {}
        self.bar = shown.add_task("", total=n_jobs)

    def cell(self, job, cell: int, cells: int) -> None:
        """Note that a cell begins; called from the threads that wait for kernels."""
        self.at[self.name(job)] = f"{self.name(job)}, cell {cell} of {cells}"
        self.shown.update(self.bar, description="; ".join(list(self.at.values())))

    def done(self, job) -> None:
        """Note that a notebook ended."""
        self.at.pop(self.name(job), None)
        self.shown.update(self.bar, advance=1, description="; ".join(list(self.at.values())))


def _put(job, result, folder: Path) -> None:
    from earwitness_book.runner import execute, plan

    if isinstance(result, execute.Executed):
        execute.place(result, folder)
        plan.remember(job, result)
        return
    # an older result would pass for this build's
    (folder / f"{job.page}.ipynb").unlink(missing_ok=True)


def _outcome(name: str, result) -> str:
    from rich.markup import escape

    failure = _failure(result)
    if failure and failure.is_left_out:
        return f"[yellow]–[/] {escape(_named(name, failure))}"
    if failure:
        return f"[red]✗[/] {escape(_named(name, failure))}"
    took = "nothing changed" if result.cached else f"{result.seconds:.0f} s"
    return f"[green]✓[/] {escape(name)}  [dim]{took}[/]"


def _failure(result):
    from earwitness_book.runner.execute import Failure

    return result if isinstance(result, Failure) else result.failure


def _named(name: str, failure) -> str:
    """Return a failure's sentence, with the values of a sweep's point where they are its name."""
    return str(failure) if name == failure.notebook else f"{name}: {failure}"


def failures(results: list, name=lambda job: job.notebook) -> list[str]:
    """Return a sentence for each job that failed; what cannot be had here is no failure."""
    found = [(job, _failure(result)) for job, result in results]
    return [
        _named(name(job), failure) for job, failure in found if failure and not failure.is_left_out
    ]
