"""Writes the file of a data version, or derives it again from its base; either way its bytes are the version's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path, PurePosixPath

from lab.access import Access
from lab.errors import CheckFailedError, NotFoundError
from lab.lineage import versions
from lab.lineage.versions import DataVersion
from lab.pipeline import content
from lab.pipeline.append import append_rows
from lab.pipeline.content import Content
from lab.pipeline.dvc import lay_out, object_place
from lab.pipeline.git import Repository
from lab.pipeline.synthetic import generate
from lab.proc import run

LIMIT = 3600
DATA = PurePosixPath("data")
"""The name of the dataset in a temporary DVC folder."""


def reproduce(access: Access, wanted: str, output: Path | None, *, replay: bool) -> tuple[DataVersion, Path]:
    """Write the version's file and return it with its path; `output` is replaced only when the bytes are correct.

    Raises:
        NotFoundError: there is no such version, or no run to replay.
        CheckFailedError: the bytes are not the version's; nothing is written.
    """
    with versions.fresh_clone(access) as clone:
        version = versions.find(versions.read(clone), wanted)
        if version.md5 is None:
            raise CheckFailedError(
                f"version {version.number}: {version.fault}", "restore the pointer (git log) and push"
            )
        made = replayed(access, clone, version) if replay else pulled(access, clone, version.commit, version.path)
        md5 = file_md5(made)
        if md5 != version.md5:
            raise CheckFailedError(
                f"version {version.number}: {'the replay' if replay else 'the object'} has md5 {md5}, "
                f"the pointer says {version.md5}", "make lab-verify",
            )  # fmt: skip
        target = output or default_output(access, version)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        shutil.copyfile(made, partial)
        partial.replace(target)
    return version, target


def default_output(access: Access, version: DataVersion) -> Path:
    name = Path(version.path)
    return access.paths.home / "reproduced" / f"{name.stem}-v{version.number}{name.suffix}"


def pulled(access: Access, clone: Repository, commit: str, path: str) -> Path:
    """The data that `commit` names, in the cache of a DVC folder next to the clone: nothing is checked out."""
    found = content.read(clone, commit, PurePosixPath(path))
    folder = clone.folder.with_name("dvc")
    lay_out(folder, DATA, found.pointer, found.remote)
    command = [str(access.dvc_program()), "fetch", "--quiet", "--", f"{DATA}.dvc"]
    finished = run(command, env=clone.environment, cwd=folder, limit=LIMIT, check=False)
    file = cache_file(folder, found)
    if finished.status != 0 or not file.exists():
        raise CheckFailedError(
            f"the object of md5 {found.pointer.md5} ({path} at {commit[:10]}) could not be pulled", "make lab-verify",
            finished.stderr.strip()[-500:],
        )  # fmt: skip
    return file


def replayed(access: Access, clone: Repository, version: DataVersion) -> Path:
    """The version, derived again: from its seed, or by appending its run's rows to its base."""
    made = clone.folder.parent / "replayed.csv"
    if version.seed is not None and version.rows is not None:
        generate(made, version.rows, version.seed)
        return made
    if version.run_id is None or version.rows_added is None or not version.parent:
        raise NotFoundError(
            f"version {version.number} was made by hand ({version.author}): there is no run to replay",
            "make lab-reproduce without REPLAY=1 writes its file",
        )
    base = content.read(clone, version.parent, PurePosixPath(version.path)).pointer
    shutil.copyfile(pulled(access, clone, version.parent, version.path), made)
    append_rows(made, version.rows_added, version.row_identity, base.md5, base.size)
    return made


def cache_file(folder: Path, found: Content) -> Path:
    return folder / ".dvc" / "cache" / object_place(found.pointer.md5)


def file_md5(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
