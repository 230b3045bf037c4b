"""The phase that installs one of the lab's environments, on every engine."""

from __future__ import annotations

from lab import uv
from lab.engine.instance import LabInstance
from lab.engine.phases import Note, Phase


def environment(instance: LabInstance, name: str) -> Phase:
    made = instance.environment(name)

    def install(note: Note) -> None:
        note("from its lock; seconds when the packages are cached")
        made.make()

    title = f"Installing the {name} environment"
    return Phase(f"environment-{name}", title, uv.LIMIT, made.is_current, install, installs=True)
