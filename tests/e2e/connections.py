"""The connections that the pods of a lab on kind really make, as the node's kernel tracks them."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from tests.e2e.cluster import KindLab
from tests.network_policies import Connection, End

NAMESPACES = ("airflow", "platform")
ENDS = r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)"
TRACKED = re.compile(rf"\b(tcp|udp)\b.* {ENDS} .*?{ENDS}")
"""A line of conntrack(8): what the source sent, and the answer to it, in which Services and masquerading show."""
TRACK = "echo $$; exec conntrack --event --event-mask NEW"


@dataclass(frozen=True)
class Flow:
    """A connection from `source` to `asked`, which the node forwarded to `target` as one of `seen`."""

    protocol: str
    source: str
    asked: tuple[str, int]
    target: tuple[str, int]
    seen: str


@dataclass
class Recorded:
    """All flows, all pods that had an address meanwhile, the Services that select pods, and the node's addresses.

    A Service without an endpoint is a target, too: what asks for it is refused by the node, and asks again.
    """

    flows: set[Flow] = field(default_factory=set)
    pods: dict[str, End] = field(default_factory=dict)
    services: dict[str, End] = field(default_factory=dict)
    node: set[str] = field(default_factory=set)

    def connections(self) -> set[Connection]:
        """Every connection of a pod of the two namespaces as a network plug-in may see it, at either of its ends.

        What comes from the node to a pod's own address are the kubelet's probes: a policy cannot refuse them ("Network
        Policies" in Kubernetes' documentation).
        """
        found = set()
        for flow in self.flows:
            if flow.source in self.node and flow.asked == flow.target:
                continue
            is_pod = flow.target[0] in {*self.pods, *self.services}
            targets = {flow.target} if is_pod else {flow.target, flow.asked}
            for source in {flow.source, flow.seen} if is_pod else {flow.source}:
                for address, port in targets:
                    ends = self.end(source), self.end(address)
                    if any(end.namespace in NAMESPACES for end in ends):
                        found.add(Connection(*ends, port, flow.protocol.upper()))
        return found

    def end(self, address: str) -> End:
        return self.pods.get(address) or self.services.get(address) or End(address)


@contextlib.contextmanager
def recording(lab: KindLab) -> Iterator[Recorded]:
    """Record every connection that begins until the block ends, and every pod that is there meanwhile."""
    recorded = Recorded(services=services(lab), node=node_addresses(lab))
    watch = [*lab.kubectl_command, "get", "pods", "--all-namespaces", "--watch", "--output", "json"]
    track = ["docker", "exec", lab.node, "sh", "-c", TRACK]
    with streamed(watch) as pods, streamed(track) as tracked:
        assert tracked.stdout is not None
        assert pods.stdout is not None
        tracker = tracked.stdout.readline().strip()
        readers = [
            threading.Thread(target=read_flows, args=(tracked.stdout, recorded)),
            threading.Thread(target=read_pods, args=(pods.stdout, recorded)),
        ]
        for reader in readers:
            reader.start()
        try:
            yield recorded
        finally:
            in_node(lab, "kill", tracker)
            pods.terminate()
            for reader in readers:
                reader.join()


@contextlib.contextmanager
def streamed(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        yield program


def in_node(lab: KindLab, *command: str) -> str:
    return subprocess.run(["docker", "exec", lab.node, *command], capture_output=True, text=True, check=True).stdout


def node_addresses(lab: KindLab) -> set[str]:
    listed: list[dict[str, Any]] = json.loads(in_node(lab, "ip", "-json", "address"))
    return {each["local"] for interface in listed for each in interface["addr_info"]}


def services(lab: KindLab) -> dict[str, End]:
    """By address, each as a pod of those that it selects."""
    items = json.loads(lab.kubectl("get", "services", "--all-namespaces", "--output", "json"))["items"]
    found = {}
    for spec, metadata in ((each["spec"], each["metadata"]) for each in items):
        if spec.get("selector"):
            found[spec["clusterIP"]] = End(spec["clusterIP"], metadata["namespace"], metadata["name"], spec["selector"])
    return found


def flows(text: str) -> set[Flow]:
    """The flows in lines of conntrack; those of ICMP have no ports and are left out."""
    found = set()
    for line in text.splitlines():
        if match := TRACKED.search(line):
            protocol, source, asked, _, port, target, seen, target_port, _ = match.groups()
            found.add(Flow(protocol, source, (asked, int(port)), (target, int(target_port)), seen))
    return found


def read_flows(stream: IO[str], recorded: Recorded) -> None:
    for line in stream:
        recorded.flows |= flows(line)


def read_pods(stream: IO[str], recorded: Recorded) -> None:
    """Objects that follow each other, each over many lines; one ends with the first line that is a lone brace."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line == "}\n":
            note(json.loads("".join(lines)), recorded)
            lines.clear()


def note(pod: dict[str, Any], recorded: Recorded) -> None:
    """Keep a pod with its own address, if it has one already."""
    metadata, address = pod["metadata"], pod["status"].get("podIP")
    if address and not pod["spec"].get("hostNetwork"):
        recorded.pods[address] = End(address, metadata["namespace"], metadata["name"], metadata.get("labels", {}))
