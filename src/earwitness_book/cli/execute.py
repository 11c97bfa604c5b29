"""Commands that execute notebooks: run, sweep, build, record."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from earwitness.cli.options import Json
from earwitness.cli.output import console, end, table, typed_pairs
from earwitness.errors import ParameterError, check_choice
from earwitness_book.cli.options import (
    ClusterFile,
    Force,
    Pairs,
    Profile,
    Scheduler,
    Threads,
    Timeout,
    Which,
    Workers,
    expanded,
)
from earwitness_book.cli.progress import failures, work

N_SHOWN = 40  # rows of a sweep's table on the terminal


def run(
    notebook: Which,
    parameter: Pairs = None,
    profile: Profile = "demo",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Where the executed notebook goes.", callback=expanded
        ),
    ] = None,
    force: Force = False,
    threads: Threads = None,
    timeout: Timeout = None,
) -> None:
    """Execute one notebook, perhaps with other parameters; the last line names the executed
    notebook.

    Examples: `earwitness run audiomnist/pixel-flipping`,
    `earwitness run pixel-flipping -p n_clips 50 -p corpus aev --profile real`

    Without `-p` and `--out` the result also becomes part of the site that `earwitness build` makes
    for the profile.
    """
    _begin()
    from earwitness import cache
    from earwitness_book.runner import notebooks, parameters, site

    found = notebooks.find(notebook)
    given = parameters.convert(found, typed_pairs(parameter))
    (job,) = _jobs([(found, given)], profile, force=force, threads=threads, timeout=timeout)
    built = site.folder(profile)
    folder = out or (built / "runs" / cache.digest(job.values)[:8] if given else built / "executed")
    results = work([job], lambda job: folder)
    typer.echo(folder.resolve() / f"{found.page}.ipynb")
    end(failures(results))


def sweep(
    notebook: Annotated[
        str | None,
        typer.Argument(metavar="NOTEBOOK", help="Its name, or a unique part: `pixel-flipping`."),
    ] = None,
    parameter: Pairs = None,
    profile: Profile = "demo",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="A folder per run, and table.csv.", callback=expanded
        ),
    ] = None,
    average: Annotated[
        str | None,
        typer.Option(
            "--average",
            metavar="NAME",
            help="Print means over this parameter, mostly seed, with their 95 % interval.",
        ),
    ] = None,
    page: Annotated[
        str | None,
        typer.Option(
            "--page",
            metavar="NAME",
            help="Make a page of the profile's site of it: pictures, sounds, table, files.",
        ),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option("--remove", metavar="NAME", help="Take a page that --page made away again."),
    ] = None,
    json: Json = False,
    force: Force = False,
    threads: Threads = None,
    timeout: Timeout = None,
) -> None:
    """Execute a notebook with every combination of values, and print what each recorded.

    Examples: `earwitness sweep pixel-flipping -p seed 0,1,2 -p corpus voices,aev --workers 2`,
    `earwitness sweep occlusion -p stride 8,12,24 --profile smoke --page strides`,
    `earwitness sweep --remove strides --profile smoke`

    Values are separated by commas (by semicolons for parameters that are lists). The table, CSV and
    Parquet, has a row for each value that a run recorded: parameters, id, value, interval, n, unit,
    corpus, seconds. It keeps the rows of earlier sweeps in the same folder.
    """
    _begin()
    from earwitness_book.runner import notebooks, site, sweep_page
    from earwitness_book.runner import sweep as sweeping

    if remove is not None:
        if notebook or parameter or page:
            raise ParameterError("--remove takes a page away and executes nothing; name it alone.")
        sweep_page.remove(profile, remove)
        return end(_counted(_rendered(profile)[1]))
    if notebook is None:
        raise ParameterError("A sweep needs a notebook: `earwitness list` names them.")
    if page is not None:
        sweep_page.check_name(page)
    found = notebooks.find(notebook)
    tried = sweeping.values(found, typed_pairs(parameter))
    if not tried:
        raise ParameterError("A sweep needs a parameter and its values: -p NAME V1,V2.")
    points = [(found, each) for each in sweeping.combinations(tried)]
    jobs = _jobs(points, profile, force=force, threads=threads, timeout=timeout)
    base = out or site.folder(profile) / "sweeps" / found.id

    def label(job) -> str:
        return sweeping.label({name: job.values[name] for name in tried})

    results = work(jobs, lambda job: base / label(job), workers, scheduler, cluster, label)
    rows = sweeping.table(tried, results, base)
    sweeping.write(rows, tried, base / "table.csv")
    if average:
        rows = sweeping.averaged(rows, average)
    _print(rows.to_dict("records") if json else sweeping.shown(rows), json)
    typer.echo((base / "table.csv").resolve(), err=json)
    problems = []
    if page is not None:
        typed = typed_pairs(parameter) | ({"--average": average} if average else {})
        shown = sweep_page.Shown(
            found, tried, results, rows, base / "table.csv", _again(found.id, typed, profile, page)
        )
        place = sweep_page.write(profile, page, shown)
        index, problems = _rendered(profile)
        typer.echo(index.parent / f"{place}.html", err=json)
    end([*failures(results, label), *_counted(problems)])


def _print(rows: list[dict], json: bool) -> None:
    """Print a sweep's table, of a long one the beginning."""
    table(rows if json else rows[:N_SHOWN], json=json)
    if len(rows) > N_SHOWN and not json:
        typer.echo(f"… and {len(rows) - N_SHOWN} more rows in the table:")


