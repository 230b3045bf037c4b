"""Settings: defaults, then lab.toml, then LAB_* variables, then flags; resolved once into one frozen object.

An unknown key or a wrong type anywhere is an error, and all of them are reported at once, each with its source.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from lab import services
from lab.engines import ENGINES
from lab.errors import SettingsError
from lab.pipeline.synthetic import DEFAULT_ROWS, DEFAULT_SEED

PREFIX = "LAB_"
NOT_SETTINGS = {"LAB_PYTHON", "LAB_HOME", "LAB_TRACEBACK", "LAB_LOCALSTACK_PYTHON", "LAB_TEST_LOGS", "LAB_TEST_TIMES"}

Steps = Literal["local-executor", "kubernetes-executor"]
"""What watches the pods of the pipeline's steps on Kubernetes: processes of the scheduler, or a second pod for each."""
Port = Annotated[int, Field(ge=1, le=65535)]


def known_engine(name: str) -> str:
    """Raise an error of pydantic's unless there is an engine of this name."""
    *others, last = ("auto", *ENGINES)
    if name not in {*others, last}:
        expected = f"{', '.join(repr(each) for each in others)} or {last!r}"
        raise PydanticCustomError("engine", "must be {expected}", {"expected": expected})
    return name


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSettings(Section):
    """Version 1 of the dataset, generated when the lab's repository is made."""

    rows: Annotated[int, Field(ge=1, le=100_000_000)] = DEFAULT_ROWS
    seed: Annotated[int, Field(ge=0)] = DEFAULT_SEED


FIELDS: dict[str, Any] = dict.fromkeys(services.ports(), (Port | None, None))
PortFields: Any = create_model("PortFields", __base__=Section, **FIELDS)
"""One setting for each port of a service's record (lab/services)."""


class PortSettings(PortFields):  # type: ignore[misc]
    """Loopback ports. One that is set must be free; one that is not set falls back to any free port."""

    @model_validator(mode="after")
    def differ(self) -> PortSettings:
        by_port: dict[int, str] = {}
        for name, port in self.model_dump(exclude_none=True).items():
            if port in by_port:
                raise ValueError(f"ports.{by_port[port]} and ports.{name} are both {port}")
            by_port[port] = name
        return self


class StorageSettings(Section):
    """The bucket of the DVC remote."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = "mlops-lab"
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")] = "dvc"
    region: str = "us-east-1"


class AirflowSettings(Section):
    """How many tasks and runs of a DAG are active at once, and how long one try of a step may take; how DAG code gets
    to Airflow, and how often (seconds) the Git bundle checks for new commits.

    `steps`, `dags` and `chart` (a file; empty: looked for) are of the Kubernetes engines.
    """

    parallelism: Annotated[int, Field(ge=1, le=64)] = 4
    max_active_runs: Annotated[int, Field(ge=1, le=64)] = 4
    step_minutes: Annotated[int, Field(ge=1, le=10080)] = 60
    refresh_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
    steps: Steps = "local-executor"
    dags: Literal["bundle", "gitsync"] = "bundle"
    chart: str = ""


class TriggerSettings(Section):
    """Whether a user's push that changes data starts a run, and how often (seconds) the local engine checks for one.

    On Kubernetes the Git host sends a webhook.
    """

    on_push: bool = True
    poll_seconds: Annotated[int, Field(ge=1, le=3600)] = 5


class ClusterSettings(Section):
    """The kind cluster; two labs on one machine need two names."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] = "lab"


class ImageSettings(Section):
    """The source of images, and a registry that replaces the public ones (`host[:port][/path]`)."""

    source: Literal["auto", "pull", "build", "bundle"] = "auto"
    registry: str = ""


class GarbageSettings(Section):
    """How long (days) `lab gc` keeps an object in the quarantine before it deletes it."""

    quarantine_days: Annotated[int, Field(ge=0, le=3650)] = 7


class BundleSettings(Section):
    """The file of allowed signers (ssh-keygen(1)) of bundles; empty: a bundle need not be signed."""

    allowed_signers: str = ""


class Settings(Section):
    """Everything a user can set; the reference is docs/settings.md."""

    engine: Annotated[str, AfterValidator(known_engine)] = "auto"
    dataset: DatasetSettings = DatasetSettings()
    ports: PortSettings = PortSettings()
    storage: StorageSettings = StorageSettings()
    airflow: AirflowSettings = AirflowSettings()
    triggers: TriggerSettings = TriggerSettings()
    cluster: ClusterSettings = ClusterSettings()
    images: ImageSettings = ImageSettings()
    gc: GarbageSettings = GarbageSettings()
    bundle: BundleSettings = BundleSettings()


