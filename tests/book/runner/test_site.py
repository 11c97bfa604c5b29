"""A whole small site, built by the command line: pages, errors in their place, nothing from other
hosts.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import toy

from earwitness.errors import DamagedDataError, UnknownNameError
from earwitness.training import fitting
from earwitness_book.runner import check, execute, notebooks, pages, site

WIDGET = "import ipywidgets\nipywidgets.IntSlider(description='How many')"
PRINTS = (
    "red, plain = (f'{chr(27)}[{number}m' for number in (31, 0))\nprint('10 %\\r100 %')\n"
    "print(f'{red}red{plain}')\nraise ValueError(f'{red}no{plain} such thing')"
)
MORE = {
    "toy/02-fails": [
        toy.words("# Fails"),
        toy.code("seed: int = 1", ["parameters"]),
        toy.code(PRINTS),
        toy.code("1"),
    ],
    "toy/03-widget": [
        toy.words("# Widget"),
        toy.code("seed: int = 1", ["parameters"]),
        toy.code(WIDGET),
    ],
}


def earwitness(*arguments):
    command = [sys.executable, "-m", "earwitness.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A toy project built once (profile smoke); the answer of the command and the folder of the
    site.
    """
    folder = tmp_path_factory.mktemp("site")
    home = toy.project(folder / "toy", MORE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARWITNESS_HOME", str(home))
        patch.setenv("EARWITNESS_CACHE", str(folder / "cache"))
        patch.delenv("EARWITNESS_DATA", raising=False)
        patch.delenv("EARWITNESS_PROFILE", raising=False)
        yield (
            earwitness("build", "--profile", "smoke", "--workers", "2"),
            site.folder("smoke") / "html",
        )


@pytest.fixture
def copy(built, tmp_path, monkeypatch):
    """A copy of that project to damage; the folder of its site."""
    home = Path(os.environ["EARWITNESS_HOME"])
    shutil.copytree(home, tmp_path / "toy", symlinks=True)
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path / "toy"))
    return site.folder("smoke") / "html"


def page(html, name):
    return (html / f"{name}.html").read_text()


def test_a_failing_notebook_fails_the_build_at_its_end_with_notebook_cell_and_error(built):
    answer, html = built
    assert answer.returncode == 1
    assert "toy/fails failed in cell 3: ValueError: no such thing" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout.splitlines()[-1] == str(html / "index.html")
    assert "toy/passes" in answer.stderr and "toy/widget" in answer.stderr


def test_the_check_finds_nothing_wrong(built):
    assert check.problems("smoke") == []


def test_the_page_of_a_failing_notebook_shows_the_error_in_place_without_codes_of_the_terminal(
    built,
):
    said = page(built[1], "toy/02-fails")
    assert "This notebook failed in cell 3" in said and "traceback" in said
    assert ">100 %\nred\n" in said
    assert "\x1b" not in said and "[31m" not in said and "[0m" not in said


def test_parameters_are_a_table_that_marks_what_the_profile_changed(built):
    said = page(built[1], "toy/01-passes")
    assert "ew-parameters" in said and "n_clips: int" not in said
    changed = said.split("ew-changed")[1].split("</tr>")[0]
    assert "n_clips" in changed and "<code>1</code>" in changed and "<code>2</code>" in changed
    assert said.count("ew-changed") == 1


def test_a_page_says_on_how_many_threads_it_and_its_networks_were_computed(built):
    said = re.sub(r"\s+", " ", page(built[1], "toy/01-passes"))
    threads, trained = execute.threads(), fitting.N_THREADS
    assert f"threads: {threads} for the page, {trained} for networks that are trained" in said


def test_every_page_says_what_made_it_and_how_to_see_it_with_real_recordings(built):
    for name in notebooks.toc_pages():
        banner = page(built[1], name).split("ew-banner")[1].split("</aside>")[0]
        assert "Profile smoke" in banner and "corpus voices" in banner and "commit " in banner
        assert "rerun.html" in banner or 'href="#"' in banner


def test_the_scoreboard_has_a_row_per_claim_with_the_value_of_this_build(built):
    one, two = page(built[1], "scoreboard").split('class="ew-claim"')[1:]
    assert 'data-verdict="other data" data-corpus="voices"' in one and "<strong>1</strong>" in one
    assert "toy/<wbr>one" in one
    assert "toy/<wbr>two" in two and 'data-verdict="not run"' in two


