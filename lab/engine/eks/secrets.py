"""The Secrets of the namespace `airflow`. External credentials come from the environment, the rest is generated.

They go to the cluster by kubectl's standard input and are nowhere else: not in a file, not in argv, not in eks.toml.
A Secret of one of these names without the lab's label, and a value that another field manager owns, are not the lab's:
both are refused by name and left unchanged.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab.engine.airflow_secrets import DATABASE, GIT, LABELS, generated, git_credentials, secret_object
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State
from lab.engine.kubernetes.cluster import AIRFLOW, Cluster
from lab.engine.phases import Note
from lab.errors import SettingsError
from lab.proc import Completed
from lab.secrets import GENERATORS

GIT_VARIABLES = ("GITSYNC_USERNAME", "GITSYNC_PASSWORD")
DATABASE_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
POSTGRESQL = 5432
"""The port of a connection that names none."""
HINTS = {
    GIT: f"export {' and '.join(GIT_VARIABLES)}: who may clone and push, best by a token of this repository only",
    DATABASE: f"export {DATABASE_VARIABLE}=postgresql://user:password@host:5432/airflow",
}

CONFLICT = re.compile(r'conflicts? with "(?P<manager>[^"]+)"')
"""In what kubectl says when another field manager owns a value ("Server-Side Apply", Kubernetes documentation)."""


class Fresh:
    """A new secret by each name."""

    def __getitem__(self, name: str) -> str:
        return GENERATORS[name]()


class ClusterSecrets(Resource):
    """An existing one is kept, unless the environment holds another value for it."""

    key = "secrets"
    needs = ("storage",)

    @property
    def name(self) -> str:
        return f"Secrets of {AIRFLOW}"

    @property
    def title(self) -> str:
        return "Making the Secrets"

    def look(self) -> State:
        there = self.there()
        if not there:
            return ABSENT
        given = self.given()
        if DATABASE in there and DATABASE not in given:
            require_port(there[DATABASE]["connection"], self.place.settings.database.port)
        missing = tuple(f"lacks {name}" for name in self.names() if name not in there)
        changed = tuple(f"another {name}" for name, data in given.items() if there.get(name, data) != data)
        return State(True, (*missing, *changed))

    def there(self) -> dict[str, dict[str, str]]:
        kube = self.place.kube()
        if kube is None:
            return {}
        items = [item for item in everything(kube) if item["metadata"]["name"] in self.names()]
        for item in items:
            require_own(item)
        return {item["metadata"]["name"]: decoded(item) for item in items}

    def names(self) -> list[str]:
        return [GIT, DATABASE, *generated(Fresh())]

    def given(self) -> dict[str, dict[str, str]]:
        """What the environment holds.

        Raises:
            SettingsError: the connection is not one of PostgreSQL's, chooses its own TLS, or names another port than
                eks.toml does. It is not repeated.
        """
        found = {}
        user, password = (os.environ.get(name, "") for name in GIT_VARIABLES)
        if user and password:
            found[GIT] = git_credentials(user, password)
        connection = os.environ.get(DATABASE_VARIABLE, "")
        if connection:
            parts = urlsplit(connection)
            if parts.scheme.partition("+")[0] != "postgresql" or not parts.hostname or not parts.path.strip("/"):
                raise SettingsError(f"{DATABASE_VARIABLE} is not a connection to PostgreSQL", HINTS[DATABASE])
            if {"ssl", "sslmode"} & parse_qs(parts.query).keys():
                hint = "leave it out: database.tls in eks.toml sets it for both of Airflow's drivers (docs/eks.md)"
                raise SettingsError(f"{DATABASE_VARIABLE} holds ssl or sslmode", hint)
            require_port(connection, self.place.settings.database.port)
            found[DATABASE] = {"connection": connection}
        return found

    def require(self, state: State) -> None:
        """Raise if external credentials are neither in the cluster nor in the environment."""
        there, given = self.there(), self.given()
        for name, hint in HINTS.items():
            if name not in there and name not in given:
                raise SettingsError(f"the Secret {name} is neither in the cluster nor in the environment", hint)

    def make(self, note: Note) -> None:
        there, kube = self.there(), self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        self.require(ABSENT)
        wanted = {**{name: data for name, data in generated(Fresh()).items() if name not in there}, **self.given()}
        items = [encoded(name, data) for name, data in wanted.items() if there.get(name) != data]
        options = ("apply", "--server-side", "--field-manager=lab-secrets", "--filename=-")
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        ended = kube.kubectl(*options, text=text, check=False)
        require_no_conflict(ended)
        kube.checked(["kubectl", *options], ended)

    def remove(self, note: Note) -> None:
        """They go with their namespace."""


def require_port(connection: str, expected: int) -> None:
    """Refuse a connection that the network policies would not let through; raises SettingsError."""
    try:
        port = urlsplit(connection).port or POSTGRESQL
    except ValueError as error:
        raise SettingsError("the port of Airflow's database is not a number", HINTS[DATABASE]) from error
    if port != expected:
        hint = f"set database.port = {port} in eks.toml: network policies let pods connect to that port"
        raise SettingsError(f"Airflow's database is at port {port}, and eks.toml says {expected}", hint)


def read(kube: Cluster) -> dict[str, dict[str, str]]:
    """The lab's Secrets in the cluster, by name; none where there is no namespace."""
    return {item["metadata"]["name"]: decoded(item) for item in everything(kube) if is_own(item)}


def everything(kube: Cluster) -> list[dict[str, Any]]:
    """Every Secret of the namespace but Helm's, which are large; also those that are not the lab's."""
    which = ("--namespace", AIRFLOW, "--field-selector", "type!=helm.sh/release.v1")
    found: list[dict[str, Any]] = json.loads(kube.kubectl("get", "secrets", *which, "--output", "json").stdout)["items"]
    return found


def is_own(item: dict[str, Any]) -> bool:
    labels = item["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in LABELS.items())


def require_own(item: dict[str, Any]) -> None:
    """Refuse a Secret without the lab's label.

    Raises:
        ForeignError: its name, and how to have the lab use it as it is.
    """
    if not is_own(item):
        name = item["metadata"]["name"]
        label = " ".join(f"{key}={value}" for key, value in LABELS.items())
        raise ForeignError(
            f"the Secret {name} of the namespace {AIRFLOW} is there and is not the lab's; nothing of it was changed",
            f"to have the lab use it as it is: kubectl label secret {name} --namespace {AIRFLOW} {label}",
        )


def require_no_conflict(ended: Completed) -> None:
    """Refuse what another field manager owns.

    Raises:
        ForeignError: the manager. kubectl repeats no value.
    """
    found = CONFLICT.search(ended.stderr) if ended.status else None
    if found:
        raise ForeignError(
            f"a Secret of the namespace {AIRFLOW} is managed by {found['manager']}, and holds another value",
            "change the value where it is managed, or unset the variable that holds another one",
            ended.stderr.strip(),
        )


def decoded(item: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in (item.get("data") or {}).items()}


def encoded(name: str, data: dict[str, str]) -> dict[str, Any]:
    """The Secret with `data`: of `stringData`, server-side apply does not track who owns a value."""
    made = secret_object(AIRFLOW, name, data)
    values = made.pop("stringData")
    return {**made, "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}}
