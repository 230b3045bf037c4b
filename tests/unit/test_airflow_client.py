"""The client of Airflow's REST API, against a server that loses its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.access import Access
from lab.components.airflow import Airflow
from lab.config import Settings
from lab.errors import NotRunningError
from lab.paths import Paths
from lab.secrets import Secrets


@dataclass
class Server:
    """Makes a run as Airflow does and answers the first requests for it with 500; `before` says whether it was made."""

    made_before_the_error: bool
    runs: list[str] = field(default_factory=list)
    errors_left: int = 2
    url: str = ""

    def answer(self, path: str, body: dict[str, str]) -> tuple[int, dict[str, str]]:
        if path == "/auth/token":
            return 201, {"access_token": "token"}
        run_id = body["dag_run_id"]
        fails = self.errors_left > 0
        self.errors_left -= 1
        if run_id in self.runs:
            return 409, {"detail": "there is one"}
        if self.made_before_the_error or not fails:
            self.runs.append(run_id)
        return (500, {}) if fails else (200, {"dag_run_id": run_id})


@pytest.fixture(params=[True, False], ids=["made", "not-made"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    stand_in = Server(request.param)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = stand_in.answer(self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        stand_in.url = f"http://127.0.0.1:{http.server_port}"
        yield stand_in
        http.shutdown()


def access(server: Server, folder: Path) -> Access:
    paths = Paths(folder, folder / ".lab")
    Secrets(paths.secrets).ensure()
    return Access(paths, Settings(), server.url, "", "")


def test_a_run_whose_start_was_answered_with_an_error_is_started_once(server: Server, tmp_path: Path) -> None:
    with Airflow(access(server, tmp_path), patience=30) as airflow:
        run_id = airflow.trigger("dag", {})
    assert server.runs == [run_id]


def test_runs_started_in_the_same_moment_are_runs_of_their_own(server: Server, tmp_path: Path) -> None:
    with Airflow(access(server, tmp_path), patience=30) as airflow:
        assert len({airflow.trigger("dag", {}) for _ in range(10)}) == len(server.runs) == 10


def test_a_client_without_patience_tells_the_error_at_once(server: Server, tmp_path: Path) -> None:
    with Airflow(access(server, tmp_path)) as airflow, pytest.raises(NotRunningError, match="answered 500"):
        airflow.trigger("dag", {})
    assert server.errors_left == 1
