"""Many versions: `lab verify` of a hundred with their data, `lab history` of a thousand.

They are written directly to Git and S3, without runs: only reading them is measured.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from lab import ui
from lab.access import DATASET, Access
from lab.bench.figures import Figure, at_most, figure
from lab.bench.scratch import Scratch
from lab.components import repository, storage
from lab.lineage.reproduce import pulled
from lab.pipeline import content
from lab.pipeline.append import append_rows
from lab.pipeline.git import Repository
from lab.pipeline.pointer import Pointer

LINEAGE = "lineage"
HUNDRED, THOUSAND = 100, 1000
LIMIT = 1800
POINTER = f"{DATASET}.dvc"


def read(scratch: Scratch, access: Access, times: int = 3) -> list[Figure]:
    """Make the versions on separate branches, and have the command line read them."""
    with ui.step(f"Making {HUNDRED} versions with data and {THOUSAND} without", LIMIT):
        size = make(access)
    verified = [
        scratch.lab_json(f"lab verify ({n} of {times})", "verify", "--branch", "hundred", limit=LIMIT)[0]
        for n in range(1, times + 1)
    ]
    listed = [
        scratch.lab_json(f"lab history ({n} of {times})", "history", "--branch", "thousand")[0]
        for n in range(1, times + 1)
    ]
    each = f"of {size / 1e6:.0f} MB each"
    return [
        *figure(LINEAGE, f"lab-verify of {HUNDRED} versions {each}", "s", verified, goal=at_most(60)),
        *figure(LINEAGE, f"lab-history of {THOUSAND} versions", "s", listed, goal=at_most(2)),
    ]


def make(access: Access) -> int:
    """Make the branches `hundred`, with objects in the bucket, and `thousand`; return the bytes of the last object."""
    access.paths.temporary.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=access.paths.temporary, prefix="versions-") as folder:
        clone = repository.clone(access, Path(folder) / "repository")
        first = content.read(clone, "HEAD", PurePosixPath(DATASET)).pointer
        file = Path(folder) / "data.csv"
        shutil.copyfile(pulled(access, clone, clone.out("rev-parse", "HEAD"), DATASET), file)
        with_data = appended(access, file, first)
        made = [Pointer(f"{number:032x}", with_data[-1].size + number, first.path) for number in range(THOUSAND)]
        push(clone, "hundred", with_data)
        push(clone, "thousand", made)
    return with_data[-1].size


def appended(access: Access, file: Path, base: Pointer) -> list[Pointer]:
    """Versions that each add a row to the one before, in the bucket."""
    s3 = storage.client(access)
    made = []
    for number in range(HUNDRED):
        after = append_rows(file, 1, f"bench-{number}", base.md5, base.size)
        base = Pointer(after.md5, after.size, base.path)
        with file.open("rb") as body:
            storage.write(access, storage.object_key(access, base.md5), body, s3)
        made.append(base)
    return made


def push(clone: Repository, branch: str, versions: list[Pointer]) -> None:
    """One commit for each, on a separate branch without other commits."""
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    clone.run("checkout", "--quiet", "--orphan", branch)
    for number, version in enumerate(versions):
        text = f"outs:\n- md5: {version.md5}\n  size: {version.size}\n  hash: md5\n  path: {version.path}\n"
        Path(clone.folder, POINTER).write_text(text, "utf-8")
        clone.environment["GIT_COMMITTER_DATE"] = (moment + timedelta(minutes=number)).isoformat()
        clone.run("add", "--", POINTER)
        clone.run("commit", "--quiet", "--message", f"Data version: {number + 1}\n\nData-Md5: {version.md5}")
    clone.run("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
