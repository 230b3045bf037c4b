"""Rotates the secrets of a running lab in a cluster of this machine.

The new values are written down first (`rotation.json` next to the secrets): an interrupted rotation continues with
them. The database, which has copies that no manifest sets, is changed here. The phases of `lab up` do the rest: they
apply the Secrets, restart what reads them, by digests of the Secrets (lab.engine.configuration), and wait for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lab.engine.kubernetes import airflow_phases, platform_phases, release
from lab.engine.kubernetes.cluster import AIRFLOW, PLATFORM
from lab.engine.kubernetes.instance import ClusterInstance
from lab.engine.phases import Note
from lab.host import Check
from lab.secrets import FERNET, GENERATORS, write_private

ROLES = {
    "postgres-password": "postgres",
    "postgres-airflow-password": "airflow",
    "postgres-gitea-password": "gitea",
}
"""Each password of the database, and its role."""
SOCKET = "/tmp"  # noqa: S108 - in the container, which has no other user
"""Where the image of PostgreSQL has its socket (images/postgres), by which its own user needs no password."""
ENCRYPT_LIMIT = 300
"""Seconds that Airflow may take to encrypt its connections and variables again."""


def rotate(instance: ClusterInstance, names: Sequence[str], note: Note) -> None:
    """Replace these secrets, and those of an interrupted rotation; `lab up`'s phases then bring them into use.

    Raises:
        NotRunningError: the lab is down.
        ProgramError: the cluster refused something; the next rotation continues from there.
    """
    instance.require_up()
    fresh = begin(instance, names)
    if FERNET in fresh:
        encrypt_again(instance, note)
    change_roles(instance, fresh, note)
    for name, value in fresh.items():
        if name != FERNET:
            instance.access().secrets.replace(name, value)
    pending_file(instance).unlink()


def begin(instance: ClusterInstance, names: Sequence[str]) -> dict[str, str]:
    """The new value of each secret, written down before anything is changed."""
    file = pending_file(instance)
    before: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    fresh = {**before, **{name: GENERATORS[name]() for name in names if name not in before}}
    write_private(file, json.dumps(fresh))
    return fresh


def pending_file(instance: ClusterInstance) -> Path:
    """The values of a rotation that has not ended."""
    return instance.paths.secrets / "rotation.json"


def encrypt_again(instance: ClusterInstance, note: Note) -> None:
    """Have Airflow encrypt its connections with a new Fernet key: all its parts have both keys until that is done."""
    secrets = instance.access().secrets
    note("giving Airflow a second Fernet key")
    secrets.begin_fernet_rotation()
    for phase in (platform_phases.platform, airflow_phases.release, airflow_phases.airflow):
        phase(instance).apply(note)
    note("encrypting Airflow's connections again")
    place = ("--namespace", AIRFLOW, f"deployment.apps/{release.RELEASE}-api-server", "--container", "api-server")
    instance.kube.kubectl("exec", *place, "--", "airflow", "rotate-fernet-key", limit=ENCRYPT_LIMIT)
    secrets.end_fernet_rotation()


def change_roles(instance: ClusterInstance, fresh: dict[str, str], note: Note) -> None:
    """Set the new passwords of the database's roles, on psql's standard input, without logging the statements."""
    statements = [f"ALTER ROLE {role} PASSWORD '{fresh[name]}';" for name, role in ROLES.items() if name in fresh]
    if statements:
        note("changing the database's passwords")
        options = ("--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--host", SOCKET, "--username", "postgres")
        text = "\n".join(["SET log_min_error_statement = panic;", "BEGIN;", *statements, "COMMIT;", ""])
        instance.kube.kubectl(
            "exec", "--stdin", "--namespace", PLATFORM, "postgres-0", "--", "psql", *options, text=text
        )


def unfinished(instance: ClusterInstance) -> list[Check]:
    """A rotation of secrets that has not ended: what uses them may be refused until it is completed."""
    if not pending_file(instance).exists():
        return []
    return [
        Check("secrets", "warn", "their rotation was interrupted", "make lab-secrets ROTATE=git-password completes it")
    ]
