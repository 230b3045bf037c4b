"""DVC, called in this process: one start-up for all commands of a step.

It works in a folder with configuration and pointers that the lab has written (`lay_out`), never on a repository's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lab.pipeline.dvc_config import FILE, RemoteUrl
from lab.pipeline.errors import DatasetError, PipelineError
from lab.pipeline.pointer import MD5, SUFFIX, Pointer


class DvcError(PipelineError):
    """A DVC command failed (EX_UNAVAILABLE of sysexits.h); its own lines stand above in the log."""

    exit_code = 69


def isolate(folder: Path) -> None:
    """Keep what DVC writes beside a repository in `folder`, its usage reports off, and AWS profiles out of it.

    An AWS configuration file can name a program to run (`credential_process` in "AWS CLI configuration files"): what
    the place itself names is used, else an empty one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    empty = folder / "aws-configuration"  # a file, because dvc-s3 does not read a device
    empty.touch()
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.environ.get(name) or str(empty)
    os.environ.update(
        DVC_NO_ANALYTICS="1",
        DVC_SITE_CACHE_DIR=str(folder / "site"),
        DVC_GLOBAL_CONFIG_DIR=str(folder / "global"),
        DVC_SYSTEM_CONFIG_DIR=str(folder / "system"),
    )


def lay_out(folder: Path, dataset: PurePosixPath, pointer: Pointer, remote: RemoteUrl) -> None:
    """Write what DVC reads in `folder`: a configuration that names the remote, and the dataset's pointer."""
    path = json.dumps(dataset.name, ensure_ascii=False)  # a string of YAML too
    written = {
        Path(folder, FILE): remote.configuration(),
        Path(folder, f"{dataset}{SUFFIX}"): (
            f"outs:\n- md5: '{pointer.md5}'\n  size: {pointer.size}\n  hash: md5\n  path: {path}\n"
        ),
    }
    for file, text in written.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")


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


def etag_md5(head: Mapping[str, Any]) -> str | None:
    """The MD5 of an object's bytes by its ETag, from an answer to HeadObject; None where the ETag is none.

    It is one for what was uploaded in one part without a key of KMS or the client's ("Object" in the Amazon S3 API
    reference).
    """
    tag = str(head["ETag"]).strip('"')
    keyed = "kms" in head.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in head
    return tag if MD5.fullmatch(tag) and not keyed else None


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
            DvcError: the remote refused to answer or could not be reached.
        """
        with refusals(object_place(md5)):
            return not self.filesystem.exists(self.at(object_place(md5))) and bool(self.filesystem.exists(self.path))

    def require(self, md5: str, size: int) -> None:
        """Require that the object is there as it was pushed.

        Compares the size, and the ETag where that is an md5.

        Raises:
            DatasetError: another object is in its place.
            DvcError: it is not there, or the remote could not be asked.
        """
        place = object_place(md5)
        with refusals(place):
            bucket, key, _ = self.filesystem.fs.split_path(self.at(place))
            try:
                found = self.filesystem.fs.call_s3("head_object", Bucket=bucket, Key=key)
            except FileNotFoundError:
                found = None
        if found is None:
            raise DvcError(f"{place}: the object is not on the DVC remote after its push", "make lab-status")
        if found["ContentLength"] != size or etag_md5(found) not in {None, md5}:
            raise DatasetError(
                f"{place}: the object on the DVC remote has {found['ContentLength']:,} bytes and the ETag "
                f"{found['ETag']}, not the {size:,} bytes that were pushed",
                "`make lab-repair` restores it if a commit names it, else `make lab-gc DELETE=1` removes it",
            )

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
    """Raise what DVC, s3fs, botocore or the system raises as DvcError: each remote has its own errors."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DvcError(f"{what}: the DVC remote could not be used: {reason}", "make lab-status") from error
