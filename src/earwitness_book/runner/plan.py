"""What a command is about to execute, why, and how long that took last time."""

import json
from pathlib import Path

from earwitness import cache
from earwitness_book.runner.execute import Executed, Job


def remember(job: Job, result: Executed) -> None:
    """Keep what a notebook was executed with in this profile, and how long it took."""
    if result.failure is None and not result.cached:
        said = {"seconds": round(result.seconds, 1), "specification": job.specification}
        cache.write_text(_memory(job), json.dumps(said))


def _memory(job: Job) -> Path:
    return (
        cache.directory("last")
        / f"{cache.digest({'notebook': job.notebook, 'profile': job.profile})}.json"
    )


def _last(job: Job) -> dict:
    try:
        found = json.loads(_memory(job).read_text(encoding="utf-8"))
        return found if isinstance(found["specification"], dict) and found["seconds"] >= 0 else {}
    # no memory, or a damaged one: nothing is remembered
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def announce(jobs: list[Job], workers: int = 1) -> list[str]:
    """Return what will be executed, a line each, with what changed; the first says how many and
    about how long.
    """
    todo = [job for job in jobs if not job.is_done()]
    if not todo:
        return [f"Nothing changed: {len(jobs)} of {len(jobs)} notebooks are kept."] if jobs else []
    known = [last["seconds"] for job in todo if (last := _last(job))]
    unknown = len(todo) - len(known)
    taken = f"about {_duration(sum(known) / min(workers, len(todo)))}" if known else ""
    unsure = f"{unknown} for the first time" if unknown else ""
    about = ", ".join(filter(None, (taken, unsure)))
    verb = "is" if len(todo) == 1 else "are"
    head = f"{len(todo)} of {len(jobs)} notebooks {verb} executed ({about})"
    return [f"{head}:", *(f"  {job.notebook}: {why(job)}" for job in todo)]


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def why(job: Job) -> str:
    """Return what differs from the last time that a notebook was executed in this profile."""
    if not (last := _last(job)):
        return "not executed before"
    before, now = last["specification"], job.specification
    changed = [name for name in now if now[name] != before.get(name)]
    if not changed:
        return "asked for with --force" if job.force else "its result is gone or damaged"
    return "; ".join(_change(name, before.get(name), now[name]) for name in changed)


def _change(name: str, before, now) -> str:
    said = {"source": "its cells", "packages": "the pinned packages", "format": "the runner"}.get(
        name, name
    )
    if not isinstance(now, dict) or not isinstance(before, dict):
        return f"{said} changed"
    parts = sorted(part for part in now.keys() | before.keys() if now.get(part) != before.get(part))
    return f"{', '.join(parts[:4])}{' …' if len(parts) > 4 else ''} changed"
