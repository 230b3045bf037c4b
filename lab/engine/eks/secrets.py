"""The Secrets of the namespace `airflow`. What others gave out comes from the environment, the rest is generated.

They go to the cluster by kubectl's standard input and are nowhere else: not in a file, not in argv, not in eks.toml.
"""

from __future__ import annotations

import base64
import json
import os
from urllib.parse import urlsplit

from lab.engine.airflow_secrets import DATABASE, GIT, LABELS, generated, git_credentials, secret_object
from lab.engine.eks.kube import Kube
from lab.engine.eks.manifests import NAMESPACE
from lab.engine.eks.resource import ABSENT, Resource, State
from lab.engine.phases import Note
from lab.errors import SettingsError
from lab.secrets import GENERATORS

GIT_VARIABLES = ("GITSYNC_USERNAME", "GITSYNC_PASSWORD")
DATABASE_VARIABLE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
HINTS = {
    GIT: f"export {' and '.join(GIT_VARIABLES)}: who may clone and push, best by a token of this repository only",
    DATABASE: f"export {DATABASE_VARIABLE}=postgresql://user:password@host:5432/airflow",
}


class Fresh:
    """A new secret by each name."""

    def __getitem__(self, name: str) -> str:
        return GENERATORS[name]()


class Secrets(Resource):
    """One that is there stays, but where the environment holds another value for it."""

    key = "secrets"
    needs = ("storage",)

    @property
    def name(self) -> str:
        return f"Secrets of {NAMESPACE}"

    @property
    def title(self) -> str:
        return "Making the Secrets"

    def look(self) -> State:
        there = self.there()
        if not there:
            return ABSENT
        missing = tuple(f"lacks {name}" for name in self.names() if name not in there)
        changed = tuple(f"another {name}" for name, data in self.given().items() if there.get(name, data) != data)
        return State(True, (*missing, *changed))

    def there(self) -> dict[str, dict[str, str]]:
        kube = self.place.kube()
        return {} if kube is None else read(kube)

    def names(self) -> list[str]:
        return [GIT, DATABASE, *generated(Fresh())]

    def given(self) -> dict[str, dict[str, str]]:
        """What the environment holds.

        Raises:
            SettingsError: the connection is not one of PostgreSQL's. It is not repeated.
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
            found[DATABASE] = {"connection": connection}
        return found

    def require(self, state: State) -> None:
        """Refuse where what others give out is neither in the cluster nor in the environment."""
        there, given = self.there(), self.given()
        for name, hint in HINTS.items():
            if name not in there and name not in given:
                raise SettingsError(f"nobody told the Secret {name}", hint)

    def make(self, note: Note) -> None:
        there, kube = self.there(), self.place.kube()
        assert kube is not None, "needed"  # noqa: S101
        self.require(ABSENT)
        wanted = {**{name: data for name, data in generated(Fresh()).items() if name not in there}, **self.given()}
        items = [secret_object(NAMESPACE, name, data) for name, data in wanted.items() if there.get(name) != data]
        options = ("apply", "--server-side", "--force-conflicts", "--field-manager=lab-secrets", "--filename=-")
        kube.kubectl(*options, text=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def remove(self, note: Note) -> None:
        """They go with their namespace."""


def read(kube: Kube) -> dict[str, dict[str, str]]:
    """The lab's Secrets in the cluster, by name; none where there is no namespace."""
    selector = ",".join(f"{key}={value}" for key, value in LABELS.items())
    answer = kube.kubectl("get", "secrets", "--namespace", NAMESPACE, "--selector", selector, "--output", "json")
    return {
        item["metadata"]["name"]: {k: base64.b64decode(v).decode() for k, v in (item.get("data") or {}).items()}
        for item in json.loads(answer.stdout)["items"]
    }
