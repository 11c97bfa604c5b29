"""A course as nbgrader keeps one: the teacher's notebooks, from which the students' are made."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import nbformat

from earwitness import cache
from earwitness.errors import EarwitnessError, MissingDataError, ParameterError, check_choice
from earwitness_book.course import slides as showing
from earwitness_book.course.answers import named
from earwitness_book.course.exercises import Exercise, parts
from earwitness_book.runner import notebooks, profiles
from earwitness_book.runner.notebooks import Notebook, tags

_CONFIG = '''\
"""Settings of nbgrader for this course: https://nbgrader.readthedocs.io."""

c = get_config()  # noqa: F821  given by traitlets
c.CourseDirectory.course_id = "earwitness"
c.ExecutePreprocessor.timeout = 3600  # a cell may train a network
'''
# `python -m nbgrader`, without what importing earwitness_book spares each process
NBGRADER = "import earwitness_book, runpy; runpy.run_module('nbgrader', run_name='__main__')"
_OWN_WORDS = "Say in a few sentences what you see, and why."


def make(
    chapters: Iterable[str], out: Path, profile: str = "demo", slides: bool = False
) -> dict[str, list[Path]]:
    """Write a course of some chapters into a folder, and return its notebooks.

    Parameters
    ----------
    chapters : iterable of str
        Ids; each becomes an assignment.
    out : Path
        Folder of the course, made if it is not there: ``source/`` has solutions, points and hidden
        tests, ``release/`` is what students get.
    profile : str
        Whose parameters the notebooks run with.
    slides : bool
        Make ``slides/`` as well, of what the profile executed.

    Returns
    -------
    dict
        ``"source"``, ``"release"`` and ``"slides"``: paths.

    Raises
    ------
    MissingDataError
        If nbgrader is not installed; for slides, reveal.js, or if nothing is executed.
    UnknownNameError
        If there is no such chapter.
    ParameterError
        If no chapter is asked for, or the folder holds something that is no course of ours.
    EarwitnessError
        If nbgrader refuses a notebook.
    """
    book, chapters = notebooks.book(), list(dict.fromkeys(chapters))
    for chapter in chapters:
        check_choice(chapter, book.chapters(), "chapter")
    _check(chapters, out)
    cache.write_text(out / "nbgrader_config.py", _CONFIG)
    made = {"source": [], "release": [], "slides": []}
    if slides:
        made["slides"] = showing.make(chapters, out, profile)
    for chapter in chapters:
        shutil.rmtree(out / "source" / chapter, ignore_errors=True)
        for notebook in book.notebooks:
            if notebook.chapter == chapter:
                path = out / "source" / chapter / notebook.path.name
                path.parent.mkdir(parents=True, exist_ok=True)
                values = profiles.overrides(profile, notebook)
                cache.write_text(path, nbformat.writes(teachers(notebook, values)))
                made["source"].append(path)
        made["release"] += _release(chapter, out)
    return made


def teachers(notebook: Notebook, values: Mapping[str, object] = {}) -> nbformat.NotebookNode:  # noqa: B006
    """Return a notebook with its exercises as nbgrader marks them: solutions, points, hidden tests.

    Parameters
    ----------
    notebook : Notebook
    values : mapping
        Of parameters that differ from what the notebook declares.
    """
    cells, number = [], 0
    for part in list(parts(notebook)):  # read to its end: solutions stand behind what they solve
        if isinstance(part, Exercise):
            number += 1
            cells += _asked(part, number)
            continue
        cells.append(_cell(part["cell_type"], notebooks.text(part), tags=tags(part)))
        if values and "parameters" in tags(part):
            lines = "\n".join(f"{name} = {value!r}" for name, value in values.items())
            cells.append(_cell("code", lines, tags=["injected-parameters"]))
    made = nbformat.v4.new_notebook(cells=cells)
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python"}
    made.metadata["kernelspec"]["name"] = "python3"
    return made


def _asked(exercise: Exercise, number: int) -> Iterator[nbformat.NotebookNode]:
    """Yield the cells of an exercise: what is asked, the solution, its check, and own words."""
    time = f", about {exercise.minutes} minutes" if exercise.minutes else ""
    mark = "●" * exercise.difficulty + "○" * (3 - exercise.difficulty)
    yield _cell(
        "markdown", f"### Exercise {number}: {exercise.title}\n*{mark}{time}*\n\n{exercise.asked}"
    )
    for step, code in enumerate(exercise.code, 1):
        id, (solution, names) = f"{exercise.label}-{step}", named(code)
        last = step == len(exercise.code)
        by_hand = last and not names
        yield _cell(
            "code",
            _solved(solution, names if last else []),
            nbgrader=_role(id, solution=True, points=exercise.difficulty if by_hand else None),
        )
        if last and names:
            role = _role(f"{id}-check", locked=True, points=exercise.difficulty)
            yield _cell("code", _checked(solution, names), nbgrader=role)
    if exercise.words:
        if exercise.code:
            yield _cell("markdown", _OWN_WORDS)
        role = _role(f"{exercise.label}-words", solution=True, points=1)
        yield _cell("markdown", exercise.words, nbgrader=role)


def _solved(solution: str, names: list[str]) -> str:
    """Return a solution of which students see what to call the answer."""
    called = " and ".join(f"`{name}`" for name in names)
    head = [f"# Call your answer {called}."] if names else []
    return "\n".join([*head, "### BEGIN SOLUTION", solution, "### END SOLUTION"])


def _checked(solution: str, names: list[str]) -> str:
    return "\n".join(
        [
            "# Your answer is checked here when your notebook is graded.",
            "### BEGIN HIDDEN TESTS",
            "from earwitness_book import course",
            "",
            f"course.check(globals(), {solution!r}, {names!r})",
            "### END HIDDEN TESTS",
        ]
    )


def _role(id: str, solution=False, locked=False, points: int | None = None) -> dict:
    """Return what nbgrader knows of a cell; with points it is graded, by hand if it is a
    solution."""
    graded = {"points": points} if points is not None else {}
    flags = {"grade": points is not None, "solution": solution, "locked": locked, "task": False}
    return {"grade_id": id, "schema_version": 3} | flags | graded


def _cell(kind: str, source: str, **metadata) -> nbformat.NotebookNode:
    """Return a cell whose id depends on its text: made again, a course is the same."""
    new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[kind]
    id = hashlib.sha256(f"{source}{metadata}".encode()).hexdigest()[:12]
    return new(source, metadata={name: value for name, value in metadata.items() if value}, id=id)


def _check(chapters: list[str], out: Path) -> None:
    if not chapters:
        known = ", ".join(notebooks.book().chapters())
        raise ParameterError(f"A course needs a chapter: {known}.")
    if find_spec("nbgrader") is None:
        raise MissingDataError(
            "Courses are made with nbgrader, which is not installed: "
            'pip install "earwitness[course]"'
        )
    if out.exists() and not out.is_dir():
        raise ParameterError(f"{out} is a file; a course is a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / "nbgrader_config.py").exists():
        raise ParameterError(f"{out} holds something that is no course; choose an empty folder.")


def _release(chapter: str, out: Path) -> list[Path]:
    """Let nbgrader make the students' version, in a process of its own: it configures logging and
    traitlets for all that follows.
    """
    command = [sys.executable, "-c", NBGRADER, "generate_assignment", chapter]
    shutil.rmtree(out / "release" / chapter, ignore_errors=True)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [*command, "--force", "--create"],
        cwd=out,
        env=os.environ | {"PATH": programs},  # nbgrader calls alembic, which lies beside python
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise EarwitnessError(f"nbgrader makes no assignment of {chapter}:\n{done.stderr.strip()}")
    return sorted((out / "release" / chapter).glob("*.ipynb"))
