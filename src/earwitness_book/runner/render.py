"""jupyter-book in a process of its own: ``python -m earwitness_book.runner.render SOURCE HTML
CONFIG``.

Sphinx keeps much in module globals; a process of its own makes every build the same as the first.
"""

import os
import sys
import threading
from pathlib import Path

from jupyter_book.sphinx import build_sphinx


def main(source: str, html: str, config: str) -> int:
    """Render a folder with every warning an error; return the exit status.

    Only changed pages are read again, but all are written: a changed style or template alone would
    not be noticed.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    overrides = {
        "external_toc_path": str(Path(source) / "_toc.yml"),
        "latex_individualpages": False,
        "nitpicky": True,
    }
    status = build_sphinx(
        source,
        html,
        noconfig=True,
        path_config=config,
        confoverrides=overrides,
        force_all=True,
        warningiserror=True,
        keep_going=True,
    )
    if isinstance(status, Exception):
        raise status
    return status


def _end_with_parent() -> None:
    """End this process when the other end of its input closes, however the process that holds it
    ended.
    """
    os.read(0, 1)  # not sys.stdin: its lock would outlive this thread at the end
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
