"""The page "What 30,000 clips cost", written from what was measured: ``python -m
benchmarks.cost_page``.
"""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "book" / "what-it-costs.md"
NAMES = ("relevance", "audiolime", "maps")  # of the benchmarks that it is made of
N_CLIPS, N_SAMPLES = 30_000, 8000
NETWORK, N_MEASURED = "AudioNet, 20 clips", 20
N_MIXTURES, N_MIXTURES_MEASURED = 1000, 500
PASSES = ("gradient", "gradient-x-input", "guided-backprop", "integrated-gradients", "smoothgrad")
RULES = ("lrp-epsilon", "lrp-epsilon-plus", "lrp-alpha1-beta0", "lrp-gamma")
N_CLUSTER = 64  # workers of one thread in the example
TEXT = """# What 30,000 clips cost

All of `audiomnist`, {n_clips:,} clips of one second at 8 kHz, explained by ten methods: is that an
evening on a laptop, or a week? This page reckons it from what was measured, so that you can reckon
with your own numbers.

## One thread
AudioNet, on one thread of an {processor} ({date}). One forward and one backward pass took
{pass_ms:.1f} ms a clip: what a gradient costs, and about the least for any method that hands
something back. A rule below 1 pools faster here than PyTorch does.

| method | passes | ms a clip | {n_clips:,} clips |
|---|---|---|---|
{rows}
| all ten | | {total_ms:,.0f} | {total} |

Methods of layerwise relevance propagation are measured as such, audioLIME is too
({lime_machine}), with {n_measured:,} mixtures a clip; its {n_mixtures:,} are taken to be {times:g}
times that.
The others are multiples of one pass forward and back, by the number that is their default:
gradients of several inputs at once take no less.

{share:.0f} % of it is audioLIME. Leave it out, or ask it about every hundredth clip, and the other
nine take {without}.

## Two cores, a cluster
`earwitness attribute` shares the clips out: `--workers 2` starts two processes, `--part 3/64` does
one share of 64. The shares have nothing to tell each other, so the time is divided by their number,
as long as each has a core of its own and the disk takes what they write.

| where | all ten | without audioLIME |
|---|---|---|
| one core | {total} | {without} |
| two cores, `--workers 2` | {total_2} | {without_2} |
| a cluster, {n_cluster} shares of one core | {total_n} | {without_n} |

A graphics card is not in this table, since none was measured with this book: explain a hundred
clips on yours, and reckon.

## Memory and disk
Clips stream: {peak} MB at the most were in use for {most:,} clips, and {least_peak} for {least:,}
({maps_processor}, {maps_date}; `benchmarks/results/maps.md`). Reading, explaining by `lrp-epsilon`
and writing took {maps_ms:.1f} ms a clip there, with a network so small that most of it is reading
and writing: what is around the methods is small beside them.

A map of a clip has {n_samples:,} numbers of four bytes. Ten methods are {disk:.1f} GB before
compression.

## The commands
One share of a cluster, for instance as task of an array of jobs; every share writes into the same
store, and one that was stopped goes on where it was:

```bash
earwitness attribute audiomnist --model whose_voice:WhoseVoice --weights whose_voice.pt \\
    --method lrp-epsilon --method gradient --part 3/64 --out maps.zarr
```

{{doc}}`clusters` shows whole books and sweeps on clusters.
"""


def results() -> dict[str, dict]:
    """Return the recorded tables that the page is made of."""
    return {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in NAMES}


def costs(found: dict[str, dict], defaults: dict[str, int]) -> list[dict]:
    """Return a row for each method: ``name``, ``passes`` forward and back, ``ms`` a clip.

    Parameters
    ----------
    found : dict
        As :func:`results` returns.
    defaults : dict of str to int
        How many gradients a method takes, by name.
    """
    rows = {row["name"]: row for row in found["relevance"]["tables"][NETWORK]}
    one_ms = 1e3 * rows["forward and backward"]["seconds"] / N_MEASURED
    made = [_row(name, defaults[name], one_ms) for name in PASSES]
    made += [_row(name, rows[f"{name}, earwitness"]["ratio"], one_ms) for name in RULES]
    lime = found["audiolime"]["tables"][
        f"AudioNet, 24 components, {N_MIXTURES_MEASURED} mixtures"
    ]
    seconds = {row["name"]: row["seconds"] for row in lime}
    lime_ms = 1e3 * seconds["separate, mix, ask and regress, float32"]
    lime_ms *= N_MIXTURES / N_MIXTURES_MEASURED
    return sorted([*made, {"name": "audiolime", "passes": None, "ms": lime_ms}],
                  key=lambda row: row["ms"])  # fmt: skip


def _row(name: str, passes: float, one_ms: float) -> dict:
    return {"name": name, "passes": passes, "ms": passes * one_ms}


def duration(ms_a_clip: float, shares: int = 1) -> str:
    """Return how long all clips take."""
    minutes = ms_a_clip * N_CLIPS / 60e3 / shares
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 60 / 24:.1f} days"


def page(found: dict[str, dict], defaults: dict[str, int]) -> str:
    """Return the page as Markdown."""
    made, maps = costs(found, defaults), found["maps"]["tables"]
    sizes, machine = next(iter(maps.values())), found["relevance"]["machine"]
    total = sum(row["ms"] for row in made)
    lime = next(row["ms"] for row in made if row["name"] == "audiolime")
    numbers = {"total": total, "without": total - lime}
    times = {
        f"{name}{suffix}": duration(ms, shares)
        for name, ms in numbers.items()
        for suffix, shares in (("", 1), ("_2", 2), ("_n", N_CLUSTER))
    }
    return TEXT.format(
        n_clips=N_CLIPS, n_samples=N_SAMPLES, n_cluster=N_CLUSTER, n_mixtures=N_MIXTURES,
        n_measured=N_MIXTURES_MEASURED, times=N_MIXTURES / N_MIXTURES_MEASURED,
        processor=machine["processor"], date=machine["date"], total_ms=total,
        rows="\n".join(map(_line, made)), share=100 * lime / total,
        pass_ms=next(row["ms"] for row in made if row["name"] == "gradient"),
        lime_machine="on an {processor}, {date}".format(**found["audiolime"]["machine"]),
        peak=sizes[-1]["peak memory (MB)"], most=sizes[-1]["clips"],
        least_peak=sizes[0]["peak memory (MB)"], least=sizes[0]["clips"],
        maps_ms=sizes[-1]["ms a clip"], maps_date=found["maps"]["machine"]["date"],
        maps_processor=found["maps"]["machine"]["processor"],
        disk=N_CLIPS * N_SAMPLES * 4 * len(made) / 1e9, **times,
    )  # fmt: skip


def _line(row: dict) -> str:
    passes = "measured" if row["passes"] is None else f"{row['passes']:.3g}"
    return f"| `{row['name']}` | {passes} | {row['ms']:,.0f} | {duration(row['ms'])} |"


def defaults() -> dict[str, int]:
    """Return how many gradients each method of :data:`PASSES` takes by default."""
    from earwitness import attribution

    of = {name: attribution.options(name) for name in PASSES}
    return {name: of[name].get("n_steps", of[name].get("n_samples", 1)) for name in PASSES}


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(page(results(), defaults()))


if __name__ == "__main__":
    write()
