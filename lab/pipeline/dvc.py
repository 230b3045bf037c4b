"""DVC, called in this process: one start-up for all commands of a step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.pipeline.errors import PipelineError


class DvcError(PipelineError):
    """A DVC command failed (EX_UNAVAILABLE of sysexits.h); its own lines stand above in the log."""

    exit_code = 69


def isolate(folder: Path) -> None:
    """Keep what DVC writes beside a repository in `folder`, and its usage reports off."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        DVC_NO_ANALYTICS="1",
        DVC_SITE_CACHE_DIR=str(folder / "site"),
        DVC_GLOBAL_CONFIG_DIR=str(folder / "global"),
        DVC_SYSTEM_CONFIG_DIR=str(folder / "system"),
    )


def load() -> None:
    """Import all that a push needs: what a run does before it has others wait."""
    import dvc.cli
    import dvc.repo  # noqa: F401
    import dvc_s3  # type: ignore[import-not-found]  # noqa: F401


def dvc(clone: Path, *arguments: str) -> None:
    """Run `dvc <arguments>` in `clone`.

    Raises:
        DvcError: it ended with a status other than 0.
    """
    from dvc.cli import main

    status = main(["--cd", str(clone), *arguments])
    if status != 0:
        raise DvcError(
            f"dvc {' '.join(arguments)} ended with exit status {status}",
            "the log has DVC's own lines; is the object store up (lab-status), and the object there (lab-verify)?",
        )


def object_place(md5: str) -> str:
    """Where DVC 3 keeps the file of that md5, below a remote's path."""
    return f"files/md5/{md5[:2]}/{md5[2:]}"


@dataclass(frozen=True)
class Remote:
    """The storage of a DVC remote. To open it takes a third of a second: keep it as long as `.dvc` stays the same."""

    filesystem: Any
    path: str

    def at(self, place: str) -> str:
        return str(self.filesystem.join(self.path, *place.split("/")))

    def lacks(self, md5: str) -> bool:
        """Whether the object of that md5 is not there, and others are: a server that comes up may have nothing yet.

        Raises:
            DvcError: the remote refused to tell or could not be reached.
        """
        with refusals(object_place(md5)):
            return not self.filesystem.exists(self.at(object_place(md5))) and bool(self.filesystem.exists(self.path))

    def write(self, place: str, content: bytes) -> None:
        """Write a file at `place`, a path below the remote's; what is there is replaced.

        Raises:
            DvcError: the remote refused it or could not be reached.
        """
        file = self.at(place)
        with refusals(place):
            self.filesystem.makedirs(self.filesystem.parent(file), exist_ok=True)
            self.filesystem.pipe_file(file, content)


def open_remote(clone: Path) -> Remote:
    """The default remote of the repository in `clone`.

    Raises:
        DvcError: the repository's configuration names none that can be opened.
    """
    from dvc.repo import Repo

    with refusals(str(clone)), Repo(str(clone)) as repo:
        remote = repo.cloud.get_remote()
        return Remote(remote.fs, remote.path)


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Tell as DvcError what DVC, s3fs, botocore or the system raises: each remote has its own."""
    try:
        yield
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise DvcError(f"{what}: the DVC remote could not be used: {told}", "make lab-status") from error
