"""What a step's pod reaches and may do, as a table that is the one in docs/threat-model.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.paths import SOURCE
from tests.e2e.cluster import KindLab
from tests.e2e.connections import services
from tests.e2e.step_pods import step_pod
from tests.network_policies import Connection, End, refusals

NAMESPACE = ("--namespace", "airflow")
PROBE = Path(__file__).with_name("reach.py")
ACCOUNT = "airflow-dvc-sa"
SECTION = "## Reach of a step pod"
OWN_NODE = "its own node"
UNKNOWN = "as the machine"
"""The answer of what is outside the lab."""
OUTSIDE = End("203.0.113.7")
"""An address of the internet (RFC 5737)."""
Rows = list[tuple[str, ...]]


@pytest.fixture(scope="module")
def labels(lab: KindLab) -> Iterator[tuple[End, dict[str, Any], str]]:
    """A pod with the account of the steps, what answers it, and the address of its node."""
    pod = step_pod(lab, ACCOUNT)
    found = json.loads(lab.kubectl("get", "pod", pod.name, *NAMESPACE, "--output", "json"))
    node = found["status"]["hostIP"]
    answers = pod.run("python", "-c", PROBE.read_text("utf-8"), node)
    assert answers.returncode == 0, answers.stderr
    yield (
        End(found["status"]["podIP"], "airflow", pod.name, found["metadata"]["labels"]),
        json.loads(answers.stdout),
        node,
    )
    lab.kubectl("delete", "pod", pod.name, *NAMESPACE)
    lab.shell("aws s3 rm --quiet s3://mlops-lab/logs/test-reach")


def reach(lab: KindLab, pod: End, answers: dict[str, Any], node: str) -> Rows:
    """Each row: the service, whether the policies allow a step to connect to it, and what it gets there.

    Policies do not apply between a pod and its own node ("Network Policies" in Kubernetes' documentation).
    """
    policies = json.loads(lab.kubectl("get", "networkpolicies", "--all-namespaces", "--output", "json"))["items"]
    named = {f"{each.name}.{each.namespace}": each for each in services(lab).values()}
    endpoint = "jsonpath={.items[0].endpoints[0].addresses[0]}"
    which = ("endpointslices", "--selector", "kubernetes.io/service-name=kubernetes")
    kubernetes = End(lab.kubectl("get", *which, "--output", endpoint))

    def row(service: str, end: End, port: int, answer: str, protocol: str = "TCP") -> tuple[str, ...]:
        refused = refusals(policies, Connection(pod, end, port, protocol))
        return service, OWN_NODE if end.address == node else "refused" if refused else "allowed", answer

    return [
        row("names, `kube-dns.kube-system`", named["kube-dns.kube-system"], 53, words(answers["names"]), "UDP"),
        row("Pod Identity, 169.254.170.23", End("169.254.170.23"), 80, identity(answers)),
        row("S3, `localstack.platform`", named["localstack.platform"], 4566, storage(answers)),
        row("Git, `gitea.platform`", named["gitea.platform"], 3000, git(answers["git"])),
        row(
            "Airflow, `airflow-api-server.airflow`", named["airflow-api-server.airflow"], 8080, http(answers["airflow"])
        ),
        row("PostgreSQL, `postgres.platform`", named["postgres.platform"], 5432, database(answers["postgres"])),
        row("the watch for pushes, `triggers.airflow`", named["triggers.airflow"], 8080, http(answers["triggers"])),
        row("Kubernetes, `kubernetes.default`", kubernetes, 6443, http(answers["kubernetes"])),
        row("the node's kubelet, port 10250", End(node), 10250, http(answers["kubelet"])),
        row("the node's etcd, port 2379", End(node), 2379, certificate(answers["etcd"])),
        row("the metadata of a cloud's machine, 169.254.169.254", End("169.254.169.254"), 80, UNKNOWN),
        row("the internet", OUTSIDE, 443, UNKNOWN),
    ]


def words(works: bool) -> str:
    return "every name" if works else "nothing"


def identity(answers: dict[str, Any]) -> str:
    return f"credentials of the role `{answers['role']}`; {http(answers['agent'])} without its token"


def storage(answers: dict[str, Any]) -> str:
    places = {prefix: ", ".join(actions) or "nothing" for prefix, actions in answers["s3"].items()}
    below = "; ".join(f"`{prefix}`: {actions}" for prefix, actions in places.items() if prefix)
    return f"{below}; other keys: {places['']}; {http(answers['s3 unsigned'])} unsigned"


def git(statuses: list[int]) -> str:
    without, fetch, push = statuses
    rights = [name for name, status in (("clone", fetch), ("push", push)) if status == 200]
    return f"{' and '.join(rights)} by the Secret `git-credentials`; {http(without)} without it"


def http(status: int) -> str:
    return str(status) if status else "no answer"


def database(answer: Any) -> str:
    """The first message of PostgreSQL ("Message Formats" in its manual): R with another code than 0 wants a login."""
    return "no answer" if not answer else "asks for a password" if answer[0] == "R" and answer[1] else "lets it in"


def certificate(answer: Any) -> str:
    return {"refused": "asks for a certificate", "accepted": "lets it in"}.get(answer, "no answer")


def rights(lab: KindLab) -> Rows:
    """What the account may do in the cluster, besides reading the URLs of `system:discovery`."""
    who = f"--as=system:serviceaccount:airflow:{ACCOUNT}"
    lines = lab.kubectl("auth", "can-i", "--list", "--no-headers", *NAMESPACE, who).splitlines()
    parts = [line.split() for line in lines if not line.startswith(" ")]
    return [(f"`{resource}`", *verbs) for resource, _, _, *verbs in parts]


def table(rows: Rows) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in rows]


def documented() -> list[str]:
    """The rows of the tables in the section, without those of their heads."""
    text = (SOURCE / "docs" / "threat-model.md").read_text("utf-8").split(f"{SECTION}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {number for number, line in enumerate(lines) if line.startswith("|---")}
    return [line for number, line in enumerate(lines) if not {number, number + 1} & heads]


def test_a_step_reaches_and_may_do_what_the_threat_model_says(
    lab: KindLab, labels: tuple[End, dict[str, Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    pod, answers, node = labels
    made = [*table(reach(lab, pod, answers, node)), *table(rights(lab))]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *made, ""]))
    assert not answers["token"]
    expected = documented()
    if "daemonset.apps/kindnet" in lab.kubectl("get", "daemonsets", "--namespace", "kube-system", "--output", "name"):
        expected = [enforced(line) for line in expected]
    assert made == expected


def enforced(line: str) -> str:
    """The row of a network that enforces the policies: what they refuse does not answer."""
    first, *_, answer = parts = line.split(" | ")
    return line if "refused" not in parts or answer == f"{UNKNOWN} |" else f"{first} | refused | no answer |"
