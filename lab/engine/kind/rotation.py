"""Other secrets for the lab on kind, while it runs.

The new values are written down first (`rotation.json` beside the secrets): one that was cut off goes on with the same
values, wherever it was. Then what holds a copy is changed before the Secrets are, and what uses them is restarted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lab.components import gitea
from lab.engine.kind import inside, objects, release
from lab.engine.kind.instance import AIRFLOW, PLATFORM, SYSTEM, Instance
from lab.engine.phases import Note
from lab.secrets import FERNET, GENERATORS, write_private

ROLES = {
    "postgres-password": "postgres",
    "postgres-airflow-password": "airflow",
    "postgres-gitea-password": "gitea",
}
"""Each password of the database, and its role."""
GITEA, STORAGE = (PLATFORM, "deployment.apps/gitea"), (PLATFORM, "deployment.apps/localstack")
IDENTITY = (SYSTEM, "daemonset.apps/pod-identity")
PUSHES = (AIRFLOW, objects.TRIGGERS)
API_SERVER = (AIRFLOW, f"deployment.apps/{release.RELEASE}-api-server")
ALL_OF_AIRFLOW = tuple((AIRFLOW, name) for name in sorted(release.WORKLOADS))
Workload = tuple[str, str]
USERS: dict[str, tuple[Workload, ...]] = {
    "airflow-password": (API_SERVER, PUSHES),
    "git-password": (GITEA, *ALL_OF_AIRFLOW, PUSHES),
    "aws-access-key-id": (STORAGE,),
    "aws-secret-access-key": (STORAGE,),
    "pod-identity-access-key-id": (STORAGE, IDENTITY),
    "pod-identity-secret-access-key": (STORAGE, IDENTITY),
    "sts-session-key": (STORAGE, IDENTITY, *ALL_OF_AIRFLOW),  # these hold credentials that were derived from it
    "airflow-jwt-secret": (*ALL_OF_AIRFLOW, PUSHES),
    "airflow-api-secret": ALL_OF_AIRFLOW,
    FERNET: ALL_OF_AIRFLOW,
    "webhook-secret": (PUSHES,),
    "postgres-password": (),  # of no service: the image of PostgreSQL reads it when it starts
    "postgres-airflow-password": ALL_OF_AIRFLOW,
    "postgres-gitea-password": (GITEA,),
    "gitea-internal-token": (GITEA,),
    "gitea-jwt-secret": (GITEA,),
}
"""What reads each secret when it starts; the platform comes before Airflow, which needs it."""
SOCKET = "/tmp"  # noqa: S108 - in the container, which has no other user
"""Where the image of PostgreSQL has its socket (images/postgres), by which its own user needs no password."""
ROLLOUT_LIMIT = 300
"""Seconds until a restarted workload is ready."""


def rotate(instance: Instance, names: Sequence[str], note: Note) -> None:
    """Replace these secrets, and those of a rotation that was cut off.

    Raises:
        NotRunningError: the lab is down.
        ProgramError: the cluster refused something; the next rotation goes on from there.
    """
    instance.require_up()
    fresh = begin(instance, names)
    if FERNET in fresh:
        encrypt_again(instance, note)
    change_roles(instance, fresh, note)
    note("applying the Secrets")
    for name, value in fresh.items():
        if name != FERNET:
            instance.access().secrets.replace(name, value)
    objects.apply(instance)
    restart(instance, users(instance, fresh), note)
    if "webhook-secret" in fresh and instance.settings.triggers.on_push:
        gitea.renew_webhook(instance.access(), inside.WEBHOOK_URL)
    pending_file(instance).unlink()


def begin(instance: Instance, names: Sequence[str]) -> dict[str, str]:
    """The new value of each secret, written down before anything is changed."""
    file = pending_file(instance)
    before: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    fresh = {**before, **{name: GENERATORS[name]() for name in names if name not in before}}
    write_private(file, json.dumps(fresh))
    return fresh


def pending_file(instance: Instance) -> Path:
    """The values of a rotation that has not ended."""
    return instance.paths.secrets / "rotation.json"


def encrypt_again(instance: Instance, note: Note) -> None:
    """Have Airflow encrypt its connections by a new Fernet key: every part of it knows both keys until that is done."""
    secrets = instance.access().secrets
    note("giving Airflow a second Fernet key")
    secrets.begin_fernet_rotation()
    objects.apply(instance)
    restart(instance, list(ALL_OF_AIRFLOW), note)
    note("encrypting Airflow's connections again")
    place = ("--namespace", AIRFLOW, API_SERVER[1], "--container", "api-server")
    instance.kubectl("exec", *place, "--", "airflow", "rotate-fernet-key", limit=ROLLOUT_LIMIT)
    secrets.end_fernet_rotation()


def change_roles(instance: Instance, fresh: dict[str, str], note: Note) -> None:
    """Give the database's roles their new passwords, by psql's standard input, and let no statement be logged."""
    statements = [f"ALTER ROLE {role} PASSWORD '{fresh[name]}';" for name, role in ROLES.items() if name in fresh]
    if statements:
        note("changing the database's passwords")
        options = ("--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--host", SOCKET, "--username", "postgres")
        text = "\n".join(["SET log_min_error_statement = panic;", "BEGIN;", *statements, "COMMIT;", ""])
        instance.kubectl("exec", "--stdin", "--namespace", PLATFORM, "postgres-0", "--", "psql", *options, text=text)


def users(instance: Instance, fresh: dict[str, str]) -> list[Workload]:
    """What is to be restarted, each once, the platform first."""
    found = dict.fromkeys(workload for name in fresh for workload in USERS[name])
    there = [workload for workload in found if workload != PUSHES or instance.settings.triggers.on_push]
    order = (PLATFORM, SYSTEM, AIRFLOW)
    return sorted(there, key=lambda workload: (order.index(workload[0]), workload == PUSHES))


def restart(instance: Instance, workloads: Sequence[Workload], note: Note) -> None:
    """Restart them, those of one namespace side by side, and wait until they are ready."""
    for namespace in dict.fromkeys(namespace for namespace, _ in workloads):
        names = [name for place, name in workloads if place == namespace]
        note(f"restarting {', '.join(name.rpartition('/')[2] for name in names)}")
        instance.kubectl("rollout", "restart", "--namespace", namespace, *names)
        for name in names:
            wait = (f"--timeout={ROLLOUT_LIMIT}s",)
            instance.kubectl("rollout", "status", "--namespace", namespace, name, *wait, limit=ROLLOUT_LIMIT + 30)
