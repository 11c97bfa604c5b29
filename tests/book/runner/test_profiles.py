"""Profiles, and which notebook a reader means."""

import pytest
import toy

from earwitness.errors import NotebookError, ParameterError, UnknownNameError
from earwitness_book.runner import notebooks, profiles

OTHER = {"toy/02-other-one": [toy.words("# Other"), toy.code("seed: int = 3", ["parameters"])]}


def write(home, text):
    (home / "notebooks" / "profiles" / "demo.yaml").write_text(text)


def test_default_gives_way_to_all_then_to_the_notebook_then_to_the_reader(make_toy):
    write(
        make_toy(OTHER),
        "all: {n_clips: 3, corpus: aev, strict: true}\ntoy/passes: {n_clips: 4, corpus: fsdd}\n",
    )
    values = profiles.resolve("demo", notebooks.find("passes"), {"n_clips": 5})
    assert values == {
        "n_clips": 5,
        "corpus": "fsdd",
        "level_db": -3.5,
        "methods": ["a"],
        "strict": True,
    }
    assert profiles.resolve("demo", notebooks.find("other"), {}) == {"seed": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("toy/pases: {n_clips: 3}", "Did you mean 'toy/passes'"),
        ("toy/passes: {n_clip: 3}", "Did you mean 'n_clips'"),
        ("toy/passes: {n_clips: many}", "n_clips must be int"),
        ("toy/passes: {corpus: fsd}", "Did you mean 'fsdd'"),
        ("all: {n_clip: 3}", "Did you mean 'n_clips'"),
        ("- 3", "must map notebooks"),
    ],
)
def test_a_profile_that_names_what_does_not_exist_is_refused(make_toy, text, said):
    write(make_toy(OTHER), text)
    with pytest.raises(ParameterError) as error:
        profiles.resolve("demo", notebooks.find("passes"), {})
    assert said in str(error.value)


def test_an_unknown_profile_is_named_with_the_nearest(make_toy):
    make_toy()
    with pytest.raises(UnknownNameError, match="Did you mean 'demo'"):
        profiles.overrides("dema", notebooks.find("passes"))


@pytest.mark.parametrize(
    "name", ["toy/passes", "passes", "ass", "toy/01-passes", "notebooks/toy/01-passes.ipynb"]
)
def test_a_notebook_is_found_by_any_unique_part(make_toy, name):
    make_toy(OTHER)
    assert notebooks.find(name).id == "toy/passes"


def test_an_exact_name_wins_over_a_longer_one(make_toy):
    make_toy({"toy/02-passes-too": OTHER["toy/02-other-one"]})
    assert notebooks.find("toy/passes").page == "toy/01-passes"


@pytest.mark.parametrize(
    ("name", "said"),
    [("toy", "could be toy/passes or toy/other-one"), ("pases", "Did you mean 'toy/passes'")],
)
def test_a_part_that_fits_none_or_several_is_refused(make_toy, name, said):
    make_toy(OTHER)
    with pytest.raises(UnknownNameError) as error:
        notebooks.find(name)
    assert said in str(error.value)


def test_chapters_stand_in_the_order_of_the_book(make_toy):
    home = make_toy(
        {"zebra/01-z": OTHER["toy/02-other-one"], "apple/01-a": OTHER["toy/02-other-one"]}
    )
    assert [notebook.id for notebook in notebooks.every()] == ["toy/passes", "zebra/z", "apple/a"]
    assert notebooks.toc_pages() == [
        "index",
        "toy/01-passes",
        "zebra/01-z",
        "apple/01-a",
        "rerun",
        "scoreboard",
    ]
    assert (home / "book" / "_toc.yml").exists()


def test_a_file_that_is_no_notebook_is_named(make_toy):
    home = make_toy()
    for content in ("{", "[]", "{}"):
        (home / "notebooks" / "toy" / "01-passes.ipynb").write_text(content)
        with pytest.raises(NotebookError, match="01-passes.ipynb is no notebook"):
            notebooks.find("passes").content()
