"""What the lab's cluster policy makes of the pods that tasks start, as Airflow itself builds them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.checkout import Checkout

BUILD = """
import json
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import ApiClient, models as k8s


def spec(**options):
    options = {"namespace": "airflow", "image": "any", "name": "x", **options}
    pod = KubernetesPodOperator(task_id="x", **options).build_pod_request_obj()
    return ApiClient().sanitize_for_serialization(pod)["spec"]

first = k8s.V1Container(name="first", image="any")
print("=>" + json.dumps({
    "plain": spec(do_xcom_push=True, init_containers=[first]),
    "guide": spec(security_context=k8s.V1PodSecurityContext(fs_group=1000)),
    "dictionaries": spec(security_context={"runAsUser": 50000}, container_security_context={"runAsGroup": 7}),
    "root": spec(security_context=k8s.V1PodSecurityContext(run_as_user=0, run_as_non_root=False)),
    "privileged": spec(container_security_context=k8s.V1SecurityContext(privileged=True)),
    "elsewhere": spec(namespace="other"),
}))
"""
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "https://kubernetes.invalid"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "current-context": "none",
}
"""Operators want one to build a pod; nothing is asked of its cluster."""
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
POD = {"runAsUser": 1000, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


@pytest.fixture(scope="module")
def built(lab: Checkout, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The specifications of pods, by what their task says about security."""
    folder: Path = tmp_path_factory.mktemp("pods")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "PYTHONPATH": str(lab.folder / "lab" / "airflow" / "policy"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "KUBECONFIG": str(folder / "kubeconfig"),
    }
    (folder / "kubeconfig").write_text(json.dumps(KUBECONFIG), "utf-8")
    python = lab.folder / ".lab" / "environments" / "airflow" / "bin" / "python"
    finished = subprocess.run([python, "-c", BUILD], env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found: dict[str, Any] = json.loads(finished.stdout.rsplit("=>", 1)[1])
    return found


def test_a_pod_that_says_nothing_is_restricted_with_all_its_containers(built: dict[str, Any]) -> None:
    pod = built["plain"]
    assert pod["securityContext"] == POD
    containers = {each["name"]: each["securityContext"] for each in (*pod["initContainers"], *pod["containers"])}
    assert containers == dict.fromkeys(("first", "base", "airflow-xcom-sidecar"), RESTRICTED)


def test_what_a_pod_says_stays(built: dict[str, Any]) -> None:
    assert built["guide"]["securityContext"] == {**POD, "fsGroup": 1000}
    assert built["dictionaries"]["securityContext"] == {**POD, "runAsUser": 50000}
    assert built["dictionaries"]["containers"][0]["securityContext"] == {**RESTRICTED, "runAsGroup": 7}


def test_a_pod_that_asks_for_more_is_left_to_kubernetes_to_refuse(built: dict[str, Any]) -> None:
    root = built["root"]["securityContext"]
    assert (root["runAsUser"], root["runAsNonRoot"]) == (0, False)
    container = built["privileged"]["containers"][0]["securityContext"]
    assert container["privileged"]
    assert "allowPrivilegeEscalation" not in container


def test_a_pod_of_another_namespace_is_left_as_it_is(built: dict[str, Any]) -> None:
    pod = built["elsewhere"]
    assert not pod.get("securityContext")
    assert "securityContext" not in pod["containers"][0]
