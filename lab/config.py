"""Settings: defaults, then lab.toml, then LAB_* variables, then flags; resolved once into one frozen object.

An unknown key or a wrong type anywhere is an error, and all of them are told at once, each with its source.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lab.errors import SettingsError
from lab.pipeline.synthetic import DEFAULT_ROWS, DEFAULT_SEED

PREFIX = "LAB_"
NOT_SETTINGS = {"LAB_PYTHON", "LAB_HOME", "LAB_TRACEBACK", "LAB_LOCALSTACK_PYTHON"}

Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(Section):
    """Version 1 of the dataset, generated when the lab's repository is made."""

    rows: Annotated[int, Field(ge=1, le=100_000_000)] = DEFAULT_ROWS
    seed: Annotated[int, Field(ge=0)] = DEFAULT_SEED


class PortSettings(Section):
    """Loopback ports. One that is set must be free; one that is not falls back to any free port."""

    airflow: Port | None = None
    s3: Port | None = None
    git: Port | None = None


class StorageSettings(Section):
    """The bucket of the DVC remote."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = "mlops-lab"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")] = "dvc"
    region: str = "us-east-1"


class AirflowSettings(Section):
    """How many tasks run at once, and how often (seconds) the repository is looked at for new DAG code."""

    parallelism: Annotated[int, Field(ge=1, le=64)] = 4
    refresh_seconds: Annotated[int, Field(ge=1, le=3600)] = 5


class Settings(Section):
    """Everything a person can set; the reference is docs/settings.md."""

    engine: Literal["auto", "local"] = "auto"
    dataset: DatasetSettings = DatasetSettings()
    ports: PortSettings = PortSettings()
    storage: StorageSettings = StorageSettings()
    airflow: AirflowSettings = AirflowSettings()


Layer = dict[str, Any]


def load(file: Path, environment: Mapping[str, str] = os.environ, flags: Layer | None = None) -> Settings:
    """Resolve the settings of the lab whose lab.toml is `file` (it need not exist).

    Raises:
        SettingsError: every unknown key and wrong value, each with the source it came from.
    """
    layers = [(file.name, read_file(file)), ("", read_environment(environment)), ("", flags or {})]
    merged: Layer = {}
    sources: dict[tuple[str, ...], str] = {}
    for source, layer in layers:
        merge(merged, layer)
        sources.update({path: source and f"{source}: " for path, _ in leaves(layer)})
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        problems = [describe(dict(problem), sources) for problem in error.errors()]
    count = "a setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
    raise SettingsError(f"{count}: {'; '.join(problems)}", "docs/settings.md lists every setting with its default")


def read_file(file: Path) -> Layer:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} is not TOML: {error}", "see docs/settings.md for an example") from error


def read_environment(environment: Mapping[str, str]) -> Layer:
    """`LAB_PORTS__GIT=3000` as `{"ports": {"git": "3000"}}`; pydantic turns the text into numbers."""
    layer: Layer = {}
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS:
            *parents, last = name.removeprefix(PREFIX).lower().split("__")
            here = layer
            for parent in parents:
                here = here.setdefault(parent, {})
            here[last] = value
    return layer


def merge(base: Layer, layer: Layer) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = dict(value) if isinstance(value, dict) else value


def leaves(layer: Layer, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in layer.items():
        yield (*path, key), value
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


def describe(problem: dict[str, Any], sources: dict[tuple[str, ...], str]) -> str:
    path = tuple(str(part) for part in problem["loc"])
    name = ".".join(path)
    where = sources.get(path, "")
    if not where:  # from the environment or a flag: name it as the person wrote it
        name = f"{PREFIX}{'__'.join(path).upper()}" if f"{PREFIX}{'__'.join(path).upper()}" in os.environ else name
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], known_keys(path[:-1]), 1)
        return f"{where}{name} is not a known key" + (f" (did you mean {close[0]}?)" if close else "")
    text = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{where}{name} = {problem['input']!r}: {text}"


def known_keys(path: tuple[str, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in path:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
