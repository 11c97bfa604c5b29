"""With the public weights and the recordings: predictions are those of NISQA's own code
(``nisqa_reference.json``).
"""

import json
from pathlib import Path

import pytest
import soundfile

from earwitness import catalogue, models
from earwitness.errors import MissingDataError
from earwitness.models import nisqa

FILES = json.loads((Path(__file__).parent / "nisqa_reference.json").read_text())["files"]
TOLERANCE = 1e-3  # MOS; five digits of the reference are kept


def folder(name):
    """Return where a corpus or the public weights are; skip the test, with the sentence that says
    how to get them.
    """
    try:
        return catalogue.corpus_folder(name)
    except MissingDataError as error:
        pytest.skip(str(error))


@pytest.mark.real
@pytest.mark.filterwarnings(
    "ignore::earwitness.models.nisqa.EmptyBandsWarning"
)  # they reach 20 kHz, recordings 8 or 4
@pytest.mark.parametrize("corpus", ["timit", "fsdd"])
@pytest.mark.parametrize("name", nisqa.PUBLIC)
def test_the_public_networks_predict_what_their_own_code_does(name, corpus):
    recordings = folder(corpus)
    model = models.nisqa.load(name, root=folder("nisqa"))
    expected = {path: values[name] for path, values in FILES.items() if path.startswith(corpus)}
    assert len(expected) == 8
    for path, values in expected.items():
        samples, rate = soundfile.read(recordings.parent / path, dtype="float32")
        assert model.predict(samples, rate) == pytest.approx(values, abs=TOLERANCE), path
