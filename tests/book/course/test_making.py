"""A course of two chapters: made, solved, and graded by nbgrader."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import toy

from earwitness.errors import MissingDataError, ParameterError, UnknownNameError
from earwitness_book.course import make, making

ASKED = toy.words(
    "```{exercise} Twice (●●○, 10 min)\n:label: twice\nTwice what?\n```\n\n"
    "```{solution-start} twice\n```"
)
SOLVED = [toy.code("half = n_clips\n2 * half"), toy.words("It is.\n```{solution-end}\n```")]
NOTEBOOK = [toy.code(toy.PARAMETERS, ["parameters"]), ASKED, *SOLVED]
STUBS = ("NotImplementedError", "YOUR ANSWER HERE")


@pytest.fixture
def course(make_toy, tmp_path):
    make_toy({"first/01-asks": NOTEBOOK, "other/01-asks": NOTEBOOK})
    return tmp_path / "course"


def nbgrader(folder, *arguments):
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", making.NBGRADER, *arguments],
        cwd=folder,
        env=os.environ | {"PATH": programs},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def hand_in(course, student, chapter, leave_out=()):
    """Fill a student's notebooks with the teacher's solutions."""
    for path in sorted((course / "release" / chapter).glob("*.ipynb")):
        given, solved = (
            nbformat.read(path, 4),
            nbformat.read(course / "source" / chapter / path.name, 4),
        )
        for cell, full in zip(given.cells, solved.cells, strict=True):
            role = full.metadata.get("nbgrader", {})
            if role.get("solution") and role["grade_id"] not in leave_out:
                cell.source = full.source
        target = course / "submitted" / student / chapter / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(given, target)


def test_whoever_solves_all_gets_every_point_and_whoever_leaves_one_out_does_not(course):
    make(["first", "other"], course, "demo")
    for chapter in ("first", "other"):
        hand_in(course, "ada", chapter)
        if chapter == "other":
            hand_in(course, "bob", chapter, leave_out=["twice-1"])
        nbgrader(course, "autograde", chapter)
    nbgrader(course, "export", "--to", "grades.csv")
    grades = pd.read_csv(course / "grades.csv").set_index(["student_id", "assignment"])
    points = grades["score"].to_dict()
    assert (grades["max_score"] == 3).all(), "two for code, one for words that the teacher reads"
    assert points == {
        ("ada", "first"): 2, ("ada", "other"): 2, ("bob", "first"): 0, ("bob", "other"): 0
    }  # fmt: skip


def test_students_see_no_solution_and_teachers_points_and_time(course, monkeypatch):
    made = make(["other"], course, "demo")
    (source,), (release,) = made["source"], made["release"]
    for_teacher, for_students = source.read_text(), release.read_text()
    assert "2 * half" in for_teacher and "2 * half" not in for_students
    assert "It is." in for_teacher and "It is." not in for_students
    assert all(stub in for_students for stub in STUBS)
    assert "about 10 minutes" in for_students and "Call your answer `answer`" in for_students
    monkeypatch.setattr(making, "_release", lambda chapter, out: [])  # what students get is known
    make(["other"], course, "demo")
    assert source.read_text() == for_teacher


def test_parameters_of_the_profile_stand_behind_the_notebooks_own(course, monkeypatch):
    monkeypatch.setattr(making, "_release", lambda chapter, out: [])
    (source,) = make(["other"], course, "smoke")["source"]
    cells = nbformat.read(source, 4).cells
    given = [cell for cell in cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in given] == ["n_clips = 1"]


@pytest.mark.parametrize(
    ("chapters", "error", "message"),
    [
        ([], ParameterError, "needs a chapter: toy, first, other"),
        (["toi"], UnknownNameError, "toy"),
    ],
)
def test_what_is_no_course_is_refused_before_anything_is_written(course, chapters, error, message):
    with pytest.raises(error, match=message):
        make(chapters, course, "demo")
    assert not course.exists()


def test_a_folder_of_something_else_is_left_alone(course):
    course.mkdir()
    (course / "thesis.tex").write_text("years of work")
    with pytest.raises(ParameterError, match="no course"):
        make(["toy"], course, "demo")
    assert [path.name for path in course.iterdir()] == ["thesis.tex"]


def test_without_nbgrader_a_sentence_says_how_to_get_it(course, monkeypatch):
    monkeypatch.setattr(making, "find_spec", lambda name: None)
    with pytest.raises(MissingDataError, match=r"earwitness\[course\]"):
        make(["toy"], course, "demo")
