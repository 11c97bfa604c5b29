"""Training from the command line: what is refused before anything is computed."""

import pytest

from earwitness.cli.train import corpus_options
from earwitness.errors import ParameterError


def test_values_ofcorpus_options_are_read_as_yaml_and_patterns_as_text():
    given = ["n=6", "words=sentences", "pattern={digit}_{speaker}_{take}"]
    given += ["ids=[1, 2]", "one={a: 1}"]
    assert corpus_options(given) == {
        "n": 6,
        "words": "sentences",
        "pattern": "{digit}_{speaker}_{take}",
        "ids": [1, 2],
        "one": {"a": 1},
    }
    for wrong, message in (("n", "NAME=VALUE"), ("n=[1", "cannot be read")):
        with pytest.raises(ParameterError, match=message):
            corpus_options([wrong])
