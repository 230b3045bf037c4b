"""What the service reads from its environment; the same variables in a pod and in a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WatchSettings:
    """Which branch to watch, which Airflow to notify, how often to look (`seconds`), and where to keep a small clone.

    Passwords stand in files: `login` is a JSON object of Airflow's user and password, `secret` what signs webhooks. The
    service listens on `port` if it is not 0. `state`, if any, is a file in which it says after each look what its
    trouble is.
    """

    repository: str
    branch: str
    airflow: str
    login: Path
    asset: str
    seconds: float
    folder: Path
    port: int = 0
    secret: Path | None = None
    state: Path | None = None


def from_environment(environment: Mapping[str, str]) -> WatchSettings:
    """Read the settings from TRIGGERS_* variables, and PIPELINE_REPOSITORY; Git has its own (lab.pipeline.git).

    Raises:
        KeyError: a variable is missing.
    """
    secret, state = (environment.get(f"TRIGGERS_{name}") for name in ("SECRET_FILE", "STATE_FILE"))
    return WatchSettings(
        repository=environment["PIPELINE_REPOSITORY"],
        branch=environment.get("TRIGGERS_BRANCH", "main"),
        airflow=environment["TRIGGERS_AIRFLOW_URL"],
        login=Path(environment["TRIGGERS_LOGIN_FILE"]),
        asset=environment.get("TRIGGERS_ASSET", "lab://datasets/changed"),
        seconds=float(environment.get("TRIGGERS_SECONDS", "5")),
        folder=Path(environment["TRIGGERS_FOLDER"]),
        port=int(environment.get("TRIGGERS_PORT", "0")),
        secret=Path(secret) if secret else None,
        state=Path(state) if state else None,
    )
