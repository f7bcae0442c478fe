"""A file from an address: there whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from benchmark.data.download import download_file, downloading
from benchmark.errors import DataError


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server on this machine: /whole gives hello, /short breaks off, all else is not there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/whole", "/short") else 404)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello" if self.path == "/whole" else b"hel")

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_whole_file(address: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("older")
    download_file(f"{address}/whole", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "hello"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("page", "why"), [("short", "broke off after 3 of 5 bytes"), ("gone", "HTTP Error 404")])
def test_a_download_that_fails_leaves_nothing(page: str, why: str, address: str, tmp_path: Path) -> None:
    words = {"root": tmp_path / "new", "source": "a page", "by_hand": "carry it"}
    said = rf"could not download it from a page: .*{why}.*; by hand: carry it"
    with pytest.raises(DataError, match=said), downloading("it", **words):  # type: ignore[arg-type]
        download_file(f"{address}/{page}", tmp_path / "new" / "file")
    assert list((tmp_path / "new").iterdir()) == []
