"""The lab's kubeconfig of the cluster on EKS, written from EKS's description of it.

It holds no token: kubectl gets one from `aws eks get-token`, with the user's credentials.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from lab.engine.eks.settings import EksSettings
from lab.engine.kubernetes.cluster import Cluster, Patience
from lab.errors import CloudError, SettingsError
from lab.paths import Paths
from lab.proc import Completed, service_environment
from lab.secrets import write_private
from lab.tools import own_homes

UNAUTHORIZED = ("must be logged in", "Unauthorized", "provide credentials")
UNREACHABLE = ("Unable to connect to the server", "i/o timeout", "no such host", "connection refused", "TLS handshake")
FORBIDDEN = ("is forbidden:", "(Forbidden)")
QUICK = 60
"""Seconds that a question to the cluster may take."""
WRITING = Lock()
"""Parallel phases need the same kubeconfig."""
PATIENCE = Patience(unschedulable=900, restarts=8, hint="add nodes to the cluster, or larger ones")
"""New nodes take minutes, and Airflow's pods restart while its database gets its tables."""


@dataclass(frozen=True)
class Kubeconfig:
    """One cluster, as EKS described it."""

    settings: EksSettings
    paths: Paths
    folder: Path
    scratch: Callable[[], Path]
    """Makes a folder outside the lab's, for the file that a check needs before the lab keeps one."""
    described: dict[str, Any]

    @property
    def file(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def context(self) -> str:
        return str(self.described["arn"])

    def cluster(self) -> Cluster:
        """Runs kubectl and helm with this file if it is up to date, else with a temporary one: nothing below `.lab`.

        Raises:
            SettingsError: the existing one points to another cluster; it is left unchanged.
        """
        with WRITING:
            file = self.file if self.is_current() else self.write(self.scratch() / "kubeconfig")
        environment = {**own_homes(self.paths, file), **aws_environment(self.settings)}
        return Cluster(
            self.paths, file, self.context, service_environment(environment),
            self.refusal, PATIENCE, option=" ENGINE=eks", quick=QUICK,
        )  # fmt: skip

    def refusal(self, ended: Completed) -> CloudError | None:
        """The error for an answer that is about access to the cluster."""
        name, said = self.settings.cluster.name, ended.stderr
        if any(sign in said for sign in UNAUTHORIZED):
            hint = f"give your role an access entry: aws eks create-access-entry --cluster-name {name} (docs/eks.md)"
            return CloudError(f"the cluster {name} does not let these credentials in", hint)
        if any(sign in said for sign in UNREACHABLE):
            hint = "is its endpoint private? Then continue from within its VPC (docs/eks.md)"
            return CloudError(f"the cluster {name} does not answer at {self.described['endpoint']}", hint)
        if any(sign in said for sign in FORBIDDEN):
            hint = "these credentials need the access policy AmazonEKSClusterAdminPolicy in it (docs/eks.md)"
            return CloudError(f"the cluster {name} forbids this", hint)
        return None

    def keep(self) -> None:
        """Write it where users find it, unless it is up to date.

        Raises:
            SettingsError: as `cluster`.
        """
        with WRITING:
            if not self.is_current():
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.write(self.file)

    def is_current(self) -> bool:
        if not self.file.exists():
            return False
        if self.file.read_text("utf-8") == self.text():
            return True
        self.require_own()
        return False

    def write(self, file: Path) -> Path:
        if not file.exists() or file.read_text("utf-8") != self.text():
            write_private(file, self.text())
        return file

    def text(self) -> str:
        return json.dumps(self.wanted(), indent=2) + "\n"  # JSON is YAML

    def require_own(self) -> None:
        """Refuse a file that the lab has not written."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = YAML(typ="safe").load(self.file.read_text("utf-8"))
        except YAMLError:
            found = None
        context = found.get("current-context") if isinstance(found, dict) else None
        if context != self.context:
            raise SettingsError(
                f"{self.file} points to {context or 'no cluster'}, eks.toml is of {self.context}",
                f"if that is not intended, remove the file: rm {self.file}",
            )

    def wanted(self) -> dict[str, Any]:
        """As `aws eks update-kubeconfig` writes it, with the lab's own `aws`."""
        settings = self.settings
        ask = ["--region", settings.region, "eks", "get-token", "--output", "json"]
        ask += ["--cluster-name", settings.cluster.name]
        profile = [{"name": "AWS_PROFILE", "value": settings.profile}] if settings.profile else None
        user = {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1beta1",
                "command": str(self.paths.program("lab", "aws")),
                "args": ask,
                "env": profile,
                "interactiveMode": "Never",
            }
        }
        server = {
            "server": self.described["endpoint"],
            "certificate-authority-data": self.described["certificateAuthority"]["data"],
        }
        name = self.context
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": server}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }


def aws_environment(settings: EksSettings) -> dict[str, str]:
    """Variables with which programs find the user's AWS credentials, and the region and profile of the settings."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "HOME"}
    profile = {"AWS_PROFILE": settings.profile} if settings.profile else {}
    return {**kept, **profile, "AWS_REGION": settings.region, "AWS_DEFAULT_REGION": settings.region}
