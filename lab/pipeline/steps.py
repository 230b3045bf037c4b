"""The three steps of a run. Each looks first at what is already true, and does only the rest.

A run makes exactly one data version or none: its commit carries the run id, and a step that finds that commit on the
branch does nothing more. The data is in the bucket before the commit that names it is pushed.
"""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from lab.pipeline import content, receipt, workspace
from lab.pipeline.append import ROW_KEY, Appended, append_rows, row_identity
from lab.pipeline.content import Content
from lab.pipeline.dvc import DvcError, Remote, dvc, lay_out, load, open_remote
from lab.pipeline.errors import DatasetError
from lab.pipeline.git import GitError, Repository, remote_ref
from lab.pipeline.message import commit_message
from lab.pipeline.pointer import parse, replaced
from lab.pipeline.run import Run

PUSH_ATTEMPTS = 20
LOCKED = "cannot lock ref"
"""What Git's server says to the one of two that push at the same moment (refs/files-backend.c in Git's source)."""
STALE = "stale info"
"""What git-push says where the branch is not at the head that the commit was made for (transport.c in Git's source)."""
LONGEST_PAUSE = 2


class StoredVersion(NamedTuple):
    """A version that has its object on the remote."""

    appended: Appended
    remote: Remote


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a step's standard output is its task log


def pull(run: Run) -> None:
    """Clone the branch head into the run's folder and bring the dataset that it names."""
    started = time.time()
    workspace.remove_folder(run)  # of an earlier try, which got no further
    repository = workspace.open_clone(run)
    if published(run, repository):
        return
    base = content.read(repository, "HEAD", run.dataset)
    if base.remote.notice:
        say(base.remote.notice)
    fetch_data(run, base)
    note_task(run, "pull_data", started)
    head = repository.out("rev-parse", "--short", "HEAD")
    say(f"pulled {run.dataset} at {head}: md5 {base.pointer.md5}, {base.pointer.size:,} bytes")


def modify(run: Run) -> None:
    """Append the run's rows to the pulled file; a file that an earlier try left half-written is repaired."""
    started = time.time()
    repository = workspace.open_clone(run)
    if published(run, repository):
        return
    base = content.read(repository, "HEAD", run.dataset)
    if not run.data_file.exists():
        fetch_data(run, base)
    appended = append(run, base)
    note_task(run, "modify_data", started)
    say(f"rows {appended.rows_before:,} → {appended.rows_after:,}, md5 {appended.md5}")


def push(run: Run) -> None:
    """Make the data version: object to the bucket, then one commit to the branch; then remove the run's folder."""
    started = time.time()
    if run.rows == 0:
        say("no rows to add: no new data version")
    else:
        load()
        with workspace.turn(run, say):
            publish(run, workspace.open_clone(run), started)
    workspace.remove(run)
    for name in workspace.collect_dead(run):
        say(f"removed the folder of a dead run: {name}")


def publish(run: Run, repository: Repository, started: float) -> None:
    """Push until this run's commit is on the branch.

    Raises:
        GitError: the branch moved at each attempt, or the server refused the commit.
    """
    stored: dict[tuple[str, str], StoredVersion] = {}
    for attempt in range(PUSH_ATTEMPTS):
        if published(run, repository) or try_push(run, repository, started, stored):
            return
        say(f"the branch {run.branch} has moved, or is busy: once more on its head (attempt {attempt + 2})")
        time.sleep(random.uniform(0, min(0.1 * 2**attempt, LONGEST_PAUSE)))  # noqa: S311 - jitter between runs
        repository.fetch(run.branch)
    raise GitError(
        f"the branch {run.branch} moved {PUSH_ATTEMPTS} times while this run tried to push",
        "another program pushes to it all the time; run the task again when that has stopped",
    )


def try_push(run: Run, repository: Repository, started: float, stored: dict[tuple[str, str], StoredVersion]) -> bool:
    """One attempt on the branch head as last fetched; False if the branch has moved meanwhile.

    `stored` is what earlier attempts have put on the remote, by the md5 of its base and the remote: there is little
    time between fetch and push where only other files have changed.

    Raises:
        HistoryRewrittenError: the branch was reset to another commit, or deleted; it stays so.
        GitError: the server refused the commit, and not because the branch has moved.
    """
    target = repository.out("rev-parse", remote_ref(run.branch))
    head = content.read(repository, target, run.dataset)
    key = (head.pointer.md5, head.remote.url)
    if key not in stored:
        stored[key] = store(run, head)
    appended, remote = stored[key]
    remote.require(appended.md5, appended.size)
    tasks = {**workspace.read(run.tasks), "push_data": receipt.task(started, time.time())}
    made = receipt.of_run(run, head.pointer, target, appended, tasks)
    receipt.put(remote, made)
    text = replaced(head.text, run.pointer, appended.md5, appended.size)
    message = commit_message(run, head.pointer, appended, receipt.trailers(made))
    commit = repository.commit_on(target, run.pointer, text, message, mode=head.mode)
    pushed = repository.push(commit, run.branch, target)
    if pushed.returncode == 0:
        say(f"data version of this run: commit {commit}")
        return True
    repository.fetch(run.branch)
    moved = repository.out("rev-parse", remote_ref(run.branch)) != target
    if not moved and LOCKED not in pushed.stderr and STALE not in pushed.stderr:
        last = (pushed.stderr.strip() or "no output").splitlines()[-1]
        raise GitError(f"git push: {last}", "check that this user may push to the branch")
    return published(run, repository)  # only the answer was lost


