"""Shipped weights: written with a card, measured as rounded, read back, refused when missing or
damaged.
"""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import utterances
import yaml

from earwitness import cache, catalogue, corpora, models, training
from earwitness.errors import DamagedDataError, MissingDataError, ParameterError, UnknownNameError
from earwitness.models import weights
from earwitness.training import frames, trained


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the folder of weights of an empty checkout."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data" / "weights").mkdir(parents=True)
    shutil.copy(catalogue.folder() / "corpora.yaml", tmp_path / "data")
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    return tmp_path / "data" / "weights"


def untrained(model="SpeakerCNN", task="speaker", protocol="utterance") -> training.TrainedOnFrames:
    torch.manual_seed(0)
    corpus = utterances.Utterances()
    network = models.create(model, 4).eval()
    with torch.no_grad():
        network[-1].weight *= 30  # so that outputs differ
    specification = {
        "model": model,
        "corpus": "utterances",
        "corpus_options": {},
        "fingerprint": corpus.fingerprint(),
        "task": task,
        "protocol": protocol,
        "fold": 0,
        "seed": 0,
        "variant": "",
        "recipe": {"optimiser": "adamw", "speeds": (1.0,)},
    }
    return training.TrainedOnFrames(
        model=network,
        specification=specification,
        confusion=np.zeros((4, 4), int),
        history=pd.DataFrame(),
        corpus=corpus,
        utterances=torch.zeros(4, 4),
    )


def test_exported_weights_come_back_rounded_to_half_precision(home):
    trained = untrained()
    training.export(trained, home / "speaker-cnn.pt", "earwitness train and so on")
    shipped = models.pretrained("speaker-cnn")
    assert shipped.classes == list("abcd") and not shipped.model.training
    for there, here in zip(shipped.model.parameters(), trained.model.parameters(), strict=True):
        assert there.dtype == torch.float32 and torch.equal(there, here.half().float())
    assert any(
        not torch.equal(a, b)
        for a, b in zip(shipped.model.parameters(), trained.model.parameters(), strict=True)
    )
    n_bytes = (home / "speaker-cnn.pt").stat().st_size
    assert n_bytes < 2.1 * sum(weight.numel() for weight in trained.model.parameters()) + 10_000


def test_the_card_says_what_the_rounded_weights_reach_on_what_was_held_out(home, monkeypatch):
    trained, measured = untrained(), []
    real = frames.measure
    monkeypatch.setattr(
        frames, "measure", lambda network, *rest: measured.append(network) or real(network, *rest)
    )
    card = training.export(trained, home / "speaker-cnn.pt", "earwitness train and so on")
    shipped = models.pretrained("speaker-cnn")
    assert all(map(torch.equal, measured[0].parameters(), shipped.model.parameters()))
    assert shipped.card == yaml.safe_load(yaml.safe_dump(card))
    right, summed = [], []
    for row in trained.fold.test:
        counted = trained.targets(row) >= 0
        scores = models.frame_logits(shipped.model, trained.corpus[row].samples)[
            counted
        ].log_softmax(1)
        right += (scores.argmax(1).numpy() == trained.targets(row)[counted]).tolist()
        summed.append(
            int(scores.sum(0).argmax()) == "abcd".index(trained.corpus.table["speaker"][row])
        )
    assert card["measured"] == {
        "frame_accuracy_percent": round(100 * np.mean(right), 2),
        "n_frames": 160,
        "n_utterances": 4,
        "utterance_accuracy_percent": 100 * np.mean(summed),
    }
    assert card["held_out"] == ["a_0", "b_0", "c_0", "d_0"] and len(card["trained_on"]) == 8
    assert card["held_out_speakers"] == []  # each of them was heard, in other sentences
    assert card["made"]["command"] == "earwitness train and so on"


def test_the_card_of_a_phone_network_names_the_speakers_it_never_heard(home):
    card = training.export(untrained("PhoneCNN", "phone", "speaker"), home / "phone-cnn.pt")
    assert card["held_out_speakers"] == ["d"] and card["validated_on"] == ["c_0", "c_1", "c_2"]
    assert "utterance_accuracy_percent" not in card["measured"]
    assert models.pretrained("phone-cnn").card["classes"] == ["aa", "b", "s", "sil"]


