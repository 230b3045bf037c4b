"""The three steps of a run. Each looks first at what is already true, and does only the rest.

A run makes exactly one data version or none: its commit carries the run id, and a step that finds that commit on the
branch does nothing more. The data is in the bucket before the commit that names it is pushed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import time
from dataclasses import asdict
from pathlib import Path

from lab.pipeline import git
from lab.pipeline.append import Appended, append_rows
from lab.pipeline.dvc import dvc, isolate
from lab.pipeline.errors import DatasetError
from lab.pipeline.git import GitError, Repository
from lab.pipeline.message import commit_message
from lab.pipeline.pointer import Pointer, parse
from lab.pipeline.run import Run

PUSH_ATTEMPTS = 20


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a step's standard output is its task log


def pull(run: Run) -> None:
    """Clone the branch head into the run's folder and bring the dataset that it names."""
    repository = open_clone(run)
    if published(run, repository):
        return
    repository.run("reset", "--quiet", "--hard", f"origin/{run.branch}")
    base = base_pointer(run, repository)
    fetch_data(run, base)
    head = repository.out("rev-parse", "--short", "HEAD")
    say(f"pulled {run.dataset} at {head}: md5 {base.md5}, {base.size:,} bytes")


def modify(run: Run) -> None:
    """Append the run's rows to the pulled file; a file left half-written by an earlier try is put right."""
    repository = open_clone(run)
    if published(run, repository):
        return
    base = base_pointer(run, repository)
    if not run.data_file.exists():
        fetch_data(run, base)
    appended = append(run, base)
    say(f"rows {appended.rows_before:,} → {appended.rows_after:,}, md5 {appended.md5}")


def push(run: Run) -> None:
    """Make the data version: object to the bucket, then one commit to the branch; then remove the run's folder."""
    repository = open_clone(run)
    for attempt in range(PUSH_ATTEMPTS):
        if published(run, repository):
            break
        if run.rows == 0:
            say("no rows to add: no new data version")
            break
        try_push(run, repository)
        repository.run("fetch", "--quiet", "origin")
        if published(run, repository):
            break
        say(f"the branch {run.branch} has moved: replaying this run's rows on its new head (attempt {attempt + 2})")
        time.sleep(random.uniform(0, min(0.1 * 2**attempt, 5)))  # noqa: S311 - jitter between concurrent runs
    else:
        raise GitError(
            f"the branch {run.branch} moved {PUSH_ATTEMPTS} times while this run tried to push",
            "run fewer writers at once, or run the task again",
        )
    shutil.rmtree(run.folder, ignore_errors=True)


def try_push(run: Run, repository: Repository) -> None:
    """One optimistic attempt on the branch head as last fetched; a rejected push is no error, other failures are."""
    target = repository.out("rev-parse", f"origin/{run.branch}")
    changed = read_receipt(run)
    if base_commit(run, repository) != target or changed is None:
        repository.run("reset", "--quiet", "--hard", target)
        base = base_pointer(run, repository)
        fetch_data(run, base)
        changed = append(run, base)
    base = base_pointer(run, repository, target)
    dvc(run.clone, "add", "--quiet", run.dataset.as_posix())
    added = parse(Path(run.clone, run.pointer).read_text("utf-8"), run.pointer)
    if (added.md5, added.size) != (changed.md5, changed.size):
        run.receipt.unlink()
        raise DatasetError(
            f"{run.dataset} changed between modify and push: md5 {added.md5}, expected {changed.md5}",
            "nothing else may write in the run's folder; run the task again",
        )
    dvc(run.clone, "push", "--quiet", run.pointer)
    say(f"pushed object md5 {added.md5}, {added.size:,} bytes")
    repository.run("reset", "--quiet", "--soft", target)
    repository.run("add", "--", run.pointer)
    repository.run("commit", "--quiet", "--message", commit_message(run, base, changed))
    pushed = repository.run("push", "--quiet", "origin", f"HEAD:refs/heads/{run.branch}", check=False)
    if pushed.returncode != 0:
        repository.run("fetch", "--quiet", "origin")
        if repository.out("rev-parse", f"origin/{run.branch}") == target:
            raise GitError(f"git push: {pushed.stderr.strip().splitlines()[-1]}", "may this user push to the branch?")


def open_clone(run: Run) -> Repository:
    """The run's clone with the branch as it is now on the server; made if it is not there."""
    # In a pod the place says by GIT_CONFIG_* where the repository's host is reached: that stays.
    environment = {**os.environ, **git.isolated_variables(run.repository, before=os.environ)}
    isolate(run.folder / "dvc")
    if not run.clone.exists():
        return git.clone(run.repository, run.branch, run.clone, environment)
    repository = Repository(run.clone, environment)
    repository.run("fetch", "--quiet", "origin")
    (run.clone / ".dvc" / "tmp" / "lock").unlink(missing_ok=True)  # only this run writes here: a lock is a dead one
    return repository


def published(run: Run, repository: Repository) -> bool:
    """Whether the branch already has this run's commit; says so."""
    commit = repository.commit_of_run(f"origin/{run.branch}", run.identity, run.dag)
    if commit:
        say(f"data version of this run: commit {commit}")
    return commit is not None


def base_commit(run: Run, repository: Repository) -> str:
    """The commit that the run's folder was made from: HEAD, or its parent if HEAD is this run's own commit."""
    own = repository.commit_of_run("HEAD", run.identity, run.dag)
    return repository.out("rev-parse", "HEAD^" if own else "HEAD")


def base_pointer(run: Run, repository: Repository, commit: str = "") -> Pointer:
    commit = commit or base_commit(run, repository)
    shown = repository.run("show", f"{commit}:{run.pointer}", check=False)
    if shown.returncode != 0:
        raise DatasetError(
            f"{run.pointer} is not in the repository at {commit[:12]} of {run.branch}",
            "the parameter `dataset` names a file under DVC, such as datasets/employee_attrition.csv",
        )
    return parse(shown.stdout, run.pointer)


def fetch_data(run: Run, base: Pointer) -> None:
    """Bring the base's bytes to the working file, and check them; what an earlier step left there is replaced."""
    run.receipt.unlink(missing_ok=True)
    dvc(run.clone, "pull", "--quiet", "--force", run.pointer)
    with run.data_file.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    if md5 != base.md5:
        raise DatasetError(
            f"{run.dataset}: the object has md5 {md5}, its pointer says {base.md5}",
            "the object in the bucket was changed: `make lab-verify` names every version it touches",
        )


def append(run: Run, base: Pointer) -> Appended:
    run.receipt.unlink(missing_ok=True)
    appended = append_rows(run.data_file, run.rows, run.identity, base.md5, base.size)
    partial = run.receipt.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(appended)), "utf-8")
    partial.replace(run.receipt)
    return appended


def read_receipt(run: Run) -> Appended | None:
    try:
        return Appended(**json.loads(run.receipt.read_text("utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