def test_scripts_for_widgets_and_formulas_are_local_and_only_where_they_are_needed(built):
    html = built[1]
    assert (html / "vendor/katex/katex.min.js").exists() and (
        html / "vendor/widgets/embed-amd.js"
    ).exists()
    needs = {
        name: (("katex/set.js" in page(html, name)), ("embed-amd.js" in page(html, name)))
        for name in ("toy/01-passes", "toy/03-widget", "rerun")
    }
    assert needs == {
        "toy/01-passes": (True, False),
        "toy/03-widget": (False, True),
        "rerun": (False, False),
    }
    scripts = page(html, "toy/03-widget")
    assert scripts.index("vendor/widgets/require.js") < scripts.index("vendor/widgets/embed-amd.js")


def test_the_download_button_gives_the_notebook_that_can_be_run(built):
    given = json.loads((built[1] / "_sources" / "toy" / "01-passes.ipynb").read_text())
    assert given == notebooks.find("passes").content()


def test_a_second_build_executes_only_what_failed(built):
    again = earwitness("build", "--profile", "smoke")
    assert again.returncode == 1
    assert again.stderr.count("nothing changed") == 2


def test_nothing_is_rendered_again_when_nothing_changed_and_a_changed_page_is(copy):
    assert site.build("smoke") == copy / "index.html"
    before = (copy.parent / "render.log").stat().st_mtime_ns
    site.build("smoke")
    assert (copy.parent / "render.log").stat().st_mtime_ns == before
    book = copy.parents[2] / "book"
    (book / "rerun.md").write_text("# Rerun\n\nOtherwise.\n")
    site.build("smoke")
    assert "Otherwise." in page(copy, "rerun")
    (book / "_static" / "earwitness.css").write_text("p { color: red }")
    site.build("smoke")
    assert (copy / "_static" / "earwitness.css").read_text() == "p { color: red }"


def test_a_changed_page_is_rendered_again_although_the_clock_was_set_back(copy, monkeypatch):
    site.build("smoke")
    write = site._write
    monkeypatch.setattr(
        site, "_write", lambda path, content: (write(path, content), os.utime(path, (1e9, 1e9)))
    )
    (copy.parents[2] / "book" / "rerun.md").write_text("# Rerun\n\nOtherwise.\n")
    site.build("smoke")
    assert "Otherwise." in page(copy, "rerun")


def test_what_is_damaged_in_a_rendered_site_is_made_again_and_a_known_address_gives_a_map(
    copy, monkeypatch
):
    monkeypatch.setenv("EARWITNESS_SITE", "https://example.org/book")
    site.build("smoke")
    built = site.digests(copy.parent)
    assert (
        "<loc>https://example.org/book/toy/01-passes.html</loc>"
        in (copy / "sitemap.xml").read_text()
    )
    assert '<link rel="canonical" href="https://example.org/book/rerun.html" />' in page(
        copy, "rerun"
    )
    (copy / "toy" / "01-passes.html").write_text("")
    (copy / "_static" / "earwitness.css").unlink()
    doctree = copy.parent / ".doctrees" / "rerun.doctree"
    doctree.write_bytes(doctree.read_bytes()[:100])
    site.build("smoke")
    made = site.digests(copy.parent)
    assert {name for name in built if name.startswith("html/")} == {
        name for name in made if name.startswith("html/")
    }
    assert (
        made["html/toy/01-passes.html"] == built["html/toy/01-passes.html"]
        and check.problems("smoke") == []
    )
    (copy.parent / "rendered").write_text("{")
    assert site.rendered("smoke") == notebooks.toc_pages()


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"cells": []', '{"cells": [], "metadata": {}}']
)
def test_an_executed_notebook_that_is_damaged_is_named_with_the_command_that_makes_it_again(
    copy, content
):
    path = copy.parent / "executed" / "toy" / "01-passes.ipynb"
    path.write_text(content)
    with pytest.raises(
        DamagedDataError, match=r"01-passes.ipynb is damaged; `earwitness build --profile smoke`"
    ):
        site.build("smoke")
    assert (copy / "index.html").exists()


