"""The fault drill on a real cluster: what is promised after real faults, and nothing left of the drill."""

from __future__ import annotations

import json
import signal
import subprocess

from lab.drill import plan
from tests.e2e.cluster import KindLab
from tests.integration.drills import begins_with, branches, bucket
from tests.waiting import eventually

LIMIT = 1800


def test_every_fault_once_costs_no_version_and_leaves_nothing_behind(lab: KindLab) -> None:
    before = lab.json("history"), bucket(lab)
    report = json.loads(lab.lab("drill", "--rounds", "6", "--seed", "5", "--json", limit=LIMIT).stdout)
    assert {each["round"]["fault"] for each in report["rounds"]} == {"", *plan.FAULTS}
    assert [len(each["versions"]) for each in report["rounds"]] == [1] * 7
    assert [check["promise"] for check in report["checks"] if not check["kept"]] == []
    assert any(each["struck"] for each in report["rounds"])
    assert (lab.json("history"), data_of(bucket(lab))) == (before[0], data_of(before[1]))
    assert branches(lab) == []
    assert away(lab) == []


def data_of(listing: str) -> list[str]:
    """The objects of the DVC remote; each run adds logs beside it."""
    return [key for key in listing.split() if key.startswith("dvc/")]


def away(lab: KindLab) -> list[str]:
    """What a drill has taken away, or put in the place of something."""
    place = ("--namespace", "platform", "--output")
    selector = lab.kubectl("get", "service", "localstack", *place, "jsonpath={.spec.selector}")
    replicas = lab.kubectl("get", "deployment", "gitea", *place, "jsonpath={.spec.replicas}")
    pods = lab.kubectl("get", "pods", *place, "name").split()
    return [
        *([] if selector == '{"app.kubernetes.io/name":"localstack"}' else [selector]),
        *([] if replicas == "1" else [f"{replicas} of Gitea"]),
        *(pod for pod in pods if "drill" in pod),
    ]


def test_what_a_killed_drill_took_away_is_put_back_by_up(lab: KindLab) -> None:
    seed = begins_with(plan.GIT_AWAY)
    running = lab.start("drill", "--rounds", "1", "--seed", seed, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: [each for each in away(lab) if "pod/" not in each], "Gitea is away", limit=300)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait(60)
    assert "what an interrupted drill took away" in lab.lab("up").stderr
    eventually(lambda: not away(lab), "everything is back", limit=60)
    eventually(lab.is_healthy, "the lab is healthy", limit=120)
