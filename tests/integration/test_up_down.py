"""`lab up` and `lab down`: idempotent, resumable, self-healing, and without a trace outside `.lab/`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess

import psutil
import pytest

from tests.integration.checkout import Checkout, eventually

SERVICES = ["git", "localstack", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"]
PHASES = [
    "Installing the airflow environment",
    "Starting the process supervisor",
    "Starting LocalStack",
    "Migrating Airflow's database",
    "Making the repository",
    "Starting Airflow",
    "Loading the DAGs",
]


def test_up_again_changes_nothing_and_says_so(lab: Checkout) -> None:
    before = lab.pids()
    assert "Nothing to do" in lab.lab("up").stderr
    assert lab.pids() == before


def test_up_ends_with_urls_where_the_passwords_are_and_the_next_commands(lab: Checkout) -> None:
    told = lab.lab("up").stderr
    urls = lab.status()["urls"]
    for expected in (*urls.values(), ".lab/secrets/airflow-password", "make lab-run", "make lab-shell"):
        assert expected in told


def test_everything_listens_on_loopback_only(lab: Checkout) -> None:
    addresses: list[str] = []
    for process in lab.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # a child of Airflow's that has ended since
            found = process.net_connections("inet")
            addresses += [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]
    assert len(addresses) >= len(["git", "s3", "airflow", "supervisor"])
    assert set(addresses) == {"127.0.0.1"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back_and_nothing_pushed_is_gone(lab: Checkout, service: str) -> None:
    pid = lab.pids()[service]
    os.kill(pid, signal.SIGKILL)

    def healthy_again() -> bool:
        found = {each["name"]: each for each in lab.status()["services"]}[service]
        return found["pid"] not in {pid, None} and found["state"] == "healthy"

    eventually(healthy_again, f"{service} is healthy again", limit=90)
    lab.lab("verify")
    assert lab.json("run")["version"]


def test_a_killed_scheduler_leaves_no_idle_worker_behind(lab: Checkout) -> None:
    def workers() -> set[int]:
        return {pid for pid, line in lab.command_lines().items() if "LocalExecutor" in line}

    before = workers()
    assert len(before) == 4  # airflow.parallelism
    os.kill(lab.pids()["airflow-scheduler"], signal.SIGKILL)
    eventually(lambda: len(workers()) == 4 and not workers() & before, "four new workers, and no old one")


def test_a_second_up_at_the_same_time_is_refused(lab: Checkout) -> None:
    from filelock import FileLock

    with FileLock(lab.folder / ".lab" / "lock"):
        told = lab.lab("up", status=7).stderr
    assert "error: " in told
    assert "hint: " in told


def test_up_goes_on_after_a_kill_in_any_phase_and_down_leaves_nothing(own_lab: Checkout) -> None:
    for phase in PHASES:
        started = own_lab.start("up", stderr=subprocess.PIPE)
        assert started.stderr is not None
        for line in started.stderr:
            if line.startswith("• ") and phase in line:
                break
        started.kill()
        started.wait()
        started.stderr.close()
    own_lab.lab("up", limit=900)
    assert own_lab.json("status")["state"] == "healthy"
    first = own_lab.json("run")["version"]
    own_lab.lab("verify")
    ports = [int(url.split(":")[2].split("/")[0]) for url in own_lab.status()["urls"].values()]

    own_lab.lab("down")
    assert own_lab.processes() == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"], cwd=own_lab.folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert changed == ["!! .lab/"]
    assert [str(path) for path in own_lab.home.rglob("*")] == []

    own_lab.lab("up")
    assert own_lab.json("history")[-1] == first
    own_lab.lab("verify")
    told = own_lab.lab("down", "--purge")
    assert "removed" in told.stderr
    assert not (own_lab.folder / ".lab" / "data").exists()


def test_commands_that_need_a_running_lab_say_so(own_lab: Checkout) -> None:
    for command in (["run"], ["verify"], ["history"], ["shell", "--", "true"]):
        told = own_lab.lab(*command, status=6).stderr
        assert "error: the lab is down\nhint: make lab-up" in told


def test_a_port_set_by_hand_that_is_taken_names_its_owner(own_lab: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own_lab.variables["LAB_PORTS__GIT"] = str(port)
        told = own_lab.lab("up", status=8).stderr
    assert f"ports.git = {port}" in told
    assert f"pid {os.getpid()}" in told
    assert own_lab.processes() == []


def test_other_settings_than_those_of_the_running_lab_are_refused_with_both(lab: Checkout) -> None:
    lab.variables["LAB_AIRFLOW__PARALLELISM"] = "9"
    try:
        told = lab.lab("up", status=3).stderr
    finally:
        del lab.variables["LAB_AIRFLOW__PARALLELISM"]
    assert "airflow.parallelism = 4, asked for 9" in told
    assert "hint: make lab-down" in told
