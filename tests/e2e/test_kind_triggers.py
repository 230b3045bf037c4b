"""A person's push that changes data starts one run on kind: Gitea reports it, and no other sender is trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cluster import KindLab
from tests.integration.pushes import ended, events, new_dataset, push, sample, started
from tests.waiting import eventually

NAMESPACE = ("--namespace", "airflow")
AT_ONCE = 20
"""Seconds within which a push is noticed: the service itself looks once a minute only."""
FORGE = """\
import sys, urllib.request, urllib.error
headers = {"X-Gitea-Event": "push", **({"X-Gitea-Signature": sys.argv[1]} if sys.argv[1] else {})}
request = urllib.request.Request("http://triggers.airflow:8080/push", b"{}", headers)
try:
    print(urllib.request.urlopen(request, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def await_event(lab: KindLab, commit: str, limit: float) -> dict[str, Any]:
    """The event with this commit as its newest change, when there is one."""

    def look() -> dict[str, Any] | None:
        return next((each for each in events(lab) if each["extra"].get("changes", [""])[0] == commit), None)

    return eventually(look, f"the event for {commit}", limit)


def hooks(lab: KindLab, *, remove: bool = False) -> list[dict[str, Any]]:
    """The webhooks that Gitea has for the repository; with `remove` it has none afterwards."""
    url = lab.status()["urls"]["repository"].replace("/lab/mlops.git", "/api/v1/repos/lab/mlops/hooks")
    with httpx.Client(auth=("lab", lab.secret("git-password")), timeout=30, trust_env=False) as gitea:
        found: list[dict[str, Any]] = gitea.get(url).raise_for_status().json()
        for hook in found if remove else []:
            gitea.delete(f"{url}/{hook['id']}").raise_for_status()
    return found


def test_a_push_that_changes_data_starts_one_run_and_the_runs_version_starts_none(lab: KindLab, tmp_path: Path) -> None:
    before, known = len(started(lab)), lab.json("history")
    commit = push(lab, tmp_path, sample(100))
    raised = await_event(lab, commit, AT_ONCE)
    assert (raised["extra"]["author"], raised["extra"]["paths"]) == ("Ann", ["datasets/employee_attrition.csv.dvc"])
    run = ended(lab, before + 1)
    assert (run["state"], run["triggered_by"]) == ("success", "asset")
    by_hand, made = lab.json("history")[len(known) :]
    assert (by_hand["commit"], made["run_id"]) == (commit, run["dag_run_id"])
    edit = "echo note >> README.md && git -c user.name=Ann -c user.email=a@example.invalid commit -qam 'A note'"
    push(lab, tmp_path, edit)
    # Before this push it has checked the run's version and the note.
    await_event(lab, push(lab, tmp_path, new_dataset("after-a-note")), AT_ONCE)
    assert ended(lab, before + 2)["state"] == "success"
    assert len(started(lab)) == before + 2
    lab.lab("verify")


def test_a_push_while_the_service_is_away_starts_one_run_when_it_is_back(lab: KindLab, tmp_path: Path) -> None:
    before = len(started(lab))
    scale = ("scale", "deployment/triggers", *NAMESPACE)
    lab.kubectl(*scale, "--replicas=0")
    lab.kubectl("wait", "pod", *NAMESPACE, "--selector=app.kubernetes.io/name=triggers", "--for=delete")
    commit = push(lab, tmp_path, new_dataset("while-away"))
    lab.kubectl(*scale, "--replicas=1")
    await_event(lab, commit, 60)
    lab.kill("triggers")
    eventually(lab.is_healthy, "the service is back", limit=180)
    assert ended(lab, before + 1)["state"] == "success"
    assert len(started(lab)) == before + 1


def test_a_push_without_a_webhook_is_found_and_lab_up_repairs_the_webhook(lab: KindLab, tmp_path: Path) -> None:
    before = len(started(lab))
    assert len(hooks(lab, remove=True)) == 1
    commit = push(lab, tmp_path, new_dataset("untold"))
    await_event(lab, commit, 120)
    assert ended(lab, before + 1)["state"] == "success"
    assert "Watching for pushes" in lab.lab("up").stderr
    (hook,) = hooks(lab)
    assert hook["active"]
    assert hook["config"]["url"].startswith("http://triggers.airflow:8080/push?")
    assert "Nothing to do" in lab.lab("up").stderr


def test_a_forged_webhook_is_refused_and_logged(lab: KindLab) -> None:
    inside = ("exec", "deployment/triggers", *NAMESPACE, "--", "python", "-c", FORGE)
    for signature in ("", "0" * 64):
        assert lab.kubectl(*inside, signature).strip() == "403"
    log = lab.lab("logs", "triggers", "-n", "50").stdout
    assert log.count("refused a webhook from ") == 2


def test_it_may_do_nothing_in_the_cluster_and_shows_no_secret(lab: KindLab) -> None:
    account = "system:serviceaccount:airflow:triggers"
    allowed = lab.kubectl("auth", "can-i", "--list", "--as", account, *NAMESPACE, "--no-headers")
    assert "pods" not in allowed
    assert "secrets" not in allowed
    (pod,) = lab.pods(*NAMESPACE, "--selector", "app.kubernetes.io/name=triggers")
    mounted = [mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounted
    texts = json.dumps(pod) + lab.lab("logs", "triggers", "-n", "1000").stdout
    for name in ("airflow-password", "git-password", "git-bot-password", "webhook-secret"):
        assert lab.secret(name) not in texts
