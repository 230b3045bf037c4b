"""`lab eks up` and `down` as phases, one for each resource; see lab.engine.phases."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from lab.engine.eks.cloud import NoAccessError
from lab.engine.eks.place import Place
from lab.engine.eks.plan import CHANGE, DELETE, KEEP, MAKE, Plan, plan_down, plan_up, resources
from lab.engine.eks.release import Release
from lab.engine.eks.resource import Resource
from lab.engine.phases import Note, Phase, Timings, run_phases
from lab.errors import CloudError, LabError, SettingsError
from lab.tools import ensure_tools, missing_tools
from lab.ui import LiveList

TOOLS_LIMIT = 3600
"""Seconds for helm and kubectl built from source; a download takes few."""


def up(place: Place, shown: LiveList, until: str = "") -> Timings:
    """Create and repair everything, or `until` one kind and what it needs.

    Everything is checked before anything is changed.

    Raises:
        LabError: of the first resource that failed; its detail lists what is created, incomplete and missing.
    """
    plan = plan_up(place, until)
    no_access = [error for error in plan.unchecked if isinstance(error, NoAccessError)]
    for trouble in (*no_access, *plan.refused, *plan.lacking):
        raise trouble
    if any(step.resource == Release.key and step.action != KEEP for step in plan.steps):
        Release(place).check()
    try:
        return run_phases(phases(place, until), shown)
    except LabError as error:
        error.detail = "\n".join(filter(None, [error.detail, *listed(place)]))
        error.hint = error.hint or "make eks-up continues from here"
        raise


def phases(place: Place, until: str = "") -> list[Phase]:
    """Phases of `up`; each verifies its result by checking the resource again."""
    tools = Phase(
        "tools",
        "Getting helm and kubectl",
        TOOLS_LIMIT,
        lambda: not missing_tools(place.paths),
        functools.partial(ensure_tools, place.paths),
    )
    everything = resources(place, until=until)
    names = by_key(everything)
    return [tools, *(phase(resource, names) for resource in everything)]


def phase(resource: Resource, names: Mapping[str, list[str]]) -> Phase:
    needs = [name for key in resource.needs for name in names[key]]
    return Phase(
        identity(resource),
        resource.title,
        resource.limit,
        functools.partial(is_right, resource),
        functools.partial(make, resource),
        ("tools", *needs),
    )


def identity(resource: Resource) -> str:
    return f"{resource.key} {resource.name}"


def by_key(everything: list[Resource]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for resource in everything:
        names.setdefault(resource.key, []).append(identity(resource))
    return names


def is_right(resource: Resource) -> bool:
    state = resource.look()
    return state.exists and not state.differs


def make(resource: Resource, note: Note) -> None:
    resource.require(resource.look())
    resource.make(note)
    state = resource.look()
    if not state.exists or state.differs:
        problem = "; ".join(state.differs) or "is not there"
        message = f"the {resource.key} {resource.name} was made, and {problem}"
        raise CloudError(message, "make eks-up continues from here")


def listed(place: Place) -> list[str]:
    """Every resource as it is after a failure, including incomplete ones."""
    words = {KEEP: "made", CHANGE: "half-made", MAKE: "not made"}
    lines = []
    for step in plan_up(place).steps:
        word = words.get(step.action, step.action) if step.checked else "not seen"
        why = f" ({step.why})" if step.why and step.action != KEEP else ""
        lines.append(f"{word}: {step.resource} {step.name}{why}")
    return lines


def down(place: Place, plan: Plan, delete_bucket: str, shown: LiveList) -> Timings:
    """Remove what the plan says, in reverse order, one after the other."""
    going = {f"{step.resource} {step.name}" for step in plan.steps if step.action == DELETE}
    removed: list[Phase] = []
    for resource in reversed(resources(place, delete_bucket=delete_bucket)):
        if identity(resource) in going:
            before = (removed[-1].name,) if removed else ()
            title = f"Removing the {resource.key} {resource.name}"
            action: Callable[[Note], None] = functools.partial(remove, resource)
            removed.append(Phase(identity(resource), title, max(resource.limit, 900), lambda: False, action, before))
    try:
        return run_phases(removed, shown)
    except LabError as error:
        left = [f"left: {s.resource} {s.name}" for s in plan_down(place, delete_bucket).steps if s.action == DELETE]
        error.detail = "\n".join(filter(None, [error.detail, *left]))
        raise


def remove(resource: Resource, note: Note) -> None:
    if resource.look().exists:
        resource.remove(note)


def require_name(place: Place, given: str) -> None:
    """Raise SettingsError unless this is the cluster's name."""
    if given != place.settings.cluster.name:
        hint = "nothing was deleted; type the name as it stands there"
        raise SettingsError(f"{given!r} is not the name of the cluster in eks.toml", hint)
