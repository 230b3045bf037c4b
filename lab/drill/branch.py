"""The branch that a drill works on: made from the lab's own, and gone after it, with the objects that only it named."""

from __future__ import annotations

from dataclasses import dataclass

from lab.access import BRANCH, DATASET, Access
from lab.components import storage
from lab.errors import CheckFailedError
from lab.lineage import versions
from lab.lineage.versions import DataVersion


@dataclass(frozen=True)
class Start:
    """Where the branch begins: a commit of the lab's own branch, and the dataset's version there."""

    commit: str
    version: DataVersion


def make(access: Access, name: str) -> Start:
    """Make the branch and return its start.

    Raises:
        CheckFailedError: there is no dataset to begin with.
    """
    with versions.fresh_clone(access) as clone:
        known = [each for each in versions.read(clone, f"origin/{BRANCH}") if each.path == DATASET]
        if not known or known[-1].md5 is None:
            raise CheckFailedError(f"{BRANCH} has no version of {DATASET} to begin with", "make lab-verify")
        commit = clone.out("rev-parse", f"origin/{BRANCH}")
        clone.run("push", "--quiet", "origin", f"{commit}:refs/heads/{name}")
    return Start(commit, known[-1])


def remove(access: Access, name: str) -> int:
    """Remove the branch, and then the objects of its versions that no other branch or tag has; return how many."""
    with versions.fresh_clone(access) as clone:
        refs = clone.out("for-each-ref", "--format=%(refname)", "refs/remotes/origin", "refs/tags").split()
        own = f"refs/remotes/origin/{name}"
        others = {each.md5 for ref in refs if ref != own for each in versions.read(clone, ref)}
        only_here = {each.md5 for each in versions.read(clone, own) if each.md5} - others
        clone.run("push", "--quiet", "origin", f":refs/heads/{name}")
    remove_objects(access, sorted(only_here))
    return len(only_here)


def remove_objects(access: Access, md5s: list[str]) -> None:
    """Remove the data and the receipt of each; one that is not there is no error (DeleteObject)."""
    s3 = storage.client(access)
    for md5 in md5s:
        for key in (storage.object_key(access, md5), storage.receipt_key(access, md5)):
            storage.remove(access, key, s3)
