"""`lab eks` by the command line: an account from nothing to a lab and back, and everything that may come between."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lab.engine.kubernetes.identities import ACCOUNTS, IDENTITIES
from tests.unit.conftest import Outcome
from tests.unit.eks.conftest import BUCKET, CLUSTER, Amazon, existing
from tests.unit.eks.service import ACCOUNT

Lab = Callable[..., Outcome]
Steps = Callable[..., dict[str, str]]
KINDS = ["bucket", "policy", "role", "cluster", "association", "storage", "secrets", "dataset", "airflow"]
TAG = {"mlops-lab/cluster": CLUSTER}


@pytest.fixture
def up(amazon: Amazon, lab: Lab) -> Amazon:
    assert lab("eks", "up").status == 0
    return amazon


def put(amazon: Amazon, key: str, *contents: bytes) -> None:
    """Each content as a version of the object. moto ignores conditions of a Deny: the policy has to go."""
    s3 = amazon.client("s3")
    s3.delete_bucket_policy(Bucket=BUCKET)
    for content in contents:
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)


def test_the_plan_of_an_empty_account_makes_everything_and_changes_nothing(amazon: Amazon, lab: Lab) -> None:
    outcome = lab("eks")
    assert outcome.status == 0
    assert [line.split()[0] for line in outcome.out.splitlines()[1:]] == [
        "bucket",
        *["policy"] * len(IDENTITIES),
        *["role"] * len(IDENTITIES),
        "cluster",
        *["association"] * len(ACCOUNTS),
        *KINDS[5:],
    ]
    assert "Plan: 14 to make." in outcome.err
    assert amazon.client("s3").list_buckets()["Buckets"] == []
    assert amazon.calls("eksctl") == []


def test_up_makes_it_all_and_again_changes_nothing(up: Amazon, lab: Lab, steps: Steps) -> None:
    assert set(steps().values()) == {"keep"}
    before = (up.folder / "calls").read_text("utf-8")
    again = lab("eks", "up")
    assert (again.status, again.err.splitlines()[0]) == (
        0,
        f"Nothing to do: the lab is on EKS, in the cluster {CLUSTER}.",
    )
    changing = ("apply", "create", "upgrade", "delete")
    new = (up.folder / "calls").read_text("utf-8").removeprefix(before).splitlines()
    assert [line for line in new if any(f" {word} " in line for word in changing)] == []


def test_the_bucket_is_encrypted_versioned_closed_and_tagged(up: Amazon) -> None:
    s3 = up.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "mlops-lab/cluster", "Value": CLUSTER}]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mlops-lab-dvc", {"airflow-dvc-sa"}),
        ("mlops-lab-dvc-logs", {"airflow-scheduler", "airflow-worker", "airflow-api-server"}),
    ],
)
def test_a_role_is_taken_by_its_pods_of_this_cluster_with_the_labs_policy_only(
    up: Amazon, name: str, expected: set[str]
) -> None:
    iam = up.client("iam")
    role = iam.get_role(RoleName=name)["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert f":cluster/{CLUSTER}" in json.dumps(statement["Condition"])
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [f"arn:aws:iam::{ACCOUNT}:policy/{name}"]
    associations = up.service.read()["associations"].values()
    assert {found["serviceAccount"] for found in associations if found["roleArn"] == role["Arn"]} == expected
    assert all(found["tags"] == TAG for found in associations)


def test_what_launches_pods_may_read_and_write_logs_and_no_data(up: Amazon) -> None:
    version = up.client("iam").get_policy_version(
        PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/mlops-lab-dvc-logs", VersionId="v1"
    )
    statements = version["PolicyVersion"]["Document"]["Statement"]
    bucket = f"arn:aws:s3:::{BUCKET}"
    assert [each["Resource"] for each in statements] == [bucket, f"{bucket}/logs/*"]
    assert statements[0]["Condition"] == {"StringLike": {"s3:prefix": "logs/*"}}


def test_a_lab_in_which_one_role_was_for_all_gets_the_second(up: Amazon, lab: Lab, steps: Steps) -> None:
    """As a version before this one made it."""
    state, iam = up.service.read(), up.client("iam")
    state["associations"] = {
        key: {**found, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/mlops-lab-dvc"}
        for key, found in state["associations"].items()
        if found["serviceAccount"] != "airflow-worker"
    }
    up.service.write(state)
    arn = f"arn:aws:iam::{ACCOUNT}:policy/mlops-lab-dvc-logs"
    iam.detach_role_policy(RoleName="mlops-lab-dvc-logs", PolicyArn=arn)
    iam.delete_role(RoleName="mlops-lab-dvc-logs")
    iam.delete_policy(PolicyArn=arn)
    assert lab("eks", "up").status == 0
    assert set(steps().values()) == {"keep"}
    roles = {found["serviceAccount"]: found["roleArn"] for found in up.service.read()["associations"].values()}
    assert {account: role.rpartition("/")[2] for account, role in roles.items()} == {
        account: identity.role() for account, identity in ACCOUNTS.items()
    }


def test_no_secret_stands_in_a_command_line_or_a_file(up: Amazon) -> None:
    secrets = ("git-password-of-ada", "database-password")
    files = [up.folder / "calls", *(file for file in (up.checkout.home / "eks").rglob("*") if file.is_file())]
    assert [file for file in files for secret in secrets if secret in file.read_text("utf-8")] == []


def test_what_others_changed_is_shown_and_repaired(up: Amazon, lab: Lab, steps: Steps) -> None:
    up.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    iam = up.client("iam")
    other = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    for name in (identity.role() for identity in IDENTITIES):
        arn = f"arn:aws:iam::{ACCOUNT}:policy/{name}"
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(other), SetAsDefault=True)
        iam.put_role_policy(RoleName=name, PolicyName="more", PolicyDocument=json.dumps(other))
    state = up.service.read()
    for found in state["associations"].values():
        found["roleArn"] = f"arn:aws:iam::{ACCOUNT}:role/another"
    up.service.write({**state, "nodes": 1})
    kinds = ("bucket", "policy", "role", "association", "cluster")
    now = steps()
    assert {kind: now[kind] for kind in kinds} == dict.fromkeys(kinds, "change")
    assert lab("eks", "up").status == 0
    assert set(steps().values()) == {"keep"}
    assert "--nodes 2" in up.calls("eksctl")[-1]


def test_a_bucket_policy_of_one_statement_without_a_list_is_kept_beside_the_labs(
    up: Amazon, lab: Lab, steps: Steps
) -> None:
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
              "Resource": f"arn:aws:s3:::{BUCKET}", "Condition": tls}  # fmt: skip
    s3 = up.client("s3")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": theirs}))
    assert steps()["bucket"] == "change"
    assert lab("eks", "up").status == 0
    kept = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert [each["Sid"] for each in kept] == ["Theirs", "TlsOnly"]


def test_a_policy_with_as_many_versions_as_there_may_be_is_changed_all_the_same(
    up: Amazon, lab: Lab, steps: Steps
) -> None:
    iam, arn = up.client("iam"), f"arn:aws:iam::{ACCOUNT}:policy/mlops-lab-dvc"
    for number in range(4):
        statement = {"Sid": f"S{number}", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    assert lab("eks", "up").status == 0
    assert steps()["policy"] == "keep"


def test_what_failed_is_listed_and_up_again_goes_on_from_there(amazon: Amazon, lab: Lab, steps: Steps) -> None:
    amazon.fail("helm upgrade", "Error: no")
    amazon.fail("helm", "Error: the chart broke")
    outcome = lab("eks", "up")
    assert outcome.status == 11
    assert f"made: bucket {BUCKET}" in outcome.err
    assert "not made: airflow Helm release airflow" in outcome.err
    assert steps()["airflow"] == "make"
    amazon.heal()
    assert lab("eks", "up").status == 0
    assert set(steps().values()) == {"keep"}
    assert len(amazon.calls("eksctl")) == 1


def test_a_half_made_cluster_is_removed_and_created(amazon: Amazon, lab: Lab, steps: Steps) -> None:
    tags = [{"Key": key, "Value": value} for key, value in TAG.items()]
    amazon.service.change(stack={"StackStatus": "ROLLBACK_COMPLETE", "Tags": tags})
    assert steps()["cluster"] == "change"
    assert lab("eks", "up").status == 0
    assert [call.split()[1] for call in amazon.calls("eksctl")] == ["delete", "create"]


def test_the_cluster_can_be_made_before_there_is_a_database(
    amazon: Amazon, lab: Lab, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    assert lab("eks", "up", "--until", "cluster").status == 0
    now = steps()
    assert {kind for kind in KINDS if now[kind] == "keep"} == {"policy", "role", "cluster", "association"}
    assert lab("eks", "up").status == 3
    assert lab("eks", "up", "--until", "moon").status == 9


def test_another_password_in_the_environment_replaces_the_clusters(
    up: Amazon, lab: Lab, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fernet_key() -> str:
        objects = json.loads((up.folder / "objects.json").read_text("utf-8"))
        return str(objects["Secrets"]["airflow-fernet-key"])

    before = fernet_key()
    monkeypatch.setenv("GITSYNC_PASSWORD", "another")
    assert steps()["secrets"] == "change"
    assert lab("eks", "up").status == 0
    assert steps()["secrets"] == "keep"
    assert fernet_key() == before  # what the database is encrypted with


def test_without_the_variables_the_clusters_secrets_stay(
    up: Amazon, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITSYNC_USERNAME", "GITSYNC_PASSWORD", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name)
    assert steps()["secrets"] == "keep"


def test_down_deletes_all_but_a_bucket_that_holds_objects(up: Amazon, lab: Lab, steps: Steps) -> None:
    put(up, "dvc/files/md5/00/1", b"data")
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert up.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1
    now = steps()
    assert {now[kind] for kind in ("policy", "role", "cluster", "association", "storage", "airflow")} == {"make"}
    calls = [" ".join(call.split()[:2]) for call in up.calls("eksctl")]
    assert calls == ["eksctl create", "eksctl delete"]
    order = (up.folder / "calls").read_text("utf-8")
    assert order.index("uninstall") < order.index("delete namespace") < order.index("eksctl delete")


def test_down_deletes_a_bucket_that_is_named_with_all_versions(up: Amazon, lab: Lab) -> None:
    s3 = up.client("s3")
    put(up, "dvc/x", b"one", b"two")
    s3.delete_object(Bucket=BUCKET, Key="dvc/x")
    assert lab("eks", "down", "--cluster", CLUSTER, "--delete-bucket", BUCKET).status == 0
    assert s3.list_buckets()["Buckets"] == []
    assert up.client("iam").list_roles()["Roles"] == []
    assert lab("eks", "down", "--cluster", CLUSTER).err.endswith("Nothing to do.\n")


@pytest.mark.parametrize("options", [("--cluster", "lab-two"), ("--cluster", CLUSTER, "--delete-bucket", "another")])
def test_down_with_a_wrong_name_deletes_nothing(up: Amazon, lab: Lab, steps: Steps, options: tuple[str, ...]) -> None:
    outcome = lab("eks", "down", *options)
    assert outcome.status == 3
    assert "nothing was deleted" in outcome.err
    assert set(steps().values()) == {"keep"}


def test_down_asks_for_the_clusters_name(up: Amazon, lab: Lab, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    assert lab("eks", "down").status == 2  # standard input is not a terminal
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "yes")
    assert lab("eks", "down").status == 3
    assert set(steps().values()) == {"keep"}
    monkeypatch.setattr("typer.prompt", lambda *_, **__: CLUSTER)
    assert lab("eks", "down").status == 0
    assert up.service.read()["cluster"] is None


def test_down_of_a_cluster_that_was_there_before_leaves_it(amazon: Amazon, lab: Lab) -> None:
    cluster = {
        "name": CLUSTER, "arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/{CLUSTER}", "status": "ACTIVE",
        "version": "1.35", "endpoint": "https://other.example.invalid", "certificateAuthority": {"data": "Q0E="},
    }  # fmt: skip
    amazon.service.change(cluster=cluster, addons=["eks-pod-identity-agent", "aws-ebs-csi-driver"])
    existing(amazon)
    assert lab("eks", "up").status == 0
    assert lab("eks", "down", "--cluster", CLUSTER).status == 0
    assert amazon.service.read()["cluster"] == cluster
    assert amazon.service.read()["associations"] == {}
    assert amazon.calls("eksctl") == []
