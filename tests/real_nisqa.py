"""By hand, with the recordings and the public weights: are our predictions those of NISQA's own code?

``EARWITNESS_DATA=... python tests/real_nisqa.py`` prints the largest difference for each of the three weight files and
fails above 0.001 MOS. The reference, ``tests/models/nisqa_reference.json``, was made by NISQA's own code.
"""

import json
import sys
import warnings
from pathlib import Path

import soundfile

from earwitness import models
from earwitness.corpora import store

TOLERANCE = 1e-3


def main() -> int:
    """Return 0 if every prediction agrees."""
    warnings.simplefilter("ignore")  # bands above Nyquist, which all of these files have
    reference = json.loads((Path(__file__).parent / "models" / "nisqa_reference.json").read_text())["files"]
    worst = {}
    for name in models.nisqa.PUBLIC:
        model = models.nisqa.load(name)
        for path, expected in reference.items():
            corpus, rest = path.split("/", 1)
            samples, rate = soundfile.read(store.folder(corpus) / rest, dtype="float32")
            predicted = model.predict(samples, rate)
            assert list(predicted) == list(expected[name])
            differences = [abs(value - expected[name][output]) for output, value in predicted.items()]
            worst[name] = max(worst.get(name, 0.0), *differences)
        print(f"{name}: {worst[name]:.6f} MOS at most, {len(reference)} files")
    return int(max(worst.values()) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
