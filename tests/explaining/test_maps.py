"""Maps of a whole corpus: equal to those of single clips, resumed, shared out, never mixed up."""

import json
import sys

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from earwitness import attribution, corpora, explaining
from earwitness.cli import main
from earwitness.errors import DamagedDataError, ParameterError, UnknownNameError
from earwitness.explaining import maps

xarray = pytest.importorskip("xarray")
RATE, N_CLIPS = 8000, 7


class TwoWords(nn.Module):
    """A network of a stranger, with a bias so that the ledger has something to show."""

    sample_rate, n_samples, classes = RATE, 400, ("one", "two")

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.body = nn.Sequential(
                nn.Conv1d(1, 4, 16, 4), nn.ReLU(), nn.Flatten(), nn.Linear(388, 2)
            )

    def forward(self, x):
        return self.body(x)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(N_CLIPS):
        place = tmp_path / "sounds" / ("a" if i % 2 else "b")
        place.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / f"clip{i}.wav", 0.1 * rng.standard_normal(300 + 40 * i), RATE)
    return tmp_path / "sounds"


@pytest.fixture
def asked(folder):
    return maps.CorpusMaps(
        corpora.load(folder),
        explaining.find(TwoWords()),
        ["lrp-epsilon", "gradient-x-input"],
        batch=3,
    )


def test_maps_predictions_and_ledger_are_those_of_single_clips(asked, tmp_path):
    data = xarray.open_zarr(maps.attribute_corpus(asked, tmp_path / "maps.zarr"))
    assert data.relevance.dims == ("attribution", "clip", "channel", "time")
    assert data.id.values.tolist() == asked.corpus.table["id"].tolist()
    for row in range(N_CLIPS):
        inputs = asked.network.prepare(asked.part(asked.corpus[row])).inputs
        logits = asked.network.model(inputs)[0].detach()
        torch.testing.assert_close(torch.tensor(data.logits[row].values), logits)
        for method in asked.methods:
            alone = attribution.attribute(asked.network.model, inputs, int(logits.argmax()), method)
            stored = torch.tensor(data.relevance.sel(attribution=method)[row].values)
            torch.testing.assert_close(stored, alone[0], rtol=1e-4, atol=1e-7)
    ledger = data.relevance_sum + data.absorbed
    np.testing.assert_allclose(ledger.sel(attribution="lrp-epsilon"), data.explained, rtol=1e-6)
    assert np.isnan(data.absorbed.sel(attribution="gradient-x-input")).all()
    np.testing.assert_allclose(data.time, np.arange(400) / RATE)


def test_shares_are_computed_apart_and_what_is_there_is_not_computed_again(
    asked, tmp_path, monkeypatch
):
    out, filled, fill = tmp_path / "maps.zarr", [], maps._fill
    monkeypatch.setattr(
        maps, "_fill", lambda asked, store, chunk: (filled.append(chunk), fill(asked, store, chunk))
    )
    maps.attribute_corpus(asked, out, (1, 3))
    half = xarray.open_zarr(out).relevance.isnull().all(("attribution", "channel", "time")).values
    assert half.tolist() == [False] * 3 + [True] * 4 and filled == [0]
    maps.attribute_corpus(asked, out)
    maps.attribute_corpus(asked, out)
    assert filled == [0, 1, 2] and not xarray.open_zarr(out).relevance.isnull().any()


def test_a_batch_that_was_stopped_while_it_was_written_is_written_again(
    asked, tmp_path, monkeypatch
):
    out, find = tmp_path / "maps.zarr", maps.registry.find

    def interrupt(method):
        if method == "gradient-x-input":
            raise KeyboardInterrupt  # between the maps of one method and those of the next
        return find(method)

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(maps.registry, "find", interrupt)
        maps.attribute_corpus(asked, out)
    whole = xarray.open_zarr(maps.attribute_corpus(asked, out))
    assert not whole.relevance.isnull().any() and (whole.done.values == 1).all()


