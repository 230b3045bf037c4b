"""`lab eks run`: Airflow's REST API through the cluster, with a port-forward program that ends, or is ended."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.components import repository
from lab.pipeline.git import Repository
from tests.loopback import http_server
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import Amazon
from tests.unit.support import commit, git, new_repository
from tests.waiting import eventually

Lab = Callable[..., Outcome]
ANSWERS: dict[str, dict[str, Any]] = {
    "/monitor/health": {"scheduler": {"status": "healthy"}, "dag_processor": {"status": "healthy"}},
    "/importErrors": {"import_errors": [], "total_entries": 0},
}
TASKS = ("pull_data", "modify_data", "push_data")


@dataclass
class Server:
    """Airflow with one run, which ends when it has been checked `looks` times."""

    password: str = ""
    looks: int = 2
    parameters: list[dict[str, Any]] = field(default_factory=list)
    interrupt: Callable[[], None] = lambda: None

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/auth/token":
            return (201, {"access_token": "t"}) if body["password"] == self.password else (401, {})
        if method == "POST":
            self.parameters.append(body["conf"])
            return 200, {"dag_run_id": body["dag_run_id"]}
        if path.partition("?")[0].endswith("/taskInstances"):
            ended = {"state": "success", "try_number": 1, "start_date": "2026-01-01T00:00:00Z"}
            return 200, {"task_instances": [{"task_id": t, "end_date": "2026-01-01T00:00:02Z", **ended} for t in TASKS]}
        if "/dagRuns/" in path:
            self.looks -= 1
            self.interrupt()
            return 200, {"state": "success" if self.looks <= 0 else "running"}
        return 200, next((answer for part, answer in ANSWERS.items() if part in path), {"is_paused": False})


@pytest.fixture
def server(amazon: Amazon) -> Iterator[Server]:
    airflow = Server()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            status, answer = airflow.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with http_server(Handler) as port:
        (amazon.folder / "airflow").write_text(str(port), "utf-8")
        yield airflow


@pytest.fixture
def running(amazon: Amazon, server: Server, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    """A lab that is up, and its repository."""
    assert lab("eks", "up").status == 0
    known = json.loads((amazon.folder / "objects.json").read_text("utf-8"))["Secrets"]["airflow-login"]
    server.password = json.loads(base64.b64decode(known["data"]["passwords.json"]))["admin"]
    origin = new_repository(tmp_path / "origin")
    commit(origin, "first", {"README.md": "a"})

    def clone(_: Any, folder: Path, *__: str) -> Repository:
        git(tmp_path, "clone", "--quiet", str(origin.folder), str(folder))
        return Repository(folder, dict(os.environ))

    monkeypatch.setattr(repository, "clone", clone)
    return amazon


def forwards(amazon: Amazon) -> list[tuple[int, str]]:
    lines = (amazon.folder / "forwards").read_text("utf-8").splitlines()
    return [(int(line.split(" ")[0]), line.split(" ")[1]) for line in lines]


def test_a_run_is_started_with_its_parameters_and_followed_to_its_end(
    running: Amazon, server: Server, lab: Lab
) -> None:
    outcome = lab("eks", "run", "--rows", "5")
    assert outcome.status == 0
    assert server.parameters == [{"rows": 5}]
    assert all(f"✓ {task}" in outcome.err for task in TASKS)
    ((pid, asked),) = forwards(running)
    assert asked == ""  # any free port
    assert not psutil.pid_exists(pid)
    assert server.password not in (running.folder / "calls").read_text("utf-8")


def test_a_way_to_airflow_that_ends_is_opened_again_on_the_same_port(running: Amazon, server: Server, lab: Lab) -> None:
    server.looks = 1000

    def interrupt() -> None:
        found = forwards(running)
        if len(found) == 1 and psutil.pid_exists(found[0][0]):
            os.kill(found[0][0], signal.SIGTERM)
            eventually(lambda: len(forwards(running)) == 2, "another port-forward")
            server.looks = 0

    server.interrupt = interrupt
    assert lab("eks", "run", "--limit", "60").status == 0
    (_, first), (pid, second) = forwards(running)
    assert (first, second) == ("", (running.folder / "airflow").read_text("utf-8"))
    assert not psutil.pid_exists(pid)


def test_a_run_that_outlives_its_limit_says_where_its_logs_are(running: Amazon, server: Server, lab: Lab) -> None:
    server.looks = 1000
    outcome = lab("eks", "run", "--limit", "1")
    assert outcome.status == 10
    assert "below s3://mlops-lab-test/logs/" in outcome.err
    assert not psutil.pid_exists(forwards(running)[0][0])
