"""Airflow's empty database, migrated beforehand: restored in a second, where migrating takes half a minute.

Made by Airflow itself, in a throw-away PostgreSQL, when images are built; kept by what both images hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.docker import docker
from lab.paths import Paths
from lab.secrets import write_private
from lab.wait import NotYetError, wait_until

FILE = "usr/share/lab/airflow.sql"
LIMIT = 600
# For the two containers' own loopback only: no password, nothing kept.
SERVER = (
    "initdb --pgdata /tmp/schema --username airflow --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync > /dev/null"
    " && exec postgres -D /tmp/schema -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -c fsync=off"
)
CONNECTION = "postgresql+psycopg2://airflow@127.0.0.1/postgres"


def ensure_schema(paths: Paths, content: str, *, server: str, airflow: str, note: Callable[[str], None]) -> Path:
    """The dump that these two images make; `content` tells them apart.

    Raises:
        ProgramError: a container failed; its last lines are the detail.
    """
    file = paths.machine_cache / "schemas" / f"airflow-{content}.sql"
    if file.exists():
        return file
    note("migrating an empty Airflow database")
    file.parent.mkdir(parents=True, exist_ok=True)
    with running(server) as container:
        wait_until(lambda: ready(container), what="the temporary PostgreSQL", limit=60)
        docker(
            "run", "--rm", "--network", f"container:{container}", "--tmpfs", "/tmp",  # noqa: S108 - the container's
            "--env", f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN={CONNECTION}",
            airflow, "airflow", "db", "migrate", limit=LIMIT,
        )  # fmt: skip
        # A role of any name can restore it; the key in place of a random one makes equal dumps equal.
        dump = docker(
            "exec", container, "pg_dump", "--host", "127.0.0.1", "--username", "airflow", "--dbname", "postgres",
            "--no-owner", "--no-privileges", "--no-comments", "--restrict-key", "lab", limit=LIMIT,
        ).stdout  # fmt: skip
    write_private(file, dump)
    return file


@contextmanager
def running(server: str) -> Iterator[str]:
    """The id of a container of this image that serves PostgreSQL on its own loopback; it is gone after the block."""
    arguments = ("--label", "lab.temporary", "--entrypoint", "bash", server, "-c", SERVER)
    container = docker("run", "--detach", "--rm", *arguments, limit=60).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", container, check=False)


def ready(container: str) -> None:
    answer = docker("exec", container, "pg_isready", "--host", "127.0.0.1", check=False)
    if answer.status != 0:
        raise NotYetError((answer.stdout + answer.stderr).strip())
