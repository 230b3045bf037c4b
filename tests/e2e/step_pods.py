"""Pods with the service account and the environment of a step, for commands of a test."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster import KindLab

NAMESPACE = ("--namespace", "airflow")
FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
TOKEN = "eks-pod-identity-token"
WEBHOOK_ENVIRONMENT = [
    {"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": "http://169.254.170.23/v1/credentials"},
    {"name": "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "value": f"{FOLDER}/{TOKEN}"},
]


ASK = """\
import sys, urllib.request, urllib.error
request = urllib.request.Request("http://169.254.170.23/v1/credentials", headers={"Authorization": sys.stdin.read()})
try:
    print(urllib.request.urlopen(request, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@dataclass(frozen=True)
class StepPod:
    """A pod like a step's that waits for commands."""

    lab: KindLab
    name: str

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.lab.kubectl_command, *NAMESPACE, "exec", "--stdin", self.name, "--", *command],
            input=text, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def ask(self, token: str) -> str:
        """What the agent answers to this token: the status, and the text of an error."""
        asked = self.run("python", "-c", ASK, text=token)
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.strip()

    def token(self) -> str:
        return self.run("cat", f"{FOLDER}/{TOKEN}").stdout


def step_pod(lab: KindLab, account: str, *, configured: bool = False) -> StepPod:
    """A pod of this service account; `configured` is one that sets itself what the webhook would set."""
    name = f"test-{secrets.token_hex(4)}"
    projected = {"audience": "pods.eks.amazonaws.com", "path": TOKEN}
    container: dict[str, Any] = {
        "env": WEBHOOK_ENVIRONMENT if configured else [],
        "envFrom": [{"configMapRef": {"name": "pipeline-environment"}}, {"secretRef": {"name": "git-credentials"}}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
    }
    volumes: list[dict[str, Any]] = [{"name": "scratch", "emptyDir": {}}]
    if configured:
        container["volumeMounts"].append({"name": TOKEN, "mountPath": FOLDER})
        volumes.append({"name": TOKEN, "projected": {"sources": [{"serviceAccountToken": projected}]}})
    lab.start_worker(
        name,
        ["python", "-c", "import signal; signal.pause()"],
        container,
        serviceAccountName=account,
        automountServiceAccountToken=False,
        terminationGracePeriodSeconds=0,
        volumes=volumes,
    )
    lab.kubectl("wait", f"pod/{name}", *NAMESPACE, "--for=condition=Ready", "--timeout=120s")
    return StepPod(lab, name)
