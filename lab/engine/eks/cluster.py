"""The cluster: created, repaired and deleted by eksctl if it is the lab's; only checked if it existed before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.engine.eks.cluster_config import GROUP, cluster_config, wanted_addons
from lab.engine.eks.kubeconfig import aws_environment
from lab.engine.eks.resource import ABSENT, Resource, State, as_mapping, require_own
from lab.engine.phases import Note
from lab.errors import CloudError, HostError, SettingsError
from lab.pins import version_tuple
from lab.proc import run
from lab.wait import NotYetError, wait_until

LIMIT = 3600
"""Seconds: a control plane takes some ten minutes, nodes and add-ons five more."""
GONE = ("ResourceNotFoundException",)
PAUSE = 10.0
HALF = "half-made"
ENDS = {
    "FAILED": "make eks-down removes it, then make eks-up",
    "DELETING": "wait until it has gone, then make eks-up",
}
"""Terminal states of a cluster, and what to do."""


class EksCluster(Resource):
    """Each difference is repaired by one eksctl command, which can be repeated."""

    key = "cluster"
    limit = LIMIT
    needs = ("role",)

    @property
    def name(self) -> str:
        return self.place.settings.cluster.name

    @property
    def is_new(self) -> bool:
        """Whether the lab creates and deletes it."""
        return self.place.settings.cluster.mode == "new"

    def look(self) -> State:
        found = self.place.cluster(fresh=True)
        if found is None:
            return self.look_for_pieces()
        if self.is_new:
            self.require_own(f"cluster {self.name}", found.get("tags", {}))
        if found["status"] != "ACTIVE":
            return State(True, (f"is {found['status']}",))
        if self.is_new:
            return State(True, tuple(self.differences(found)))
        return State(True, tuple(f"lacks the add-on {addon}" for addon in self.missing_addons()))

    def look_for_pieces(self) -> State:
        """What an interrupted eksctl has left: a CloudFormation stack without its cluster."""
        if not self.is_new:
            return ABSENT
        answer = self.place.cloud.call(
            "cloudformation", "describe_stacks", absent=("ValidationError",), StackName=self.stack
        )
        if answer is None:
            return ABSENT
        stack = answer["Stacks"][0]
        require_own(f"stack {self.stack}", as_mapping(stack.get("Tags", [])), self.name)
        return State(True, (f"{HALF}: the stack {self.stack} is {stack['StackStatus']}",))

    @property
    def stack(self) -> str:
        """The name that eksctl gives it."""
        return f"eksctl-{self.name}-cluster"

    def missing_addons(self) -> list[str]:
        there = set(self.eks("list_addons")["addons"])
        return [addon for addon in wanted_addons(self.place.settings) if addon not in there]

    def differences(self, found: dict[str, Any]) -> Iterator[str]:
        wanted = self.place.settings.cluster
        if version_tuple(found["version"]) < version_tuple(wanted.kubernetes):
            yield f"Kubernetes {found['version']}, wanted {wanted.kubernetes}"
        for addon in self.missing_addons():
            yield f"lacks the add-on {addon}"
        nodes = self.nodes()
        if nodes is None:
            yield f"lacks the node group {GROUP}"
        elif nodes != wanted.nodes:
            yield f"{nodes} nodes, wanted {wanted.nodes}"

    def nodes(self) -> int | None:
        answer = self.eks("describe_nodegroup", nodegroupName=GROUP, absent=GONE)
        return int(answer["nodegroup"]["scalingConfig"]["desiredSize"]) if answer else None

    def require(self, state: State) -> None:
        """Raise if only the cluster's owner can fix it, or if eksctl is needed and missing.

        Raises:
            SettingsError: there is no cluster of that name; or a new one needs a setting of who may reach its API.
            CloudError: an existing cluster lacks an add-on, or is not ready.
            HostError: eksctl is not installed.
        """
        region = self.place.settings.region
        if self.is_new:
            if not state.exists or is_half_made(state):
                self.require_public_access()
            require_eksctl()
        elif not state.exists:
            hint = 'name the right one in eks.toml, or have it made: cluster.mode = "new"'
            raise SettingsError(f"there is no cluster {self.name} in {region}", hint)
        elif state.differs:
            addon = state.differs[0].rpartition(" ")[2]
            command = f"aws eks create-addon --region {region} --cluster-name {self.name} --addon-name {addon}"
            message = f"the cluster {self.name} {state.differs[0]}"
            raise CloudError(message, command if "add-on" in message else "wait until it is ACTIVE, then try again")

    def require_public_access(self) -> None:
        network = self.place.settings.network
        if network.endpoint != "private" and not network.public_access:
            raise SettingsError(
                "network.public_access is missing: it names the networks that may reach the API of the new cluster",
                'public_access = ["203.0.113.7/32"] is one address (yours: curl https://checkip.amazonaws.com), '
                '["0.0.0.0/0"] is everyone; endpoint = "private" needs none',
            )

    def make(self, note: Note) -> None:
        state = self.look()
        self.require(state)
        if not self.is_new:
            return
        if is_half_made(state):
            note("removing what an earlier attempt left")
            self.delete()
            state = ABSENT
        if not state.exists:
            note("eksctl: control plane, nodes and add-ons take about a quarter of an hour")
            self.eksctl("create", "cluster", "--config-file", self.config_file(), "--write-kubeconfig=false")
        self.wait_for_active(note)
        self.repair(note)

    def wait_for_active(self, note: Note) -> None:
        def look() -> None:
            found = self.place.cluster(fresh=True)
            status = found["status"] if found else "not there"
            if status in ENDS:
                raise CloudError(f"the cluster {self.name} is {status}", ENDS[status])
            if status != "ACTIVE":
                note(status.lower())
                raise NotYetError(status)

        hint = "make eks-up continues from here"
        wait_until(look, what=f"the cluster {self.name}", limit=LIMIT, pause=PAUSE, hint=hint)

    def repair(self, note: Note) -> None:
        found, wanted = self.place.cluster(fresh=True), self.place.settings.cluster
        assert found is not None, "waited for"  # noqa: S101
        if version_tuple(found["version"]) < version_tuple(wanted.kubernetes):
            note(f"Kubernetes {wanted.kubernetes}")
            self.eksctl("upgrade", "cluster", "--config-file", self.config_file(), "--approve")
        nodes = self.nodes()
        if nodes is None:
            note(f"node group {GROUP}")
            self.eksctl("create", "nodegroup", "--config-file", self.config_file())
        elif nodes != wanted.nodes:
            note(f"{wanted.nodes} nodes")
            size = ("--nodes", str(wanted.nodes), "--nodes-max", str(wanted.nodes))
            self.eksctl("scale", "nodegroup", *self.which(), "--name", GROUP, *size)
        if self.missing_addons():
            note(f"add-ons {', '.join(self.missing_addons())}")
            self.eksctl("create", "addon", "--config-file", self.config_file())

    def kept(self) -> str:
        return "" if self.is_new else "it was there before"

    def remove(self, note: Note) -> None:
        if self.is_new and self.look().exists:
            note("eksctl: some ten minutes")
            require_eksctl()
            self.delete()
        self.place.known.clear()
        shutil.rmtree(self.place.folder, ignore_errors=True)

    def delete(self) -> None:
        self.eksctl("delete", "cluster", "--name", *self.which()[1:], "--wait", "--disable-nodegroup-eviction")

    def which(self) -> tuple[str, ...]:
        return ("--cluster", self.name, "--region", self.place.settings.region)

    def config_file(self) -> str:
        template = self.place.paths.source / "k8s" / "overlays" / "eks" / "cluster.yaml"
        file = self.place.folder / "cluster.yaml"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(cluster_config(template.read_text("utf-8"), self.place.settings, self.tags), "utf-8")
        return str(file)

    def eksctl(self, *arguments: str) -> None:
        program = Path(shutil.which("eksctl") or "eksctl")
        environment = {**os.environ, **aws_environment(self.place.settings)}
        run([program, *arguments], env=environment, limit=LIMIT)

    def eks(self, method: str, *, absent: tuple[str, ...] = (), **parameters: Any) -> Any:
        return self.place.cloud.call("eks", method, absent=absent, clusterName=self.name, **parameters)


def is_half_made(state: State) -> bool:
    return state.exists and bool(state.differs) and state.differs[0].startswith(HALF)


def require_eksctl() -> None:
    if shutil.which("eksctl") is None:
        raise HostError(
            "eksctl is not installed, which makes the cluster",
            "brew install eksctl, or the release for your system: https://eksctl.io/installation",
        )
