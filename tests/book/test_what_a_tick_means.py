"""The page "What a tick means": its code runs in order and prints what the page says."""

import contextlib
import io
import re

from earwitness_book import project

PAGE = (project.root() / "book" / "what-a-tick-means.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n```text\n(.*?)```)?", PAGE, re.DOTALL)


def test_the_page_prints_what_it_says():
    names = {}
    assert len(BLOCKS) == 7
    for code, said in BLOCKS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert printed.getvalue() == said


def test_it_shows_a_tick_a_number_without_learning_and_one_that_noise_decided():
    verdicts = [said.splitlines()[-1].split(" (")[0] for _, said in BLOCKS if said]
    assert verdicts[:3] == ["reproduced", "not specific", "undecided"]
    assert verdicts[3:] == ["reproduced", "not specific", "undecided"]  # of the exercises