def test_a_part_of_the_book_builds_and_names_the_rest_in_plain_text(copy):
    home, executed = copy.parents[2], copy.parent / "executed" / "other" / "01-there.ipynb"
    toy.write_notebook(
        home / "notebooks" / "other" / "01-there.ipynb",
        [toy.words("# What is there"), toy.code("seed: int = 1", ["parameters"])],
    )
    toc = home / "book" / "_toc.yml"
    toc.write_text(
        toc.read_text() + "  - file: other/intro\n    sections:\n    - file: other/01-there\n"
    )
    (home / "book" / "other").mkdir()
    (home / "book" / "other" / "intro.md").write_text("# Other\n\nWords.\n")
    (home / "book" / "rerun.md").write_text(
        "# Rerun\n\nSee {doc}`other/01-there`, {doc}`these words <other/intro>` and "
        "{doc}`toy/01-passes`.\n"
    )
    executed.parent.mkdir()
    kept = json.dumps({"cells": [], "metadata": {"earwitness": {"records": {}}}})
    executed.write_text(kept)
    site.build("smoke", chapters=["toy"])
    said = page(copy, "rerun").split("<p>See ")[1].split("</p>")[0]
    assert (
        "What is there" in said
        and "these words" in said
        and said.count("<a ") == 1
        and 'href="toy/01-passes.html"' in said
    )
    assert not (copy / "other").exists() and executed.read_text() == kept
    assert check.problems("smoke") == check.problems("smoke", chapters=["toy"]) == []
    with pytest.raises(UnknownNameError, match="toy"):
        site.build("smoke", chapters=["tay"])


@pytest.mark.skipif(not Path("/proc").exists(), reason="asks Linux whether a process is alive")
def test_a_render_ends_with_the_build_that_was_killed(tmp_path):
    endless = (
        "import time; from earwitness_book.runner import render; "
        "render.build_sphinx = lambda *a, **k: time.sleep(60); render.main('', '', '')"
    )
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho $$ > {tmp_path}/pid\nexec {sys.executable} -c "{endless}"\n'
    )
    python.chmod(0o755)
    start = (
        f"import sys; from pathlib import Path; from earwitness_book.runner import site; "
        f"sys.executable = '{python}'; here = Path('{tmp_path}'); site._sphinx(here, here, here, "
        "here / 'log')"
    )
    build = subprocess.Popen([sys.executable, "-c", start])
    until = time.monotonic() + 60
    while (
        not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        and time.monotonic() < until
    ):
        time.sleep(0.05)
    state = Path("/proc", (tmp_path / "pid").read_text().strip(), "stat")
    assert alive(state)
    build.send_signal(signal.SIGKILL)
    build.wait()
    while alive(state) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(state)


def alive(state):
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX"


def test_a_page_without_formulas_and_widgets_is_light_and_prints_solutions_folded(built):
    html = built[1]
    said = page(html, "rerun")
    files = {
        html / urlsplit(address).path
        for address in check.read(said).loads
        if not address.startswith("data:")
    }
    assert sum(path.stat().st_size for path in files if path.is_file()) + len(said) < 1_000_000
    assert not list(html.rglob("*.map")) and not list(html.rglob("fontawesome.js"))
    assert "toggleOpenOnPrint = 'false'" in said


def test_a_page_says_in_a_sentence_what_it_holds(built):
    assert '<meta name="description" content="Words about rerunning' in page(built[1], "rerun")
    assert "Content-Security-Policy" in page(built[1], "404") and "There is no such page" in page(
        built[1], "404"
    )


def damaged(html, name, old, new):
    path = html / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return "\n".join(check.problems("smoke"))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("toy/01-passes.html", 'alt="a line that rises"', 'alt=""', "has no alternative text"),
        (
            "toy/01-passes.html",
            'alt="a line that rises"',
            'alt="../_images/0a1b.png"',
            "is a file name",
        ),
        ("toy/01-passes.html", "<img", "<b", "the figure of cell 3 is missing"),
        ("toy/01-passes.html", "UklGRg==", "UklGRh==", "a player of cell 4 is missing"),
        (
            "index.html",
            "<body",
            '<script src="https://cdn.example.org/a.js"></script><body',
            "from another host",
        ),
        (
            "index.html",
            "<body",
            '<link rel="stylesheet" href="//fonts.example.org/a.css"><body',
            "from another host",
        ),
        (
            "index.html",
            "<body",
            '<iframe src="http://example.org"></iframe><body',
            "from another host",
        ),
        (
            "index.html",
            "<body",
            '<p style="background: url(https://example.org/a.png)"></p><body',
            "from another host",
        ),
        (
            "index.html",
            "<body",
            '<img alt="a thing" src="_images/gone.png"><body',
            "gone.png, which is not in the site",
        ),
        ("toy/02-fails.html", "traceback", "backtrace", "the page shows no error"),
        ("index.html", "<body", "<!-- finding toy/passes --><body", "was not filled"),
        (
            "_static/earwitness.css",
            ".ew-banner {",
            "@import 'https://example.org/a.css'; .ew-banner {",
            "style or a font",
        ),
    ],
)
def test_the_check_finds_what_is_missing_or_comes_from_elsewhere(copy, name, old, new, said):
    assert said in damaged(copy, name, old, new)


