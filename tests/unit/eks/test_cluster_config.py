"""What eksctl and kustomize are given: the cluster with what the lab's pods need, and the shared volume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from lab.engine.eks.cluster_config import DRIVERS, cluster_config, wanted_addons
from lab.engine.eks.manifests import engine_values, pipeline_environment, rendered
from lab.engine.eks.settings import EksSettings
from lab.engine.kubernetes.identities import ACCOUNTS
from lab.paths import SOURCE, Paths
from tests.unit.eks.conftest import BASE, CLUSTER
from tests.unit.eks.service import ACCOUNT

TEMPLATE = (SOURCE / "k8s" / "overlays" / "eks" / "cluster.yaml").read_text("utf-8")
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"


def settings(**sections: dict[str, Any]) -> EksSettings:
    return EksSettings.model_validate({**BASE, **{n: {**BASE.get(n, {}), **s} for n, s in sections.items()}})


def config(**sections: dict[str, Any]) -> dict[str, Any]:
    text = cluster_config(TEMPLATE, settings(**sections), {"mlops-lab/cluster": CLUSTER})
    made: dict[str, Any] = YAML(typ="safe").load(text)
    return made


def test_a_new_cluster_has_what_pods_get_credentials_and_volumes_by() -> None:
    made = config()
    assert made["metadata"]["tags"] == {"mlops-lab/cluster": CLUSTER}
    addons = {addon["name"]: addon for addon in made["addons"]}
    assert set(wanted_addons(settings())) <= set(addons)
    assert addons["aws-ebs-csi-driver"]["useDefaultPodIdentityAssociations"]
    assert [found["serviceAccountName"] for found in made["iam"]["podIdentityAssociations"]] == list(ACCOUNTS)
    for found in made["iam"]["podIdentityAssociations"]:
        assert found["namespace"] == "airflow"
        role = "mlops-lab-dvc" if found["serviceAccountName"] == "airflow-dvc-sa" else "mlops-lab-dvc-logs"
        assert found["roleARN"] == f"arn:aws:iam::{ACCOUNT}:role/{role}"
        assert found["tags"] == {"mlops-lab/cluster": CLUSTER}
    (group,) = made["managedNodeGroups"]
    assert (group["desiredCapacity"], group["privateNetworking"], group["disablePodIMDS"]) == (2, True, True)
    assert "id" not in made["vpc"]


def test_an_existing_vpc_is_named_with_its_private_subnets() -> None:
    subnets = ["subnet-00000001", "subnet-00000002"]
    made = config(network={"vpc": "vpc-00000001", "subnets": subnets, "endpoint": "private"})
    assert made["vpc"]["id"] == "vpc-00000001"
    assert [each["id"] for each in made["vpc"]["subnets"]["private"].values()] == subnets
    assert made["vpc"]["clusterEndpoints"] == {"publicAccess": False, "privateAccess": True}
    assert not {"nat", "publicAccessCIDRs"} & set(made["vpc"])


def test_a_permissions_boundary_is_on_every_role_that_eksctl_makes() -> None:
    made = config(identity={"permissions_boundary": BOUNDARY}, storage={"volume": "efs", "file_system": "fs-00000001"})
    assert made["iam"]["serviceRolePermissionsBoundary"] == BOUNDARY
    assert made["managedNodeGroups"][0]["iam"]["instanceRolePermissionsBoundary"] == BOUNDARY
    drivers = [addon for addon in made["addons"] if addon["name"] in DRIVERS]
    assert len(drivers) == 2
    for driver in drivers:
        (found,) = driver["podIdentityAssociations"]
        assert found["permissionsBoundaryARN"] == BOUNDARY
        assert "useDefaultPodIdentityAssociations" not in driver


@pytest.mark.parametrize(
    ("storage", "nodes", "driver"),
    [
        ({"volume": "gp3"}, "one", "aws-ebs-csi-driver"),
        ({"volume": "efs", "file_system": "fs-00000001"}, "any", "aws-efs-csi-driver"),
    ],
)
def test_steps_are_on_one_node_where_their_volume_is(storage: dict[str, Any], nodes: str, driver: str) -> None:
    made = settings(storage=storage)
    assert pipeline_environment(made)["PIPELINE_SHARED_NODES"] == nodes
    assert wanted_addons(made)[1] == driver


def test_pods_know_the_place_and_no_endpoint_or_key_of_aws() -> None:
    environment = pipeline_environment(settings())
    assert environment["PIPELINE_WORKER_IMAGE"] == "r.example.invalid/worker:1"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
    assert {name for name in environment if name.startswith("AWS_")} == {
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
    }
    values = engine_values(settings())
    assert values["config"]["logging"]["remote_base_log_folder"] == "s3://b-u-c/logs"
    assert values["defaultAirflowRepository"] == "r.example.invalid/airflow"


def test_airflow_speaks_tls_to_its_database(tmp_path: Path) -> None:
    assert pipeline_environment(settings())["PGSSLMODE"] == "require"
    (tmp_path / "rds.pem").write_text("certificates of RDS", "utf-8")
    checked = settings(database={"tls": "verify-full", "certificates": "rds.pem"})
    environment = pipeline_environment(checked)
    assert environment["PGSSLMODE"] == "verify-full"
    folder, _, name = environment["PGSSLROOTCERT"].rpartition("/")
    (mount,), (volume,) = engine_values(checked)["volumeMounts"], engine_values(checked)["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], folder)
    files = rendered(checked, Paths(tmp_path, tmp_path / ".lab"), tmp_path / "eks")
    listed = json.loads(files["kustomization.yaml"])["resources"]
    (found,) = [json.loads(files[each]) for each in listed if each.startswith("certificates")]
    assert (found["metadata"]["name"], found["data"]) == (volume["configMap"]["name"], {name: "certificates of RDS"})
