"""A built site at an address of this machine, and nothing else of this machine at that address."""

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from earwitness.errors import ParameterError

_NAMES = ("127.0.0.1", "localhost")


def server(html: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of a built site, for this machine alone.

    Raises
    ------
    ParameterError
        If the port is taken.
    """
    try:
        return ThreadingHTTPServer(
            ("127.0.0.1", port), partial(Handler, directory=str(html.resolve()))
        )
    except OSError as error:
        raise ParameterError(
            f"Port {port} is not free ({error.strerror}); choose another with --port."
        ) from None


class Handler(SimpleHTTPRequestHandler):
    """Hands out files that lie in its folder, to pages that know it by a name of this machine.

    A page of another host whose name was made to point here would send that name, and a link in the
    folder could lead to any file of this machine: both are refused. Folders are not listed.
    """

    def send_head(self):
        """Return the file that is asked for, or a page that there is none."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in _NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This address has another name")
            return None
        path, base = Path(self.translate_path(self.path)), Path(self.directory)
        if not path.resolve().is_relative_to(base) or (
            path.is_dir() and not (path / "index.html").exists()
        ):
            return self._missing()
        return super().send_head() if path.exists() else self._missing()

    def _missing(self):
        page = Path(self.directory, "404.html")
        content = page.read_bytes() if page.is_file() else b"There is no such page.\n"
        self.send_response(HTTPStatus.NOT_FOUND)
        self.send_header(
            "Content-Type", "text/html; charset=utf-8" if page.is_file() else "text/plain"
        )
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments) -> None:
        """Say nothing for each file that a page loads."""
