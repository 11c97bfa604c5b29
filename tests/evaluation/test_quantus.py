"""Scores that quantus has, too, held against its numbers: run where it is installed, and otherwise
as it returned them on 2026-11-30.

``pip install --target /tmp/quantus --no-deps quantus==0.6.0`` and
``PYTHONPATH=/tmp/quantus python -m pytest tests/evaluation/test_quantus.py`` runs it again.
"""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch import nn

from earwitness import attribution, evaluation

VERSION = "0.6.0"
N_STEPS = 8
SAID = {
    "sparseness": [0.409455, 0.372869, 0.448692],
    "flipping": [
        [0.181968, 0.143280, 0.122187, 0.106910, 0.108280, 0.128106, 0.190816, 0.331495],
        [0.114276, 0.053820, 0.068355, 0.037580, 0.055162, 0.097634, 0.121607, 0.317242],
        [0.160511, 0.147514, 0.147123, 0.352723, 0.286789, 0.285373, 0.274916, 0.331495],
    ],
    "cascade": [-0.458824, 1.0, -0.458824],
}


class Small(nn.Module):
    """Two layers whose weights are a formula, so that no generator decides."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(16, 6), nn.Linear(6, 3)
        with torch.no_grad():
            for number, weight in enumerate(self.parameters(), start=1):
                places = torch.arange(weight.numel(), dtype=torch.float32).view(weight.shape)
                weight.copy_(torch.sin(1.7 * number * places + number))

    def forward(self, inputs):
        return self.last(self.first(inputs.flatten(1)).relu())


@pytest.fixture
def asked():
    inputs = torch.cos(torch.arange(48, dtype=torch.float32) * 1.3).view(3, 1, 4, 4) + 0.1
    network = Small().eval()
    targets = network(inputs).argmax(1)
    maps = attribution.attribute(network, inputs, targets, "gradient-x-input")
    return network, inputs, targets, maps


def by_quantus(network, inputs, targets, maps) -> dict[str, list]:
    import quantus

    assert quantus.__version__ == VERSION
    given = {
        "model": network, "x_batch": inputs.numpy(), "y_batch": targets.numpy(),
        "a_batch": maps.numpy(),
    }  # fmt: skip
    quiet = {"disable_warnings": True, "display_progressbar": False, "normalise": False}
    flipping = quantus.PixelFlipping(features_in_step=2, perturb_baseline=0.0, abs=False, **quiet)
    other = maps.flip(0).contiguous()
    return {
        "sparseness": quantus.Sparseness(abs=True, **quiet)(**given),
        "flipping": flipping(**given, softmax=True),
        "cascade": [
            float(quantus.similarity_func.correlation_spearman(a.flatten(), b.flatten()))
            for a, b in zip(maps.numpy(), other.numpy(), strict=True)
        ],
    }


@pytest.fixture
def theirs(asked):
    return by_quantus(*asked) if find_spec("quantus") else SAID


def test_sparseness_is_that_of_quantus(asked, theirs):
    np.testing.assert_allclose(evaluation.sparseness(asked[3]), theirs["sparseness"], atol=1e-5)


def test_rank_correlations_are_those_of_quantus(asked, theirs):
    found = evaluation.rank_correlations(asked[3], asked[3].flip(0))
    np.testing.assert_allclose(found, theirs["cascade"], atol=1e-5)


def test_pixel_flipping_is_that_of_quantus_step_by_step(asked, theirs):
    network, inputs, targets, maps = asked
    fractions = np.arange(N_STEPS + 1) / N_STEPS
    curve = evaluation.pixel_flipping(network, inputs, targets, maps, fractions)
    np.testing.assert_allclose(curve.probability[:, 1:], theirs["flipping"], atol=1e-5)
