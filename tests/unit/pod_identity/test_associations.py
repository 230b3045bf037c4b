"""The file of associations: what it may hold, and what is said of what it may not."""

from __future__ import annotations

import pytest

from lab.paths import SOURCE
from lab.pod_identity.associations import FILE, BadAssociationsError, parse
from tests.unit.pod_identity.stand_in import ONE, ROLE


def test_each_account_has_its_role() -> None:
    assert parse(ONE) == {("airflow", "airflow-dvc-sa"): ROLE}
    assert parse("") == parse("[]") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}: {", "not YAML"),
        ("namespace: airflow", "not a list"),
        (ONE + "- {namespace: airflow, serviceAccountName: x}", "association 2"),
        ("- airflow", "association 1"),
        (ONE + ONE, "two associations for airflow/airflow-dvc-sa"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(BadAssociationsError, match=told):
        parse(text)


def test_the_labs_own_pods_have_roles() -> None:
    text = (SOURCE / "k8s/overlays/local" / FILE).read_text("utf-8")
    assert set(parse(text)) == {
        ("airflow", name) for name in ("airflow-dvc-sa", "airflow-scheduler", "airflow-api-server")
    }
