"""What a kind cluster takes at rest, pod by pod: the node's control group, as `docker stats` counts it."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from lab import ui
from lab.bench.figures import Figure, Goal, each, figure
from lab.docker import docker
from lab.engine.kind.instance import KindInstance
from lab.errors import ServiceError
from lab.wait import NotYetError, wait_until

MEMORY = "kind-memory"
MIB = 1 << 20
GOAL = 2560
QUIET_LIMIT = 180
QUIET_PERCENT = 70
"""Of one core: an API server with its clients, probes and a scheduler's loop never stop."""
QUIET_WINDOWS = 3
BETWEEN = 5.0
REST = "the node itself"
# Control groups of version 1 and 2: a group's folder, what it uses, and the files in it that were not used recently.
READ = r"""
cd /sys/fs/cgroup; [ ! -d memory ] || cd memory
find . -type d | while read -r folder; do
    echo "group $folder"
    cat "$folder/memory.current" "$folder/memory.usage_in_bytes" 2> /dev/null
    grep -E '^(total_)?inactive_file ' "$folder/memory.stat"
done
"""
POD = re.compile(r"/[^/]*pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$")


def at_rest(instance: KindInstance, title: str, *, goal: Goal | None = None, times: int = 3) -> list[Figure]:
    """Memory of the node's container, and of each pod in it."""
    note = "the node's container, as docker stats shows it"
    if not wait_for_quiet(instance):
        note += "; it was never quiet"
    samples = []
    for _ in range(times):
        samples.append(by_pod(instance))
        time.sleep(BETWEEN)
    totals = [sum(sample.values()) for sample in samples]
    return [*figure(MEMORY, title, "MiB", totals, goal=goal, note=note), *each(MEMORY, " ", "MiB", samples)]


def wait_for_quiet(instance: KindInstance) -> bool:
    """Wait until the node has used little of the processor for a while, as Docker sees it."""
    quiet = 0

    def look() -> None:
        nonlocal quiet
        output = docker("stats", "--no-stream", "--format", "{{.CPUPerc}}", instance.node).stdout
        percent = float(output.strip().removesuffix("%"))
        quiet = quiet + 1 if percent <= QUIET_PERCENT else 0
        if quiet < QUIET_WINDOWS:
            raise NotYetError(f"{percent:.0f} % of a core in use")

    try:
        with ui.step("Waiting until the cluster is at rest", QUIET_LIMIT):
            wait_until(look, what="the cluster at rest", limit=QUIET_LIMIT, pause=1)
    except ServiceError:
        return False
    return True


def by_pod(instance: KindInstance) -> dict[str, float]:
    """MiB of each pod by its service's name, and of what is no pod; together they are the container's."""
    groups = parse(docker("exec", instance.node, "sh", "-c", READ).stdout)
    pods = json.loads(instance.kube.kubectl("get", "pods", "--all-namespaces", "--output", "json").stdout)["items"]
    names = {identity: service(pod, instance.node) for pod in pods for identity in identities(pod)}
    found: dict[str, float] = {}
    for folder, size in groups.items():
        if match := POD.search(folder):
            name = names.get(match[1].replace("_", "-"), "pods that ended")
            found[name] = found.get(name, 0.0) + size / MIB
    rest = groups["."] / MIB - sum(found.values())
    return {**dict(sorted(found.items(), key=lambda item: -item[1])), REST: rest}


def parse(text: str) -> dict[str, int]:
    """What READ printed: bytes in use by each control group and those below it, without files not used lately."""
    groups: dict[str, int] = {}
    for block in text.split("group ")[1:]:
        folder, *lines = block.splitlines()
        used = next((int(line) for line in lines if line.isdigit()), None)
        if used is not None:
            facts = dict(line.split() for line in lines if " " in line)
            # Version 1 has a group's own under the short name, and those below it with it under `total_`.
            groups[folder] = used - int(facts.get("total_inactive_file", facts.get("inactive_file", 0)))
    return groups


def identities(pod: dict[str, Any]) -> list[str]:
    """By which the kubelet names a pod's control group: the pod's uid, or the hash of a static pod's manifest."""
    metadata = pod["metadata"]
    return [metadata["uid"], *filter(None, [metadata.get("annotations", {}).get("kubernetes.io/config.hash")])]


def service(pod: dict[str, Any], node: str) -> str:
    """A pod's name without what changes from one cluster to the next."""
    metadata = pod["metadata"]
    name = metadata.get("generateName", metadata["name"]).removesuffix("-").removesuffix(f"-{node}")
    return str(name).removesuffix(f"-{metadata.get('labels', {}).get('pod-template-hash')}")
