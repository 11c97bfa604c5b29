"""A corpus is added by writing its class, by a package of others, or by a folder of recordings."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earwitness import corpora
from earwitness.corpora import base
from earwitness.errors import (
    AudioError,
    DamagedDataError,
    FoldError,
    MissingDataError,
    ParameterError,
    UnknownNameError,
)


@pytest.fixture(autouse=True)
def same_names_afterwards(monkeypatch, tmp_path):
    corpora.registered()
    monkeypatch.setattr(base, "REGISTERED", dict(base.REGISTERED))
    monkeypatch.setattr(corpora, "REGISTERED", base.REGISTERED)
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))


def write(path, n=800, seed=0, rate=8000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.random.default_rng(seed).standard_normal((n, channels))
    soundfile.write(path, sound, rate, format="WAV")


@pytest.fixture
def recordings(tmp_path):
    """Six speakers saying two digits twice; half of the endings in capitals, one hidden
    companion.
    """
    folder = tmp_path / "mine"
    for i, speaker in enumerate("abcdef"):
        for digit in (3, 7):
            for take in (0, 1):
                suffix = "wav" if i % 2 else "WAV"
                write(folder / f"{digit}_{speaker}_{take}.{suffix}", seed=i)
    (folder / "._3_a_0.WAV").write_bytes(b"\x00\x05\x16\x07" + bytes(200))
    return folder


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


def test_names_of_files_become_labels_whatever_the_case_of_their_ending(recordings):
    corpus = corpora.load(recordings, pattern=PATTERN)
    assert len(corpus) == 24 and corpus.tasks == {"digit": ["3", "7"]}
    assert sorted(corpus.table["speaker"].unique()) == list("abcdef")
    assert corpus[0].samples.shape == (800,) and corpus.targets("digit").tolist().count(1) == 12


def test_folders_name_the_classes_of_what_lies_in_them(tmp_path):
    for label in ("dog", "cat"):
        for k in range(5):
            write(tmp_path / "animals" / label / f"{k}.wav", seed=k)
    corpus = corpora.load(str(tmp_path / "animals"))
    assert corpus.tasks == {"label": ["cat", "dog"]} and corpus.name == "animals"
    with pytest.raises(FoldError, match='does not say who speaks.*protocol="clip"'):
        corpus.folds("label")
    folds = corpus.folds("label", protocol="clip")
    assert [len(fold.test) for fold in folds] == [2] * 5
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(10))


def labelled(folder, text):
    (folder / "labels.csv").write_text(text)
    return corpora.load(folder)


@pytest.fixture
def three(tmp_path):
    for k in range(3):
        write(tmp_path / "three" / f"{k}.wav", seed=k)
    return tmp_path / "three"


def test_a_table_labels_the_recordings(three):
    corpus = labelled(three, "\ufeffpath,word,speaker\n0.wav,yes,a\n1.wav,no,b\n\n2.wav,yes,c\n")
    assert corpus.tasks == {"word": ["no", "yes"]} and corpus.table["speaker"].tolist() == [
        "a",
        "b",
        "c",
    ]
    assert len(corpus.folds("word")) == 3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path,word\n0.wav,yes\n1.wav,no\n2.wav,", "row 4, has 1 values, not 2; is it cut off"),
        ("path,word\n0.wav,yes\n1.wav,no\n2.w", "row 4, has 1 values"),
        ("path,word\n0.wav,yes\n1.wav,no\n", "says nothing of 1 of 3 files, the first is 2.wav"),
        ("path,word\n0.wav,yes\n0.wav,yes\n", "row 3, names twice the file '0.wav'"),
        ("path,word\n../0.wav,yes\n", "row 2, names, but the folder has not, the file"),
        ("<html>", "needs a header with path and labels"),
        ("", "needs a header"),
        ("path,word,word\n", "needs a header"),
        ('path,word\n"0.wav,yes\n', "is no CSV"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_by_row(three, text, match):
    with pytest.raises(DamagedDataError, match=match):
        labelled(three, text)


def test_files_that_the_pattern_does_not_fit_are_named(recordings):
    write(recordings / "stray.wav")
    with pytest.raises(DamagedDataError, match="1 of 25 files are not named like.*stray.wav"):
        corpora.load(recordings, pattern=PATTERN)
    with pytest.raises(MissingDataError, match="names no field"):
        corpora.load(recordings, pattern="digit")
    with pytest.raises(MissingDataError, match="lies in no folder that names a class"):
        corpora.load(recordings)


def test_two_channels_need_a_choice(tmp_path):
    for k in range(3):
        write(tmp_path / "two" / "x" / f"{k}.wav", channels=2, seed=k)
    with pytest.raises(AudioError, match="2 channels.*'left', 'right' or 'mean'"):
        corpora.load(tmp_path / "two")[0]
    left, mean = (corpora.load(tmp_path / "two", channel=c)[0].samples for c in ("left", "mean"))
    assert left.shape == mean.shape == (800,) and not np.array_equal(left, mean)
    with pytest.raises(UnknownNameError, match="no channel 'lft'"):
        corpora.load(tmp_path / "two", channel="lft")


def test_folders_that_are_none_or_empty_are_named(tmp_path):
    with pytest.raises(MissingDataError, match="There is no folder"):
        corpora.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="holds no recording"):
        corpora.load(tmp_path / "empty")
    with pytest.raises(ParameterError, match="is a folder already"):
        corpora.load(tmp_path / "empty", root=tmp_path)


def test_links_to_nothing_are_named_and_the_others_read(recordings):
    (recordings / "dead.wav").symlink_to("nowhere.wav")
    with pytest.warns(UserWarning, match="dead.wav is a link to nothing"):
        assert len(corpora.load(recordings, pattern=PATTERN)) == 24


def test_the_fingerprint_holds_the_samples(recordings):
    before = corpora.load(recordings, pattern=PATTERN).fingerprint()
    assert corpora.load(recordings, pattern=PATTERN).fingerprint() == before
    write(recordings / "3_b_0.wav", seed=99)
    assert corpora.load(recordings, pattern=PATTERN).fingerprint() != before


def test_recordings_replaced_under_their_names_have_their_new_lengths(recordings):
    corpora.load(recordings, pattern=PATTERN)
    write(recordings / "3_b_0.wav", n=12000)
    table = corpora.load(recordings, pattern=PATTERN).table.set_index("id")
    assert table.loc["3_b_0", "duration_s"] == 1.5 and table.loc["3_b_0", "longer_than_1s"]


def test_the_same_name_twice_is_refused(three):
    write(three / "x" / "0.wav")
    write(three / "y" / "0.wav")
    with pytest.raises(DamagedDataError, match="two recordings of one name: x/0.wav and y/0.wav"):
        base.file_table(three, [{"id": Path(p).stem, "path": p} for p in ("x/0.wav", "y/0.wav")])
