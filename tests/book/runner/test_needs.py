"""What notebooks take, as a table of the site."""

import re

import toy

from earwitness_book.runner import execute, needs, notebooks, site

ASKED = "```{exercise} Twice (●●○, 10 min)\n:label: twice\nTwice what?\n```"
LARGE = "kept = b'x' * 400_000_000; del kept"


def rows(text):
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(<td.*?)</tr>", text)]


def test_minutes_and_memory_are_those_of_the_execution_and_of_the_exercises(make_toy):
    make_toy({"toy/02-quick": [*toy.lines(LARGE), toy.words(ASKED)]})
    notebook = notebooks.find("quick")
    job = execute.prepare(notebook, "demo", {}, execute.environment_fingerprint())
    seen = []
    ran = execute.execute(job, lambda cell, cells: seen.append((cell, cells)))
    cells, (of,) = [cell for cell, _ in seen], {of for _, of in seen}
    assert len(cells) >= 2 and cells == sorted(set(cells)) and cells[-1] <= of, "as cells begin"
    execute.place(ran, site.folder("demo") / "executed")
    content = site.executed("demo", notebook)
    note = content["metadata"]["earwitness"]
    assert 400 < note["memory_mb"] < 4000, "what was freed counts, too"
    note |= {"seconds": 90.0, "processor_s": {"2": 30.0, "3": 42.0}, "memory_mb": 1234}
    found = rows(needs.table([(notebook, content), (notebook, None)], "../"))
    assert found == [
        ['<a href="../toy/02-quick.html">Quick</a>', "1.5", "1.2", "1.2", "1", "10"],
        ['<a href="../toy/02-quick.html">Quick</a>', "–", "–", "–", "1", "10"],
    ]


def test_a_page_gets_the_table_of_the_notebooks_that_the_site_has(make_toy):
    make_toy()
    text = site._filled("demo", "teach.md", f"a {site.NEEDS} b", ["toy/01-passes"])
    assert [row[0] for row in rows(text)] == ['<a href="toy/01-passes.html">Passes</a>']
    assert rows(site._filled("demo", "teach.md", site.NEEDS, [])) == []
