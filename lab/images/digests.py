"""The digests of public images: as lab/pins.toml states them, else as they were at the first pull, from a lock file.

The owner of a tag can move it to another image, a digest stays ("Pull an image by digest" in Docker's documentation).
The lock stands in the checkout, so that a commit of it gives everyone the same images. It has a table for each
architecture, as a registry may answer with the digest of one architecture's image.
"""

from __future__ import annotations

import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.docker import inspect
from lab.errors import SettingsError
from lab.images import registry
from lab.images.base import Note
from lab.paths import Paths

LOCK = "images/pulled.lock"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
HEADER = """\
# Digests of the public images that lab/pins.toml states none of, recorded at their first pull. The lab pulls no others:
# `make images RELOCK=1` records what the registry has now (docs/kubernetes.md).
"""
WRITING = threading.Lock()
"""Images are pulled in parallel."""


@dataclass(frozen=True)
class Digests:
    """The lock file of a checkout, for images of one architecture, which come from `mirror` if it is set."""

    paths: Paths
    architecture: str
    mirror: str = ""
    file: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", self.paths.source / LOCK)

    def pinned(self, public: str) -> str:
        """The reference with its digest, if one is known.

        Raises:
            SettingsError: the lock file is damaged.
        """
        digest = "" if "@" in public else self.tables().get(self.architecture, {}).get(public, "")
        return f"{public}@{digest}" if digest else public

    def pull(self, public: str, note: Note) -> str:
        """Pull a public image, by its digest, which is recorded if none was known; return the reference to use.

        Raises:
            NetworkError: the registry refuses, does not answer, or does not have the image of this digest.
            HostError: the disk is full.
            SettingsError: the lock file is damaged.
        """
        known = self.pinned(public)
        if known == public and "@" not in public:
            self.record({public: self.current(public, note)})
            known = self.pinned(public)
        reference = registry.mirrored(known, self.mirror)
        if not inspect("image", reference):
            note(f"pulling {reference.partition('@')[0]}")
            registry.pull(self.paths, reference, self.architecture, lock="" if "@" in public else LOCK)
        return reference

    def current(self, public: str, note: Note) -> str:
        """The digest of what the registry has under the reference's tag now."""
        reference = registry.mirrored(public, self.mirror)
        note(f"pulling {reference}")
        registry.pull(self.paths, reference, self.architecture)
        repository = reference.rpartition(":")[0]
        known = (inspect("image", reference) or {}).get("RepoDigests") or []
        digest: str
        (digest,) = {each.partition("@")[2] for each in known if each.partition("@")[0] == repository}
        return digest

    def record(self, digests: Mapping[str, str]) -> None:
        """Record these, in place of those of the same references."""
        with WRITING:
            tables = self.tables()
            tables[self.architecture] = {**tables.get(self.architecture, {}), **digests}
            lines = [
                line
                for architecture, table in sorted(tables.items())
                for line in ("", f"[{architecture}]", *(f'"{name}" = "{each}"' for name, each in sorted(table.items())))
            ]
            partial = self.file.with_name(f".{self.file.name}.partial")
            partial.write_text(HEADER + "\n".join(lines) + "\n", "utf-8")
            partial.replace(self.file)

    def tables(self) -> dict[str, dict[str, str]]:
        """The digests by architecture and reference."""
        try:
            found = tomllib.loads(self.file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise self.damaged(str(error)) from error
        for table in found.values():
            if not isinstance(table, dict) or not all(DIGEST.fullmatch(str(each)) for each in table.values()):
                raise self.damaged("it holds something else than digests")
        return found

    def damaged(self, why: str) -> SettingsError:
        hint = f"restore the file (git checkout {LOCK}), or remove it: the next pull records the digests again"
        return SettingsError(f"{LOCK} cannot be read: {why}", hint)
