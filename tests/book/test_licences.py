"""What no licence allows to show is neither played nor drawn, wherever a notebook would."""

import json

from earwitness_book import licences
from earwitness_book.runner import notebooks, pages


def cell(**data):
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    return {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "outputs": [output]}


PLAYER = cell(**{"text/html": '<figure><audio src="data:audio/wav;base64,AAAA"></audio></figure>'})
FIGURE = cell(**{"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"})
TABLE = cell(**{"text/html": "<table><tr><td>97.1</td></tr></table>"})


def test_players_and_pictures_of_a_closed_corpus_say_why_they_are_not_there_and_tables_stay():
    why = licences.of_run({"parameters": {"corpus": "fsdd+audiomnist_az", "seed": 0}})
    assert "AudioMNIST_AZ" in why and "none stated" in why and why.count("<p") == 1
    for closed in (PLAYER, FIGURE):
        (output,) = licences.without_clips(closed, why)["outputs"]
        assert output["data"] == {"text/html": why, "text/plain": "withheld"}
    assert licences.without_clips(TABLE, why) == TABLE
    for note in (None, {"parameters": {"source": "voices"}}, {"parameters": {"corpus": "./my"}}):
        assert licences.of_run(note) == ""


def test_the_page_of_a_run_on_a_closed_corpus_holds_no_sound():
    notebook = notebooks.find("audiomnist/classifiers")
    for corpus, expected in (("audiomnist_az", 0), ("fsdd", 1)):
        executed = json.loads(json.dumps(notebook.content()))
        executed["cells"].append(json.loads(json.dumps(PLAYER)))
        executed["metadata"]["earwitness"] = {
            "records": {}, "parameters": {"corpus": corpus}, "failure": None, "profile": "real",
            "commit": "abc", "date": "2026-11-30", "seconds": 1.0, "python": "3.11",
            "hardware": "a processor", "threads": 1,
        }  # fmt: skip
        page = pages.page(notebook, executed)
        assert page.count("data:audio") == expected and ("AudioMNIST_AZ" in page) != expected
