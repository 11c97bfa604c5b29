"""What no licence allows to show is neither played nor drawn, wherever a notebook would."""

import json

from earwitness_book import licences
from earwitness_book.runner import notebooks, site


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


def test_what_pages_cards_and_slides_read_of_a_closed_corpus_holds_no_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "folder", lambda profile: tmp_path)
    notebook = notebooks.find("audiomnist/classifiers")
    path = tmp_path / "executed" / f"{notebook.page}.ipynb"
    path.parent.mkdir(parents=True)
    for corpus, expected in (("audiomnist_az", 0), ("fsdd", 1)):
        content = json.loads(json.dumps(notebook.content()))
        content["cells"].append(PLAYER)
        content["metadata"]["earwitness"] = {"parameters": {"corpus": corpus}}
        path.write_text(json.dumps(content))
        read = json.dumps(site.executed("real", notebook))
        assert read.count("data:audio") == expected and ("AudioMNIST_AZ" in read) != expected
