"""`lab up` on the local engine: the phases, which run in parallel where possible.

The environments are installed in parallel, and the dataset is made while Airflow starts. Each phase can be interrupted
at any instruction and run again.
"""

from __future__ import annotations

from lab import services
from lab.engine import dataset, installs, ports, programs, same_settings
from lab.engine.local import airflow_phases, service_phases
from lab.engine.local.instance import START_LIMIT, LocalInstance
from lab.engine.phases import Note, Phase
from lab.proc import service_environment
from lab.services import LOCAL


def phases(instance: LocalInstance) -> list[Phase]:
    """All phases; each is defined beside what it does, or follows from the record of a service."""
    own = [supervisor(instance), dataset.dataset(instance, START_LIMIT), *airflow_phases.phases(instance)]
    others = [
        service_phases.phase(instance, service)
        for service in services.running(LOCAL, instance.settings)
        if service.role not in {phase.name for phase in own}
    ]
    return [*(installs.environment(instance, name) for name in services.environments()), *own, *others]


def supervisor(instance: LocalInstance) -> Phase:
    paths = instance.paths

    def start(_: Note) -> None:
        for folder in (paths.run, paths.temporary, paths.shared, paths.bin):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths.aws_configuration.touch()
        instance.access().secrets.ensure()
        ports.settle(instance.port_file, instance.settings.ports)
        same_settings.remember_running(instance.running_settings, instance.settings)
        places = {"dvc": "worker", "airflow": "airflow", "aws": "lab"}
        programs.link(paths, {name: paths.program(environment, name) for name, environment in places.items()}, {})
        instance.supervisor().start(service_environment(instance.access().own_variables()))

    return Phase("supervisor", "Starting the process supervisor", 30, instance.is_up, start)
