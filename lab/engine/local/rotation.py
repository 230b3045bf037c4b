"""Rotates the secrets of the local engine while it is down: every service reads them when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.engine.local.instance import START_LIMIT, LocalInstance
from lab.engine.phases import Note
from lab.errors import NotRunningError
from lab.proc import held, run
from lab.secrets import FERNET, GENERATORS
from lab.services import airflow


def rotate(instance: LocalInstance, names: Sequence[str], note: Note) -> None:
    """Replace these secrets. Interrupted at any point, it leaves a lab that comes up, and can be run again.

    Raises:
        NotRunningError: the lab has no secrets yet.
        ProgramError: Airflow could not encrypt its connections again; it continues with both keys until it can.
    """
    secrets = instance.access().secrets
    if secrets.missing():
        raise NotRunningError("this lab has no secrets yet", "make lab-up")
    if FERNET in names:
        note("encrypting Airflow's connections again")
        secrets.begin_fernet_rotation()
        encrypt_again(instance)
        secrets.end_fernet_rotation()
    for name in names:
        if name != FERNET:
            secrets.replace(name, GENERATORS[name]())


def encrypt_again(instance: LocalInstance) -> None:
    """Have Airflow encrypt what is in its database with the first of its keys, if there is a database."""
    folder = instance.paths.airflow
    if not airflow.database_file(instance.paths).exists():
        return
    instance.paths.temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
    with held(folder / "migrate.lock") as lock:
        command: list[str | Path] = [instance.paths.program("airflow", "airflow"), "rotate-fernet-key"]
        environment = airflow.environment(instance.access())
        run(command, env=environment, cwd=folder, limit=START_LIMIT, inherit=[lock])
