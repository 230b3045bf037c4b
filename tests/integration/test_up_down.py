"""A lab that runs: `lab up` again, services that are killed, and settings that changed."""

from __future__ import annotations

import contextlib
import os
import signal

import psutil

from lab.proc import held
from tests.integration.checkout import Checkout
from tests.waiting import eventually

SERVICES = ["git", "localstack", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"]


def test_up_again_changes_nothing_and_says_so(lab: Checkout) -> None:
    before = lab.pids()
    assert "Nothing to do" in lab.lab("up").stderr
    assert lab.pids() == before


def test_the_checks_of_a_lab_that_is_up_find_nothing_to_do_and_change_nothing(lab: Checkout) -> None:
    found = lab.checks()
    assert found["changes"] == []
    assert found["done"] == [found["all"]] * 2


def test_up_ends_with_urls_where_the_passwords_are_and_the_next_commands(lab: Checkout) -> None:
    output = lab.lab("up").stderr
    urls = lab.status()["urls"]
    for expected in (*urls.values(), ".lab/secrets/airflow-password", "make lab-run", "make lab-shell"):
        assert expected in output


def test_everything_listens_on_loopback_only(lab: Checkout) -> None:
    addresses: list[str] = []
    for process in lab.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # a child of Airflow's that has ended since
            found = process.net_connections("inet")
            addresses += [each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN]
    assert len(addresses) >= len(["git", "s3", "airflow", "supervisor"])
    assert set(addresses) == {"127.0.0.1"}


def test_killed_services_come_back_and_nothing_pushed_is_gone(lab: Checkout) -> None:
    before = lab.pids()
    for service in SERVICES:
        os.kill(before[service], signal.SIGKILL)

    def healthy_again() -> bool:
        services = {each["name"]: each for each in lab.status()["services"]}
        now = [(services[name]["state"], services[name]["pid"] in {before[name], None}) for name in SERVICES]
        return now == [("healthy", False)] * len(SERVICES)

    eventually(healthy_again, "every service is healthy again", limit=180)
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
    with held(lab.folder / ".lab" / "lock"):
        output = lab.lab("up", status=7).stderr
    assert "error: " in output
    assert "hint: " in output


def test_other_settings_than_those_of_the_running_lab_are_refused_with_both(lab: Checkout) -> None:
    lab.variables["LAB_AIRFLOW__PARALLELISM"] = "9"
    try:
        output = lab.lab("up", status=3).stderr
    finally:
        del lab.variables["LAB_AIRFLOW__PARALLELISM"]
    assert "airflow.parallelism = 4, requested 9" in output
    assert "hint: make lab-down" in output
