"""``earwitness bench`` on a network that is not in the book: trained here on fsdd, asked about
other clips of it, as a module and as an ONNX file. Writes ``results/stranger.json`` and its
section of the chapter known-answers: ``python -m benchmarks.stranger``, with EARWITNESS_DATA.
"""

import json
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import nn
from torch.nn import functional as F

from earwitness import corpora, explaining, features
from earwitness.evaluation import planted
from earwitness.explaining import bench as known
from earwitness.figures import style
from earwitness.provenance import processor
from earwitness_book import project

RESULTS = Path(__file__).parent / "results" / "stranger.json"
PAGE = Path(__file__).parents[1] / "book" / "known-answers" / "intro.md"
START, END = "<!-- benchmarks/stranger.py -->\n", "<!-- end of benchmarks/stranger.py -->\n"
RATE, N_STEPS, BATCH, N_SOUNDS = 8000, 1000, 50, 8
METHODS = (*known.METHODS, "deeplift")
TEXT = """## Tried on a network that is not in this book
A network that nobody here had seen: {n_weights:,} weights, a filter bank of its own, power and its
logarithm inside, a depthwise convolution and a GRU (`benchmarks/stranger.py`). It learnt digits of
the Free Spoken Digit Dataset in {trained_s:.0f} seconds of one core, and is right on
{accuracy:.0f} % of {n_test} other recordings of the same six speakers. Then, on {n_sounds} of
these:

```bash
earwitness bench --model benchmarks.stranger:Listener --weights listener.pt --sounds sounds
```

| cue | it reacts to (%) | effect, median, over the spread of its outputs |
|---|---|---|
{reactions}

| method | points (%) | random weights | energy | follows | of random weights |
|---|---|---|---|---|---|
{methods}

{said} Asked as an ONNX file, the same network points within {onnx[points]:.2f} percentage points
of this, and follows within {onnx[follows]:.3f}. Recorded on {date} at commit {commit}, on one
thread of an {processor}; `python -m benchmarks.stranger` runs it again.
"""


class Listener(nn.Module):
    """Spoken digits from samples (batch, 1, time) at 8 kHz."""

    sample_rate, n_samples = RATE, RATE
    classes = tuple(map(str, range(10)))

    def __init__(self, n_bands: int = 40, width: int = 48, n_cells: int = 64):
        super().__init__()
        self.front = nn.Conv1d(1, 2 * n_bands, 256, stride=80, bias=False)
        self.along = nn.Conv1d(n_bands, n_bands, 5, groups=n_bands, padding=2)
        self.mix = nn.Conv1d(n_bands, width, 1)
        self.listen = nn.GRU(width, n_cells, batch_first=True)
        self.answer = nn.Linear(n_cells, 10)
        with torch.no_grad():
            self.front.weight.copy_(_filters(n_bands))

    def forward(self, sound):
        """Return logits (batch, 10)."""
        cosine, sine = self.front(sound).chunk(2, 1)
        level = torch.log1p(30 * (cosine**2 + sine**2))
        heard = F.relu(self.mix(F.relu(self.along(level))))
        return self.answer(self.listen(heard.transpose(1, 2))[0].mean(1))


def _filters(n_bands: int) -> torch.Tensor:
    """Return cosines and sines under a Hann window, evenly spaced in mel, (2 * n_bands, 1, 256)."""
    mel = np.linspace(*(2595 * np.log10(1 + np.array([80, 3700]) / 700)), n_bands)
    phase = 2 * np.pi * 700 * (10 ** (mel / 2595) - 1)[:, None] * np.arange(256) / RATE
    waves = np.concatenate([np.cos(phase), np.sin(phase)]) * np.hanning(256) / 16
    return torch.from_numpy(np.float32(waves))[:, None]


def seconds(corpus, rows) -> torch.Tensor:
    """Return clips as seconds of one level, (n, 1, 8000)."""
    found = np.stack([features.fit_to_second(corpus[int(row)].samples, RATE) for row in rows])
    level = np.sqrt(np.mean(found**2, axis=1, keepdims=True))
    return torch.from_numpy(np.float32(0.1 * found / np.maximum(level, 1e-6)))[:, None]


def spoilt(sounds: torch.Tensor) -> torch.Tensor:
    """Return sounds moved in time, at another level and in faint noise, at random."""
    moved = sounds.roll(int(torch.randint(-800, 800, (1,))), -1)
    level = 10 ** (0.6 * torch.rand(len(sounds), 1, 1) - 0.4)
    return level * moved + 10 ** (-3.5 + torch.rand(1)) * torch.randn_like(sounds)


