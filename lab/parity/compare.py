"""Objects of two places side by side: every field that differs, down to the single value.

Lists of elements with names (containers, variables, volumes …) are compared by name, so that one more variable is
one difference. A document within a ConfigMap (airflow.cfg, the template of worker pods) is compared as a
separate object.
"""

from __future__ import annotations

import configparser
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.parity.render import Object, objects

ABSENT = "—"
"""Where one place has nothing."""
DOCUMENTS = {"airflow.cfg": "airflow.cfg", "pod_template_file.yaml": "Worker pod"}
"""Those of the ConfigMap that the chart makes, by what they are called here."""


@dataclass(frozen=True, order=True)
class PlaceDifference:
    """One field of one object, with what it is in each place; without a field it is the object itself."""

    where: str
    what: str
    kind: str
    eks: str


def differences(kind: Iterable[Object], eks: Iterable[Object]) -> list[PlaceDifference]:
    """Every difference between the objects of two places; an object that only one has is a single difference."""
    sides = [{name: found for each in side for name, found in opened(each)} for side in (kind, eks)]
    found = []
    for where in sorted({*sides[0], *sides[1]}):
        values = [side.get(where) for side in sides]
        if None in values:
            found.append(PlaceDifference(where, "", *(ABSENT if value is None else "there" for value in values)))
            continue
        found += [PlaceDifference(where, *difference) for difference in compare("", *values)]
    return found


def opened(found: Object) -> Iterator[tuple[str, Object]]:
    """The object by its name, and the documents in it by theirs."""
    data = found.get("data") or {} if found["kind"] == "ConfigMap" else {}
    for name in DOCUMENTS.keys() & data.keys():
        yield DOCUMENTS[name], document(data[name])
    yield (
        label(found),
        {**found, "data": {name: data[name] for name in data.keys() - DOCUMENTS.keys()}} if data else found,
    )


def label(found: Object) -> str:
    """`Kind namespace/name`; without the namespace where the object names none."""
    metadata = found["metadata"]
    return f"{found['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"


def document(text: str) -> Object:
    if text.lstrip().startswith("["):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        return {section: dict(parser[section]) for section in parser.sections()}
    return objects(text)[0]


def compare(path: str, kind: Any, eks: Any) -> Iterator[tuple[str, str, str]]:
    """The fields below `path` that differ, with both values; `null` is the same as nothing."""
    if kind == eks:
        return
    if any(isinstance(side, dict) for side in (kind, eks)) and all(
        isinstance(side, dict | None) for side in (kind, eks)
    ):
        kind, eks = kind or {}, eks or {}
        for key in sorted({*kind, *eks}):
            yield from compare(f"{path}.{key}" if path else key, kind.get(key), eks.get(key))
        return
    ours, theirs = by_name(kind), by_name(eks)
    if ours is None or theirs is None:
        yield path, shown(kind), shown(eks)
        return
    orders = [name for name in ours if name in theirs], [name for name in theirs if name in ours]
    if orders[0] != orders[1]:  # of variables with one name the last one holds
        yield f"{path}[]", shown(orders[0]), shown(orders[1])
    for name in sorted({*ours, *theirs}):
        yield from element(f"{path}[{name}]", ours.get(name), theirs.get(name))


def element(path: str, kind: Any, eks: Any) -> Iterator[tuple[str, str, str]]:
    """As `compare`; but an element that only one has is one difference."""
    if kind is None or eks is None:
        yield path, shown(kind), shown(eks)
    else:
        yield from compare(path, kind, eks)


def by_name(value: Any) -> dict[str, Any] | None:
    """The elements of a list by what they are called; None for anything else, and where two are called alike."""
    if value is None:
        return {}
    if not isinstance(value, list):
        return None
    named = {name_of(each): each for each in value}
    return None if None in named or len(named) < len(value) else {str(name): each for name, each in named.items()}


def name_of(found: Any) -> str | None:
    """Its name, or that of the object that variables come from."""
    if not isinstance(found, dict):
        return None
    for key in ("configMapRef", "secretRef"):
        if key in found:
            return str(found[key]["name"])
    return str(found["name"]) if "name" in found else None


def shown(value: Any) -> str:
    if value is None:
        return ABSENT
    return value if isinstance(value, str) and value else json.dumps(value)
