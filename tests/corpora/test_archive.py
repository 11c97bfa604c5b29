"""Unpacking: what a corpus needs comes out, what could harm the machine does not."""

import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.corpora.archive import unpack
from earwitness.errors import DamagedDataError


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
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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
    st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.wav", fullmatch=True), st.binary(), min_size=1),
    st.sampled_from([make_zip, make_tar]),
)
def test_any_tree_survives_packing_and_unpacking(tmp_path_factory, members, make):
    folder = tmp_path_factory.mktemp("tree")
    unpack(make(folder / "archive", members), folder / "out")
    assert files_of(folder / "out") == members


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_only_the_named_inner_folder_is_kept(make, tmp_path):
    members = {"repo-1.0/README.md": b"x", "repo-1.0/recordings/1.wav": b"1", "repo-1.0/recordings/sub/2.wav": b"2"}
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
@pytest.mark.parametrize("name", ["../evil.wav", "/tmp/evil.wav", "a/../../evil.wav", "C:/evil.wav", "..\\evil.wav"])
def test_a_member_that_leads_out_of_the_folder_is_refused(make, name, tmp_path):
    assert_refused(make(tmp_path / "archive", {"good.wav": b"x", name: b"x"}), tmp_path, "leads out of the folder")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
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