def test_prose_below_the_head_of_a_card_is_kept(home):
    training.export(untrained(), home / "speaker-cnn.pt", "first")
    path = home / "speaker-cnn.md"
    path.write_text(path.read_text() + "\nWritten by hand --- with dashes.\n---\nAnd a rule.\n")
    training.export(untrained(), home / "speaker-cnn.pt", "second")
    head, prose = weights.read_card(path)
    assert head["made"]["command"] == "second"
    assert prose.endswith("\nWritten by hand --- with dashes.\n---\nAnd a rule.\n")


def test_weights_that_are_missing_are_named_with_the_way_to_get_them(home):
    with pytest.raises(UnknownNameError, match="no pretrained network 'phone-cnn'"):
        models.pretrained("phone-cnn")
    training.export(untrained("PhoneCNN", "phone", "speaker"), home / "phone-cnn.pt")
    (home / "phone-cnn.pt").rename(home / "kept")
    with pytest.raises(MissingDataError, match="phone-cnn.pt are not there"):
        models.pretrained("phone-cnn")
    (home / "kept").rename(home / "phone-cnn.pt")
    (home / "phone-cnn.md").unlink()
    with pytest.raises(
        MissingDataError, match=r"no model card .*phone-cnn.md; `git checkout data/weights`"
    ):
        models.pretrained("phone-cnn")


def test_weights_that_were_changed_are_never_loaded(home):
    training.export(untrained(), home / "speaker-cnn.pt")
    content = bytearray((home / "speaker-cnn.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (home / "speaker-cnn.pt").write_bytes(content)
    with pytest.raises(DamagedDataError, match="SHA-256 differs"):
        models.pretrained("speaker-cnn")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# No head\n",
        "---\nname: [unclosed\n---\n",
        "---\njust words\n---\n",
        "---\nname: never closed\n",
    ],
)
def test_a_card_without_a_head_is_called_damaged(home, content):
    (home / "phone-cnn.md").write_text(content)
    with pytest.raises(DamagedDataError, match="no readable head"):
        models.pretrained("phone-cnn")


def test_an_unknown_name_lists_what_is_shipped():
    with pytest.raises(UnknownNameError, match="Did you mean 'phone-cnn'"):
        models.pretrained("phone_cnn")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("network: SpeakerCNN", "network: SpeakerCN", "line 3: there is no network 'SpeakerCN'"),
        ("n_samples: 4000", "n_samples: '4000'", r"line \d+: n_samples must be a int, got '4000'"),
        ("classes: [a, b, c, d]", "classes: abcd", r"line \d+: classes must be a list, got 'abcd'"),
        ("classes: [a, b, c, d]", "classes: [a, b, c]", r"fc4.bias is \(4,\), not \(3,\)"),
        ("network: SpeakerCNN", "network: [SpeakerCNN", r"no readable head \(line \d+: "),
        (
            "n_samples: 4000",
            "n_samples: 400000000000",
            "n_samples must be a whole number from 1 to 1,048,576, got 400000000000",
        ),
    ],
)
def test_a_card_edited_by_hand_is_refused_with_its_line_and_what_is_wrong(home, old, new, sentence):
    training.export(untrained(), home / "speaker-cnn.pt")
    path = home / "speaker-cnn.md"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DamagedDataError, match=sentence):
        models.pretrained("speaker-cnn")


def test_weights_that_are_no_numbers_are_refused(home):
    trained = untrained()
    with torch.no_grad():
        trained.model.fc3.weight[0, 0] = torch.nan
    state = trained.model.state_dict()
    with pytest.raises(
        DamagedDataError, match="speaker.pt hold NaN or infinite values: fc3.weight"
    ):
        weights.fill(lambda: models.SpeakerCNN(4), state, home / "speaker.pt")
    with pytest.raises(
        ParameterError,
        match=r"SpeakerCNN returns NaN .* for 2 of 2 inputs, and so do its weights fc3",
    ):
        models.logits(trained.model, torch.ones(2, 1, 4000))


