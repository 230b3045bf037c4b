"""Commits that a person makes by hand, and commands of the lab that fail on them."""

from __future__ import annotations

from pathlib import Path

from lab.access import DATASET
from tests.integration.checkout import Checkout

IDENTITY = "-c user.name=t -c user.email=t@t.invalid"


def commit_by_hand(lab: Checkout, folder: Path, branch: str, edit: str) -> None:
    """Change a fresh clone by a shell command, and push what was committed to `branch`; the clone stays in `folder`."""
    lab.shell(
        f'git clone -q "$PIPELINE_REPOSITORY" {folder} && cd {folder} && git checkout -qb {branch}\n'
        f"{edit}\ngit add -A && git {IDENTITY} commit -qm 'By hand' && git push -qf origin {branch}"
    )


def publish(lab: Checkout, folder: Path, branch: str, edit: str) -> None:
    """As commit_by_hand, with the dataset changed by `edit`, put under DVC and pushed."""
    commit_by_hand(lab, folder, branch, f"dvc pull -q\n{edit}\ndvc add -q {DATASET} && dvc push -q")


def error_of(lab: Checkout, *arguments: str) -> str:
    """The error line of a command that must end with status 1."""
    output = lab.lab(*arguments, status=1)
    assert "Traceback" not in output.stderr
    return output.stderr.split("error: ")[1].splitlines()[0]
