"""The branch that a drill works on: made from the lab's own, and removed after it, with the objects only it named."""

from __future__ import annotations

from dataclasses import dataclass

from lab.access import BRANCH, DATASET, Access
from lab.components import storage
from lab.errors import CheckFailedError
from lab.lineage import needed, versions
from lab.lineage.versions import DataVersion
from lab.pipeline.git import remote_ref


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
        known = [each for each in versions.read_branch(clone) if each.path == DATASET]
        if not known or known[-1].md5 is None:
            raise CheckFailedError(f"{BRANCH} has no version of {DATASET} to begin with", "make lab-verify")
        commit = clone.out("rev-parse", remote_ref(BRANCH))
        clone.run("push", "--quiet", "origin", f"{commit}:refs/heads/{name}")
    return Start(commit, known[-1])


def remove(access: Access, name: str) -> int:
    """Remove the branch, and then the objects of its versions that no other branch or tag has; return how many."""
    s3 = storage.client(access)
    with versions.fresh_clone(access) as clone:
        own = {each.md5 for each in versions.read_branch(clone, name) if each.md5}
        clone.run("push", "--quiet", "origin", f":refs/heads/{name}")
    with versions.fresh_clone(access, "--mirror") as clone:
        only_here = own - needed.of_repository(access, clone, s3).sizes.keys()
    for md5 in only_here:  # one that is not there is no error (DeleteObject)
        for key in (storage.object_key(access, md5), storage.receipt_key(access, md5)):
            storage.remove(access, key, s3)
    return len(only_here)
