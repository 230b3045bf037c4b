"""What starts a run when a user's push changes data: lab/triggers, with the worker's packages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.services.generate import token
from lab.services.record import CLUSTER, PIPELINE, Process, Secret, Service

if TYPE_CHECKING:
    from lab.access import Access
    from lab.config import Settings
    from lab.secrets import Secrets

TRIGGERS = "triggers"
SILENCE = 150
"""Seconds that the service may take for one check: Git and Airflow may each take a minute to fail."""


def command(access: Access) -> list[str]:
    return [str(access.paths.program(PIPELINE, "python")), "-m", "lab.triggers"]


def environment(access: Access) -> dict[str, str]:
    from lab.access import BRANCH
    from lab.pipeline.git import isolated_variables
    from lab.proc import service_environment
    from lab.services.airflow import password_file

    paths = access.paths
    return service_environment(
        {
            **access.own_variables(),
            **isolated_variables(access.repository_url),
            **access.git_variables(),
            "PIPELINE_REPOSITORY": access.repository_url,
            "TRIGGERS_BRANCH": BRANCH,
            "TRIGGERS_AIRFLOW_URL": access.url("airflow"),
            "TRIGGERS_LOGIN_FILE": str(password_file(paths)),
            "TRIGGERS_SECONDS": str(access.settings.triggers.poll_seconds),
            "TRIGGERS_FOLDER": str(paths.triggers / "clone.git"),
            "TRIGGERS_STATE_FILE": str(paths.triggers / "state"),
        }
    )


def folder(access: Access) -> Path:
    return access.paths.home


def ready(access: Access, since: float) -> None:
    """Return when the service knows what was there before it: each later push counts."""
    pushes_watched(access, since - 1)


def probe(access: Access) -> None:
    pushes_watched(access, time.time() - access.settings.triggers.poll_seconds - SILENCE)


def pushes_watched(access: Access, since: float) -> None:
    """Return if the local engine's service has checked the repository without errors, later than `since`."""
    from lab.wait import NotYetError

    file = access.paths.triggers / "state"
    try:
        when, state = file.stat().st_mtime, file.read_text("utf-8").strip()
    except FileNotFoundError:
        raise NotYetError("it has not checked the repository yet") from None
    if state:
        raise NotYetError(state)
    if when < since:
        raise NotYetError("it has not checked the repository for a long time")


def objects(secrets: Secrets) -> dict[str, dict[str, str]]:
    return {"triggers": {"webhook-secret": secrets["webhook-secret"]}}


def wanted(settings: Settings) -> bool:
    return settings.triggers.on_push


SERVICES = (
    Service(
        name=TRIGGERS,
        role="triggers",
        what="the watch for pushes",
        title="Watching for pushes",
        secrets=(Secret("webhook-secret", "signs what Gitea reports of pushes", token(32), CLUSTER),),
        process=Process(command, environment, folder, ready, packages=PIPELINE, after=("dataset",), probe=probe),
        manifest="triggers.yaml",
        objects=objects,
        needs=("airflow-api-server",),
        wanted=wanted,
    ),
)
