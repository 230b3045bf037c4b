"""The lab's kubectl and helm on the cluster of the settings, whatever the user's own context is.

The kubeconfig is the lab's own, written from EKS's description of the cluster. It holds no token: kubectl gets one
from `aws eks get-token`, with the user's credentials.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from lab.engine.eks.settings import EksSettings
from lab.errors import CloudError, ProgramError, SettingsError
from lab.paths import Paths
from lab.proc import Completed, require_success, run, service_environment
from lab.secrets import write_private
from lab.tools import own_homes, tool

QUICK = 60
"""Seconds that a question to the cluster may take."""
UNAUTHORIZED = ("must be logged in", "Unauthorized", "provide credentials")
UNREACHABLE = ("Unable to connect to the server", "i/o timeout", "no such host", "connection refused", "TLS handshake")
WRITING = Lock()
"""Parallel phases need the same kubeconfig."""
FORBIDDEN = ("is forbidden:", "(Forbidden)")


@dataclass(frozen=True)
class Kube:
    """One cluster, as EKS described it."""

    settings: EksSettings
    paths: Paths
    folder: Path
    cluster: dict[str, Any]

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def context(self) -> str:
        return str(self.cluster["arn"])

    def kubectl(self, *arguments: str, limit: float = QUICK, text: str | None = None, check: bool = True) -> Completed:
        """Run kubectl, with `text` on its standard input.

        Raises:
            CloudError: the cluster cannot be reached, or does not accept these credentials.
            ProgramError: any other failure; without `check` it is left to the caller.
        """
        ended = self.program("kubectl", ("--context", self.context, *arguments), limit, text)
        return self.checked(["kubectl", *arguments], ended) if check or is_about_access(ended.stderr) else ended

    def helm(self, *arguments: str, limit: float = QUICK) -> Completed:
        """Run helm; raises as kubectl does."""
        ended = self.program("helm", ("--kube-context", self.context, *arguments), limit, None)
        return self.checked(["helm", *arguments], ended)

    def program(self, name: str, arguments: tuple[str, ...], limit: float, text: str | None) -> Completed:
        self.write_kubeconfig()
        command: list[str | Path] = [tool(self.paths, name), "--kubeconfig", self.kubeconfig, *arguments]
        return run(command, env=self.environment(), limit=limit, text=text, check=False)

    def checked(self, command: list[str], ended: Completed) -> Completed:
        try:
            return require_success(command, ended)
        except ProgramError as error:
            raise self.trouble(error, ended.stderr) from error

    def trouble(self, error: ProgramError, said: str) -> CloudError | ProgramError:
        name = self.settings.cluster.name
        if any(sign in said for sign in UNAUTHORIZED):
            hint = f"give your role an access entry: aws eks create-access-entry --cluster-name {name} (docs/eks.md)"
            return CloudError(f"the cluster {name} does not let these credentials in", hint, error.detail)
        if any(sign in said for sign in UNREACHABLE):
            hint = "is its endpoint private? Then continue from within its VPC (docs/eks.md)"
            return CloudError(f"the cluster {name} does not answer at {self.cluster['endpoint']}", hint, error.detail)
        if any(sign in said for sign in FORBIDDEN):
            hint = "these credentials need the access policy AmazonEKSClusterAdminPolicy in it (docs/eks.md)"
            return CloudError(f"the cluster {name} forbids this", hint, error.detail)
        return error

    def write_kubeconfig(self) -> None:
        """Write it, unless it is up to date.

        Raises:
            SettingsError: the existing one points to another cluster; it is left unchanged.
        """
        wanted = json.dumps(self.wanted(), indent=2) + "\n"  # JSON is YAML
        with WRITING:
            if self.kubeconfig.exists():
                if self.kubeconfig.read_text("utf-8") == wanted:
                    return
                self.require_own()
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self.kubeconfig, wanted)

    def require_own(self) -> None:
        """Refuse a file that the lab has not written."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            found = YAML(typ="safe").load(self.kubeconfig.read_text("utf-8"))
        except YAMLError:
            found = None
        context = found.get("current-context") if isinstance(found, dict) else None
        if context != self.context:
            raise SettingsError(
                f"{self.kubeconfig} points to {context or 'no cluster'}, eks.toml is of {self.context}",
                f"if that is not intended, remove the file: rm {self.kubeconfig}",
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
            "server": self.cluster["endpoint"],
            "certificate-authority-data": self.cluster["certificateAuthority"]["data"],
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

    def environment(self) -> dict[str, str]:
        """The user's AWS credentials, and nothing of their Kubernetes or Helm configuration."""
        return service_environment({**own_homes(self.paths, self.kubeconfig), **aws_environment(self.settings)})


def is_about_access(said: str) -> bool:
    return any(sign in said for sign in (*UNAUTHORIZED, *UNREACHABLE, *FORBIDDEN))


def aws_environment(settings: EksSettings) -> dict[str, str]:
    """Variables with which programs find the user's AWS credentials, and the region and profile of the settings."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("AWS_") or name == "HOME"}
    profile = {"AWS_PROFILE": settings.profile} if settings.profile else {}
    return {**kept, **profile, "AWS_REGION": settings.region, "AWS_DEFAULT_REGION": settings.region}
