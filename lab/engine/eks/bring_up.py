"""`lab eks up` and `down` as phases, one for each resource; see lab.engine.phases."""

from __future__ import annotations

import contextlib

from lab.engine.eks.cloud import NoAccessError
from lab.engine.eks.place import Place
from lab.engine.eks.plan import CHANGE, DELETE, KEEP, MAKE, Plan, plan_down, plan_up, resources
from lab.engine.eks.release import EksRelease
from lab.engine.kubernetes.tools import tools
from lab.engine.phases import Phase, Timings, run_phases
from lab.errors import LabError, SettingsError
from lab.ui import LiveList


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
    if any(step.resource == EksRelease.key and step.action != KEEP for step in plan.steps):
        EksRelease(place).check()
    try:
        took = run_phases(phases(place, until), shown)
    except LabError as error:
        error.detail = "\n".join(filter(None, [error.detail, *listed(place)]))
        error.hint = error.hint or "make eks-up continues from here"
        with contextlib.suppress(LabError):
            place.keep_kubeconfig()
        raise
    place.keep_kubeconfig()
    return took


def phases(place: Place, until: str = "") -> list[Phase]:
    """The phases of `up`: the tools, then each resource's."""
    everything = resources(place, until=until)
    made: dict[str, list[str]] = {}
    for resource in everything:
        made.setdefault(resource.key, []).append(resource.phase_name)
    needs = [tuple(name for key in resource.needs for name in made[key]) for resource in everything]
    getting = tools(place.paths, "Getting helm and kubectl")
    return [getting, *(each.phase(("tools", *names)) for each, names in zip(everything, needs, strict=True))]


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
        if resource.phase_name in going:
            removed.append(resource.removal((removed[-1].name,) if removed else ()))
    try:
        return run_phases(removed, shown)
    except LabError as error:
        left = [f"left: {s.resource} {s.name}" for s in plan_down(place, delete_bucket).steps if s.action == DELETE]
        error.detail = "\n".join(filter(None, [error.detail, *left]))
        raise


def require_name(place: Place, given: str) -> None:
    """Raise SettingsError unless this is the cluster's name."""
    if given != place.settings.cluster.name:
        hint = "nothing was deleted; type the name as it stands there"
        raise SettingsError(f"{given!r} is not the name of the cluster in eks.toml", hint)