PLAIN = {
    r", unable to parse string as an? \w+": "",
    r"valid integer": "whole number",
    r"a valid string": "a text",
    r"greater than or equal to (\S+)": r"at least \1",
    r"less than or equal to (\S+)": r"at most \1",
    r"(Input|String) should (be|match)": r"must \2",
}
"""Pydantic's phrases, and the lab's."""
Layer = dict[str, Any]
Spelling = Callable[[tuple[str, ...]], str]


def load(file: Path, environment: Mapping[str, str] = os.environ, flags: Layer | None = None) -> Settings:
    """Resolve the settings of the lab with the lab.toml `file` (it need not exist).

    Raises:
        SettingsError: every unknown key and wrong value, each with the source it came from.
    """
    problems: list[str] = []
    merged: Layer = {}
    for layer, spelling, strict in layers(file, environment, flags or {}):
        problems += wrong(layer, spelling, strict=strict)
        merge(merged, layer)
    problems = problems or wrong(merged, ".".join)
    if not problems:
        return Settings.model_validate(merged)
    count = "a setting is wrong" if len(problems) == 1 else f"{len(problems)} settings are wrong"
    raise SettingsError(f"{count}: {'; '.join(problems)}", "docs/settings.md lists every setting with its default")


def layers(file: Path, environment: Mapping[str, str], flags: Layer) -> Iterator[tuple[Layer, Spelling, bool]]:
    """Each source in the order in which they shadow each other, how it spells a key, and whether it has types.

    Each is checked separately: a wrong value is reported even if a later source has a valid one.
    """
    yield read_file(file), lambda path: f"{file.name}: {'.'.join(path)}", True
    for name, value in sorted(environment.items()):
        if value and name.startswith(PREFIX) and name not in NOT_SETTINGS:
            yield read_variable(name, value), lambda _, name=name: name, False  # type: ignore[misc]
    yield flags, lambda path: f"--{'-'.join(path)}", False


def wrong(layer: Layer, spelling: Spelling, *, strict: bool = False) -> list[str]:
    """What is wrong in this layer; `strict` where a number must be one and not a text or a truth value."""
    try:
        Settings.model_validate(layer, strict=strict)
    except ValidationError as error:
        return [describe(dict(problem), spelling) for problem in error.errors()]
    return []


def read_file(file: Path) -> Layer:
    if not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file.name} cannot be read: {error.strerror}", "it must be a file of yours") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} is not TOML: {error}", "see docs/settings.md for an example") from error


def read_variable(name: str, value: str) -> Layer:
    """`LAB_PORTS__GIT=3000` as `{"ports": {"git": "3000"}}`; pydantic turns the text into numbers."""
    layer: Any = value
    for part in reversed(name.removeprefix(PREFIX).lower().split("__")):
        layer = {part: layer}
    return dict(layer)


def merge(base: Layer, layer: Layer) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = dict(value) if isinstance(value, dict) else value


def describe(problem: dict[str, Any], spelling: Spelling, model: type[BaseModel] = Settings) -> str:
    """Pydantic's errors as the lab's messages; `model` is the model that the layer was validated with."""
    path = tuple(str(part) for part in problem["loc"])
    name = spelling(path)
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], known_keys(path[:-1], model), 1)
        meant = [f"{name[: -len(path[-1])]}{key.upper()}" if name.startswith(PREFIX) else key for key in close]
        return f"{name} is not a known key" + (f" (did you mean {meant[0]}?)" if meant else "")
    if problem["type"] == "value_error":  # a sentence of our own
        return str(problem["ctx"]["error"])
    return f"{name} = {problem['input']!r}: {plain(problem['msg'])}"


def plain(sentence: str) -> str:
    """A sentence of Pydantic's about a wrong value (also in what Typer says), as the lab's messages have it."""
    for pattern, text in PLAIN.items():
        sentence = re.sub(pattern, text, sentence)
    return sentence


def known_keys(path: tuple[str, ...], model: type[BaseModel]) -> list[str]:
    for part in path:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return []
        model = field.annotation
    return list(model.model_fields)