def test_values_that_are_repeated_in_memory_are_not_weights(home):
    state = models.SpeakerCNN(4).state_dict()
    state["fc3.weight"] = torch.zeros(1).expand(100, 3280)
    with pytest.raises(DamagedDataError, match="fc3.weight is not there"):
        weights.fill(lambda: models.SpeakerCNN(4), state, home / "speaker.pt")


def test_only_files_that_end_in_pt_are_written(home):
    with pytest.raises(ParameterError, match=r"ends in \.pt"):
        training.export(untrained(), home / "speaker-cnn.bin")
    assert not list(home.iterdir())


def test_a_network_trained_on_clips_is_exported_with_the_mean_of_its_inputs(home, monkeypatch):
    torch.manual_seed(0)
    corpus = corpora.load("voices", n_speakers=6, repetitions=1)
    specification = {
        "model": "AlexNet",
        "corpus": "voices",
        "corpus_options": {},
        "fingerprint": "x",
        "task": "digit",
        "protocol": "speaker",
        "fold": 0,
        "seed": 0,
        "recipe": {},
    }
    trained = training.TrainedOnClips(
        model=models.AlexNet(10).eval(),
        specification=specification,
        confusion=np.eye(10, dtype=int),
        history=pd.DataFrame(),
        corpus=corpus,
        mean=torch.full((1, 227, 227), -0.5),
    )
    card = training.export(trained, home / "mine.pt")
    read = models.pretrained(home / "mine.pt")
    assert torch.equal(read.mean, trained.mean) and read.classes == list(range(10))
    rows = trained.fold.test
    right = models.logits(read.model, trained.inputs(rows)).argmax(1) == trained.targets(rows)
    assert card["measured"] == {
        "accuracy_percent": round(100 * float(right.float().mean()), 2),
        "n_clips": len(rows),
    }


def test_the_command_line_exports_and_notes_the_command_that_does_it_again(
    home, monkeypatch, capsys
):
    from earwitness import cli

    trained = untrained()
    trained.confusion = np.eye(4, dtype=int)
    trained.specification |= {"corpus": "timit", "seed": 5}
    asked = {}
    monkeypatch.setattr(
        training, "fit", lambda *names, **options: asked.update(options, names=names) or trained
    )
    arguments = (
        "train SpeakerCNN --corpus timit --task speaker --fold 0 --protocol utterance --recipe "
        "brief --seed 5 "
        f"--export {home / 'speaker-cnn.pt'}"
    )
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments.split())
    assert ended.value.code == 0
    assert models.pretrained("speaker-cnn").card["made"]["command"] == f"earwitness {arguments}"
    assert asked["names"] == ("SpeakerCNN", "timit", "speaker", 0) and asked["corpus_options"] == {}
    assert (asked["protocol"], asked["recipe"], asked["seed"]) == ("utterance", "brief", 5)
    assert str(home / "speaker-cnn.pt") in capsys.readouterr().out


@pytest.mark.parametrize("name", ["phone-cnn", "speaker-cnn"])
def test_the_shipped_weights_are_small_intact_and_say_what_they_have_not_heard(name):
    shipped = models.pretrained(name)
    assert (weights.folder() / f"{name}.pt").stat().st_size < 2e6
    card = shipped.card
    assert card["name"] == name and type(shipped.model).__name__ == card["network"]
    assert card["weights"]["sha256"] == cache.file_digest(weights.folder() / f"{name}.pt")
    assert card["corpus"] == "timit" and "NC" in card["licence"]
    assert not set(card["held_out"]) & set(card["trained_on"])
    speakers = {"phone-cnn": ["fvmh0", "mcpm0", "faem0", "marc0"], "speaker-cnn": []}[name]
    assert card["held_out_speakers"] == sorted(speakers)
    assert {id.split("_")[0] for id in card["held_out"]} >= set(speakers)
    assert models.frame_logits(shipped.model, np.ones(8000, np.float32)).shape == (
        50,
        len(shipped.classes),
    )


@pytest.mark.parametrize("step", ["card", "measured"])
def test_a_network_that_says_nothing_for_a_card_is_refused_by_name(step):
    silent = object.__new__(trained.TrainedClassifier if step == "measured" else trained.Trained)
    with pytest.raises(ParameterError, match=rf"Trained\w* has no {step}\(\)"):
        getattr(silent, step)(*([None] if step == "card" else []))
