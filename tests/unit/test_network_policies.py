"""What `lab doctor` says of the cluster's network, and how the tests judge NetworkPolicies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from lab.engine.kind.report import network_policies
from tests.network_policies import Connection, End, refusals, without_each_rule

WEB = End("10.0.0.1", "here", "web", {"app": "web"})
BASE = End("10.0.0.2", "there", "base", {"app": "base"})
ADDRESS = End("203.0.113.7")


@dataclass
class Cluster:
    """Answers what kubectl would of the daemon sets."""

    stdout: str
    status: int = 0
    up: bool = True

    def is_up(self) -> bool:
        return self.up

    @property
    def kube(self) -> Cluster:
        return self

    def kubectl(self, *_: str, **__: Any) -> Cluster:
        return self


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (Cluster("daemonset.apps/kindnet\ndaemonset.apps/kube-proxy\n"), ["ok"]),
        (Cluster("daemonset.apps/kube-proxy\ndaemonset.apps/pod-identity\n"), ["warn"]),
        (Cluster("", status=1), []),
        (Cluster("daemonset.apps/kindnet\n", up=False), []),
    ],
)
def test_doctor_says_whether_the_network_enforces_the_policies(cluster: Any, expected: list[str]) -> None:
    assert [check.state for check in network_policies(cluster)] == expected


def policy(namespace: str = "here", **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "p"}, "spec": {"podSelector": {}, **spec}}


@pytest.mark.parametrize(
    ("policies", "connection", "expected"),
    [
        ([], Connection(WEB, BASE, 1), []),
        ([policy(policyTypes=["Egress"])], Connection(WEB, BASE, 1), ["Egress"]),
        ([policy(egress=[])], Connection(ADDRESS, WEB, 1), ["Ingress"]),
        ([policy("there")], Connection(WEB, BASE, 1), ["Ingress"]),
        ([policy("there")], Connection(BASE, WEB, 1), []),
        ([policy("there", ingress=[{"from": [{"podSelector": {}}]}])], Connection(WEB, BASE, 1), ["Ingress"]),
        ([policy("there", ingress=[{"from": [{"namespaceSelector": {}}]}])], Connection(WEB, BASE, 1), []),
        ([policy("there", ingress=[{"from": [{"namespaceSelector": {}}]}])], Connection(ADDRESS, BASE, 1), ["Ingress"]),
        ([policy("there", ingress=[{"ports": [{"port": 1}]}])], Connection(WEB, BASE, 1), []),
        ([policy("there", ingress=[{"ports": [{"port": 1}]}])], Connection(WEB, BASE, 1, "UDP"), ["Ingress"]),
        ([policy("there", ingress=[{"ports": [{"port": 1, "endPort": 3}]}])], Connection(WEB, BASE, 4), ["Ingress"]),
        ([policy(egress=[{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}])], Connection(WEB, ADDRESS, 1), []),
        (
            [policy(egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["203.0.113.0/24"]}}]}])],
            Connection(WEB, ADDRESS, 1),
            ["Egress"],
        ),
        ([policy(podSelector={"matchLabels": {"app": "other"}}, egress=[])], Connection(WEB, ADDRESS, 1), []),
        (
            [policy(podSelector={"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["y"]}]}, egress=[])],
            Connection(WEB, ADDRESS, 1),
            ["Egress"],
        ),
    ],
)
def test_policies_are_judged_by_the_definition_of_their_api(
    policies: list[dict[str, Any]], connection: Connection, expected: list[str]
) -> None:
    assert refusals(policies, connection) == expected


def test_each_rule_is_left_out_once() -> None:
    found = dict(without_each_rule([policy(egress=[{"ports": [{"port": 1}]}, {"ports": [{"port": 2}]}])]))
    assert list(found) == ["here/p Egress 1", "here/p Egress 2"]
    assert found["here/p Egress 1"][0]["spec"]["egress"] == [{"ports": [{"port": 2}]}]
