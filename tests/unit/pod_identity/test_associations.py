"""The file of associations: what it may hold, and what is said of what it may not."""

from __future__ import annotations

import pytest

from lab.engine.kubernetes import inside, manifests
from lab.pod_identity.associations import FILE, PATH, BadAssociationsError, parse
from tests.unit.pod_identity.stand_in import ONE, ROLE


def test_each_account_has_its_role() -> None:
    assert parse(ONE) == {("airflow", "airflow-dvc-sa"): ROLE}
    assert parse("") == parse("[]") == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}: {", "not YAML"),
        ("namespace: airflow", "not a list"),
        (ONE + "- {namespace: airflow, serviceAccountName: x}", "association 2"),
        ("- airflow", "association 1"),
        (ONE + ONE, "two associations for airflow/airflow-dvc-sa"),
    ],
)
def test_what_is_wrong_is_named(text: str, expected: str) -> None:
    with pytest.raises(BadAssociationsError, match=expected):
        parse(text)


def test_the_labs_own_pods_have_roles_and_only_steps_that_of_data() -> None:
    role = "arn:aws:iam::000000000000:role/mlops-lab-dvc"
    launchers = ("airflow-scheduler", "airflow-worker", "airflow-api-server")
    expected = {("airflow", "airflow-dvc-sa"): role, **{("airflow", name): f"{role}-logs" for name in launchers}}
    assert parse(inside.associations()) == expected


def test_the_engine_makes_the_config_map_that_is_read() -> None:
    assert (PATH.rpartition("/")[2], FILE) == (manifests.ASSOCIATIONS, manifests.ASSOCIATIONS_FILE)
