"""Refuses to bring a lab up with settings other than those that it runs with, or that its data was made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.config import Settings
from lab.errors import SettingsError
from lab.secrets import write_private

Sections = dict[str, dict[str, Any]]
DATA_SECTIONS = {"dataset", "storage"}
"""Settings that the data was made with, and that can't be changed without making it again."""
NOT_OF_A_LAB = {"engine", "bundle", "gc"}
"""Settings that a running lab does not depend on, or that are kept elsewhere."""


def remember_running(file: Path, settings: Settings) -> None:
    """Write down what the running lab was brought up with."""
    write_private(file, settings.model_dump_json())


def running(file: Path) -> Settings | None:
    """What the running lab was brought up with, if `file` has it and this version of the lab knows all of it."""
    try:
        return Settings.model_validate_json(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def remember_data(file: Path, settings: Settings) -> None:
    """Write down what the data was made with."""
    write_private(file, settings.model_dump_json(include=DATA_SECTIONS))


def require_running(file: Path, settings: Settings) -> None:
    """Refuse settings that differ from those of the running lab, if `file` has them.

    Raises:
        SettingsError: each difference, with both values and the command that resolves it.
    """
    refuse_changes(file, settings, "the lab is up", "make lab-down, then make lab-up")


def require_data(file: Path, settings: Settings) -> None:
    """Refuse settings that the lab's data was not made with, if `file` has them.

    Raises:
        SettingsError: each difference, with both values and the command that resolves it.
    """
    hint = "make lab-down PURGE=1 removes the data, the next make lab-up makes it again"
    refuse_changes(file, settings, "the lab's data was made", hint)


def refuse_changes(file: Path, settings: Settings, what: str, hint: str) -> None:
    if not file.exists():
        return
    saved: Sections = json.loads(file.read_text("utf-8"))
    before = with_defaults(saved)
    asked: Sections = settings.model_dump(mode="json", exclude=NOT_OF_A_LAB)
    changes = [
        f"{section}.{key} = {shown(before[section][key])}, requested {shown(value)}"
        for section, values in asked.items()
        if section in saved
        for key, value in values.items()
        if before[section][key] != value
    ]
    if changes:
        raise SettingsError(f"{what} with other settings: {'; '.join(changes)}", hint)


def shown(value: object) -> str:
    return "the default" if value is None else repr(value)


def with_defaults(saved: Sections) -> Sections:
    """The settings that were saved; one that the lab did not know then, or that was missing, has its default."""
    defaults: Sections = Settings().model_dump(mode="json", exclude=NOT_OF_A_LAB)
    return {section: {**values, **saved.get(section, {})} for section, values in defaults.items()}