def _again(notebook: str, typed: dict[str, str], profile: str, page: str) -> str:
    """Return the command that makes a sweep's page."""
    pairs = [
        shlex.join([name, words] if name.startswith("--") else ["-p", name, words])
        for name, words in typed.items()
    ]
    return " ".join(["earwitness sweep", notebook, *pairs, "--profile", profile, "--page", page])


def _counted(problems: list[str]) -> list[str]:
    return [f"The site has {len(problems)} problems."] if problems else []


def build(
    chapter: Annotated[
        list[str] | None,
        typer.Option(
            "--chapter", metavar="NAME", help="Only this chapter; may be given several times."
        ),
    ] = None,
    profile: Profile = "demo",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    force: Force = False,
    threads: Threads = None,
    timeout: Timeout = None,
    render_only: Annotated[
        bool, typer.Option("--render-only", help="Execute nothing; show what there is.")
    ] = False,
) -> None:
    """Execute the notebooks that changed, render the site, check it; the last line is the path of
    its first page.

    Examples: `earwitness build`, `earwitness build --profile real --workers 2`, `earwitness build
    --chapter audiomnist`

    A notebook that fails does not stop the others: its page shows the error, and the exit status is
    1.
    """
    _begin()
    from earwitness_book.runner import site

    wanted = _chapters(chapter)
    chosen = (
        [] if render_only else [(each, {}) for each in site.chapters() if each.chapter in wanted]
    )
    jobs = _jobs(chosen, profile, force=force, threads=threads, timeout=timeout)
    results = work(jobs, lambda job: site.folder(profile) / "executed", workers, scheduler, cluster)
    index, found = _rendered(profile, wanted if chapter else None)
    typer.echo(index)
    end([*failures(results), *_counted(found)])


def _rendered(profile: str, chapters: list[str] | None = None) -> tuple[Path, list[str]]:
    """Render a profile's site; return its first page, and what is wrong with the site, which is
    said.
    """
    from earwitness_book.runner import check, site

    with console().status("Rendering"):
        index = site.build(profile, chapters)
        found = check.problems(profile)
    for sentence in found:
        typer.secho(sentence, fg="red", err=True)
    return index.resolve(), found


def record(
    chapter: Annotated[
        list[str] | None, typer.Argument(metavar="[CHAPTER]...", help="All chapters if none.")
    ] = None,
    profile: Profile = "full",
    workers: Workers = 1,
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    force: Force = False,
    threads: Threads = None,
) -> None:
    """Execute chapters in full and keep what they measured in `data/recorded/`, with what made it.

    Examples: `EARWITNESS_DATA=~/corpora earwitness record audiomnist`,
    `earwitness record speech-quality sound-direction --workers 2`

    Commit first: a `+` behind the recorded commit says that files differed from it.
    """
    _begin()
    from earwitness_book import project
    from earwitness_book.runner import recording, site

    wanted = _chapters(chapter)
    if project.commit().endswith("+"):
        typer.secho(
            "Files differ from the last commit; what is recorded says so with a '+'.",
            fg="yellow",
            err=True,
        )
    chosen = [(each, {}) for each in site.chapters() if each.chapter in wanted]
    jobs = _jobs(chosen, profile, force=force, threads=threads)
    results = work(jobs, lambda job: site.folder(profile) / "executed", workers, scheduler, cluster)
    command = " ".join(["earwitness record", *wanted, "--profile", profile])
    for name in wanted:
        good = [
            result
            for job, result in results
            if job.notebook.startswith(f"{name}/") and not failures([(job, result)])
        ]
        if path := recording.keep(name, good, command):
            typer.echo(path)
    end(failures(results))


def _begin() -> None:
    """Say at once that something happens: what executes notebooks takes seconds to load."""
    typer.echo("Looking for what changed.", err=True)


def _chapters(named: list[str] | None) -> list[str]:
    from earwitness_book.runner import notebooks, site

    known = list(dict.fromkeys(notebook.chapter for notebook in site.chapters()))
    prose = {page.split("/")[0] for page in notebooks.toc_pages() if "/" in page}
    return [check_choice(name, {*known, *prose}, "chapter") for name in named or known]


def _jobs(chosen: list[tuple], profile: str, **how) -> list:
    """Return a job for each notebook and what is given to it; anything wrong is said before one is
    executed.
    """
    from earwitness_book.runner import execute, keys

    keys.check_folders()
    around = execute.environment_fingerprint()
    for sentence in around.strays:
        typer.secho(f"Left out of the recordings: {sentence}", fg="yellow", err=True)
    return [execute.prepare(notebook, profile, given, around, **how) for notebook, given in chosen]
