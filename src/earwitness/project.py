"""Where the checkout is: notebooks, prose and what is known about data live beside the package, not in it."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from earwitness.errors import MissingDataError


def root() -> Path:
    """Return the folder of the checkout: ``EARWITNESS_HOME``, or the one this package was installed from.

    Raises
    ------
    MissingDataError
        If that folder holds no ``notebooks/`` and ``data/``, as after a plain wheel installation.
    """
    folder = Path(os.environ.get("EARWITNESS_HOME") or Path(__file__).resolve().parents[2])
    if not (folder / "notebooks").is_dir() or not (folder / "data").is_dir():
        raise MissingDataError(
            f"{folder} is no Earwitness checkout (it has no notebooks/ and data/). "
            "Clone the repository, or set EARWITNESS_HOME to its folder."
        )
    return folder


def commit() -> str:
    """Return the short commit id of the checkout, with ``+`` if files differ from it, or ``"unknown"``."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(root()), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True, text=True, check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def provenance() -> dict[str, str]:
    """Return what a number depends on besides data and parameters: commit, profile, versions, processor."""
    versions = {name: version(name) for name in ("torch", "zennit", "captum", "numpy", "librosa", "praat-parselmouth")}
    return {
        "commit": commit(),
        "profile": os.environ.get("EARWITNESS_PROFILE") or "interactive",
        "python": platform.python_version(),
        **versions,
        "processor": f"{processor()}, {os.cpu_count()} cores",
    }


def processor() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