def test_the_check_finds_a_page_that_is_not_there(copy):
    (copy / "toy" / "01-passes.html").unlink()
    assert "The page toy/01-passes is not in the site." in check.problems("smoke")


def test_the_check_finds_an_error_in_a_notebook_that_did_not_fail(copy):
    path = copy.parent / "executed" / "toy" / "02-fails.ipynb"
    content = json.loads(path.read_text())
    content["metadata"]["earwitness"]["failure"] = None
    path.write_text(json.dumps(content))
    assert any(
        "shows an error although toy/fails did not fail" in said for said in check.problems("smoke")
    )


def test_the_check_finds_a_figure_that_is_shown_twice(copy):
    path = copy.parent / "executed" / "toy" / "01-passes.ipynb"
    content = json.loads(path.read_text())
    content["cells"][3]["outputs"] *= (
        2  # after the title, the parameters and those the profile injected
    )
    path.write_text(json.dumps(content))
    assert any("cell 3 shows the same figure twice" in said for said in check.problems("smoke"))


def test_a_plain_link_to_another_host_is_fine(copy):
    assert (
        damaged(copy, "index.html", "<body", '<a href="https://example.org">there</a><body') == ""
    )


def test_what_a_notebook_measured_goes_with_the_notebook_and_stays_when_the_contents_leave_it_out(
    copy,
):
    executed, home = copy.parent / "executed" / "toy", copy.parents[2]
    toc = home / "book" / "_toc.yml"
    for name in ("01-passes", "02-fails"):
        toc.write_text(toc.read_text().replace(f"  - file: toy/{name}\n", ""))
    (home / "notebooks" / "toy" / "02-fails.ipynb").unlink()
    site.build("smoke")
    assert {path.name for path in executed.iterdir()} == {"01-passes.ipynb", "03-widget.ipynb"}
    assert (
        not (copy / "toy" / "01-passes.html").exists()
        and not (copy / "toy" / "02-fails.html").exists()
    )


def test_a_page_can_show_what_a_tagged_cell_shows_and_says_if_there_is_none(copy, tmp_path):
    path = copy.parent / "executed" / "toy" / "01-passes.ipynb"
    content = json.loads(path.read_text())
    (sound,) = [
        cell for cell in content["cells"] if "<audio" in json.dumps(cell.get("outputs", []))
    ]
    sound["metadata"]["tags"] = ["sound"]
    path.write_text(json.dumps(content))
    asked = "# Rerun\n\n<!-- cell sound of toy/passes -->\n\n<!-- cell more of toy/passes -->\n"
    (copy.parents[2] / "book" / "rerun.md").write_text(asked)
    site.assemble("smoke", tmp_path / "source")
    shown = (tmp_path / "source" / "rerun.md").read_text()
    assert '<figure><audio controls src="data:audio/wav;base64,UklGRg==">' in shown
    assert "did not execute toy/passes as far as" in shown and "<!-- cell" not in shown


def test_a_notebook_that_was_not_executed_says_so(built):
    shown = json.loads(pages.page(notebooks.find("passes"), None))
    assert "was not executed" in shown["cells"][1]["source"]


def test_a_page_that_nobody_wrote_is_named_before_anything_runs(copy):
    toc = copy.parents[2] / "book" / "_toc.yml"
    toc.write_text(toc.read_text() + "  - file: nowhere\n")
    answer = earwitness("build", "--profile", "smoke")
    assert answer.returncode == 1 and "_toc.yml lists nowhere" in answer.stderr


def test_a_warning_of_jupyter_book_fails_the_build(copy):
    (copy.parents[2] / "book" / "rerun.md").write_text("# Rerun\n\n{doc}`nowhere`\n")
    answer = earwitness("build", "--profile", "smoke", "--render-only")
    assert (
        answer.returncode == 1 and "nowhere" in answer.stderr and "Traceback" not in answer.stderr
    )
