"""Networks by name: what is known of each, and those of other packages."""

from importlib.metadata import EntryPoint

import pytest
import torch
from torch import nn

from earwitness import models
from earwitness.errors import UnknownNameError
from earwitness.models import registry


@pytest.fixture
def own_registry(monkeypatch):
    """Let a test register what it likes, and import the packages of others anew."""
    monkeypatch.setattr(registry, "_NETWORKS", dict(registry._NETWORKS))
    registry._of_other_packages.cache_clear()
    yield monkeypatch
    registry._of_other_packages.cache_clear()


def test_every_network_knows_its_sample_rate_its_audio_and_its_inputs():
    assert {"AlexNet", "AudioNet", "DoaCRNN", "Nisqa", "PhoneCNN", "SpeakerCNN"} <= set(
        models.names()
    )
    assert [models.sample_rate(name) for name in ("AlexNet", "AudioNet", "PhoneCNN")] == [
        8000,
        8000,
        16000,
    ]
    assert models.names(task="frames") == ["PhoneCNN", "SpeakerCNN"]
    assert (
        models.names(audio="ambisonic") == ["DoaCRNN"] and models.names("quality", "waveform") == []
    )
    assert models.AudioNet(2).sample_rate == 8000 and models.find("AlexNet").input_shape == (
        1,
        227,
        227,
    )
    assert models.find("Nisqa").label == "NISQA" and models.find("AudioNet").label == "AudioNet"


def test_a_type_of_audio_that_does_not_exist_is_refused():
    with pytest.raises(UnknownNameError, match="no type of audio 'wave'.*'waveform'"):
        models.register(sample_rate=1, audio="wave", tasks=())


def test_a_registered_network_is_made_by_its_name_with_whatever_its_class_takes(own_registry):
    @models.register(sample_rate=44100, audio="waveform", tasks=("clips",), label="Mine")
    class Own(nn.Linear):
        pass

    assert models.create("Own", 3, out_features=2, bias=False).weight.shape == (2, 3)
    assert models.sample_rate("Own") == 44100 and Own.label == "Mine"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "torch.nn:Identity",
            "is left out: it is not registered; write @earwitness.models.register",
        ),
        ("no_such_package:Net", "is left out: No module named 'no_such_package'"),
    ],
)
def test_a_package_whose_network_cannot_be_used_is_named_and_leaves_the_others_alone(
    own_registry, value, sentence
):
    point = EntryPoint("net", value, registry.GROUP)
    own_registry.setattr(
        registry, "entry_points", lambda group: [point] if group == "earwitness.models" else []
    )
    with pytest.warns(UserWarning, match=sentence):
        assert "AlexNet" in models.names()


def test_a_network_of_another_package_is_found_through_its_entry_point(own_registry, tmp_path):
    (tmp_path / "ear_plugin.py").write_text(
        "from torch import nn\nfrom earwitness import models\n"
        "@models.register(sample_rate=22050, audio='waveform', tasks=('clips',))\nclass "
        "Plug(nn.Identity): pass\n"
    )
    own_registry.syspath_prepend(tmp_path)
    point = EntryPoint("plug", "ear_plugin:Plug", registry.GROUP)
    own_registry.setattr(registry, "entry_points", lambda group: [point])
    assert models.sample_rate("Plug") == 22050
    assert torch.equal(models.create("Plug")(torch.ones(1)), torch.ones(1))
