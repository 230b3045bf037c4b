"""Airflow by its public REST API, version 2 (Airflow 3's "REST API reference")."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx

from lab.access import AIRFLOW_USER, DAG, Access
from lab.airflow.dag_errors import ImportFault, import_fault
from lab.airflow.task_log import said
from lab.errors import NotFoundError, NotRunningError, ServiceError
from lab.wait import NotYetError, wait_until

PATIENCE = 60
"""Seconds that Airflow may take to restart, for callers that wait for it."""
PAGE = 100
"""The most entries that Airflow returns at a time, whatever the request (`api.maximum_page_limit`)."""
RUN_ENDED = frozenset({"success", "failed"})
"""The terminal states of a run (DagRunState)."""
TASK_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""The states of a task instance that is not tried again (TerminalTIState); one with tries left is `up_for_retry`."""
SIGN_IN = "/auth/token"
INVALID = frozenset({401, 403})
"""Airflow's status for a token that has expired or was signed with a replaced `airflow-jwt-secret`."""
UNDEFINED = "no file in the folder of DAGs defines it"
COMPONENTS = ("metadatabase", "scheduler", "dag_processor")
Answer = TypeVar("Answer")


class AlreadyThereError(Exception):
    """Airflow has an object of that id (409); never leaves this module."""