def test_other_maps_are_not_mixed_in(asked, tmp_path):
    out = maps.attribute_corpus(asked, tmp_path / "maps.zarr")
    other = maps.CorpusMaps(asked.corpus, asked.network, asked.methods, "one", batch=3)
    with pytest.raises(ParameterError, match="holds other maps: its target differ"):
        maps.attribute_corpus(other, out)
    with torch.no_grad():
        asked.network.model.body[0].weight += 1
    changed = maps.CorpusMaps(asked.corpus, asked.network, asked.methods, batch=3)
    with pytest.raises(ParameterError, match="its weights differ"):
        maps.attribute_corpus(changed, out)


def test_a_contrast_explains_the_difference_of_two_outputs(asked, tmp_path):
    contrast = maps.CorpusMaps(asked.corpus, asked.network, ["lrp-epsilon"], "one-two", batch=4)
    data = xarray.open_zarr(maps.attribute_corpus(contrast, tmp_path / "maps.zarr"))
    np.testing.assert_allclose(data.explained, data.logits[:, 0] - data.logits[:, 1], rtol=1e-5)
    np.testing.assert_allclose(data.relevance_sum[0] + data.absorbed[0], data.explained)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"methods": []}, ParameterError, "at least one method"),
        ({"methods": ["lrp-epsilon"] * 2}, ParameterError, "none twice"),
        ({"methods": ["lrp-epsilom"]}, UnknownNameError, "lrp-epsilon"),
        ({"target": "predicted-1"}, ParameterError, "same two outputs"),
        ({"batch": 0}, ParameterError, "batch must be"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_computed(asked, change, error, says):
    given = {"corpus": asked.corpus, "network": asked.network, "methods": ["lrp-epsilon"]}
    with pytest.raises(error, match=says):
        maps.CorpusMaps(**given | change)


def test_clips_of_several_lengths_need_one_that_the_network_takes(folder, tmp_path):
    model = nn.Sequential(nn.Conv1d(1, 2, 16), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    model.sample_rate = RATE
    asked = maps.CorpusMaps(corpora.load(folder), explaining.find(model), ["lrp-epsilon"])
    with pytest.raises(ParameterError, match="Give the length that the network takes"):
        maps.attribute_corpus(asked, tmp_path / "maps.zarr")


def test_a_folder_that_is_no_store_is_left_alone(asked, tmp_path):
    (tmp_path / "maps.zarr").mkdir()
    (tmp_path / "maps.zarr" / "mine.txt").write_text("keep")
    with pytest.raises(DamagedDataError, match="holds no maps"):
        maps.attribute_corpus(asked, tmp_path / "maps.zarr")
    assert (tmp_path / "maps.zarr" / "mine.txt").read_text() == "keep"


def test_the_command_with_two_workers_writes_what_one_process_writes(folder, tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(
        "import torch\nfrom torch import nn\nclass Net(nn.Sequential):\n"
        "    sample_rate, n_samples = 8000, 400\n    def __init__(self):\n"
        "        torch.manual_seed(0)\n"
        "        super().__init__(nn.Conv1d(1, 2, 16, 4), nn.ReLU(), nn.Flatten(),\n"
        "                         nn.Linear(194, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    command = ["attribute", str(folder), "--model", "mynet:Net", "--batch", "2", "--out"]
    monkeypatch.setattr(sys, "argv", ["earwitness", *command, "both.zarr", "--workers", "2"])
    with pytest.raises(SystemExit, match="0"):
        main()  # which starts the two with its own arguments
    with pytest.raises(SystemExit, match="0"):
        main([*command, "one.zarr"])
    both, one = xarray.open_zarr("both.zarr"), xarray.open_zarr("one.zarr")
    assert not both.relevance.isnull().any()
    xarray.testing.assert_allclose(both.drop_attrs(), one.drop_attrs())
    assert json.loads(one.attrs["specification"])["network"] == "mynet:Net"
