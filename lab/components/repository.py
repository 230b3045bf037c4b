"""The lab's repository: DAGs, DVC's configuration, and the dataset's pointer; created once, with dataset version 1.

The data goes to the bucket before the commit that names it is pushed, and nothing of an interrupted attempt is used.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from lab.access import BRANCH, DATASET, REPOSITORY, Access
from lab.environments import Environment
from lab.errors import LabError
from lab.pipeline import receipt
from lab.pipeline.git import GitError, Repository
from lab.proc import run

DVC_CONFIG = """\
# The remote names neither an endpoint nor a key: both come from the environment (AWS_ENDPOINT_URL, and keys or
# Pod Identity), so that the same file serves the lab and Amazon S3.
[core]
    remote = storage
    analytics = false
    check_update = false
['remote "storage"']
    url = {remote}
"""
DVC_IGNORED = "/config.local\n/tmp\n/cache\n"


def ensure_bare(access: Access) -> None:
    """Make the empty repository of the local engine; it appears only when it is whole."""
    final = access.paths.repositories / REPOSITORY
    if is_bare(access):
        return
    partial = final.with_name(final.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    env = access.tool_environment()
    run(["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", partial], env=env, limit=20)
    settings = {
        "http.receivepack": "true",
        "receive.fsckObjects": "true",
        "receive.autogc": "false",  # a separate garbage collector would outlive the push, and the lab
        "core.fsync": "all",  # a pushed commit survives a power cut (Git 2.36; older ones sync less)
        "core.logAllRefUpdates": "true",
    }
    for name, value in settings.items():
        run(["git", "-C", partial, "config", name, value], env=env, limit=20)
    partial.rename(final)


def is_bare(access: Access) -> bool:
    return (access.paths.repositories / REPOSITORY / "HEAD").exists()


def head(access: Access) -> str | None:
    """The commit at the head of the branch, or None in an empty repository.

    Raises:
        GitError: the Git server does not answer.
    """
    remote = Repository(Path("/"), access.tool_environment())
    listed = remote.out("ls-remote", access.repository_url, f"refs/heads/{BRANCH}")
    return listed.split()[0] if listed else None


def branches(access: Access) -> dict[str, str]:
    """The branches of the repository, each with the commit at its head.

    Raises:
        GitError: the Git server does not answer.
    """
    remote = Repository(Path("/"), access.tool_environment())
    listed = (line.split("\t") for line in remote.out("ls-remote", "--heads", access.repository_url).splitlines())
    return {name.removeprefix("refs/heads/"): commit for commit, name in listed}


def clone(access: Access, folder: Path, *options: str) -> Repository:
    """A fresh clone of the branch in `folder`, which must not exist."""
    environment = access.tool_environment()
    Repository(folder.parent, environment).run("clone", "--quiet", *options, access.repository_url, str(folder))
    return Repository(folder, environment)


def seed(access: Access) -> str:
    """Fill the empty repository and return what was created, in one line. Data first, pointer second."""
    folder = access.paths.temporary / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        repository = clone(access, folder)
        repository.run("symbolic-ref", "HEAD", f"refs/heads/{BRANCH}")
        write_files(access, folder)
        repository.run("add", "--all")
        repository.run("commit", "--quiet", "--message", "The lab's repository: DAGs and DVC configuration")
        made = make_version_1(access, repository)
        repository.run("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    except GitError as error:
        raise LabError(error.message, error.hint) from error
    shutil.rmtree(folder)
    return made


def write_files(access: Access, folder: Path) -> None:
    template = Path(__file__).with_name("repository_files")
    shutil.copytree(template, folder, dirs_exist_ok=True)
    shutil.copytree(
        access.paths.source / "dags",
        folder / "dags",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc" / "config").write_text(DVC_CONFIG.format(remote=access.remote_url), "utf-8")
    (folder / ".dvc" / ".gitignore").write_text(DVC_IGNORED, "utf-8")
    (folder / ".dvcignore").write_text("# Patterns that DVC leaves out, as in .gitignore\n", "utf-8")
    (folder / DATASET).parent.mkdir(exist_ok=True)


def make_version_1(access: Access, repository: Repository) -> str:
    """Generate the dataset, put it under DVC, push its object and receipt, and commit its pointer."""
    wanted = access.settings.dataset
    python = access.paths.program("worker", "python")
    digest = Environment(access.paths, "worker").digest()  # on every engine it is made on this machine
    said = run(
        [python, "-m", "lab.pipeline.seed", DATASET, str(wanted.rows), str(wanted.seed)],
        env={**access.tool_environment(), "PIPELINE_WORKER_DIGEST": digest},
        cwd=repository.folder,
        limit=60 + wanted.rows / 20_000,
    )
    made = json.loads(said.stdout.splitlines()[-1])
    trailers = {
        "Data-Path": DATASET,
        "Data-Md5": made["md5"],
        "Data-Size": made["size"],
        "Data-Rows": made["rows"],
        "Data-Rows-Added": made["rows_added"],
        "Data-Seed": made["seed"],
        **receipt.trailers(made),
    }
    today = datetime.now(UTC).date().isoformat()
    text = "\n".join(f"{key}: {value}" for key, value in trailers.items())
    repository.run("add", "--all")
    repository.run(
        "commit",
        "--quiet",
        "--message",
        f"Data version: {today}\n\n{DATASET}: generated from a seed\n\n{text}",
    )
    return f"{made['rows']:,} rows, {made['size'] / 1e6:.1f} MB, md5 {made['md5']}"
