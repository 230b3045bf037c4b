"""The phases of `lab up` on the kind engine; they run in parallel where possible."""

from __future__ import annotations

import functools
from collections.abc import Callable

from lab import uv
from lab.engine.kind import airflow_phases as airflow
from lab.engine.kind import cluster
from lab.engine.kind import platform_phases as platform
from lab.engine.kind.instance import Instance
from lab.engine.phases import Note, Phase

BUILD_LIMIT = 3600
"""Seconds for images and tools that are all built from source."""
APPLY_LIMIT = 60
INSTALLS = ("tools", "images")

Check = Callable[[Instance], bool]
Apply = Callable[[Instance, Note], None]

PHASES: list[tuple[str, str, float, Check, Apply, tuple[str, ...]]] = [
    ("tools", "Getting kind, helm and kubectl", BUILD_LIMIT, platform.tools_done, platform.get_tools, ()),
    ("images", "Getting the images", BUILD_LIMIT, platform.images_done, platform.get_images, ()),
    (
        "cluster",
        "Starting the cluster",
        cluster.CREATE_LIMIT,
        platform.cluster_done,
        platform.make_cluster,
        ("tools", "images"),
    ),
    (
        "platform",
        "Applying the manifests",
        APPLY_LIMIT,
        platform.platform_done,
        platform.apply_platform,
        ("cluster",),
    ),
    (
        "release",
        "Installing Airflow's chart",
        APPLY_LIMIT,
        airflow.release_done,
        airflow.install_release,
        ("platform",),
    ),
    (
        "identity",
        "Starting Pod Identity",
        platform.READY_LIMIT,
        platform.identity_done,
        platform.wait_for_identity,
        ("platform",),
    ),
    ("git", "Starting Gitea", platform.READY_LIMIT, platform.git_done, platform.wait_for_git, ("platform",)),
    (
        "storage",
        "Starting LocalStack (S3, STS, IAM)",
        platform.READY_LIMIT,
        platform.storage_done,
        platform.wait_for_storage,
        ("platform",),
    ),
    (
        "dataset",
        "Making the repository and version 1 of the dataset",
        platform.READY_LIMIT,
        platform.dataset_done,
        platform.make_dataset,
        ("git", "storage", "environment-worker"),
    ),
    (
        "airflow",
        "Starting Airflow",
        airflow.READY_LIMIT,
        airflow.airflow_done,
        airflow.wait_for_airflow,
        ("release", "identity"),
    ),
    (
        "dags",
        "Loading the DAGs from the repository",
        airflow.READY_LIMIT,
        airflow.dags_done,
        airflow.wait_for_dags,
        ("airflow", "dataset"),
    ),
    (
        "triggers",
        "Watching for pushes",
        airflow.READY_LIMIT,
        airflow.triggers_done,
        airflow.watch_for_pushes,
        ("airflow", "dataset"),
    ),
]


def phases(instance: Instance) -> list[Phase]:
    """The list of phases. Each phase's `done` and `apply` are in the same file."""
    worker = Phase(
        "environment-worker",
        "Installing the worker environment",
        uv.LIMIT,
        instance.environment("worker").is_current,
        lambda _: instance.environment("worker").make(),
        installs=True,
    )
    others = [
        Phase(
            name,
            title,
            limit,
            functools.partial(done, instance),
            functools.partial(apply, instance),
            needs,
            installs=name in INSTALLS,
        )
        for name, title, limit, done, apply, needs in PHASES
    ]
    return [worker, *others]
