"""Combinations and values of a sweep."""

import toy

from earwitness_book.runner import notebooks, sweep


def test_combinations_and_values_of_a_sweep(make_toy):
    make_toy({"toy/02-quick": toy.lines("n")})
    tried = sweep.values(notebooks.find("quick"), {"n": "1, 2", "words": "a,b;c"})
    assert tried == {"n": [1, 2], "words": [["a", "b"], ["c"]]}
    made = sweep.combinations(tried)
    assert made == [
        {"n": 1, "words": ["a", "b"]},
        {"n": 1, "words": ["c"]},
        {"n": 2, "words": ["a", "b"]},
        {"n": 2, "words": ["c"]},
    ]
    labels = [sweep.label(each) for each in [*made, {"path": "a/b\\c" * 40}]]
    assert len(set(labels)) == 5 and all(len(name) <= 120 and "/" not in name for name in labels)
