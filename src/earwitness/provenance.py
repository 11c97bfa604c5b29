"""What a number depends on besides data and parameters: commit, versions, processor."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_MATTERS = ("torch", "zennit", "captum", "numpy", "librosa", "praat-parselmouth")


def commit(folder: str | Path | None = None) -> str:
    """Return the short commit id of a checkout, with ``+`` if files differ from it, or
    ``"unknown"``.

    Parameters
    ----------
    folder : path, optional
        Of the checkout. Default: the one that this package was installed from, if it was.
    """
    try:
        folder = Path(folder).expanduser() if folder else Path(__file__).resolve().parents[2]
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, ValueError, RuntimeError, subprocess.CalledProcessError):  # no such home
        return "unknown"
    return described.stdout.strip()


def provenance() -> dict[str, str]:
    """Return commit, profile, versions of Python and of the packages that matter, processor."""
    return {
        "commit": commit(os.environ.get("EARWITNESS_HOME") or None),
        "profile": os.environ.get("EARWITNESS_PROFILE") or "interactive",
        "python": platform.python_version(),
        **{name: version(name) for name in _MATTERS},
        "processor": f"{processor()}, {os.cpu_count()} cores",
    }


def processor() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
