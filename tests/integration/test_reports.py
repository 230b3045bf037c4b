"""`lab status`, `lab logs` and `lab doctor` show what a running lab does."""

from __future__ import annotations

import pytest

from tests.integration.checkout import Checkout


def test_status_shows_each_service_with_its_health_and_url(lab: Checkout) -> None:
    status = lab.json("status")
    assert status["state"] == "healthy"
    assert {service["state"] for service in status["services"]} == {"healthy"}
    assert all(service["pid"] and service["uptime_seconds"] >= 0 for service in status["services"])
    assert status["memory"] > 100 << 20


def test_logs_show_what_each_task_of_a_run_said(lab: Checkout) -> None:
    run = lab.json("run", "--rows", "2")
    output = lab.lab("logs", "--run", run["run_id"]).stdout
    for task in ("pull_data: success", "modify_data: success", "push_data: success"):
        assert task in output
    assert run["version"]["md5"] in output
    only = lab.lab("logs", "--run", "latest", "--task", "modify_data").stdout
    assert "rows " in only
    assert "push_data" not in only


def test_logs_of_a_service_and_of_all(lab: Checkout) -> None:
    assert "Ready." in lab.lab("logs", "localstack", "-n", "100000").stdout
    everything = lab.lab("logs").stdout
    for service in lab.status()["services"]:
        assert f"== {service['name']}\n" in everything


@pytest.mark.parametrize("arguments", [["nosuch"], ["--run", "never_was"], ["--run", "latest", "--task", "none"]])
def test_logs_of_what_does_not_exist_are_one_line_and_exit_9(lab: Checkout, arguments: list[str]) -> None:
    output = lab.lab("logs", *arguments, status=9).stderr
    assert output.count("error: ") == 1
    assert "hint: " in output


def test_doctor_finds_nothing_wrong_with_a_healthy_lab(lab: Checkout) -> None:
    checks = lab.json("doctor")
    assert {check["state"] for check in checks} == {"ok"}
    assert {"Git", "disk", "localstack", "airflow-scheduler"} <= {check["name"] for check in checks}


def test_a_lab_without_triggers_has_no_such_service(lab: Checkout) -> None:
    assert "triggers" not in lab.pids()
    assert "there is no service 'triggers'" in lab.lab("logs", "triggers", status=9).stderr
