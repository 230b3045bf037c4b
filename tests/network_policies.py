"""What NetworkPolicies allow, by the definition of their API and apart from any network plug-in.

networking.k8s.io/v1, "Network Policies" in Kubernetes' documentation.
"""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
DIRECTIONS = {"Egress": ("egress", "to"), "Ingress": ("ingress", "from")}
NAME = "kubernetes.io/metadata.name"
"""The label that Kubernetes gives each namespace."""


@dataclass(frozen=True)
class End:
    """One end of a connection: a pod, or another address with an empty `namespace`."""

    address: str
    namespace: str = ""
    name: str = ""
    labels: dict[str, str] = field(default_factory=dict, hash=False, compare=False)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.address


@dataclass(frozen=True)
class Connection:
    """From one end to a port of the other."""

    source: End
    target: End
    port: int
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.source} → {self.target}:{self.port}/{self.protocol}"


def refusals(policies: list[Object], connection: Connection) -> list[str]:
    """Which of the two ends refuses the connection, as `Egress` and `Ingress`; none if it is allowed."""
    ends = (("Egress", connection.source, connection.target), ("Ingress", connection.target, connection.source))
    return [direction for direction, pod, peer in ends if not allows(policies, direction, pod, peer, connection)]


def allows(policies: list[Object], direction: str, pod: End, peer: End, connection: Connection) -> bool:
    """A pod that no policy isolates in this direction takes every connection; others take what one rule allows."""
    isolating = [each for each in policies if direction in types(each["spec"]) and selects(each, pod)]
    rules, peers = DIRECTIONS[direction]
    return not isolating or any(
        has_port(rule, connection) and is_peer(rule.get(peers), peer, policy["metadata"]["namespace"])
        for policy in isolating
        for rule in policy["spec"].get(rules) or []
    )


def types(spec: Object) -> list[str]:
    default = ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]
    found: list[str] = spec.get("policyTypes") or default
    return found


def selects(policy: Object, pod: End) -> bool:
    return pod.namespace == policy["metadata"]["namespace"] and matches(policy["spec"]["podSelector"], pod.labels)


def has_port(rule: Object, connection: Connection) -> bool:
    ports = rule.get("ports")
    return not ports or any(
        each.get("protocol", "TCP") == connection.protocol
        and ("port" not in each or int(each["port"]) <= connection.port <= int(each.get("endPort", each["port"])))
        for each in ports
    )


def is_peer(peers: list[Object] | None, peer: End, namespace: str) -> bool:
    """Whether the peer is one of a rule's; a rule without any is for all."""
    return not peers or any(is_one(each, peer, namespace) for each in peers)


def is_one(rule: Object, peer: End, namespace: str) -> bool:
    if block := rule.get("ipBlock"):
        address = ipaddress.ip_address(peer.address)
        excepted = any(address in ipaddress.ip_network(each) for each in block.get("except", []))
        return address in ipaddress.ip_network(block["cidr"]) and not excepted
    if not peer.namespace:
        return False
    spaces, pods = rule.get("namespaceSelector"), rule.get("podSelector", {})
    there = matches(spaces, {NAME: peer.namespace}) if spaces is not None else peer.namespace == namespace
    return there and matches(pods, peer.labels)


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """A LabelSelector (meta/v1) against labels."""
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all(holds(e, labels) for e in selector.get("matchExpressions") or [])


def holds(expression: Object, labels: dict[str, str]) -> bool:
    key = expression["key"]
    match expression["operator"]:
        case "In":
            return labels.get(key) in expression["values"]
        case "NotIn":
            return labels.get(key) not in expression["values"]
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(expression)


def without_each_rule(policies: list[Object]) -> Iterator[tuple[str, list[Object]]]:
    """The policies with one rule less, for each rule of them, and the rule's name."""
    for number, policy in enumerate(policies):
        for direction, (rules, _) in DIRECTIONS.items():
            for place in range(len(policy["spec"].get(rules) or [])):
                fewer = copy.deepcopy(policies)
                del fewer[number]["spec"][rules][place]
                metadata = policy["metadata"]
                yield f"{metadata['namespace']}/{metadata['name']} {direction} {place + 1}", fewer
