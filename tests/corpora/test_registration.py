"""A corpus is added by writing its class, by a package of others, or by a folder of recordings."""

import sys

import pytest

from earwitness import corpora
from earwitness.errors import (
    MissingDataError,
    ParameterError,
    UnknownNameError,
)

pytestmark = pytest.mark.usefixtures("same_names_afterwards", "empty_cache")
PATTERN = "{digit}_{speaker}_{take}"


def test_a_class_is_registered_as_it_is_written():
    class Mine(corpora.Corpus):
        name = "mine_of_a_test"
        label = "Mine"
        tasks = {"digit": [3, 7]}

        def __init__(self, root=None, n=1):
            self.n = n

    assert "mine_of_a_test" in corpora.names() and "mine_of_a_test" in corpora.names(task="digit")
    assert "mine_of_a_test" not in corpora.names(task="sex")
    assert corpora.load("mine_of_a_test", n=3).n == 3
    assert corpora.registered()["mine_of_a_test"].label == "Mine"


def test_what_travels_with_a_registration_is_stated_by_every_corpus():
    assert {"aev", "audiomnist", "audiomnist_az", "fsdd", "timit", "voices"} <= set(corpora.names())
    for name, corpus in corpora.registered().items():
        assert corpus.name == name and corpus.label and corpus.audio_type and corpus.tasks
        assert corpus.sample_rate in (8000, 16000, 48000)
    assert corpora.names(audio_type="ambisonics") == ["scenes"]
    assert {"audiomnist", "audiomnist_az", "fsdd", "voices"} == set(corpora.names(task="digit"))


def test_a_name_of_ours_cannot_be_taken():
    with pytest.raises(
        ParameterError, match="The name 'fsdd' is that of a corpus of earwitness.corpora.fsdd"
    ):

        class Other(corpora.Corpus):
            name = "fsdd"


def test_packages_of_others_join_through_entry_points(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text(
        "from earwitness.corpora import Corpus\nclass Theirs(Corpus):\n    name = "
        "'theirs_of_a_test'\n"
    )
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[earwitness.corpora]\ntheirs = theirs:Theirs\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    corpora._import_all.cache_clear()
    assert "theirs_of_a_test" in corpora.names()
    sys.modules.pop("theirs")


def test_a_class_of_a_module_is_loaded_by_both_names(recordings, tmp_path, monkeypatch):
    (tmp_path / "my_module.py").write_text(
        "from earwitness.corpora.folder import FolderCorpus\n"
        "class Mine(FolderCorpus):\n"
        "    def __init__(self, root):\n        super().__init__(root, "
        "pattern='{digit}_{speaker}_{take}')\n"
        "nothing = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert len(corpora.load("my_module:Mine", root=recordings)) == 24
    with pytest.raises(MissingDataError, match="needs the folder of its files"):
        corpora.load("my_module:Mine")
    with pytest.raises(UnknownNameError, match="no attribute 'Other'"):
        corpora.load("my_module:Other")
    with pytest.raises(UnknownNameError, match="No module named 'no_module'"):
        corpora.load("no_module:Mine")
    with pytest.raises(ParameterError, match="no class of a corpus"):
        corpora.load("my_module:nothing")
    sys.modules.pop("my_module")


def test_an_option_that_a_corpus_does_not_have_is_refused():
    with pytest.raises(
        ParameterError, match="The corpus fsdd has no option 'n_speakers'; it has root"
    ):
        corpora.load("fsdd", n_speakers=3)


@pytest.mark.parametrize("name", [None, 3, "", "a b", "no.such.name"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UnknownNameError, match="There is no corpus"):
        corpora.load(name)


def test_a_folder_in_the_way_of_a_name_says_how_it_is_meant(recordings, monkeypatch):
    monkeypatch.chdir(recordings.parent)
    with pytest.raises(UnknownNameError, match="Say ./mine then"):
        corpora.load("mine")
    assert len(corpora.load("./mine", pattern=PATTERN)) == 24
