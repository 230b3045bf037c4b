"""What a commit says of a dataset, read from Git's objects: nothing of a branch is ever checked out.

A symbolic link or a submodule on the way to a file is refused, so a path means the same in Git and on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from lab.pipeline import dvc_config, pointer
from lab.pipeline.dvc_config import RemoteUrl
from lab.pipeline.errors import DatasetError
from lab.pipeline.git import Repository
from lab.pipeline.log import EXECUTABLE, FILE, ODDITIES
from lab.pipeline.pointer import Pointer

HINT = "the parameter `dataset` names a file under DVC, such as datasets/employee_attrition.csv"


@dataclass(frozen=True)
class Content:
    """A dataset at a commit: its pointer, as parsed and as it stands there with its mode; and the DVC remote."""

    commit: str
    dataset: PurePosixPath
    pointer: Pointer
    text: str
    mode: str
    remote: RemoteUrl

    @property
    def configuration(self) -> str:
        return self.remote.configuration()


@dataclass(frozen=True)
class TreeEntry:
    """An entry of a tree, by git-ls-tree(1); `size` is in bytes, 0 for what is no blob."""

    mode: str
    blob: str
    size: int


def read(repository: Repository, commit: str, dataset: PurePosixPath) -> Content:
    """The dataset's pointer and the repository's DVC remote at this commit.

    Raises:
        DatasetError: one of them is not there or not what it should be.
        GitError: Git cannot read the commit.
    """
    name = f"{dataset}{pointer.SUFFIX}"
    found = entries(repository, commit, [*on_the_way(name), str(dataset), *on_the_way(dvc_config.FILE)])
    if str(dataset) in found:
        raise DatasetError(
            f"{dataset} is itself in the repository, not only its pointer",
            f"`git rm -r --cached {dataset}` and `dvc add {dataset}` put it under DVC",
        )
    wanted = [require_file(found, path, repository, commit) for path in (name, dvc_config.FILE)]
    texts = repository.blobs([entry.blob for entry in wanted])
    return Content(commit, dataset, pointer.parse(texts[0], name), texts[0], wanted[0].mode, dvc_config.parse(texts[1]))


def on_the_way(path: str) -> list[str]:
    """The folders above the path and the path itself, outermost first."""
    return [str(each) for each in reversed([PurePosixPath(path), *PurePosixPath(path).parents]) if str(each) != "."]


def entries(repository: Repository, commit: str, paths: list[str]) -> dict[str, TreeEntry]:
    """What the commit has at these paths and on the way there."""
    listed = repository.run("ls-tree", "-z", "-l", "-t", "--full-tree", commit, "--", *paths).stdout
    found = {}
    for line in filter(None, listed.split("\0")):
        about, _, path = line.partition("\t")
        mode, kind, blob, size = about.split()
        found[path] = TreeEntry(mode, blob, int(size) if kind == "blob" else 0)
    return found


def require_file(found: dict[str, TreeEntry], path: str, repository: Repository, commit: str) -> TreeEntry:
    """The entry of a file of a bearable size.

    Raises:
        DatasetError: it is not there, or something else is, there or on the way.
    """
    for part in on_the_way(path):
        if part in found and (what := ODDITIES.get(found[part].mode)):
            raise DatasetError(f"{part} is {what} in the repository, which is not followed to {path}", HINT)
    entry = found.get(path)
    if entry is None:
        head = repository.out("rev-parse", "--short", commit)
        raise DatasetError(f"{path} is not in the repository at {head}", HINT)
    if entry.mode not in {FILE, EXECUTABLE}:
        raise DatasetError(f"{path} is a folder in the repository, not a file", HINT)
    if entry.size > pointer.LARGEST:
        raise DatasetError(f"{path} has {entry.size:,} bytes in the repository, more than such a file has", HINT)
    return entry
