"""audioLIME against the forward passes that it needs: what separating, mixing and regressing add to
them.
"""

import numpy as np
import torch

from benchmarks.measure import interleaved
from earwitness import runtime
from earwitness.attribution import audiolime
from earwitness.attribution.validation import frozen
from earwitness.models import AudioNet
from earwitness.models.inference import for_prediction

TITLE = "audioLIME: cost in units of the forward passes it needs"


def _forwards(model, inputs, bfloat16: bool, n_samples: int, batch_size: int) -> None:
    with (
        frozen(model),
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16, enabled=bfloat16),
    ):
        for _ in range(n_samples // batch_size):
            model(inputs)


def run(n_samples: int = 500, batch_size: int = 100) -> dict[str, list[dict]]:
    """Return a table for the network as it is, and one for the copy that answers faster."""
    runtime.tune()
    torch.manual_seed(0)
    model = AudioNet(10).eval()
    samples = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    inputs = torch.randn(batch_size, 1, 8000)
    precisions = [False, True] if runtime.has_fast_bfloat16(torch.device("cpu")) else [False]
    tables = {}
    for name, network in {
        "AudioNet": model,
        "AudioNet, copy for answers": for_prediction(model, inputs),
    }.items():
        contenders = {}
        for bfloat16 in precisions:
            precision = "bfloat16" if bfloat16 else "float32"
            contenders[f"{n_samples} forward passes, {precision}"] = lambda m=network, b=bfloat16: (
                _forwards(m, inputs, b, n_samples, batch_size)
            )
            contenders[f"separate, mix, ask and regress, {precision}"] = (
                lambda m=network, b=bfloat16: audiolime.explain(
                    m,
                    audiolime.components(samples),
                    3,
                    n_samples=n_samples,
                    batch_size=batch_size,
                    autocast=b,
                )
            )
        rows = interleaved(contenders, n_rounds=3)
        tables[f"{name}, 24 components, {n_samples} mixtures"] = rows
    return tables
