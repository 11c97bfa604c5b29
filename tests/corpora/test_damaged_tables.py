"""Whatever stands in the tables beside recordings, loading ends in a corpus or in an error of
ours.
"""

import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness import catalogue, corpora
from earwitness.corpora import store
from earwitness.errors import DamagedDataError, EarwitnessError

TONE = 0.1 * np.sin(np.arange(320) / 5)
PIECES = st.sampled_from(
    [
        b"\x00",
        b"\xff",
        b"\n",
        b",",
        b"-1",
        b"nan",
        b"1e400",
        b'"',
        b"{",
        b"[",
        b"\xc3\x28",
        b"9" * 5000,
        "٣".encode(),
    ]
)
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), PIECES), max_size=5)


def damaged(content, damage):
    content = bytearray(content)
    for place, removed, piece in damage:
        at = int(place * len(content))
        content[at : at + removed] = piece
    return bytes(content)


def sound(path, rate=16000, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, TONE, rate, **how)


def own(root):
    for k in range(3):
        sound(root / f"{k}.wav")
    return (
        "labels.csv",
        b"path,word,speaker\n0.wav,yes,a\n1.wav,no,b\n2.wav,yes,c\n",
        lambda: corpora.load(root),
    )


def aev(root):
    ids = [f"{group}01{vowel}" for group in "mwbg" for vowel in ("ae", "iy")]
    for name in ids:
        sound(root / "all" / f"{name}.wav")
    (root / "timedata.dat").write_text("\n".join(f"{name} 100.0 343.0 180.0 190.0" for name in ids))
    rows = "\n".join(f"{name} 243 174 0 2293 2752 4000 1 1" for name in ids)
    return "vowdata.dat", b"(c)\n" + rows.encode(), lambda: corpora.load("aev", root=root)


def azerbaijani(root):
    for speaker in ("01", "02"):
        sound(root / "data" / speaker / f"0_{speaker}_1.wav")
    return (
        "metadata.txt",
        b"ID,0,Gender\n1,1,M\n2,1,F\n",
        lambda: corpora.load("audiomnist_az", root=root),
    )


def audiomnist(root):
    sound(root / "01" / "0_01_0.wav", 48000)
    return (
        "audioMNIST_meta.txt",
        b'{"01": {"age": "30", "gender": "male"}}',
        lambda: [store.verify("audiomnist", root), corpora.load("audiomnist", root=root)],
    )


def timit(root):
    sound(root / "dr1-fvmh0" / "sa1.wav", format="NIST", subtype="PCM_16")
    (root / "dr1-fvmh0" / "sa1.wrd").write_text("0 300 she\n")
    return (
        "dr1-fvmh0/sa1.phn",
        b"0 160 h#\n160 320 sh\n",
        lambda: corpora.load("timit", root=root).phones(0),
    )


@pytest.fixture(scope="module")
def a_small_audiomnist():
    """One repetition in the place of fifty: each of 30,000 files is looked for, every time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_REPETITIONS", range(1))
        yield


@pytest.mark.usefixtures("a_small_audiomnist")
@pytest.mark.parametrize("corpus", [own, aev, azerbaijani, audiomnist, timit])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(damage=DAMAGE)
def test_no_damage_of_a_table_ends_in_another_error(tmp_path_factory, corpus, damage):
    root = tmp_path_factory.mktemp("damage")
    name, content, load = corpus(root)
    (root / name).write_bytes(content)
    load()
    (root / name).write_bytes(damaged(content, damage))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load()
        except EarwitnessError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("fsdd: {licence: CC0}", "does not state downloads, files, home"),
        ("[]", "is no table of corpora"),
        ("fsdd: 3", "is no table of corpora"),
        ("a: [", "cannot be read"),
        ("a: \x00", "cannot be read"),
    ],
)
def test_a_catalogue_edited_by_hand_is_refused_by_what_is_wrong(tmp_path, monkeypatch, text, match):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "corpora.yaml").write_text(text)
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    with pytest.raises(DamagedDataError, match=match):
        catalogue.about("fsdd")


def test_a_damaged_manifest_is_refused_by_its_line(tmp_path, monkeypatch):
    (tmp_path / "data" / "manifests").mkdir(parents=True)
    known = (catalogue.folder() / "corpora.yaml").read_text()
    (tmp_path / "data" / "corpora.yaml").write_text(known)
    (tmp_path / "data" / "manifests" / "fsdd.sha256").write_text(f"{'0' * 64}  a.wav\n{'0' * 64}")
    monkeypatch.setenv("EARWITNESS_HOME", str(tmp_path))
    with pytest.raises(DamagedDataError, match="manifest of fsdd, line 2, is not"):
        catalogue.manifest("fsdd")