def trained(corpus, rows: np.ndarray, seed: int = 0) -> Listener:
    """Return a network that has learnt these clips."""
    torch.manual_seed(seed)
    sounds, targets = seconds(corpus, rows), torch.tensor(corpus.targets("digit")[rows])
    network = Listener()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=N_STEPS + 1)
    for _ in range(N_STEPS):
        chosen = torch.randint(len(rows), (BATCH,))
        loss = F.cross_entropy(network(spoilt(sounds[chosen])), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def measured(folder: Path) -> dict:
    """Return what a bench found, after training; sounds and networks are left in ``folder``."""
    torch.set_num_threads(1)
    corpus = corpora.load("fsdd")
    fold, start = corpus.folds("digit", protocol="repetition")[0], time.process_time()
    network = trained(corpus, np.concatenate([fold.train, fold.validation]))
    took_s = time.process_time() - start
    with torch.no_grad():
        right = network(seconds(corpus, fold.test)).argmax(1).numpy()
    right = right == corpus.targets("digit")[fold.test]
    sounds = folder / "sounds"
    sounds.mkdir(parents=True)
    for row in np.random.default_rng(0).choice(fold.test, N_SOUNDS, replace=False):
        name = sounds / f"{Path(corpus.table['id'][row]).stem}.wav"
        soundfile.write(name, seconds(corpus, [row])[0, 0].numpy(), RATE)
    torch.save(network.state_dict(), folder / "listener.pt")
    example = torch.zeros(1, 1, RATE)
    torch.onnx.export(network, (example,), folder / "listener.onnx", dynamo=False,
                      input_names=["sound"], dynamic_axes={"sound": {0: "batch"}})  # fmt: skip
    found = known.bench(explaining.find(network), known.files_of([sounds]), METHODS)
    found.save(folder / "known")
    as_file = explaining.find(str(folder / "listener.onnx"), sample_rate=RATE, n_samples=RATE)
    other = known.bench(as_file, known.files_of([sounds]), METHODS[:2])
    return {
        "n_weights": sum(p.numel() for p in network.parameters()),
        "trained_s": took_s,
        "accuracy": 100 * float(right.mean()),
        "n_test": len(right),
        "n_sounds": N_SOUNDS,
        "reactions": found.numbers["reactions"],
        "methods": found.numbers["methods"],
        "refused": found.refused,
        "onnx": {
            name: largest_difference(found.numbers["methods"], other.numbers["methods"], name)
            for name in ("points", "follows")
        },
        "date": str(date.today()),
        "commit": project.commit(),
        "processor": processor(),
    }


def largest_difference(first: list[dict], second: list[dict], name: str) -> float:
    """Return by how much two benches differ, at most, in one number of the methods of the second;
    what random weights get is another draw.
    """
    by_name = {row["method"]: row for row in first}
    return max(abs(row[name] - by_name[row["method"]][name]) for row in second)


def section(found: Mapping) -> str:
    """Return the section of the page."""
    return TEXT.format_map(
        dict(found)
        | {
            "reactions": "\n".join(
                f"| {planted.CUES[row['cue']].words} | {row['reacts']:.0f} | {row['effect']:.2f} |"
                for row in found["reactions"]
            ),
            "methods": "\n".join(_row(row) for row in found["methods"]),
            "said": _said(found),
        }
    )


def _row(row: Mapping) -> str:
    return (
        f"| {style.method_label(row['method'])} "
        f"| {row['points']:.0f} ({row['points_low']:.0f} to {row['points_high']:.0f}) "
        f"| {row['points_untrained']:.0f} | {row['points_energy']:.0f} "
        f"| {row['follows']:+.2f} ({row['follows_low']:+.2f} to {row['follows_high']:+.2f}) "
        f"| {row['follows_untrained']:+.2f} |"
    )


def _said(found: Mapping) -> str:
    """Return what the numbers mean, in words."""
    better = [style.method_label(row["method"]) for row in found["methods"] if row["better"]]
    labels = " and ".join(filter(None, [", ".join(better[:-1]), *better[-1:]])) or "no method"
    follow = max(found["methods"], key=lambda row: row["follows"])
    return " ".join(
        [
            f"Sound by sound, {labels} surely point{'' if len(better) > 1 else 's'} better than "
            "chance, random weights and the energy.",
            f"The effects are followed best by {style.method_label(follow['method'])}, at "
            f"{follow['follows']:+.2f}.",
            *(_refusal(style.method_label(name), why) for name, why in found["refused"].items()),
        ]
    )


def _refusal(label: str, why: str) -> str:
    """Return that a method does not apply, and why, naming it once."""
    same = why.startswith(f"{label} ")
    return f"{label} does not apply" + (f", for it{why[len(label) :]}" if same else f": {why}")


def write(found: Mapping) -> None:
    """Write the results and the section of the page."""
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    before, rest = PAGE.read_text().split(START)
    PAGE.write_text(before + START + section(found) + END + rest.split(END)[1])


if __name__ == "__main__":
    write(measured(Path(sys.argv[1])))
