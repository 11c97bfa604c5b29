"""A sweep as a page of the site: what it shows, and that the site holds it."""

import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
import toy

from earwitness.errors import ParameterError
from earwitness_book.runner import check, execute, notebooks, site, sweep, sweep_page

SOUND = """\
from IPython.display import HTML
HTML(f'<figure><audio controls src="data:audio/wav;base64,{what}"></audio></figure>')"""
PARAMETERS = "n: int = 1  # how many; 1 to 9\nmode: str = 'a'  # which; one of: a, b"


def cells():
    same, own = SOUND.replace("{what}", "UklGRg=="), SOUND.replace("{what}", "UklG{n}{n}==")
    return toy.lines(same, own, "assert n < 4", toy.MEASURE, parameters=PARAMETERS)


class Images(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.alts = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.alts.append(dict(attributes)["alt"])


def result(values, records, outputs=()):
    """Return a job and its result as an execution leaves them."""
    job = execute.Job("toy/quick", "demo", values, {})
    cell = {"outputs": [{"data": {"text/html": each}} for each in outputs]}
    note = {"records": records, "commit": "abc", "profile": "demo"}
    content = json.dumps({"cells": [cell], "metadata": {"earwitness": note}})
    return job, execute.Executed("toy/quick", content, None, 1.0, cached=False)


@pytest.fixture
def shown(make_toy, tmp_path):
    """Return a function that gives the text of the page of some results."""
    make_toy({"toy/02-quick": toy.lines("n", parameters=PARAMETERS)})

    def make(tried, results, **over):
        rows = sweep.table(tried, results, tmp_path)
        table = tmp_path / "table.csv"
        sweep.write(rows, tried, table)
        kept = {"rows": rows, "command": "earwitness sweep …"} | over
        what = sweep_page.Shown(notebooks.find("quick"), tried, results, table=table, **kept)
        place = sweep_page.write("demo", "mine", what)
        return (site.own_pages("demo") / f"{place}.md").read_text()

    return make


def entry(id, value, **more):
    return {id: {"id": id, "value": value, "unit": "Hz", "n": 3, **more}}


def test_each_recorded_value_is_a_picture_whose_numbers_a_screen_reader_says(shown):
    tried = {"n": [1, 2], "mode": ["a", "b"]}
    results = [
        result(
            {"n": n, "mode": mode},
            entry("toy/one", n + 0.5, interval=[n, n + 1]) | entry("toy/two", 10 * n),
        )
        for n in (1, 2)
        for mode in "ab"
    ]
    alts = Images(shown(tried, results)).alts
    assert alts == [
        "one by n: 1, a: 1.5 [1, 2]; 1, b: 1.5 [1, 2]; 2, a: 2.5 [2, 3]; 2, b: 2.5 [2, 3]",
        "two by n: 1, a: 10; 1, b: 10; 2, a: 20; 2, b: 20",
    ]


def test_sounds_that_all_runs_share_are_left_to_the_notebooks_page(shown):
    results = [
        result({"n": n}, entry("toy/one", n), ["<audio src=alike>", f"<audio\n\n src={n}>"])
        for n in (1, 2)
    ]
    text = shown({"n": [1, 2]}, results)
    assert "alike" not in text and "`n=1`\n\n<audio\n src=1>" in text and "src=2" in text


def test_a_page_of_many_values_says_what_it_leaves_out(shown, monkeypatch):
    monkeypatch.setattr(sweep_page, "N_PANELS", 1)
    monkeypatch.setattr(sweep_page, "N_ROWS", 1)
    text = shown({"n": [1]}, [result({"n": 1}, entry("toy/one", 1) | entry("toy/two", 2))])
    assert "first 1 of 2 are drawn" in text and "first 1 of 2 rows" in text
    assert len(Images(text).alts) == 1 and text.count("<tr>") == 2


def test_runs_that_failed_are_named_and_those_that_recorded_nothing_draw_nothing(shown):
    failure = execute.Failure("toy/quick", 3, "ValueError", "no <such> thing")
    job = execute.Job("toy/quick", "demo", {"n": 1}, {})
    text = shown({"n": [1]}, [(job, failure)])
    assert "1 of these runs failed" in text and "ValueError: no <such> thing`" in text
    assert "No run recorded a value." in text and "<img" not in text


@pytest.mark.parametrize("name", ["", "../x", "Mine", "a b", "a--b"])
def test_a_name_that_is_no_page_is_refused(name):
    with pytest.raises(ParameterError, match="small letters"):
        sweep_page.check_name(name)


@pytest.mark.slow  # the site is rendered: 10 s
def test_a_sweep_becomes_a_page_of_a_site_that_is_whole(make_toy, call):
    make_toy({"toy/02-quick": cells()})
    asked = ("-p", "n", "1,2,4", "--page", "how-many")
    status, out, err = call("sweep", "quick", *asked)
    html = site.folder("demo") / "html"
    assert status == 1 and "n=4" in err, "a run that failed fails the command"
    assert out.splitlines()[-1] == str(html / "sweeps" / "how-many.html"), err
    page = (html / "sweeps" / "how-many.html").read_text()
    assert check.problems("demo") == []
    assert "UklG11==" in page and "UklG22==" in page and "UklGRg==" not in page
    assert "1 of these runs failed" in page and "02-quick.html" in page
    again = "earwitness sweep toy/quick -p n 1,2,4 --profile demo --page how-many"
    assert again in re.sub("<[^>]+>", "", page)
    assert "sweeps/how-many.html" in (html / "toy" / "01-passes.html").read_text()
    linked = re.findall(r'href="\.\./(_downloads/[^"]+)"', page)
    csv, parquet = (html / each for each in linked)
    assert pd.read_csv(csv)["value"].tolist()[:2] == [1, 2]
    assert pd.read_parquet(parquet)["id"].tolist()[0] == "toy/two"
    assert site.build("demo").parent == html, "a later build keeps the page"
    assert (html / "sweeps" / "how-many.html").exists()


def test_a_page_is_taken_away_again_with_its_files_and_another_one_stays(
    make_toy, call, monkeypatch
):
    make_toy({})
    folder, rendered = site.own_pages("demo") / "sweeps", []
    for name in ("mine", "yours"):
        (folder / name).mkdir(parents=True)
        (folder / f"{name}.md").write_text("# A page")
    monkeypatch.setattr(
        "earwitness_book.cli.execute._rendered", lambda profile: (rendered.append(profile), [])
    )
    status, _, said = call("sweep", "--remove", "mine")
    assert status == 0 and rendered == ["demo"], said
    assert {path.name for path in folder.iterdir()} == {"yours", "yours.md"}
    for words, why in (
        (["--remove", "mine"], "yours"),
        (["quick", "--remove", "yours"], "name it alone"),
        ([], "needs a notebook"),
    ):
        status, _, said = call("sweep", *words)
        assert status == 2 and why in said
    assert (folder / "yours.md").exists() and rendered == ["demo"]
