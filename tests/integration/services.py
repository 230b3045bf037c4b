"""A lab's services as a person reaches them, and what they have at a moment: what an attack would have changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.integration.checkout import Checkout

DAG = "dataset_pipeline"
BRANCH, KEY = "at-risk", "dvc/at-risk.txt"
"""A branch and an object that an attack could delete; other tests have neither."""
LIST = "aws s3api list-objects-v2 --bucket mlops-lab --query 'Contents[].[Key,ETag]'"


@dataclass
class Services:
    """`urls` are those of `lab status`, and the supervisor's."""

    lab: Checkout
    urls: dict[str, str]

    @classmethod
    def of(cls, lab: Checkout) -> Services:
        return cls(lab, {**lab.status()["urls"], "supervisor": f"http://127.0.0.1:{ports(lab)['supervisor']}"})

    @property
    def git_password(self) -> tuple[str, str]:
        return "lab", self.lab.secret("git-password")

    @contextmanager
    def airflow(self) -> Iterator[httpx.Client]:
        """A client with a person's token."""
        with httpx.Client(base_url=self.urls["airflow"], trust_env=False, timeout=30) as client:
            sign_in(client, self.lab)
            yield client

    def put_at_risk(self) -> None:
        """Create the branch and the object."""
        self.lab.shell(
            f'git clone -q --bare "$PIPELINE_REPOSITORY" at-risk.tmp\n'
            f"git -C at-risk.tmp push -q origin HEAD:refs/heads/{BRANCH} && rm -rf at-risk.tmp\n"
            f"printf kept | aws s3 cp --quiet - s3://mlops-lab/{KEY}"
        )

    def refs(self) -> dict[str, str]:
        """Each ref of the repository with its commit."""
        lines = self.lab.shell('git ls-remote "$PIPELINE_REPOSITORY"').splitlines()
        return {name: commit for commit, name in (line.split("\t") for line in lines)}

    def deletion(self, branch: str) -> str:
        """The body of a push that deletes a branch (gitprotocol-pack(5), "Reference Update Request")."""
        line = f"{self.refs()[f'refs/heads/{branch}']} {'0' * 40} refs/heads/{branch}\0 report-status delete-refs"
        return f"{len(line) + 4:04x}{line}0000"

    def state(self) -> dict[str, Any]:
        """What the services have, asked as the person; also which processes they are.

        Runs that Airflow's schedule makes are left out: midnight may come.
        """
        with self.airflow() as airflow:

            def names(path: str, of: str, *keys: str, **wanted: str) -> list[Any]:
                found = airflow.get(path, params={"limit": "1000", **wanted}).raise_for_status().json()[of]
                return sorted([str(each[key]) for key in keys] for each in found)

            runs = names("/api/v2/dags/~/dagRuns", "dag_runs", "dag_id", "dag_run_id")
            return {
                "runs": [run for run in runs if not run[1].startswith("scheduled__")],
                "connections": names("/api/v2/connections", "connections", "connection_id", "conn_type"),
                "variables": names("/api/v2/variables", "variables", "key", "value"),
                "pools": names("/api/v2/pools", "pools", "name", "slots"),
                "dags": names("/api/v2/dags", "dags", "dag_id", "is_paused"),
                "favourites": names("/api/v2/dags", "dags", "dag_id", is_favorite="true"),
                "events": names("/api/v2/assets/events", "asset_events", "id"),
                "refs and objects": self.lab.shell(f'git ls-remote "$PIPELINE_REPOSITORY"\n{LIST}'),
                "processes": self.lab.pids(),
            }


def ports(lab: Checkout) -> dict[str, int]:
    """The lab's own record of its ports."""
    found: dict[str, int] = json.loads((lab.folder / ".lab" / "run" / "ports.json").read_text("utf-8"))
    return found


def sign_in(client: httpx.Client, lab: Checkout) -> None:
    """Have the client carry a token of Airflow's REST API."""
    credentials = {"username": "admin", "password": lab.secret("airflow-password")}
    token = client.post("/auth/token", json=credentials).raise_for_status().json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
