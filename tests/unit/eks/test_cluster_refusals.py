"""What `lab eks` does with a cluster, a kubeconfig or an environment that it cannot use; as test_refusals of AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import CLUSTER, NETWORK, Amazon, existing, nothing_changed
from tests.unit.eks.service import ACCOUNT

Lab = Callable[..., Outcome]
OTHER_CLUSTER = {
    "name": CLUSTER, "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/{CLUSTER}", "status": "ACTIVE",
    "version": "1.35", "endpoint": "https://other.example.invalid", "certificateAuthority": {"data": "Q0E="},
}  # fmt: skip


@pytest.mark.parametrize(
    ("there", "missing"),
    [(["aws-ebs-csi-driver"], "eks-pod-identity-agent"), (["eks-pod-identity-agent"], "aws-ebs-csi-driver")],
)
def test_an_add_on_that_a_cluster_lacks_is_named_with_the_command(
    amazon: Amazon, lab: Lab, there: list[str], missing: str
) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=there)
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert f"error: the cluster {CLUSTER} lacks the add-on {missing}" in outcome.err
    command = f"aws eks create-addon --region eu-central-1 --cluster-name {CLUSTER} --addon-name {missing}"
    assert f"hint: {command}" in outcome.err
    assert nothing_changed(amazon)


def test_an_existing_cluster_that_is_not_there_is_not_made(amazon: Amazon, lab: Lab) -> None:
    existing(amazon)
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert f"there is no cluster {CLUSTER} in eu-central-1" in outcome.err
    assert nothing_changed(amazon)
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0


def test_a_cluster_of_that_name_that_is_not_the_labs_is_left_unchanged(amazon: Amazon, lab: Lab) -> None:
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    assert f"the cluster {CLUSTER} is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert amazon.service.read()["cluster"] == OTHER_CLUSTER
    assert amazon.calls("eksctl") == []


def test_another_persons_namespace_is_left_unchanged(amazon: Amazon, lab: Lab) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    other = {"Namespace": {"metadata": {"name": "airflow"}}}
    (amazon.folder / "objects.json").write_text(json.dumps(other), "utf-8")
    assert "the namespace airflow of the cluster is there and is not the lab's" in lab("eks", "up").err
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert [call for call in amazon.calls("kubectl") if " delete " in call] == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("error: You must be logged in to the server (Unauthorized)", "does not let these credentials in"),
        ("Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout", "does not answer at https://other"),
        ("Error from server (Forbidden): namespaces is forbidden: User x", "forbids this"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_reported_with_its_state(
    amazon: Amazon, lab: Lab, said: str, expected: str
) -> None:
    existing(amazon)
    amazon.service.change(cluster=OTHER_CLUSTER, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    amazon.fail("kubectl", said)
    outcome = lab("eks", "up")
    assert outcome.status == 12
    assert expected in outcome.err.splitlines()[-2] + outcome.err
    assert "role mlops-lab-dvc" in outcome.err  # what is made is listed


def test_a_kubeconfig_that_leads_elsewhere_is_refused_and_left(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    file = amazon.checkout.home / "eks" / CLUSTER / "kubeconfig"
    other = file.read_text("utf-8").replace(f"cluster/{CLUSTER}", "cluster/production")
    file.write_text(other, "utf-8")
    calls = len(amazon.calls("kubectl"))
    for command in (("up",), ("run",), ("down", "--cluster", CLUSTER)):
        outcome = lab("eks", *command)
        assert outcome.status == 3
        assert "points to arn:aws:eks:eu-central-1:123456789012:cluster/production" in outcome.err
    assert len(amazon.calls("kubectl")) == calls
    assert file.read_text("utf-8") == other


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("GITSYNC_PASSWORD", "GITSYNC_USERNAME and GITSYNC_PASSWORD"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgres"),
    ],
)
def test_a_missing_secret_is_requested_before_anything_is_made(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, missing: str, hint: str
) -> None:
    monkeypatch.delenv(missing)
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert hint in outcome.err.splitlines()[-1]
    assert nothing_changed(amazon)


@pytest.mark.parametrize("network", ["", "[network]\npublic_access = []\n"])
def test_a_new_cluster_is_not_made_open_to_everyone_unasked(amazon: Amazon, lab: Lab, network: str) -> None:
    file = amazon.checkout.source / "eks.toml"
    stated = file.read_text("utf-8")
    file.write_text(stated.replace(NETWORK, network), "utf-8")
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "network.public_access is missing" in outcome.err
    assert nothing_changed(amazon)
    file.write_text(stated, "utf-8")
    assert lab("eks", "up", "--until", "cluster").status == 0
    file.write_text(stated.replace(NETWORK, network), "utf-8")  # a cluster that is there keeps what it has
    assert lab("eks", "up", "--until", "cluster").status == 0
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0


def test_own_helm_values_that_are_not_there_are_reported(amazon: Amazon, lab: Lab) -> None:
    file = amazon.checkout.source / "eks.toml"
    file.write_text(file.read_text("utf-8") + 'values = "own.yaml"\n', "utf-8")
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "airflow.values: there is no file" in outcome.err
    assert nothing_changed(amazon)


@pytest.mark.parametrize(
    "connection",
    [
        "mysql://ada:topsecret@db/airflow",
        "postgresql://ada:topsecret@db/airflow?sslmode=disable",
        "postgresql://ada:topsecret@db/airflow?ssl=prefer",
        "postgresql://ada:topsecret@db:x/airflow",
        "postgresql://ada:topsecret@db:6432/airflow",
    ],
)
def test_a_connection_that_is_none_is_refused_and_not_repeated(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch, connection: str
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", connection)
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "topsecret" not in outcome.err


def test_a_database_at_another_port_than_the_settings_name_is_refused_with_the_setting(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one with its connection in the cluster already, when the variable is no longer set."""
    assert lab("eks", "up").status == 0
    file = amazon.checkout.source / "eks.toml"
    file.write_text(file.read_text("utf-8") + "[database]\nport = 6432\n", "utf-8")
    for known in (True, False):
        if not known:
            monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
        outcome = lab("eks", "up")
        assert outcome.status == 3
        assert "at port 5432, and eks.toml says 6432" in outcome.err
        assert "set database.port = 5432 in eks.toml" in outcome.err


