"""Another user of the same machine reads nothing of a running lab, and does nothing with it."""

from __future__ import annotations

import json
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from ruamel.yaml import YAML

from lab.secrets import names_of
from tests.integration.checkout import Checkout
from tests.integration.other_user import IS_ROOT, as_other_user, can_read, can_write, way_open_to
from tests.integration.services import BRANCH, DAG, KEY, Services, ports

OPEN = {
    "git": {"/healthz"},
    "s3": {"/_localstack/health"},
    "airflow": {
        "/api/v2/monitor/health",
        "/api/v2/version",
        "/api/v2/auth/login",
        "/api/v2/auth/logout",
        "/execution/health",
        "/execution/health/ping",
    },
    "supervisor": set(),
}
"""What each port answers without a password: whether the service is well, and which version it is."""
TASKS = (
    "import json; from fastapi.openapi.utils import get_openapi;"
    "from airflow.api_fastapi.execution_api.routes import execution_api_router as router;"
    'print(json.dumps(get_openapi(title="tasks", version="1", routes=router.routes)))'
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGES = "lib/python*/site-packages/airflow/api_fastapi/core_api/openapi/_private_ui.yaml"
"""The requests of Airflow's own pages, which its public documents leave out."""
RPC = "<methodCall><methodName>supervisor.shutdown</methodName></methodCall>"


@pytest.fixture(scope="module")
def services(lab: Checkout) -> Iterator[Services]:
    found = Services.of(lab)
    found.put_at_risk()
    yield found
    lab.shell(
        f'git init -q --bare gone.tmp && git -C gone.tmp push -q "$PIPELINE_REPOSITORY" :{BRANCH}; rm -rf gone.tmp\n'
        f"aws s3 rm --quiet s3://mlops-lab/{KEY}"
    )


def secrets(lab: Checkout) -> list[str]:
    return [lab.secret(name) for name in names_of("local")]


def listening(lab: Checkout) -> set[tuple[str, int]]:
    """Address and port of each socket on which a process of the lab listens."""
    found = set()
    for process in lab.processes():
        for each in process.net_connections("inet"):
            if each.status == psutil.CONN_LISTEN or (each.type == 2 and not each.raddr):  # TCP; or UDP
                found.add((each.laddr.ip, each.laddr.port))
    return found


def test_the_lab_listens_where_its_record_says_and_on_loopback_only(lab: Checkout) -> None:
    """So that a further port is not left out of the tests below."""
    assert listening(lab) == {("127.0.0.1", port) for port in ports(lab).values()}
    assert set(ports(lab)) == set(OPEN)


def test_its_sockets_of_the_system_are_below_its_folder(lab: Checkout) -> None:
    """A socket with a name in a file system or, on Linux, in the abstract namespace can be opened by other users."""
    for process in lab.processes():
        for each in process.net_connections("unix"):
            assert not each.laddr or str(each.laddr).startswith(f"{lab.folder}/.lab/"), (process, each.laddr)


def test_another_user_reads_and_writes_no_file_of_the_lab(lab: Checkout) -> None:
    home = lab.folder / ".lab"
    files = [home, *home.glob("*")]
    files += [path for name in ("secrets", "run", "logs", "data") for path in (home / name).rglob("*")]
    files += [Path(each.path) for process in lab.processes() for each in process.open_files()]
    folders = [path for path in files if path.is_dir()]
    assert len(files) > 100
    if not IS_ROOT:  # no other user can be tested: check the mode of the folder that contains everything
        assert stat.S_IMODE(home.stat().st_mode) == stat.S_IRWXU
        assert home.stat().st_uid == os.geteuid()
        assert [path for path in files if not path.is_relative_to(home)] == []
        return
    with way_open_to(home):
        assert as_other_user(lambda: can_read(lab.folder / "README.md"))
        assert as_other_user(lambda: [str(path) for path in files if can_read(path)]) == []
        assert as_other_user(lambda: [str(folder) for folder in folders if can_write(folder)]) == []


def test_another_user_sees_no_environment_and_ends_no_process(lab: Checkout) -> None:
    pids = [process.pid for process in lab.processes()]
    assert len(pids) >= len(lab.pids())
    if not IS_ROOT:  # the kernel lets the owner alone read it (proc(5)), who is this user
        assert {psutil.Process(pid).uids().effective for pid in pids} == {os.geteuid()}
        return

    private = ("environ", "mem", "cwd", "root", "exe", "fd", "maps", "syscall")
    files = [Path("/proc", str(pid), name) for pid in pids for name in private]
    assert as_other_user(lambda: [str(path) for path in files if can_read(path)]) == []
    assert as_other_user(lambda: [pid for pid in pids if can_signal(pid)]) == []


def can_signal(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (PermissionError, ProcessLookupError):  # some tasks of the lab are short
        return False
    return True


def test_no_command_line_ever_holds_a_secret(lab: Checkout) -> None:
    """Checked all the time while the lab's commands and a run work; command lines are readable by every user."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(write)
        hidden, looks, status = secrets(lab), 0, 0
        while not select.select([read], [], [], 0.02)[0]:
            looks += 1
            lines = [" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"])]
            if any(secret in line for secret in hidden for line in lines):
                status = 1
        os._exit(status if looks > 100 else 2)
    os.close(read)
    try:
        lab.lab("run")
        lab.shell('aws s3 ls s3://mlops-lab && git ls-remote "$PIPELINE_REPOSITORY"')
    finally:
        os.close(write)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0


def answers(lab: Checkout, services: Services) -> list[tuple[str, str, int]]:
    """The request, answer and status of each request without a password that was answered other than by a refusal."""
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports(lab).items()}
    asked: list[tuple[str, str, str, Any]] = [(name, method, "/", None) for name in urls for method in METHODS]
    with httpx.Client(trust_env=False, timeout=30) as client:
        asked += requests_of(client.get(f"{urls['airflow']}/openapi.json").raise_for_status().json())
        asked += requests_of(of_tasks(lab), "/execution")
        (pages,) = (lab.folder / ".lab" / "environments" / "airflow").glob(PAGES)
        asked += requests_of(YAML(typ="safe").load(pages))
        asked += [("s3", method, f"/{path}", b"x") for method in METHODS
                  for path in ("mlops-lab", f"mlops-lab/{KEY}", "mlops-lab?delete", "_localstack/state/reset",
                               "_localstack/health", "_aws/x")]  # fmt: skip
        git = "/lab/mlops.git"
        asked += [("git", method, f"{git}/{path}", services.deletion(BRANCH).encode()) for method in METHODS
                  for path in ("git-receive-pack", "HEAD", "info/refs?service=git-upload-pack")]  # fmt: skip
        asked += [("supervisor", "POST", "/RPC2", RPC.encode()), ("supervisor", "GET", "/logtail/git", None)]
        found = []
        for name, method, path, body in asked:
            given = {"json": body} if isinstance(body, dict) and method != "GET" else {"content": body or b""}
            answer = client.request(method, urls[name] + path, **given)
            is_open = method in {"GET", "HEAD"} and path.partition("?")[0] in OPEN[name]
            if not is_open and answer.status_code not in {400, 401, 403, 404, 405, 411, 422, 501}:
                found.append((f"{name}: {method} {path}", answer.text[:200], answer.status_code))
    return found


def of_tasks(lab: Checkout) -> dict[str, Any]:
    """The operations of the API that tasks use, which Airflow publishes no document of."""
    python = lab.folder / ".lab" / "environments" / "airflow" / "bin" / "python"
    described: dict[str, Any] = json.loads(lab.shell(f"{python} -c '{TASKS}'").splitlines()[-1])
    return described


def requests_of(described: dict[str, Any], prefix: str = "") -> list[tuple[str, str, str, Any]]:
    """A request for each operation of an OpenAPI document."""
    return [
        ("airflow", method.upper(), f"{prefix}{filled(path)}", {})
        for path, methods in described["paths"].items()
        for method in methods
        if method.upper() in METHODS
    ]


def filled(path: str) -> str:
    """A path of Airflow's API with the DAG's name, and something for other parameters."""
    return "/".join(DAG if part == "{dag_id}" else "1" if part.startswith("{") else part for part in path.split("/"))


def test_no_port_does_anything_without_a_password(lab: Checkout, services: Services) -> None:
    """Ports do not know users, so this is the same for every user."""
    before = services.state()
    found = answers(lab, services)
    # Airflow's page comes without data.
    assert [f"{request}: {status}" for request, text, status in found if "<!doctype html>" not in text.lower()] == []
    assert services.state() == before
