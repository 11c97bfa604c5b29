"""Pages to look things up hold every card, and what each repeats is what its source states."""

import re

from earwitness import catalogue, models
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


def test_what_a_card_measures_in_groups_is_shown_with_the_names_of_the_groups():
    page = reference.weights()
    assert (
        "n scenes 1000; network: within percent 89.2, median deg 4.94; "
        "pseudo intensity: within percent 58.1, median deg 8.55 |"
    ) in page  # without the list of every level
    assert "voices all: n 216, correlation 0.931, rank correlation 0.937, rmse 0.422; " in page
    assert "timit held out conditions: n 32, correlation 0.065, " in page


def test_the_weights_that_a_card_counts_are_the_parameters_of_its_network():
    for path in (catalogue.folder() / "weights").glob("*.pt"):
        network = models.pretrained(path.stem)
        n_parameters = sum(each.numel() for each in network.model.parameters())
        assert network.card["weights"]["n"] == n_parameters, path.stem


def test_every_corpus_has_its_card_and_says_whether_it_may_be_played():
    page, known = reference.corpora(), catalogue.corpora()
    assert all(f"## {about['title']}\n" in page for about in known.values())
    closed = page[page.index("## AudioMNIST_AZ") :]
    assert "| played and drawn on pages | no |" in closed and "none stated" in closed
    weights = [name for name, about in known.items() if about.get("holds") == "weights"]
    assert page.count("| played and drawn on pages | yes |") == len(known) - 1 - len(weights)


def test_weights_are_neither_a_corpus_to_load_nor_played():
    card = next(part for part in reference.corpora().split("## ") if part.startswith("NISQA"))
    assert "played and drawn" not in card and "corpora.load" not in card
    assert "| name for `earwitness data` | `nisqa` |" in card


def test_where_a_corpus_comes_from_is_a_link_only_where_it_has_an_address():
    page = reference.corpora()
    assert "| from | <https://github.com/soerenab/AudioMNIST> |" in page
    assert "| from | simulated on this machine from the sentences of voices or timit |" in page
    assert all(each.startswith("http") for each in re.findall(r"<([^>]*)>", page))


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
