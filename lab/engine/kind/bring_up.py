"""`lab up` on the kind engine: the phases, which run in parallel where possible."""

from __future__ import annotations

from lab.engine import installs
from lab.engine.kind import cluster_phases
from lab.engine.kind.instance import KindInstance
from lab.engine.kubernetes import airflow_phases, platform_phases
from lab.engine.phases import Phase


def phases(instance: KindInstance) -> list[Phase]:
    """All phases; each is defined beside what it does."""
    return [
        installs.environment(instance, "worker"),
        *cluster_phases.phases(instance),
        *platform_phases.phases(instance),
        *airflow_phases.phases(instance),
    ]
