"""Exercises as the notebooks hold them."""

import pytest
import toy

from earwitness.errors import NotebookError
from earwitness_book.course.answers import named
from earwitness_book.course.exercises import Exercise, parts, plain
from earwitness_book.runner import notebooks

ASKED = (
    "## Exercises\n```{exercise} Twice (●●○, 10 min)\n:label: twice\nWhat is {term}`twice` 2?\n```"
)
START, END = "```{solution-start} twice\n:class: dropdown\n```", "So.\n```{solution-end}\n```"
IN_WORDS = """```{exercise} Why?
:label: why
Why?
```

````{solution} why
:class: dropdown
Because of `this`:
```python
1 + 1
```
````

## Summary
It was so."""


def of(make_toy, *cells):
    make_toy({"toy/04-asks": [toy.code(toy.PARAMETERS, ["parameters"]), *cells]})
    return list(parts(notebooks.find("toy/asks")))


def test_an_exercise_has_its_mark_its_code_and_its_words(make_toy):
    found = of(
        make_toy,
        toy.words(ASKED),
        toy.words(START),
        toy.code("2 * 2"),
        toy.words(f"{END}\n{IN_WORDS}"),
    )
    twice, why = (part for part in found if isinstance(part, Exercise))
    assert (twice.title, twice.difficulty, twice.minutes) == ("Twice", 2, 10)
    assert (twice.asked, twice.code, twice.words) == ("What is twice 2?", ["2 * 2"], "So.")
    assert (why.title, why.difficulty, why.minutes, why.code) == ("Why?", 1, 0, [])
    assert why.words.startswith("Because of `this`") and "1 + 1" in why.words
    assert notebooks.text(found[-1]) == "## Summary\nIt was so."


@pytest.mark.parametrize(
    ("cells", "message"), [([START], "never asked"), ([ASKED, START], "does not end")]
)
def test_a_solution_without_a_beginning_or_an_end_is_named(make_toy, cells, message):
    with pytest.raises(NotebookError, match=f"toy/asks.*'twice'.*{message}"):
        of(make_toy, *map(toy.words, cells))


def test_of_a_reference_its_words_are_left():
    assert plain("see {doc}`the page <other/page>` and {cite}`name2020`") == (
        "see the page and name2020"
    )


def test_every_notebook_has_five_exercises_from_easy_to_hard_that_are_solved():
    labels = []
    for notebook in notebooks.every():
        asked = [part for part in parts(notebook) if isinstance(part, Exercise)]
        assert len(asked) >= 5, notebook.id
        assert all((part.code or part.words) and part.minutes for part in asked), notebook.id
        assert {1} < {part.difficulty for part in asked}, f"{notebook.id}: easy ones, and others"
        checked = [part for part in asked if part.code and named(part.code[-1])[1]]
        assert len(checked) >= 2, f"{notebook.id}: answers that can be checked"
        labels += [part.label for part in asked]
    assert len(set(labels)) == len(labels)
