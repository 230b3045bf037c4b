"""PostgreSQL's files with the empty databases of Airflow and Gitea: made beforehand, as both migrate for half a minute.

Made by the two themselves, in a throw-away PostgreSQL, when images are built; kept by what the three images hold.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.docker import docker
from lab.paths import Paths
from lab.wait import NotYetError, wait_until

FILE = "usr/share/lab/cluster.tar"
LIMIT = 600
CLUSTER = "/var/lib/postgresql/data/15"
LEFT_OUT = {"lab-passwords", "postmaster.opts"}
"""Without the first, lab-postgres gives the roles the passwords that it is started with."""
# For the containers' own loopback only, so no password is needed; the random ones are never used.
SERVER = """
set -eu
mkdir /tmp/passwords
for name in password airflow-password gitea-password; do head -c 24 /dev/urandom | base64 > "/tmp/passwords/$name"; done
echo 'host all all 127.0.0.1/32 trust' > /tmp/trust.conf
LAB_PASSWORDS=/tmp/passwords exec lab-postgres -c listen_addresses=127.0.0.1 -c hba_file=/tmp/trust.conf -c fsync=off
"""
AIRFLOW = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://airflow@127.0.0.1/airflow"}
GITEA = {f"GITEA__database__{key}": value for key, value in
         {"HOST": "127.0.0.1:5432", "NAME": "gitea", "USER": "gitea"}.items()}  # fmt: skip


def ensure_databases(
    paths: Paths, content: str, *, server: str, airflow: str, gitea: str, note: Callable[[str], None]
) -> Path:
    """The archive of what these three images make; `content` identifies them.

    Raises:
        ProgramError: a container failed; its last lines are the detail.
        ServiceError: PostgreSQL was not ready in time.
    """
    file = paths.machine_cache / "databases" / f"{content}.tar"
    if file.exists():
        return file
    note("migrating empty databases of Airflow and Gitea")
    file.parent.mkdir(parents=True, exist_ok=True)
    with running(server) as container:
        wait_until(lambda: ready(container), what="the temporary PostgreSQL", limit=60)
        run_on_loopback(container, AIRFLOW, airflow, "airflow", "db", "migrate")
        run_on_loopback(container, GITEA, gitea, "migrate")
        docker("stop", container, limit=60)
        with TemporaryDirectory(dir=file.parent) as folder:
            docker("cp", f"{container}:{CLUSTER}", f"{folder}/cluster", limit=LIMIT)
            partial = Path(folder) / "cluster.tar"
            with tarfile.open(partial, "w") as archive:
                archive.add(f"{folder}/cluster", arcname=".", filter=without_owner)
            partial.replace(file)
    return file


@contextmanager
def running(server: str) -> Iterator[str]:
    """The id of a container of this image that serves PostgreSQL on its own loopback; it is gone after the block."""
    arguments = ("--label", "lab.temporary", "--entrypoint", "bash", server, "-c", SERVER)
    container = docker("run", "--detach", *arguments, limit=60).stdout.strip()
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container, check=False)


def ready(container: str) -> None:
    answer = docker("exec", container, "pg_isready", "--host", "127.0.0.1", check=False)
    if answer.status != 0:
        raise NotYetError((answer.stdout + answer.stderr).strip())


def run_on_loopback(container: str, variables: dict[str, str], image: str, *command: str) -> None:
    """Run a command of an image where PostgreSQL's loopback is its own."""
    options = [option for name, value in variables.items() for option in ("--env", f"{name}={value}")]
    # Docker's tmpfs is root's alone unless its mode is given.
    scratch = ("--tmpfs", "/tmp:exec,mode=1777")  # noqa: S108 - the container's
    docker("run", "--rm", "--network", f"container:{container}", *scratch, *options, image, *command, limit=LIMIT)


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The entry without the owner on this machine; None for what the archive leaves out."""
    if entry.name.rpartition("/")[2] in LEFT_OUT:
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
