"""Unpacking: what a corpus needs comes out, what could harm the machine does not."""

import errno
import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.corpora import archive as unpacking
from earwitness.corpora.archive import unpack
from earwitness.errors import DamagedDataError, StorageError


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_refused(archive, tmp_path, match, **options):
    before = set(tmp_path.rglob("*"))
    with pytest.raises(DamagedDataError, match=match):
        unpack(archive, tmp_path / "out", **options)
    assert set(tmp_path.rglob("*")) == before, "nothing may be left behind"


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_every_file_arrives_with_its_content(make, tmp_path):
    members = {"a.wav": b"one", "b/c.wav": b"two", "b/empty": b""}
    unpack(make(tmp_path / "archive", members), tmp_path / "out")
    assert files_of(tmp_path / "out") == members


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.wav", fullmatch=True), st.binary(), min_size=1
    ),
    st.sampled_from([make_zip, make_tar]),
)
def test_any_tree_survives_packing_and_unpacking(tmp_path_factory, members, make):
    folder = tmp_path_factory.mktemp("tree")
    unpack(make(folder / "archive", members), folder / "out")
    assert files_of(folder / "out") == members


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_only_the_named_inner_folder_is_kept(make, tmp_path):
    members = {
        "repo-1.0/README.md": b"x",
        "repo-1.0/recordings/1.wav": b"1",
        "repo-1.0/recordings/sub/2.wav": b"2",
    }
    unpack(make(tmp_path / "archive", members), tmp_path / "out", below="recordings")
    assert files_of(tmp_path / "out") == {"1.wav": b"1", "sub/2.wav": b"2"}


def test_existing_files_are_replaced_and_others_left_alone(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    (out / "a.wav").write_text("old")
    unpack(make_zip(tmp_path / "archive.zip", {"a.wav": b"new"}), out)
    assert files_of(out) == {"mine.txt": b"kept", "a.wav": b"new"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize(
    "name", ["../evil.wav", "/tmp/evil.wav", "a/../../evil.wav", "C:/evil.wav", "..\\evil.wav"]
)
def test_a_member_that_leads_out_of_the_folder_is_refused(make, name, tmp_path):
    assert_refused(
        make(tmp_path / "archive", {"good.wav": b"x", name: b"x"}),
        tmp_path,
        "leads out of the folder",
    )


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(kind, tmp_path):
    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w") as file:
        member = tarfile.TarInfo("a.wav")
        member.type, member.linkname = kind, "/etc/passwd"
        file.addfile(member)
    assert_refused(archive, tmp_path, "link or device")


def test_a_link_in_a_zip_is_refused(tmp_path):
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        member = zipfile.ZipInfo("a.wav")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(member, "/etc/passwd")
    assert_refused(archive, tmp_path, "link or device")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_that_unpacks_to_too_much_is_refused(make, tmp_path):
    archive = make(tmp_path / "bomb", {"zeros.wav": bytes(10_000)})
    assert archive.stat().st_size < 1_000
    assert_refused(archive, tmp_path, "10,000 bytes, more than 9,999", max_bytes=9_999)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_truncated_archive_is_refused(make, tmp_path):
    content = bytes(range(256)) * 40
    archive = make(tmp_path / "archive", {"a.wav": content, "b.wav": content[::-1]})
    archive.write_bytes(archive.read_bytes()[:-60])
    assert_refused(archive, tmp_path, "cannot be unpacked")


def test_damage_inside_a_zip_is_noticed_by_its_checksum(tmp_path):
    archive = make_zip(tmp_path / "archive.zip", {"a.wav": bytes(range(256)) * 10})
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    archive.write_bytes(content)
    assert_refused(archive, tmp_path, "cannot be unpacked")


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "page.html").write_text("<h1>404</h1>")
    assert_refused(tmp_path / "page.html", tmp_path, "cannot be unpacked")


def test_an_archive_without_the_wanted_folder_is_refused(tmp_path):
    archive = make_zip(tmp_path / "archive.zip", {"a.wav": b"x"})
    assert_refused(archive, tmp_path, "holds no file below recordings/", below="recordings")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_that_unpacks_to_many_times_its_size_is_refused(make, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "_SMALL_BYTES", 10**5)
    archive = make(tmp_path / "bomb", {"zeros.wav": bytes(10**6)})
    assert_refused(archive, tmp_path, "unpack to 1,000,000, more than 100 times as many")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_of_too_many_members_is_refused(make, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 3)
    archive = make(tmp_path / "many", {f"{k}.wav": b"" for k in range(4)})
    assert_refused(archive, tmp_path, "more than 3 members")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_that_takes_too_long_is_given_up(make, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_UNPACKING_S", -1.0)
    assert_refused(
        make(tmp_path / "slow", {"a.wav": b"x"}), tmp_path, "unpacking takes longer than"
    )


def test_a_bomb_is_refused_before_it_is_decompressed(tmp_path):
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz") as file:
        member = tarfile.TarInfo("zeros.wav")
        member.size = 2**40
        file.addfile(tarfile.TarInfo("first.wav"))
        file.fileobj.write(member.tobuf())
    assert_refused(tmp_path / "bomb.tar.gz", tmp_path, "more than 8,000,000,000")


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("names", [("a", "a/b.wav"), ("a//b.wav", "a/b.wav")])
def test_two_members_of_one_name_are_refused(make, names, tmp_path):
    archive = make(tmp_path / "double", {name: b"x" for name in names})
    assert_refused(archive, tmp_path, "two members")


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(unpacking, "_extract", full)
    with pytest.raises(StorageError, match="out cannot be written .No space left"):
        unpack(make_zip(tmp_path / "a.zip", {"a.wav": b"x"}), tmp_path / "out")


def small_archives():
    buffers = []
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as file:
            member = tarfile.TarInfo("a/b.wav")
            member.size = 500
            file.addfile(member, io.BytesIO(bytes(range(250)) * 2))
        buffers.append(buffer.getvalue())
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as file:
            file.writestr("a/b.wav", bytes(range(250)) * 2)
        buffers.append(buffer.getvalue())
    return buffers


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from(small_archives()),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    st.floats(0, 1),
)
def test_no_damage_of_any_archive_ends_in_another_error(tmp_path_factory, content, changes, kept):
    content = bytearray(content)
    for place, value in changes:
        content[int(place * len(content))] = value
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "archive").write_bytes(content[: max(1, round(kept * len(content)))])
    try:
        unpack(folder / "archive", folder / "inner" / "out")
    except DamagedDataError as error:
        assert "archive" in str(error)
    assert sorted(path.name for path in folder.iterdir()) in (["archive"], ["archive", "inner"])
