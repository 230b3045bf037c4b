"""The lab's kubectl and helm on one cluster, whatever the user's own context is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import LabError, ProgramError
from lab.paths import Paths
from lab.proc import Completed, require_success, run
from lab.tools import tool

AIRFLOW, PLATFORM, SYSTEM = "airflow", "platform", "kube-system"
"""The namespaces: Airflow with the steps' pods, the stand-ins for external services, and Kubernetes' own."""


@dataclass(frozen=True)
class Patience:
    """How long a pod may have what another cluster does not resolve: seconds without a node, restarts."""

    unschedulable: float = 10
    restarts: int = 2
    """From this number of restarts on, it is a failure: before, what the program needs may still be starting."""
    hint: str = "give Docker more memory or processors, or stop other programs"
    """What to do about pods for which no node has room."""


def no_reason(ended: Completed) -> LabError | None:  # noqa: ARG001 - every answer is the program's own
    return None


@dataclass(frozen=True)
class Cluster:
    """One cluster by the lab's kubeconfig for it.

    `environment` is that of kubectl and helm. `refusal` is the error for an answer that means that the cluster itself
    cannot be reached or does not let the lab in; None for any other answer. `option` is what makes the Makefile's
    targets mean this cluster, in hints. `quick` is how many seconds a question may take.
    """

    paths: Paths
    kubeconfig: Path
    context: str
    environment: Mapping[str, str]
    refusal: Callable[[Completed], LabError | None] = no_reason
    patience: Patience = field(default_factory=Patience)
    option: str = ""
    quick: float = 30

    def kubectl(
        self, *arguments: str, limit: float | None = None, text: str | None = None, check: bool = True
    ) -> Completed:
        """Run kubectl, at most `limit` seconds, with `text` on its standard input.

        Raises:
            LabError: the cluster cannot be reached, or does not accept the lab (`refusal`).
            ProgramError: any other failure; without `check` it is left to the caller.
        """
        ended = run(self.command(*arguments), env=self.environment, limit=limit or self.quick, text=text, check=False)
        return self.checked(["kubectl", *arguments], ended, check=check)

    def helm(self, *arguments: str, limit: float) -> Completed:
        """Run helm; raises as kubectl does."""
        place = ("--kubeconfig", str(self.kubeconfig), "--kube-context", self.context)
        command = [str(tool(self.paths, "helm")), *place, *arguments]
        return self.checked(["helm", *arguments], run(command, env=self.environment, limit=limit, check=False))

    def command(self, *arguments: str) -> list[str]:
        """The command line of kubectl, for a program that keeps running; `environment` belongs to it."""
        place = ("--kubeconfig", str(self.kubeconfig), "--context", self.context)
        return [str(tool(self.paths, "kubectl")), *place, *arguments]

    def checked(self, command: list[str], ended: Completed, *, check: bool = True) -> Completed:
        """Return what succeeded, or without `check` what failed for a reason other than the cluster's."""
        if ended.status == 0:
            return ended
        refused = self.refusal(ended)
        if refused is not None or check:
            try:
                require_success(command, ended)
            except ProgramError as error:
                if refused is None:
                    raise
                refused.detail = error.detail
                raise refused from error
        return ended
