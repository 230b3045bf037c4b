"""`lab up` in a checkout without a lab: it resumes after a kill, and leaves no trace outside `.lab/`."""

from __future__ import annotations

import os
import socket
import subprocess

from tests.integration.checkout import Checkout

PHASES = [
    "Installing the airflow environment",
    "Starting the process supervisor",
    "Starting LocalStack",
    "Migrating Airflow's database",
    "Making the repository",
    "Starting Airflow",
    "Loading the DAGs",
]


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
    output = own_lab.lab("down", "--purge")
    assert "removed" in output.stderr
    assert not (own_lab.folder / ".lab" / "data").exists()


def test_commands_that_need_a_running_lab_say_so(own_lab: Checkout) -> None:
    for command in (["run"], ["verify"], ["history"], ["shell", "--", "true"]):
        output = own_lab.lab(*command, status=6).stderr
        assert "error: the lab is down\nhint: make lab-up" in output


def test_a_port_set_by_hand_that_is_taken_names_its_owner(own_lab: Checkout) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own_lab.variables["LAB_PORTS__GIT"] = str(port)
        output = own_lab.lab("up", status=8).stderr
    assert f"ports.git = {port}" in output
    assert f"pid {os.getpid()}" in output
    assert own_lab.processes() == []
