"""Maps of a whole corpus: processor time a clip and peak memory, which must not grow with it."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TITLE = "Maps of a whole corpus: time and memory by its size"
SIZES = (300, 3_000, 30_000)

WORK = """
import json, resource, sys, time
from pathlib import Path
import numpy as np, pandas as pd, torch
from torch import nn
from earwitness import attribution, explaining, runtime
from earwitness.corpora import Clip
from earwitness.explaining.maps import CorpusMaps, attribute_corpus
runtime.tune(); torch.set_num_threads(1); torch.manual_seed(0)

class Tones:
    "As many clips of a second as are asked for; none is kept."
    name = "tones"
    def __init__(self, n): self.table = pd.DataFrame({"id": [f"tone-{i}" for i in range(n)]})
    def __len__(self): return len(self.table)
    def fingerprint(self): return str(len(self))
    def __getitem__(self, i):
        samples = 0.5 * np.sin(np.arange(8000) * (0.05 + 1e-5 * i)).astype(np.float32)
        return Clip(f"tone-{i}", samples, 8000, {})

model = nn.Sequential(nn.Conv1d(1, 16, 64, 16), nn.ReLU(), nn.Conv1d(16, 32, 8, 4), nn.ReLU(),
                      nn.AdaptiveAvgPool1d(8), nn.Flatten(), nn.Linear(256, 10)).eval()
n, out = int(sys.argv[1]), sys.argv[2]
network = explaining.find(model, sample_rate=8000, n_samples=8000)
start = time.process_time()
attribute_corpus(CorpusMaps(Tones(n), network, ["lrp-epsilon"], batch=64), out)
seconds = time.process_time() - start
batch = torch.randn(64, 1, 8000)
passes = []
for _ in range(20):
    start = time.process_time()
    leaf = batch.clone().requires_grad_()
    torch.autograd.grad(model(leaf)[:, 0].sum(), leaf)
    passes.append((time.process_time() - start) / 64)
status = Path("/proc/self/status")  # getrusage would count the process that started this one
peak_kb = (int(status.read_text().split("VmHWM:")[1].split()[0]) if status.exists()
           else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps([seconds / n, min(passes), peak_kb]))
"""


def run() -> dict[str, list[dict]]:
    """Return one table, a row for each size; each is measured in a process of its own."""
    rows = []
    for n in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", WORK, str(n), str(Path(folder) / "maps.zarr")]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        clip_s, pass_s, peak_kb = json.loads(said)
        rows.append(
            {
                "clips": n,
                "ms a clip": round(1e3 * clip_s, 2),
                "ratio to forward and backward": round(clip_s / pass_s, 1),
                "peak memory (MB)": round(peak_kb / 1024),
            }
        )
    return {"lrp-epsilon, clips of one second at 8 kHz, batches of 64": rows}