def store(run: Run, base: Content) -> StoredVersion:
    """Put the base with the run's rows under DVC, and its object in the bucket."""
    # Where the new head has the same data, as after a person's commit, the rows stand where they should.
    appended = read_appended(run, base)
    if appended is not None:
        lay_out(run.clone, run.dataset, base.pointer, base.remote)
    if appended is None or not is_added(run, appended):
        appended = replay(run, base)
        if not is_added(run, appended):
            raise DatasetError(
                f"{run.dataset} changes while this run writes it: its md5 is not {appended.md5}",
                "nothing else may write in the run's folder; start the run again",
            )
    dvc(run.clone, "push", "--quiet", "--", run.pointer)
    say(f"pushed object md5 {appended.md5}, {appended.size:,} bytes")
    return StoredVersion(appended, open_remote(run.clone))


def is_added(run: Run, appended: Appended) -> bool:
    """Have DVC add the file; return whether it is what `append` made. One that a killed DVC has left may not be."""
    dvc(run.clone, "add", "--quiet", "--", run.dataset.as_posix())
    added = parse(Path(run.clone, run.pointer).read_text("utf-8"), run.pointer)
    return (added.md5, added.size) == (appended.md5, appended.size)


def published(run: Run, repository: Repository) -> bool:
    """Whether the branch already has this run's commit; says so."""
    commit = repository.commit_of_run(remote_ref(run.branch), run.identity, run.dag)
    if commit:
        say(f"data version of this run: commit {commit}")
    return commit is not None


def fetch_data(run: Run, base: Content) -> None:
    """Bring the base's bytes to the working file, and check them; what an earlier step left there is replaced."""
    run.appended.unlink(missing_ok=True)
    md5 = base.pointer.md5
    lay_out(run.clone, run.dataset, base.pointer, base.remote)
    try:
        dvc(run.clone, "pull", "--quiet", "--force", "--", run.pointer)
    except DvcError as error:
        if open_remote(run.clone).lacks(md5):
            raise DatasetError(
                f"{run.dataset}: its object, md5 {md5}, is not on the DVC remote",
                "was its pointer edited by hand? `make lab-verify` names every version without its object, and "
                "`make lab-repair` restores what can be restored",
            ) from error
        raise DvcError(f"{run.dataset}: its object, md5 {md5}, could not be pulled", error.hint) from error
    with run.data_file.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise DatasetError(
            f"{run.dataset}: the object has md5 {found}, its pointer says {md5}",
            "the object in the bucket was changed: `make lab-verify` names every version it touches",
        )


def append(run: Run, base: Content) -> Appended:
    """Add the run's rows to the file, which begins with the base, and keep what was done for `push`."""
    run.appended.unlink(missing_ok=True)
    rows_of = row_identity(ROW_KEY, run.dag, str(run.dataset), run.identity)
    appended = append_rows(run.data_file, run.rows, rows_of, base.pointer.md5, base.pointer.size)
    kept = {"base": base.pointer.md5, "rows": run.rows, "row_key": ROW_KEY, "appended": asdict(appended)}
    workspace.write(run.appended, kept)
    return appended


def replay(run: Run, base: Content) -> Appended:
    """This run's rows on another base."""
    say(f"adding this run's rows to md5 {base.pointer.md5}")
    fetch_data(run, base)
    return append(run, base)


def read_appended(run: Run, base: Content) -> Appended | None:
    """What `append` kept, if it was done to this base, in the same way."""
    kept = workspace.read(run.appended)
    done = (kept.get("base"), kept.get("rows"), kept.get("row_key"))
    if done != (base.pointer.md5, run.rows, ROW_KEY) or not run.data_file.exists():
        return None
    return Appended(**kept["appended"])


def note_task(run: Run, name: str, started: float) -> None:
    workspace.write(run.tasks, {**workspace.read(run.tasks), name: receipt.task(started, time.time())})
