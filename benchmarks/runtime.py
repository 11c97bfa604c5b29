"""What ``earwitness.runtime.tune`` is worth: the same forward passes in fresh processes with and
without it.
"""

import json
import os
import statistics
import subprocess
import sys

TITLE = "Runtime settings: allocator and thread pools"

WORK = """
import json, resource, time
import numpy as np, torch
from earwitness import runtime
from earwitness.models import AudioNet
runtime.tune()
model, clips = AudioNet(10).eval().requires_grad_(False), torch.randn(100, 1, 8000)
matrix = np.random.rand(400, 400)

def forward(size=100, product=False):
    with torch.no_grad():
        for batch in clips.split(size):
            model(batch)
            product and matrix @ matrix

def backward(size):
    for batch in clips.split(size):
        leaf = batch.clone().requires_grad_()
        torch.autograd.grad(model(leaf).sum(), leaf)

work = {"forward, batch 100": forward, "forward, batch 10": lambda: forward(10),
        "forward and backward, batch 100": lambda: backward(100),
        "forward and backward, batch 10": lambda: backward(10),
        "forward, batch 10, a numpy product after each": lambda: forward(10, True)}
taken = {}
for name, call in work.items():
    call()
    rounds = []
    for _ in range(2):
        start = time.perf_counter(); call(); rounds.append(time.perf_counter() - start)
    taken[name] = min(rounds)
print(json.dumps(taken))
"""


def _one_process(tune: str) -> dict[str, float]:
    answer = subprocess.run(
        [sys.executable, "-c", WORK],
        env={**os.environ, "EARWITNESS_TUNE": tune},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout)


def run(n_rounds: int = 2) -> dict[str, list[dict]]:
    """Return the table: seconds for 100 clips of AudioNet, untuned and tuned, and their ratio."""
    rounds = [(_one_process("0"), _one_process("1")) for _ in range(n_rounds)]
    rows = []
    for name in rounds[0][0]:
        rows.append(
            {
                "AudioNet, 100 clips": name,
                "untuned (s)": statistics.median(plain[name] for plain, _ in rounds),
                "tuned (s)": statistics.median(tuned[name] for _, tuned in rounds),
                "untuned / tuned": statistics.median(
                    plain[name] / tuned[name] for plain, tuned in rounds
                ),
            }
        )
    return {"EARWITNESS_TUNE=0 against 1, in processes of their own": rows}
