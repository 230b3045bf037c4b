"""The Git server with the lab's repository: `git http-backend` on the local engine, Gitea in a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.services.generate import token
from lab.services.image import EXTENDED, Image
from lab.services.probes import answers, secret_file
from lab.services.record import CLUSTER, Port, Process, Secret, Service

if TYPE_CHECKING:
    from lab.access import Access
    from lab.secrets import Secrets

GIT = "git"
GITEA_DATA = {f"code.gitea.io/gitea/{name}": f"packages/usr/share/gitea/{name}"
              for name in ("options", "public", "templates")}  # fmt: skip
SECRETS = (
    Secret("git-password", "reads and writes the lab's repository; on kind, administers Gitea", token(24)),
    Secret("git-bot-password", "lets pods read and write the lab's repository", token(24), CLUSTER),
    Secret(
        "gitea-secret-key",
        "encrypts what Gitea keeps in its database",
        token(48),
        CLUSTER,
        lasting="Gitea cannot encrypt again what it has encrypted with it (its setting SECRET_KEY)",
    ),
    Secret("gitea-internal-token", "lets Gitea's hooks reach Gitea", token(48), CLUSTER),
    Secret("gitea-jwt-secret", "signs Gitea's tokens", token(32), CLUSTER),  # Gitea wants these 32 bytes
)


def command(_: Access) -> list[str]:
    return [sys.executable, "-m", "lab.engine.local.git_server"]


def environment(access: Access) -> dict[str, str]:
    from lab.proc import service_environment

    return service_environment(
        {
            **access.own_variables(),
            "GIT_SERVER_PORT": access.url("git").rsplit(":", 1)[1],
            "GIT_PROJECT_ROOT": str(access.paths.repositories),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GITSYNC_USERNAME": access.git_variables()["GITSYNC_USERNAME"],
            "GITSYNC_PASSWORD": access.secrets["git-password"],
        }
    )


def folder(access: Access) -> Path:
    return access.paths.home


def ready(access: Access, _: float) -> None:
    answers(f"{access.url('git')}/healthz")


def prepare(access: Access) -> None:
    from lab.components import repository

    repository.ensure_bare(access)


def is_prepared(access: Access) -> bool:
    from lab.components import repository

    return repository.is_bare(access)


def probe(access: Access) -> None:
    from lab.components import repository

    repository.head(access)


def objects(secrets: Secrets) -> dict[str, dict[str, str]]:
    return {
        "gitea": {
            "secret-key": secrets["gitea-secret-key"],
            "internal-token": secrets["gitea-internal-token"],
            "jwt-secret": secrets["gitea-jwt-secret"],
            "admin-password": secrets["git-password"],
        }
    }


def address(access: Access) -> str:
    return access.repository_url


def note(access: Access) -> str:
    return f"user lab, password in {secret_file(access, 'git-password')}"


SERVICES = (
    Service(
        name=GIT,
        role="git",
        what="the Git server",
        port=Port("git", 3000, "Repository", note, address),
        secrets=SECRETS,
        images=(
            Image(
                "gitea",
                programs=("gitea",),
                programs_folder="packages/usr/local/bin",
                modules=GITEA_DATA,
                owner="1000:1000",
                pulled=EXTENDED,
            ),
        ),
        process=Process(command, environment, folder, ready, prepare=prepare, is_prepared=is_prepared),
        manifest="gitea.yaml",
        objects=objects,
        probe=probe,
        needs=("database",),
    ),
)
