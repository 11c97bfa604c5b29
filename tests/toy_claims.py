"""An invented chapter with a claim of every kind, in a checkout of its own."""

import json

import yaml

from earwitness_book import records

PROVENANCE = {
    "command": "earwitness record audiomnist",
    "commit": "abc1234",
    "device": "cpu",
    "date": "2026-11-21",
    "profile": "paper",
}
DECLARATION = """
chapter: toy
paper: toy2020
corpus: studio
claims:
  - {id: toy/accuracy, claim: It works., source: T. 1, value: 90, std: 2, unit: "%",
     tolerance: 4, control: toy/chance}
  - {id: toy/chance, claim: Guessing., source: Table 1, value: 50, unit: "%", tolerance: 1}
  - {id: toy/share, claim: Most of it., source: Figure 2, at_least: 50, partly: 25,
     unit: "%", measure: A share.}
  - {id: toy/silence, claim: Nothing there., source: Figure 2, at_most: 0, unit: "%",
     measure: A share.}
  - {id: toy/above, claim: Better than guessing., source: Section 3,
     order: toy/chance < toy/accuracy <= toy/ceiling}
ours:
  - {id: toy/ceiling, claim: The best possible., unit: "%"}
"""


def declare(checkout, **row):
    row = {"id": "toy/new", "claim": "Something.", "source": "Table 2", "unit": "%", **row}
    row = {key: item for key, item in row.items() if item is not None}
    (checkout / "data/published/toy.yaml").write_text(
        yaml.safe_dump({"chapter": "toy", "claims": [row]})
    )


def verdict(id, value, corpus="studio", beside=None, **entry):
    """Return the verdict on a value of 20 clips, +- 3, beside a control of 50 +- 1."""
    entry = {
        "id": id,
        "value": value,
        "corpus": corpus,
        "interval": [value - 3, value + 3],
        "n": 20,
        **entry,
    }
    chance = {"id": "toy/chance", "value": 50, "interval": [49, 51], "n": 20}
    beside = {"toy/chance": chance} if beside is None else beside
    return records.judge(records.published("toy")[id], entry, beside)


def executed(checkout, profile, entries, name="01-a"):
    path = checkout / "_build" / profile / "executed" / "toy" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    common = {"unit": "%", "protocol": "speaker", "profile": profile}
    found = {str(number): {**common, **entry} for number, entry in enumerate(entries)}
    path.write_text(json.dumps({"metadata": {"earwitness": {"records": found}}}))
    return path
