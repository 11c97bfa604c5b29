"""What this book adds to Sphinx: labels of the bibliography, meanings of terms."""

from types import SimpleNamespace

import pytest
from docutils import nodes
from pybtex.database import Entry, Person
from sphinx import addnodes

from earwitness_book.runner import theme

ANCHOR = "glossary.html#term-LRP"


@pytest.mark.parametrize(
    "names, label",
    [
        (["Body, No"], "Body, 1999"),
        (["Body, No", "Else, Any"], "Body and Else, 1999"),
        (["van Body, No", "Else, Any", "One, Some"], "Body et al., 1999"),
    ],
)
def test_labels_of_the_bibliography_are_what_the_text_cites(names, label):
    entry = Entry("misc", [("year", "1999")], persons={"author": list(map(Person, names))})
    assert theme._cited(entry) == label


def test_a_work_without_authors_or_year_is_called_by_its_title():
    assert theme._cited(Entry("misc", [("title", "Praat")])) == "Praat, no year"


def book(meaning):
    """A glossary of one term, as Sphinx keeps it."""
    term = nodes.term("LRP", "LRP", ids=["term-LRP"])
    item = nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", meaning)))
    glossary = nodes.section("", nodes.definition_list("", item))
    return SimpleNamespace(found_docs={"glossary"}, get_doctree=lambda name: glossary)


@pytest.mark.parametrize("meaning", ["Handed back, layer by layer.", "word " * 200])
def test_hovering_a_term_shows_the_beginning_of_its_entry(meaning):
    link, other = (nodes.reference("", "x", refuri=uri) for uri in (ANCHOR, "glossary.html"))
    page = nodes.paragraph("", "", link, other)
    theme._explain_terms(SimpleNamespace(env=book(meaning)), page, "index")
    assert meaning.startswith(link["reftitle"].removesuffix(" …")) and "reftitle" not in other
    assert len(link["reftitle"]) <= 302 and (len(meaning) > 300) == link["reftitle"].endswith("…")


def test_the_keys_of_cited_works_are_not_shown():
    cited = addnodes.pending_xref("", nodes.inline("", "bach2015"), refdomain="cite")
    entry = nodes.definition("", nodes.paragraph("", "", nodes.Text("Handed back "), cited,
                                                 nodes.Text(": layer by layer.")))  # fmt: skip
    assert theme._words(entry) == "Handed back: layer by layer."
    assert "bach2015" in entry.astext()


def test_a_site_without_a_glossary_explains_nothing():
    link = nodes.reference("", "x", refuri=ANCHOR)
    env = SimpleNamespace(found_docs=set())
    theme._explain_terms(SimpleNamespace(env=env), nodes.paragraph("", "", link), "index")
    assert "reftitle" not in link


def test_the_contents_of_exercises_share_no_id():
    page = nodes.section(ids=["chapter"])
    kinds = ("exercise", "exercise", "solution")
    page += [nodes.section(ids=[f"{kind}-content"]) for kind in kinds]
    theme._drop_shared_ids(None, page, "index")
    assert [section["ids"] for section in page.findall(nodes.section)] == [["chapter"], [], [], []]
