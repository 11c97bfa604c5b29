"""The library alone: a wheel outside the checkout, without what only the book needs."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import soundfile

from earwitness_book import project

ALONE = """
import importlib.util
import sys

BOOK = {"papermill", "jupyter_book", "dask", "distributed", "nbclient", "sphinx"}
found = importlib.util.find_spec

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BOOK:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
importlib.util.find_spec = lambda name, *more: None if name in BOOK else found(name, *more)
"""
USE = (
    ALONE
    + """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
import earwitness
from earwitness import attribution, audition, corpora, evaluation, figures, models

folder, wheel = sys.argv[1:]
assert earwitness.__file__.startswith(wheel), earwitness.__file__
corpus = corpora.load("fsdd", root=folder)
assert len(corpus) == 20 and corpus[0].sample_rate == 8000
shipped = models.pretrained("phone-cnn")
torch.manual_seed(0)
clip = torch.from_numpy(np.resize(corpus[3].samples, 4000))[None, None]
relevance = attribution.attribute(shipped.model, clip, 0)
assert relevance.shape == clip.shape and relevance.any()
curve = evaluation.pixel_flipping(shipped.model, clip, [0], relevance, [0, 0.1])
assert len(curve.accuracy) == 2
heard = audition.relevance_times_signal(corpus[3].samples[:4000], np.resize(relevance, 4000))
figure, ax = plt.subplots()
figures.relevance_on_waveform(ax, clip[0, 0], relevance[0, 0], 16000)
tone = np.sin(np.arange(4000, dtype="float32"))
page = earwitness.explain((tone, 16000), "phone-cnn").save("why") / "report.html"
assert "WaveSurfer" in page.read_text()
print("done", len(heard))
"""
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return a folder that holds what the wheel installs, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = subprocess.run(
        [
            "git",
            "-C",
            str(project.root()),
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "src",
            "data",
            "book/_static",
            "book/_extra/vendor/wavesurfer",
            "pyproject.toml",
            "requirements-networks.lock",
            "setup.py",
            "README.md",
            "LICENSE",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, listed):  # a copy, so that the build leaves nothing in the checkout
        if (project.root() / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((project.root() / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        str(folder),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(wheel, code, *arguments):
    environment = {
        "PYTHONPATH": str(wheel),
        "PATH": "",
        "HOME": str(wheel.parent / "home"),
        "OMP_NUM_THREADS": "1",
        "EARWITNESS_CACHE": str(wheel.parent / "cache"),
    }
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment,
        cwd=wheel.parent,
        capture_output=True,
        text=True,
    )


def test_the_library_alone_loads_explains_flips_filters_and_draws(wheel, tmp_path):
    for digit in range(10):
        for repetition in range(2):
            noise = 0.1 * np.random.default_rng(digit).standard_normal(4000)
            soundfile.write(tmp_path / f"{digit}_ada_{repetition}.wav", noise, 8000)
    done = run(wheel, USE, str(tmp_path), str(wheel))
    assert done.stdout.startswith("done"), done.stderr


def test_a_command_of_the_book_says_in_a_sentence_that_it_is_not_installed(wheel):
    code = (
        ALONE
        + """
from earwitness import cli
cli.main(["build"])
"""
    )
    done = run(wheel, code)
    assert done.returncode and "Traceback" not in done.stderr
    assert "belongs to the book" in done.stderr and 'pip install "earwitness[book]"' in done.stderr


def test_the_catalogue_travels_and_what_is_the_books_does_not(wheel):
    travelled = {path.name for path in (wheel / "earwitness" / "catalogue").iterdir()}
    assert travelled == {"corpora.yaml", "manifests", "requirements-networks.lock", "weights"}
    assert (wheel / "earwitness" / "catalogue" / "weights" / "phone-cnn.pt").stat().st_size > 1e6
