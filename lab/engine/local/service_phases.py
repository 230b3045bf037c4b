"""The phase of a service of the local engine, from its record: prepare, start, wait until it answers, finish."""

from __future__ import annotations

import functools

from lab import services
from lab.engine.local.instance import START_LIMIT, LocalInstance
from lab.engine.local.services import process_of
from lab.engine.phases import Note, Phase
from lab.services import LOCAL
from lab.services.record import Service


def phase(instance: LocalInstance, service: Service) -> Phase:
    """The phase of `lab up` that starts the service."""
    return Phase(
        service.role,
        service.heading,
        START_LIMIT,
        functools.partial(done, instance, service),
        functools.partial(start, instance, service),
        needs(service),
    )


def needs(service: Service) -> tuple[str, ...]:
    """The phases that end first: the supervisor, the program's environment, and the services that it needs."""
    process = process_of(service)
    environment = (f"environment-{process.packages}",) if process.packages else ()
    before = (services.find(name) for name in service.needs)
    roles = dict.fromkeys(each.role for each in before if each.runs(LOCAL))
    return ("supervisor", *environment, *roles, *process.after)


def done(instance: LocalInstance, service: Service) -> bool:
    prepared = process_of(service).is_prepared
    if prepared and not prepared(instance.access()):
        return False
    return instance.runs(service.name) and not instance.trouble(service.name)


def start(instance: LocalInstance, service: Service, _: Note) -> None:
    process, access = process_of(service), instance.access()
    if process.prepare:
        process.prepare(access)
    since = instance.start(instance.program(service.name))
    instance.wait_for(service.name, functools.partial(process.ready, access, since), service.what)
    if process.finish:
        process.finish(access)
