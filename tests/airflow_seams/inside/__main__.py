"""Run in Airflow's interpreter: all checks, then Airflow's API server, until the process is ended.

The last line of the output that starts with `=>` is JSON: the port, and per check the reason why it does not hold. One
process for all, because importing Airflow takes seconds. Processes are forked before the server has threads.
"""

from __future__ import annotations

import json
import socket
import sys
from importlib.metadata import version

from tests.airflow_seams.inside import bundles, executors, pods, policy, server, settings, steps
from tests.airflow_seams.inside.registry import CHECKS, outcome

MODULES = (bundles, executors, pods, policy, server, settings, steps)
"""Importing them registers their checks."""


def main() -> None:
    server.prepare()
    outcomes = {name: outcome(check) for name, check in CHECKS.items()}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = {"version": version("apache-airflow"), "port": listener.getsockname()[1], "outcomes": outcomes}
        sys.stdout.write(f"\n=>{json.dumps(found)}\n")
        sys.stdout.flush()
        server.serve(listener)


if __name__ == "__main__":
    main()
