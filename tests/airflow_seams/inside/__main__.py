"""Run in Airflow's interpreter: all checks, then Airflow's API server, until the process is ended.

The line of the output that starts with `=>` is JSON: `outcomes` is per check the reason why it does not hold, `errors`
what prevented checks or the API server from being loaded, `port` that of the server. One process for all, because
importing Airflow takes seconds. Processes are forked before the server has threads.
"""

from __future__ import annotations

import importlib
import json
import socket
import sys
from importlib.metadata import version

from tests.airflow_seams.inside.registry import CHECKS, outcome

MODULES = ("bundles", "executors", "pods", "policy", "server", "settings", "steps")
"""Importing them registers their checks."""


def load(name: str) -> None:
    importlib.import_module(f"tests.airflow_seams.inside.{name}")


def prepare() -> None:
    from tests.airflow_seams.inside import server

    server.prepare()


def main() -> None:
    attempts = [*(outcome(lambda name=name: load(name)) for name in MODULES), outcome(prepare)]  # type: ignore[misc]
    outcomes = {name: outcome(check) for name, check in CHECKS.items()}
    errors = [error for error in attempts if error]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = {"version": version("apache-airflow"), "port": port, "outcomes": outcomes, "errors": errors}
        sys.stdout.write(f"\n=>{json.dumps(found)}\n")
        sys.stdout.flush()
        if not errors:
            from tests.airflow_seams.inside import server

            server.serve(listener)


if __name__ == "__main__":
    main()
