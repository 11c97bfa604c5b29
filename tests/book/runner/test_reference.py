"""Pages to look things up hold every card, and what each repeats is what its source states."""

import re

from earwitness import catalogue
from earwitness_book import project
from earwitness_book.runner import notebooks, reference


def test_every_shipped_weight_has_its_card_with_licence_size_and_the_command_that_made_it():
    page = reference.weights()
    cards = sorted((catalogue.folder() / "weights").glob("*.md"))
    assert page.count("\n## ") + 1 == len(cards) > 5
    phone = page[page.index("## phone-cnn") :]
    assert "839,679 weights" in phone and "frame accuracy percent 58.23" in phone
    assert "Linguistic Data Consortium" in phone and "earwitness train PhoneCNN" in phone
    assert not re.search(r"(?m)^# ", page)


def test_every_corpus_has_its_card_and_says_whether_it_may_be_played():
    page, known = reference.corpora(), catalogue.corpora()
    assert all(f"## {about['title']}\n" in page for about in known.values())
    closed = page[page.index("## AudioMNIST_AZ") :]
    assert "| played and drawn on pages | no |" in closed and "none stated" in closed
    assert page.count("| played and drawn on pages | yes |") == len(known) - 1


def test_speeds_and_licences_are_those_of_the_repository_one_level_lower():
    assert "## Relevance: cost in units of one forward and one backward pass" in reference.speeds()
    notice = (project.root() / "NOTICE.md").read_text()
    assert reference.notice() in notice and "PESQ" in reference.notice()


def test_the_pages_ask_for_them_and_marks_are_filled():
    pages = [path.read_text() for path in (project.root() / "book").glob("*.md")]
    for name in reference.PAGES:
        (page,) = [text for text in pages if f"<!-- reference {name} -->" in text]
        assert "<!-- reference" not in reference.filled(page)
        assert len(reference.filled(page)) > 2 * len(page)
    assert {"weights", "corpora", "speeds", "licences"} <= set(notebooks.toc_pages())
