"""A data version as a plain DAG makes it: three pods with a shell script each, and the operator's defaults."""

from __future__ import annotations

import os

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG
from kubernetes.client import models as k8s

PULL = """
set -e
rm -rf /shared/plain
git clone "$PIPELINE_REPOSITORY" /shared/plain
cd /shared/plain
dvc pull datasets/employee_attrition.csv.dvc
"""

APPEND = """
import csv

path = "/shared/plain/datasets/employee_attrition.csv"
with open(path, newline="") as file:
    rows = list(csv.DictReader(file))
row = dict(rows[-1])
row["Employee ID"] = int(row["Employee ID"]) + 1
with open(path, "w", newline="") as file:
    writer = csv.DictWriter(file, row.keys())
    writer.writeheader()
    writer.writerows([*rows, row])
"""

PUSH = """
set -e
cd /shared/plain
dvc add datasets/employee_attrition.csv
dvc push datasets/employee_attrition.csv.dvc
git commit --all --message "One more employee"
git push origin HEAD:main
"""


def task(name: str, *command: str) -> KubernetesPodOperator:
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name="airflow-shared-pvc")
    return KubernetesPodOperator(
        task_id=name,
        namespace="airflow",
        image=os.environ["PIPELINE_WORKER_IMAGE"],
        cmds=list(command),
        env_from=[
            k8s.V1EnvFromSource(config_map_ref=k8s.V1ConfigMapEnvSource(name="pipeline-environment")),
            k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name="git-credentials")),
        ],
        service_account_name="airflow-dvc-sa",
        volumes=[k8s.V1Volume(name="shared", persistent_volume_claim=claim)],
        volume_mounts=[k8s.V1VolumeMount(name="shared", mount_path="/shared")],
        security_context=k8s.V1PodSecurityContext(fs_group=1000),
    )


with DAG("plain", schedule=None, catchup=False):
    pull = task("pull", "bash", "-c", PULL)
    append = task("append", "python", "-c", APPEND)
    push = task("push", "bash", "-c", PUSH)
    pull >> append >> push