def test_an_error_of_eksctl_is_shown_with_what_exists(amazon: Amazon, lab: Lab) -> None:
    amazon.fail("eksctl create", "Error: you have reached the limit of VPCs")
    outcome = lab("eks", "up")
    assert outcome.status == 11
    assert "you have reached the limit of VPCs" in outcome.err
    assert "made: role mlops-lab-dvc" in outcome.err
    assert f"not made: cluster {CLUSTER}" in outcome.err


def test_run_without_a_cluster_says_what_makes_one(amazon: Amazon, lab: Lab) -> None:
    outcome = lab("eks", "run")
    assert outcome.status == 6
    assert outcome.err == f"error: the cluster {CLUSTER} is not up\nhint: make eks-up\n"


def test_run_where_the_cluster_does_not_reach_airflow_fails(amazon: Amazon, lab: Lab) -> None:
    assert lab("eks", "up").status == 0
    objects: dict[str, Any] = json.loads((amazon.folder / "objects.json").read_text("utf-8"))
    assert "airflow-login" in objects["Secrets"]
    outcome = lab("eks", "run")  # the stand-in for kubectl knows no port-forward, and ends
    assert outcome.status == 12
    assert "port-forward to airflow-api-server failed" in outcome.err


def secrets_of(amazon: Amazon) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((amazon.folder / "objects.json").read_text("utf-8"))["Secrets"]
    return found


def change_secret(amazon: Amazon, name: str, **fields: Any) -> dict[str, Any]:
    """Have a Secret of the cluster with other fields, as another program would."""
    file = amazon.folder / "objects.json"
    objects: dict[str, Any] = json.loads(file.read_text("utf-8"))
    objects["Secrets"][name].update(fields)
    file.write_text(json.dumps(objects), "utf-8")
    changed: dict[str, Any] = objects["Secrets"][name]
    return changed


@pytest.mark.parametrize("name", ["airflow-fernet-key", "git-credentials", "airflow-metadata"])
def test_another_persons_secret_is_refused_by_its_name_and_left(amazon: Amazon, lab: Lab, name: str) -> None:
    assert lab("eks", "up").status == 0
    theirs = change_secret(amazon, name, metadata={"name": name}, data={"k": "dGhlaXJz"}, managers={"k": "theirs"})
    planned = json.loads(lab("eks", "plan", "--json").out)
    assert {step["resource"]: step["action"] for step in planned["steps"]}["secrets"] == "refuse"
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert f"the Secret {name} of the namespace airflow is there and is not the lab's" in outcome.err
    assert secrets_of(amazon)[name] == theirs


def test_a_labelled_secret_that_another_program_manages_is_used_and_not_overwritten(
    amazon: Amazon, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lab("eks", "up").status == 0
    keys = secrets_of(amazon)["git-credentials"]["data"]
    theirs = change_secret(amazon, "git-credentials", managers=dict.fromkeys(keys, "external-secrets"))
    monkeypatch.setenv("GITSYNC_PASSWORD", "another")
    outcome = lab("eks", "up")
    assert outcome.status == 3
    assert "is managed by external-secrets, and holds another value" in outcome.err
    assert secrets_of(amazon)["git-credentials"] == theirs
    monkeypatch.delenv("GITSYNC_PASSWORD")
    assert lab("eks", "up").status == 0
