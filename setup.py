"""Puts what lies outside ``src`` into the wheel: the catalogue of data, and the player of the book
for reports.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TRAVELS = ("data/corpora.yaml", "data/manifests", "data/weights", "requirements-networks.lock")
PLAYER = (
    "_static/player.js",
    "_static/earwitness.css",
    "_extra/vendor/wavesurfer/wavesurfer.min.js",
    "_extra/vendor/wavesurfer/LICENSE",
)


class BuildWithCatalogue(build_py):
    """The usual build, and then the catalogue."""

    def run(self):
        """Build, and copy what travels unless the checkout itself is installed."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "earwitness" / "catalogue"
        for name in TRAVELS:
            source = Path(name)
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            target.mkdir(parents=True, exist_ok=True)
            more = {"dirs_exist_ok": True} if source.is_dir() else {}
            copy(source, target / source.name, **more)

        player = Path(self.build_lib) / "earwitness" / "player"
        player.mkdir(parents=True, exist_ok=True)
        for name in PLAYER:
            shutil.copy(Path("book") / name, player)


setup(cmdclass={"build_py": BuildWithCatalogue})
