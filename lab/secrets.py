"""The lab's generated secrets: one file each, mode 0600, in a folder of mode 0700. Never in argv, URLs or logs.

`lab secrets rotate` replaces them; how, each engine knows (lab.engine.base.Engine.rotate).
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def access_key_id() -> str:
    """An AWS access key id in neither form that LocalStack reads an account id from; AWS's begin with AKIA or ASIA."""
    return "LAB" + base64.b32encode(secrets.token_bytes(10)).decode().rstrip("=")


GENERATORS: dict[str, Callable[[], str]] = {
    "airflow-password": lambda: secrets.token_urlsafe(15),
    "git-password": lambda: secrets.token_urlsafe(24),
    "aws-access-key-id": access_key_id,
    "aws-secret-access-key": lambda: secrets.token_urlsafe(30),
    "airflow-jwt-secret": lambda: secrets.token_urlsafe(48),
    "airflow-api-secret": lambda: secrets.token_urlsafe(32),
    "airflow-fernet-key": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "supervisor-password": lambda: secrets.token_urlsafe(24),
    # Of the Kubernetes engines.
    "git-bot-password": lambda: secrets.token_urlsafe(24),
    "pod-identity-access-key-id": access_key_id,
    "pod-identity-secret-access-key": lambda: secrets.token_urlsafe(30),
    "sts-session-key": lambda: secrets.token_urlsafe(48),  # credentials that STS issues are derived from it
    "webhook-secret": lambda: secrets.token_urlsafe(32),
    "postgres-password": lambda: secrets.token_urlsafe(24),
    "postgres-airflow-password": lambda: secrets.token_urlsafe(24),
    "postgres-gitea-password": lambda: secrets.token_urlsafe(24),
    "gitea-secret-key": lambda: secrets.token_urlsafe(48),
    "gitea-internal-token": lambda: secrets.token_urlsafe(48),
    "gitea-jwt-secret": lambda: secrets.token_urlsafe(32),  # Gitea wants these 32 bytes
}

PURPOSES = {
    "airflow-password": "signs the user admin in to Airflow",
    "git-password": "reads and writes the lab's repository; on kind, administers Gitea",
    "aws-access-key-id": "names the lab's key to S3",
    "aws-secret-access-key": "is the lab's key to S3",
    "airflow-jwt-secret": "signs the tokens of Airflow's API",
    "airflow-api-secret": "signs the sessions of Airflow's web server",
    "airflow-fernet-key": "encrypts Airflow's connections and variables in its database",
    "supervisor-password": "reaches the process supervisor",
    "git-bot-password": "lets pods read and write the lab's repository",
    "pod-identity-access-key-id": "names the key by which Pod Identity requests credentials",
    "pod-identity-secret-access-key": "is the key by which Pod Identity requests credentials",
    "sts-session-key": "is what the credentials of pods are derived from",
    "webhook-secret": "signs what Gitea reports of pushes",
    "postgres-password": "is the database administrator's",
    "postgres-airflow-password": "is Airflow's in the database",
    "postgres-gitea-password": "is Gitea's in the database",
    "gitea-secret-key": "encrypts what Gitea keeps in its database",
    "gitea-internal-token": "lets Gitea's hooks reach Gitea",
    "gitea-jwt-secret": "signs Gitea's tokens",
}
ONLY = {
    "local": {"supervisor-password"},
    "kind": {
        name
        for name in GENERATORS
        if name.startswith(("git-bot-", "pod-identity-", "sts-", "webhook-", "postgres-", "gitea-"))
    },
}
"""Secrets of one engine only."""
LASTING = {"gitea-secret-key": "Gitea cannot encrypt again what it has encrypted with it (its setting SECRET_KEY)"}
"""Secrets that are not replaced without losing what depends on them, each with the reason."""
FERNET = "airflow-fernet-key"


def names_of(engine: str) -> list[str]:
    """The secrets of an engine, in a fixed order."""
    return [name for name in GENERATORS if all(name not in names or place == engine for place, names in ONLY.items())]


class Secrets:
    """Reads the secrets of one lab; `ensure` makes those that are missing and never changes one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def missing(self) -> list[str]:
        return [name for name in GENERATORS if not self.file(name).exists()]

    def ensure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        for name in self.missing():
            write_private(self.file(name), GENERATORS[name]() + "\n")

    def replace(self, name: str, value: str) -> None:
        """Write another value, atomically."""
        write_private(self.file(name), value + "\n")

    def begin_fernet_rotation(self) -> None:
        """Put a new Fernet key before the old one: `new,old` encrypts by the first and reads what either encrypted.

        A rotation that has been started continues with its key. ("Rotating encryption keys", Airflow's documentation.)
        """
        if "," not in self[FERNET]:
            self.replace(FERNET, f"{GENERATORS[FERNET]()},{self[FERNET]}")

    def end_fernet_rotation(self) -> None:
        """Drop the old key; to be called when everything in the database is encrypted by the new one."""
        self.replace(FERNET, self[FERNET].partition(",")[0])

    def file(self, name: str) -> Path:
        return self.folder / name

    def __getitem__(self, name: str) -> str:
        return self.file(name).read_text("utf-8").strip()


def write_private(file: Path, text: str) -> None:
    """Write `text` atomically, readable by its owner only."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(file)
