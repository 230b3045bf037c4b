"""The lab's generated secrets: one file each, mode 0600, in a folder of mode 0700. Never in argv, URLs or logs.

The records of the services say which there are (lab/services). `lab secrets rotate` replaces them; how, each engine
knows (lab.engine.base.Engine.rotate).
"""

from __future__ import annotations

import os
from pathlib import Path

from lab import services
from lab.services.generate import token
from lab.services.record import CLUSTER, LOCAL, Secret

SUPERVISOR = Secret("supervisor-password", "reaches the process supervisor", token(24), LOCAL)
"""Of the local engine itself, and of no service."""
SECRETS = {secret.name: secret for secret in (*services.secrets(), SUPERVISOR)}
GENERATORS = {name: secret.generate for name, secret in SECRETS.items()}
PURPOSES = {name: secret.purpose for name, secret in SECRETS.items()}
LASTING = {name: secret.lasting for name, secret in SECRETS.items() if secret.lasting}
"""Secrets that are not replaced without losing what depends on them, each with the reason."""
FERNET = "airflow-fernet-key"


def names_of(engine: str) -> list[str]:
    """The secrets of an engine, in a fixed order."""
    where = LOCAL if engine == LOCAL else CLUSTER
    return [name for name, secret in SECRETS.items() if secret.only in {"", where}]


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
