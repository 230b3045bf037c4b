"""Helm values: merged as Helm merges them, and checked against the schema in the chart.

The chart's schema lets unknown keys pass at many places, where Helm ignores them. Here they are errors: a key that
does nothing is a key that was misspelt.
"""

from __future__ import annotations

import difflib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import SettingsError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

OWN_FILE = "helm-values.yaml"
"""The user's own values, in the folder of the checkout; merged last."""
Values = dict[str, Any]


@dataclass(frozen=True)
class ValuesFile:
    """A file of values and its text. One that is `generated` need not exist before `write`."""

    path: Path
    text: str
    generated: bool = False

    @classmethod
    def read(cls, path: Path) -> ValuesFile:
        """A file that exists.

        Raises:
            SettingsError: it cannot be read.
        """
        try:
            return cls(path, path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            raise SettingsError(f"{path}: {reason}", "it must be a file of yours") from error

    @classmethod
    def of(cls, path: Path, values: Mapping[str, Any]) -> ValuesFile:
        """A file to be generated, as JSON, which is YAML."""
        return cls(path, json.dumps(values, indent=2) + "\n", generated=True)

    def write(self) -> None:
        """Write it if it is generated."""
        if self.generated:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.write_text(self.text, "utf-8")


def check_values(chart: Path, files: Sequence[ValuesFile]) -> None:
    """Check the chart's own values with those of `files` over them, later ones over earlier ones.

    Raises:
        SettingsError: a file is not readable as values, or a key is unknown or has a wrong value; each is reported with
            the last file that has it, and with a close match where there is one.
    """
    from jsonschema import Draft7Validator

    by_file = {file.path.name: read_values(file) for file in files}
    merged = read_yaml(chart_file(chart, "values.yaml"))
    for values in by_file.values():
        lay_over(merged, values)
    validator = Draft7Validator(strict(json.loads(chart_file(chart, "values.schema.json"))))
    problems = list(dict.fromkeys(line for error in validator.iter_errors(merged) for line in lines_of(error, by_file)))
    if problems:
        raise SettingsError("; ".join(problems), "the chart's values: `helm show values`, or its documentation")


def chart_file(chart: Path, name: str) -> bytes:
    """A file of a packed chart, which has all of them in a folder of the chart's name."""
    with tarfile.open(chart) as archive:
        for member in archive:
            if member.name.count("/") == 1 and member.name.endswith(f"/{name}"):
                stream = archive.extractfile(member)
                return stream.read() if stream else b""
    raise SettingsError(f"{chart} has no {name}", "airflow.chart must name a Helm chart")


def read_values(file: ValuesFile) -> Values:
    from ruamel.yaml.error import YAMLError

    name = file.path.name
    try:
        values = read_yaml(file.text)
    except YAMLError as error:
        raise SettingsError(f"{name} is not YAML: {' '.join(str(error).split())}", "fix or remove it") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{name} holds no Helm values", "it must be a mapping: key, colon, value")
    return values


def read_yaml(text: str | bytes) -> Values:
    """The mapping; an empty text is an empty one."""
    from ruamel.yaml import YAML

    loaded = YAML(typ="safe").load(text)
    found: Values = {} if loaded is None else loaded
    return found


def lay_over(base: Values, values: Mapping[str, Any]) -> None:
    """Merge as Helm does: mappings key by key, anything else replaces, and null takes a key away."""
    for key, value in values.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            lay_over(base[key], value)
        else:
            base[key] = value


def strict(schema: Values) -> Values:
    """The schema with every mapping closed that has a list of keys, unless it allows others."""
    if "properties" not in schema:
        return schema
    closed = {name: strict(part) for name, part in schema["properties"].items()}
    return {"additionalProperties": False, **schema, "properties": closed}


def lines_of(error: ValidationError, by_file: Mapping[str, Values]) -> Iterator[str]:
    """The lines that name what this error is about."""
    path = [str(part) for part in error.absolute_path]
    if error.validator != "additionalProperties" or not isinstance(error.instance, dict):
        yield f"{source(path, by_file)}: {'.'.join(path)} = {error.instance!r}: {error.message}"
        return
    known = list(error.schema["properties"]) if isinstance(error.schema, Mapping) else []
    for key in sorted(set(error.instance) - set(known)):
        close = difflib.get_close_matches(str(key), known, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        yield f"{source([*path, key], by_file)}: {'.'.join([*path, str(key)])} is not a known key{hint}"


def source(path: Iterable[str], by_file: Mapping[str, Values]) -> str:
    """The last file that has a value at this path, or the chart itself."""
    wanted = list(path)
    holders = [name for name, values in by_file.items() if has(values, wanted)]
    return holders[-1] if holders else "the chart"


def has(values: Any, path: list[str]) -> bool:
    for part in path:
        if isinstance(values, list) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        elif isinstance(values, dict) and part in values:
            values = values[part]
        else:
            return False
    return True
