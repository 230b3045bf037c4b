"""A checkout with a lab on kind, and what tests ask of its cluster."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.integration.checkout import Checkout
from tests.integration.services import sign_in


class KindLab(Checkout):
    """Driven through `lab`, inspected and broken through kubectl and docker."""

    @property
    def node(self) -> str:
        return f"{self.variables['LAB_CLUSTER__NAME']}-control-plane"

    @property
    def kubectl_command(self) -> list[str]:
        return [str(self.folder / ".lab/bin/kubectl"), "--kubeconfig", str(self.folder / ".lab/kubeconfig")]

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        finished = subprocess.run([*self.kubectl_command, *arguments], capture_output=True, text=True, check=False)
        assert finished.returncode == 0 or not check, finished.stderr
        return finished.stdout

    def start_worker(self, name: str, command: list[str], container: dict[str, Any], **spec: Any) -> None:
        """Start a pod in the namespace of Airflow with the worker's image and user, and the given fields."""
        place = ("--namespace", "airflow")
        path = "jsonpath={.data.PIPELINE_WORKER_IMAGE}"
        image = self.kubectl("get", "configmap", "pipeline-environment", *place, "--output", path)
        seccomp = {"seccompProfile": {"type": "RuntimeDefault"}}
        security = {"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000, "runAsNonRoot": True, **seccomp}
        context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        containers = [{"name": name, "image": image, "command": command, "securityContext": context, **container}]
        whole = {"containers": containers, "securityContext": security, "restartPolicy": "Never", **spec}
        overrides = json.dumps({"apiVersion": "v1", "spec": whole})
        self.kubectl("run", name, *place, "--image", image, "--restart=Never", "--overrides", overrides)

    def pods(self, *options: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", "pods", *options, "--output", "json"))["items"]
        return found

    def pod(self, service: str) -> str:
        """The name of the pod of a service that `lab status` shows."""
        return str({each["name"]: each["pod"] for each in self.status()["services"]}[service])

    def kill(self, service: str) -> None:
        """End a service's pod at once, as a machine that fails would."""
        namespace = "airflow" if service.startswith(("airflow", "triggers")) else "platform"
        place = ("--namespace", namespace, "--grace-period=0", "--force")
        self.kubectl("delete", "pod", self.pod(service), *place)

    def is_healthy(self) -> bool:
        return bool(self.status()["state"] == "healthy")

    def executors(self, run_id: str, dag_id: str = "dataset_pipeline") -> dict[str, str]:
        """The executor of each task of a run; the default one, which Airflow does not name, is KubernetesExecutor."""
        with httpx.Client(base_url=self.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
            sign_in(client, self)
            tasks = client.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances").raise_for_status().json()
        return {task["task_id"]: task["executor"] or "KubernetesExecutor" for task in tasks["task_instances"]}

    def default_rows(self) -> int:
        """How many rows a run adds by default, as Airflow knows the DAG."""
        with httpx.Client(base_url=self.status()["urls"]["airflow"], timeout=30, trust_env=False) as client:
            sign_in(client, self)
            dag = client.get("/api/v2/dags/dataset_pipeline/details").raise_for_status().json()
        return int(dag["params"]["rows"]["value"])

    def collect(self, folder: str | None, name: str) -> None:
        """Keep what explains a failure, before the cluster goes."""
        if not folder:
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        for subject, arguments in {
            "pods": ("get", "pods", "--all-namespaces", "--output", "wide"),
            "events": ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
        }.items():
            (Path(folder) / f"{name}-{subject}.log").write_text(self.kubectl(*arguments, check=False), "utf-8")
        logs = self.lab("logs", "-n", "10", status=None)
        (Path(folder) / f"{name}-services.log").write_text(logs.stdout + logs.stderr, "utf-8")


def edit_rows(lab: KindLab, folder: Path, rows: int) -> str:
    """Change how many rows a run adds by default, push that, and return the commit."""
    change = f's/"rows": Param\\([0-9]+,/"rows": Param({rows},/'
    return lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {folder}/edit && cd {folder}/edit\n'
        f"sed -i.orig -E '{change}' dags/dataset_pipeline.py && rm dags/*.orig\n"
        "git -c user.name=t -c user.email=t@t.invalid commit -qam 'Other rows' && git push -q && git rev-parse HEAD"
    ).strip()
