"""What the prose promises holds: its example runs, its citations exist, its licence is the one it
names.
"""

import re

import numpy as np
import pytest
import soundfile
import yaml
from pybtex.database import parse_file

from earwitness_book import project, records

ROOT = project.root()
PAGES = sorted((ROOT / "book").rglob("*.md"))
REQUIRED = {
    "article": {"journal", "volume", "year"},
    "inproceedings": {"booktitle", "year"},
    "incollection": {"booktitle", "year"},
    "misc": {"year"},
    "techreport": {"institution", "year"},
    "unpublished": {"note", "year"},
    "book": {"publisher", "year"},
}


@pytest.fixture(scope="module")
def bibliography():
    return parse_file(str(ROOT / "book" / "references.bib")).entries


def test_every_work_has_authors_a_title_and_what_its_kind_needs(bibliography):
    for key, entry in bibliography.items():
        assert entry.persons.get("author") and "title" in entry.fields, key
        assert REQUIRED[entry.type] <= set(entry.fields), key


def test_every_citation_of_the_pages_and_notebooks_is_in_the_bibliography(bibliography):
    texts = [path.read_text() for path in [*PAGES, *(ROOT / "notebooks").rglob("*.ipynb")]]
    groups = [keys for text in texts for keys in re.findall(r"\{cite(?::\w)?\}`([^`]+)`", text)]
    cited = {key.strip() for keys in groups for key in keys.split(",")}
    assert "becker2018" in cited and cited <= set(bibliography)


def test_the_paper_of_each_chapter_with_published_values_is_in_the_bibliography(bibliography):
    for chapter in records.chapters():
        assert (
            yaml.safe_load((ROOT / f"data/published/{chapter}.yaml").read_text())["paper"]
            in bibliography
        )


def test_every_link_to_a_page_leads_to_a_page_or_notebook():
    for page in PAGES:
        for target in re.findall(r"\{doc\}`(?:[^`<]*<)?([^`>]+)>?`", page.read_text()):
            base = ROOT / "book" if target.startswith("/") else page.parent
            path = (base / target.lstrip("/")).relative_to(ROOT / "book")
            files = (ROOT / "book" / f"{path}.md", ROOT / "notebooks" / f"{path}.ipynb")
            assert any(file.exists() for file in files), f"{page.name} links to {target}"


def test_roles_are_those_that_the_book_can_resolve():
    # the site has no pages of the library, so {func}`...` finds nothing there, and the build
    # refuses a warning
    for path in [*PAGES, *(ROOT / "notebooks").rglob("*.ipynb")]:
        used = set(re.findall(r"\{([a-z:-]+)\}`", path.read_text()))
        assert used <= {"cite", "cite:t", "doc", "math", "term"}, path.name


def test_every_term_that_is_linked_is_in_the_glossary_which_is_in_alphabetical_order():
    glossary = (ROOT / "book" / "glossary.md").read_text()
    entries = re.findall(
        r"^(\S.*)\n  \S", re.search(r"\{glossary\}\n(.*?)```", glossary, re.DOTALL)[1], re.MULTILINE
    )
    assert entries == sorted(entries, key=str.lower)
    texts = [path.read_text() for path in [*PAGES, *(ROOT / "notebooks").rglob("*.ipynb")]]
    linked = {
        term for text in texts for term in re.findall(r"\{term\}`(?:[^`<]*<)?([^`>]+)>?`", text)
    }
    assert "formant" in linked and linked <= set(entries)


def test_every_image_of_a_page_is_there_and_described():
    for page in PAGES:
        for image in re.findall(r"\{figure\} (\S+)", page.read_text()):
            assert (page.parent / image).is_file()
            assert "\nalt: " in page.read_text()


@pytest.mark.usefixtures("same_names_afterwards")
def test_the_corpus_class_of_the_own_data_page_works_as_printed(tmp_path):
    code = re.search(
        r"```python\n(from pathlib.*?)```", (ROOT / "book" / "own-data.md").read_text(), re.DOTALL
    )[1]
    rng = np.random.default_rng(0)
    for speaker in "abcde":
        for digit in (0, 9):
            soundfile.write(
                tmp_path / f"{digit}_{speaker}_0.wav", rng.uniform(-0.1, 0.1, 4000), 8000
            )
    namespace = {}
    exec(compile(code, "own-data.md", "exec"), namespace)
    corpus = namespace["Mine"](tmp_path)
    assert len(corpus) == 10 and corpus[0].sample_rate == 8000
    folds = corpus.folds("digit")
    assert len(folds) == 5
    for fold in folds:
        heard, tested = (
            set(corpus.table["speaker"].iloc[part]) for part in (fold.train, fold.test)
        )
        assert len(heard) == 3 and len(tested) == 1 and not heard & tested


def test_the_licence_is_the_one_that_the_package_and_the_citation_name():
    assert (ROOT / "LICENSE").read_text().split("\n")[0].strip() == "GNU GENERAL PUBLIC LICENSE"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text()
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
