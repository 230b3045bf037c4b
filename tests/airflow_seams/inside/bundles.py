"""Airflow's Git bundle: how DAG code comes from the lab's repository."""

from __future__ import annotations

import json
import os
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.providers.git.hooks.git import GitHook

from lab.airflow.task_log import CODE_GONE
from tests.airflow_seams.inside.registry import check, equal, expected, require

MISSING = "0123456789abcdef0123456789abcdef01234567"


def bundle(version: str | None = None) -> Any:
    found = DagBundlesManager().get_bundle("lab", version=version)
    found.initialize()
    return found


@check("git-bundle")
def git_bundle() -> None:
    """The settings of the bundle are accepted, and its code has the commit of the branch as version."""
    found = bundle()
    require((found.path / "dataset_pipeline.py").exists(), f"{found.path} does not contain the DAG")
    commit = expected()["commit"]
    require(commit in str(found.get_current_version()), f"the version is {found.get_current_version()!r}, not {commit}")
    equal(bundle(commit).version, commit, "the version of a bundle for one commit")


@check("git-bundle-without-its-commit")
def commit_is_gone() -> None:
    try:
        bundle(MISSING)
    except Exception as error:
        gone = CODE_GONE.search(str(error))
        require(gone and gone[1] == MISSING[:12], f"the error is {error!r}")
    else:
        raise AssertionError("a bundle without its commit raised no error")


@check("git-connection")
def connection() -> None:
    """A connection without a login leaves the URL as it is; the credential helper of Git signs in."""
    host = json.loads(os.environ["AIRFLOW_CONN_GIT_DEFAULT"])["host"]
    equal(GitHook(git_conn_id="git_default").repo_url, host, "the URL")
