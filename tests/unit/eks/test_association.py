"""The Pod Identity association, call by call: what EKS is asked and answers, by botocore's Stubber."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lab.engine.eks.association import Association
from lab.engine.eks.place import Place
from lab.engine.eks.resource import ForeignError
from lab.engine.eks.settings import EksSettings, load
from lab.errors import CloudError, SettingsError
from lab.paths import Paths
from tests.unit.eks.conftest import CLUSTER, TOML
from tests.unit.eks.service import ACCOUNT, REGION

NAMES = {"clusterName": CLUSTER, "namespace": "airflow", "serviceAccount": "airflow-dvc-sa"}
OWN = {"mlops-lab/cluster": CLUSTER}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/mlops-lab-dvc"
WHICH = {"clusterName": CLUSTER, "associationId": "a-1"}
FOUND: dict[str, Any] = {**NAMES, "associationId": "a-1", "roleArn": ROLE, "tags": OWN}


@pytest.fixture
def settings(checkout: Paths) -> EksSettings:
    (checkout.source / "eks.toml").write_text(TOML, "utf-8")
    return load(checkout.source / "eks.toml")


@pytest.fixture
def association(settings: EksSettings, checkout: Paths) -> Association:
    place = Place(settings, checkout)
    place.known["cluster"] = {"name": CLUSTER, "status": "ACTIVE"}
    client = boto3.client("eks", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="b")
    place.cloud.clients["eks"] = client
    return Association(place)


@pytest.fixture
def eks(association: Association) -> Any:
    with Stubber(association.place.cloud.clients["eks"]) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def found(stubber: Any, *, times: int = 1, **different: Any) -> None:
    summary = {name: FOUND[name] for name in (*NAMES, "associationId")}
    for _ in range(times):
        stubber.add_response("list_pod_identity_associations", {"associations": [summary]}, NAMES)
        stubber.add_response("describe_pod_identity_association", {"association": {**FOUND, **different}}, WHICH)


def absent(stubber: Any) -> None:
    stubber.add_response("list_pod_identity_associations", {"associations": []}, NAMES)


def note(_: str) -> None:
    pass


def test_one_that_is_not_there_is_made_with_its_tag(association: Association, eks: Any) -> None:
    absent(eks)
    assert not association.look().exists
    absent(eks)
    asked = {**NAMES, "roleArn": ROLE, "tags": OWN}
    eks.add_response("create_pod_identity_association", {"association": FOUND}, asked)
    association.make(note)


def test_a_role_that_eks_does_not_know_yet_is_waited_for(
    association: Association, eks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.engine.eks.association.PAUSE", 0.01)
    absent(eks)
    eks.add_client_error("create_pod_identity_association", "InvalidParameterException", "Role provided does not exist")
    eks.add_response("create_pod_identity_association", {"association": FOUND}, {**NAMES, "roleArn": ROLE, "tags": OWN})
    association.make(note)


def test_one_that_is_right_is_left(association: Association, eks: Any) -> None:
    found(eks, times=2)
    assert association.look().differs == ()
    association.make(note)


@pytest.mark.parametrize(
    "different", [{"roleArn": f"arn:aws:iam::{ACCOUNT}:role/another"}, {"disableSessionTags": True}]
)
def test_one_that_differs_is_changed_in_place(association: Association, eks: Any, different: dict[str, Any]) -> None:
    found(eks, times=2, **different)
    assert len(association.look().differs) == 1
    asked = {**WHICH, "roleArn": ROLE, "disableSessionTags": False}
    eks.add_response("update_pod_identity_association", {"association": FOUND}, asked)
    association.make(note)


def test_one_with_another_target_role_is_made_again(association: Association, eks: Any) -> None:
    found(eks, times=2, targetRoleArn="arn:aws:iam::111122223333:role/elsewhere")
    eks.add_response("delete_pod_identity_association", {"association": FOUND}, WHICH)
    asked = {**NAMES, "roleArn": ROLE, "tags": OWN}
    eks.add_response("create_pod_identity_association", {"association": FOUND}, asked)
    association.make(note)


def test_one_that_another_person_makes_at_the_same_time_is_reported(association: Association, eks: Any) -> None:
    absent(eks)
    eks.add_client_error("create_pod_identity_association", "ResourceInUseException", "Association already exists: a-2")
    with pytest.raises(CloudError, match="ResourceInUseException to CreatePodIdentityAssociation"):
        association.make(note)


@pytest.mark.parametrize("tags", [{}, {"mlops-lab/cluster": "lab-two"}])
def test_another_persons_is_neither_changed_nor_deleted(
    association: Association, eks: Any, tags: dict[str, str]
) -> None:
    found(eks, times=3, tags=tags)
    for act in (association.look, lambda: association.make(note), lambda: association.remove(note)):
        with pytest.raises(ForeignError) as error:
            act()
        assert isinstance(error.value, SettingsError)


def test_it_is_deleted_and_one_that_went_meanwhile_is_no_error(association: Association, eks: Any) -> None:
    found(eks)
    eks.add_response("delete_pod_identity_association", {"association": FOUND}, WHICH)
    association.remove(note)
    found(eks)
    eks.add_client_error("delete_pod_identity_association", "ResourceNotFoundException")
    association.remove(note)


def test_a_missing_permission_to_pass_the_role_is_named(association: Association, eks: Any) -> None:
    absent(eks)
    said = f"User: arn:aws:iam::{ACCOUNT}:user/ada is not authorized to perform: iam:PassRole on resource: {ROLE}"
    eks.add_client_error("create_pod_identity_association", "AccessDeniedException", said)
    with pytest.raises(CloudError, match="iam:PassRole is not allowed"):
        association.make(note)