@dataclass
class Airflow:
    """A signed-in client. Use it as a context manager.

    Raises:
        NotRunningError: Airflow does not answer, or answers that it cannot (5xx), as while its database is away.
        ServiceError: it answers with an error.
    """

    access: Access
    patience: float = 0
    """Seconds to wait for an Airflow that does not answer: it is restarted while the lab is up."""
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # trust_env off: a proxy of the user must not see loopback traffic.
        self.http = httpx.Client(base_url=self.access.airflow_url, timeout=20, trust_env=False)

    def __enter__(self) -> Airflow:
        self.patiently(self.sign_in)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def patiently(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to a request that can be repeated, and is repeated while Airflow cannot answer."""
        if not self.patience:
            return ask()

        def probe() -> Answer:
            try:
                return ask()
            except NotRunningError as error:
                raise NotYetError(error.message) from error

        return wait_until(probe, what="Airflow", limit=self.patience, hint=self.access.status_hint)

    def sign_in(self) -> None:
        credentials = {"username": AIRFLOW_USER, "password": self.access.secrets["airflow-password"]}
        token = self.request("POST", SIGN_IN, json=credentials)["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, **options: Any) -> Any:
        answer = self.send(method, path, **options)
        if answer.status_code in INVALID and path != SIGN_IN:
            self.sign_in()
            answer = self.send(method, path, **options)
        if answer.status_code == 404:
            raise NotFoundError(f"Airflow knows no {path.removeprefix('/api/v2/')}", "make lab-history")
        if answer.is_error:
            message = f"Airflow answered {answer.status_code} to {method} {path}"
            if answer.is_server_error:
                raise NotRunningError(message, self.access.status_hint, answer.text[:500])
            if answer.status_code == 409:
                raise AlreadyThereError(message)
            raise ServiceError(message, detail=answer.text[:500])
        return answer.json() if answer.content else None

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self.http.request(method, path, **options)
        except httpx.TransportError as error:
            raise NotRunningError(f"Airflow does not answer at {self.access.airflow_url}", "make lab-up") from error

    def health(self) -> dict[str, dict[str, Any]]:
        """Per component: `status` (healthy, unhealthy, None) and its latest heartbeat."""
        health: dict[str, dict[str, Any]] = self.request("GET", "/api/v2/monitor/health")
        return health

    def require_healthy(self, since: float) -> None:
        """Return if all components are healthy by a heartbeat later than `since` (seconds since 1970).

        Raises:
            NotYetError: what is missing.
        """
        try:
            health = self.health()
        except (NotRunningError, ServiceError) as error:
            raise NotYetError(error.message) from error
        for name in COMPONENTS:
            component = health.get(name) or {}
            if component.get("status") != "healthy":
                raise NotYetError(f"{name}: {component.get('status') or 'not started'}")
            beat = component.get(f"latest_{name}_heartbeat")
            if beat and datetime.fromisoformat(beat).timestamp() < since:
                raise NotYetError(f"{name}: no heartbeat since it was started")

    def dag(self, dag_id: str = DAG) -> dict[str, Any] | None:
        """The DAG as Airflow knows it, or None."""
        try:
            found: dict[str, Any] = self.request("GET", f"/api/v2/dags/{dag_id}")
        except NotFoundError:
            return None
        return found

    def why_not_loaded(self, dag: dict[str, Any] | None) -> str:
        """Why a DAG that `dag()` returned cannot run now: the error in its file. Empty if it loads."""
        if dag and not dag.get("is_stale") and not dag.get("has_import_errors"):
            return ""
        file = (dag or {}).get("relative_fileloc") or f"{DAG}.py"
        faults = self.import_errors()
        mine = [fault for fault in faults if fault.source == file] or ([] if dag else faults)
        return str(mine[0]) if mine else UNDEFINED

    def import_errors(self, since: float = 0) -> list[ImportFault]:
        """The DAG files that Airflow could not import when it last parsed them, if that was later than `since`."""
        return [
            import_fault(error)
            for error in self.pages("/api/v2/importErrors", "import_errors")
            if datetime.fromisoformat(error["timestamp"]).timestamp() >= since
        ]

    def trigger(self, dag_id: str, parameters: dict[str, Any]) -> str:
        """Start a run now and return its run id; it has no logical date, like every run started by hand.

        The client chooses the id, so that a repeated request after an error creates no second run: a restart loses
        the answer.
        """
        now = datetime.now(UTC)
        run_id = f"manual__{now.isoformat()}_{secrets.token_hex(4)}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": parameters}

        def start() -> None:
            with contextlib.suppress(AlreadyThereError):
                self.request("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)

        self.patiently(start)
        return run_id

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def runs(self, dag_id: str, limit: int = 10) -> list[dict[str, Any]]:
        """The latest runs, newest first."""
        parameters = {"limit": limit, "order_by": "-run_after"}
        found = self.request("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=parameters)
        return list(found["dag_runs"])

    def run_ids(self, dag_id: str) -> set[str]:
        """The ids of all runs of a DAG, in pages; none of a DAG that Airflow does not know."""
        try:
            return {str(run["dag_run_id"]) for run in self.all_runs(dag_id)}
        except NotFoundError:
            return set()

    def all_runs(self, dag_id: str = "~", **filters: Any) -> Iterator[dict[str, Any]]:
        """Every run of a DAG, or of all DAGs, that matches the filters, in pages; oldest first."""
        yield from self.pages(f"/api/v2/dags/{dag_id}/dagRuns", "dag_runs", **filters)

    def pages(self, path: str, key: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Every entry of a list of the API, in the order of their ids."""
        for offset in itertools.count(0, PAGE):
            parameters = {"limit": PAGE, "offset": offset, "order_by": "id", **filters}
            page = self.request("GET", path, params=parameters)[key]
            yield from page
            if len(page) < PAGE:
                return

    def active_runs(self) -> list[dict[str, Any]]:
        """The runs of any DAG that have not ended; a run with a task that waits for its next try is running."""
        return list(self.all_runs(state=["running", "queued"]))

    def now(self) -> datetime:
        """The time by Airflow's own clock, to the second."""
        return parsedate_to_datetime(self.http.get("/api/v2/version").headers["Date"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, in the order of their start; `seconds` is what each took, or None.

        Airflow's own `duration` is wrong on SQLite (3.2.2 adds the whole seconds twice), so it is not used.
        """
        found = list(self.pages(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))
        for task in found:
            task["seconds"] = seconds_between(task["start_date"], task["end_date"])
        return sorted(found, key=lambda task: (task["start_date"] is None, task["start_date"] or ""))

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int) -> list[str]:
        """The lines of a task's log, without Airflow's own framing, each followed by the exceptions raised there."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        content = self.request("GET", path, params={"full_content": True}, headers={"Accept": "application/json"})
        return said(content["content"])


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds between two ISO 8601 times of the API, or None if one is missing."""
    if start is None or end is None:
        return None
    return round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 3)
