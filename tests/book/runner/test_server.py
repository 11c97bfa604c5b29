"""The server of a built site hands out its folder and nothing else, under the names of this machine
alone.
"""

import http.client
import threading

import pytest

from earwitness.errors import ParameterError
from earwitness_book.runner.server import server


@pytest.fixture
def ask(tmp_path):
    """A function that asks a served folder for a path; beside the folder lies a file that is not in
    it.
    """
    html = tmp_path / "html"
    (html / "bare").mkdir(parents=True)
    (html / "index.html").write_text("front page")
    (html / "404.html").write_text("no such page")
    (tmp_path / "secret.txt").write_text("secret")
    (html / "link.txt").symlink_to(tmp_path / "secret.txt")
    (html / "folder").symlink_to(tmp_path)
    with server(html, 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()

        def get(path, host=None):
            connection = http.client.HTTPConnection("127.0.0.1", serving.server_port, timeout=10)
            connection.request("GET", path, headers={"Host": host} if host is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        yield get
        serving.shutdown()


def test_it_hands_out_the_pages_of_its_folder_under_the_names_of_this_machine(ask):
    assert ask("/") == (200, "front page")
    assert ask("/index.html?q=1", "localhost:8000") == (200, "front page")


@pytest.mark.parametrize(
    "path", ["/link.txt", "/folder/secret.txt", "/folder/", "/../secret.txt", "/%2e%2e/secret.txt"]
)
def test_it_follows_no_link_out_of_its_folder(ask, path):
    status, said = ask(path)
    assert status == 404 and "secret" not in said


@pytest.mark.parametrize("host", ["example.org", "example.org:8000", "127.0.0.1.example.org", ""])
def test_a_page_of_another_host_that_points_here_gets_nothing(ask, host):
    status, said = ask("/", host)
    assert status == 421 and "front page" not in said


def test_what_is_not_there_is_answered_with_the_page_that_says_so_and_folders_are_not_listed(ask):
    assert ask("/gone.html") == (404, "no such page")
    assert ask("/bare/") == (404, "no such page")


def test_a_taken_port_is_named(tmp_path):
    with (
        server(tmp_path, 0) as first,
        pytest.raises(ParameterError, match=f"Port {first.server_port} is not free"),
    ):
        server(tmp_path, first.server_port)
