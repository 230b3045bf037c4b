"""Replaces Airflow's REST API, and gives the answers that a test needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from lab.access import LoopbackAccess
from lab.config import Settings
from lab.paths import Paths
from lab.secrets import Secrets
from tests.loopback import http_server

Answer = Callable[[str, Any], tuple[int, Any]]
"""From a path and the body of a request (None for GET) to the status and the body of the answer."""


@contextmanager
def airflow_server(folder: Path, answer: Answer) -> Iterator[LoopbackAccess]:
    """A server while the block runs, that signs every user in and leaves the rest to `answer`; how a lab reaches it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send(*answer(self.path, None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(*((201, {"access_token": "token"}) if self.path == "/auth/token" else answer(self.path, body)))

        def send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    paths = Paths(folder, folder / ".lab")
    Secrets(paths.secrets).ensure()
    with http_server(Handler) as port:
        yield LoopbackAccess(paths, Settings(), {"airflow": f"http://127.0.0.1:{port}", "s3": "", "git": ""})
