"""What `lab parity` needs: helm, kubectl, Airflow's chart, and Airflow itself."""

from __future__ import annotations

from collections.abc import Callable

from lab.config import Settings
from lab.parity.places import Tools
from lab.paths import Paths


def prepare(paths: Paths, settings: Settings, note: Callable[[str], None]) -> Tools:
    """Get what is missing.

    Raises:
        NetworkError: it is not on this machine and could not be fetched.
    """
    from lab.chart import find_chart
    from lab.environments import Environment
    from lab.tools import ensure_tools, missing_tools, tool

    chart = find_chart(settings)
    if missing_tools(paths):
        note("getting helm and kubectl")
        ensure_tools(paths, note)
    airflow = Environment(paths, "airflow")
    if not airflow.is_current():
        note("installing the airflow environment, to have it make the DAG's pods")
        airflow.make()
    return Tools(tool(paths, "helm"), tool(paths, "kubectl"), chart)
