"""What restarts on kind when a secret is another: what reads it as it starts, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import services
from lab.access import LoopbackAccess
from lab.components import gitea
from lab.config import Settings
from lab.engine.configuration import ANNOTATION
from lab.engine.kubernetes import inside, values
from lab.paths import SOURCE, Paths
from lab.secrets import GENERATORS, LASTING, Secrets, names_of
from tests.unit.kind_manifests import IMAGES, configuration_digests

AIRFLOW = "airflow"
GITEA, PUSHES, STORAGE = {"gitea"}, {"triggers"}, {"localstack"}
RESTARTS = {
    "airflow-password": {AIRFLOW, *PUSHES},
    "git-password": GITEA,
    "git-bot-password": {AIRFLOW, *PUSHES},
    "aws-access-key-id": STORAGE,
    "aws-secret-access-key": STORAGE,
    "pod-identity-access-key-id": {*STORAGE, "pod-identity"},
    "pod-identity-secret-access-key": {*STORAGE, "pod-identity"},
    "sts-session-key": {*STORAGE, AIRFLOW},
    "airflow-jwt-secret": {AIRFLOW},
    "airflow-api-secret": {AIRFLOW},
    "airflow-fernet-key": {AIRFLOW},
    "webhook-secret": PUSHES,
    "postgres-password": {*GITEA, "postgres"},
    "postgres-airflow-password": {*GITEA, "postgres", AIRFLOW},
    "postgres-gitea-password": {*GITEA, "postgres"},
    "gitea-internal-token": GITEA,
    "gitea-jwt-secret": GITEA,
}
"""What reads each secret as it starts."""


@pytest.fixture
def access(tmp_path: Path) -> LoopbackAccess:
    """A lab of this checkout, with the overlay of the repository."""
    paths = Paths(SOURCE, tmp_path / ".lab")
    Secrets(paths.secrets).ensure()
    return LoopbackAccess(paths, Settings(), services.default_urls())


def digests(access: LoopbackAccess) -> dict[str, str]:
    """The digest of each workload, all of Airflow as one."""
    annotations = values.engine_values(access, IMAGES, migrated=True)["airflowPodAnnotations"]
    return {**configuration_digests(access), AIRFLOW: annotations[ANNOTATION]}


def test_each_secret_that_is_replaced_restarts_something() -> None:
    assert set(RESTARTS) == set(names_of("kind")) - set(LASTING)


@pytest.mark.parametrize("name", RESTARTS)
def test_a_changed_secret_restarts_what_reads_it_and_nothing_else(access: LoopbackAccess, name: str) -> None:
    before = digests(access)
    access.secrets.replace(name, GENERATORS[name]())
    after = digests(access)
    assert {workload for workload, digest in after.items() if before[workload] != digest} == RESTARTS[name]


def test_another_secret_of_the_webhook_is_another_webhook(access: LoopbackAccess) -> None:
    before = gitea.webhook_url(access, inside.webhook_url())
    access.secrets.replace("webhook-secret", GENERATORS["webhook-secret"]())
    after = gitea.webhook_url(access, inside.webhook_url())
    assert before != after
    assert access.secrets["webhook-secret"] not in after
