"""The page "What the libraries say about these networks", written from what was recorded."""

from collections import Counter
from pathlib import Path

PAGE = Path(__file__).parents[1] / "book" / "what-libraries-say.md"
KINDS = ("right", "wrong", "refused", "crashed")
MARKS = {"right": "✓", "wrong": "✗", "refused": "refused", "crashed": "error"}
FAMILIES = {
    "waves": "Waveforms: convolutions over time",
    "fronts": "Waveforms: a front end inside the network",
    "frames": "Spectrograms, and networks of torchvision",
    "sequences": "Recurrent networks and transformers",
    "strangers": "Code as strangers write it",
    "installed": "Networks of torchaudio and transformers",
}
HELD = {
    "zennit epsilon": "the epsilon rule everywhere",
    "zennit epsilon-plus": "the plus rule in convolutions, the epsilon rule in dense layers",
    "zennit alpha1-beta0": "the plus rule in convolutions and dense layers",
    "zennit gamma": "the gamma rule in convolutions, the epsilon rule in dense layers",
    "captum LRP": "the epsilon rule everywhere",
    "LXT": "the epsilon rule everywhere, attention weights constant",
    "captum guided backprop": "the gradient that passes every ReLU of the code guided",
    "captum DeepLIFT": "completeness: the map sums to what the logit gains over that of zeros",
}
TEXT = """# What the libraries say about these networks

An explanation that is wrong looks like one that is right. The question of this page is what a
library does with a network that it was not written for: return the right map, refuse, or return
another map without a word.

The networks are the {n_networks} of the project's test table that end in logits
(`tests/attribution/zoo`): small, with random weights, built as audio people build them, each
held in double precision against a slow reference that hands relevance back operation by
operation. A map is called right here if it differs from that reference by no more than
{tolerance:g} of the largest relevance of the clip. Every library had vanishing stabilisers and
what its documentation recommends around them: zennit its canonizers of batch norm and of
torchvision's residual networks, LXT its patches for transformers, its attention weights constant
as in the reference. Recorded on {date}, with {versions}.

## The tally

| library and method | held against | right | wrong without a word | refused | error of PyTorch |
|---|---|---|---|---|---|
{tally}

Of {n_maps} calls {n_right} gave the right map and {n_wrong} another one, with nothing that would
tell the two apart; {n_refused} were refused in a sentence of the library's own, and {n_crashed}
ended in an error from inside PyTorch.

## Why
All of these libraries hang their rules on *modules*. What happens between modules they do not
see: a residual sum, `x.mean(-1)`, a gate, `F.relu`, a softmax called as a function. What they do
not see gets the plain gradient, and a gradient taken for relevance counts a sum twice, and
shares a mean evenly whatever was in it. LXT multiplies a gradient by the input at the very end,
so that sums and means come out right by themselves; gates, norms and activations written as
functions do not. captum's LRP refuses what it has no rule for, among the modules; `nn.Conv1d` is
one of them. For DeepLIFT and guided backprop the same holds of every activation that is a
function and no module.

Earwitness follows operations instead, as the reference does by other means. Its maps are held
against the same reference by a test of the suite, `tests/attribution/zoo/test_table.py`, which
also names the cells that are not right yet.

## What the comparison is not
Rules are conventions, and a library may have others. Of a product of two values, for example,
the paper behind LXT gives each half, where the reference gives a gate nothing; that counts as
wrong here, and could be called different; zennit passes all relevance through a batch norm that
stands alone, where the reference leaves the shift its part. A network that consists of modules
in a row is explained rightly by all that know its modules. DeepLIFT's test is necessary, not
sufficient. Later versions may do better.

## Network by network
✓ right, ✗ wrong without a word.
{tables}
"""


def _tally(rows: list[dict], peers: list[str]) -> str:
    counts = Counter((row["peer"], row["kind"]) for row in rows)
    cells = [[peer, HELD[peer], *(str(counts[peer, kind]) for kind in KINDS)] for peer in peers]
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _table(rows: list[dict], family: str, peers: list[str]) -> str:
    marks = {(r["network"], r["peer"]): MARKS[r["kind"]] for r in rows if r["family"] == family}
    networks = sorted({network for network, _ in marks})
    lines = [["network", *peers], ["---"] * (len(peers) + 1)]
    lines += [[f"`{n}`", *(marks.get((n, peer), "") for peer in peers)] for n in networks]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"\n### {FAMILIES[family]}\n\n{body}"


def page(results: dict) -> str:
    """Return the page; every number on it is counted from ``results``."""
    rows = results["rows"]
    peers = [peer for peer in HELD if any(row["peer"] == peer for row in rows)]
    kinds = Counter(row["kind"] for row in rows)
    versions, known = results["versions"], {row["family"] for row in rows}
    named = ", ".join(f"{package} {versions[package]}" for package in sorted(versions))
    return TEXT.format(
        n_networks=len({row["network"] for row in rows}),
        tolerance=results["tolerance"],
        date=results["date"],
        versions=named,
        tally=_tally(rows, peers),
        n_maps=len(rows),
        n_right=kinds["right"],
        n_wrong=kinds["wrong"],
        n_refused=kinds["refused"],
        n_crashed=kinds["crashed"],
        tables="\n".join(_table(rows, family, peers) for family in FAMILIES if family in known),
    )
