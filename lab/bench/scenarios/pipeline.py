"""A new data version by `lab run`, compared with the plain way, in turns against the same services."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from lab.access import BRANCH, DATASET
from lab.bench.figures import Figure, at_most, each, figure, ratio
from lab.bench.measure import timed
from lab.bench.scenarios.pandas_way import APPEND_ROW
from lab.bench.scratch import Scratch

RUN, PLAIN = "run", "plain"
STEP_LIMIT = 300


@dataclass
class Samples:
    """The results of the turns, in order."""

    runs: list[float] = field(default_factory=list)
    commands: list[float] = field(default_factory=list)
    tasks: list[dict[str, float]] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    steps: list[dict[str, float]] = field(default_factory=list)


def compare(scratch: Scratch, times: int, *, lab: bool, plain_python: Path | None) -> list[Figure]:
    """`times` turns of what is requested; the first turn, which fills caches of bytecode, is not counted."""
    samples = Samples()
    environment = plain_environment(scratch, plain_python) if plain_python else {}
    for number in range(times + 1):
        counted = f"{number} of {times}" if number else "not counted"
        if lab:
            seconds, result = scratch.lab_json(f"lab run ({counted})", "run")
            if number:
                samples.commands.append(seconds)
                samples.runs.append(result["seconds"])
                samples.tasks.append(result["task_seconds"])
        if plain_python:
            steps = by_hand(scratch, environment, counted)
            if number:
                samples.steps.append(steps)
                samples.plain.append(sum(steps.values()))
    return figures(samples)


def figures(samples: Samples) -> list[Figure]:
    return [
        *figure(RUN, "lab-run, trigger to new version, 10 MB", "s", samples.runs, goal=at_most(15)),
        *each(RUN, "  task", "s", samples.tasks),
        *figure(RUN, "lab-run, whole command", "s", samples.commands),
        *figure(PLAIN, "the plain way: git, dvc and pandas by hand", "s", samples.plain),
        *each(PLAIN, " ", "s", samples.steps),
        *ratio(PLAIN, "plain way : lab-run, trigger to new version", samples.plain, samples.runs),
    ]


def plain_environment(scratch: Scratch, python: Path) -> dict[str, str]:
    """lab-shell's environment, with the plain way's own python and dvc first, and an author for its commits."""
    inside = scratch.shell_environment()
    author = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
              for part, value in (("NAME", "Bench"), ("EMAIL", "bench@lab.invalid"))}  # fmt: skip
    return {**inside, **author, "PATH": f"{python.parent}:{inside['PATH']}"}


def by_hand(scratch: Scratch, environment: dict[str, str], counted: str) -> dict[str, float]:
    """One data version as a user makes it without the lab; seconds per command."""
    folder = scratch.folder / "plain"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    clone = folder / "repository"
    commands: list[tuple[str, list[str], Path]] = [
        ("git clone", ["git", "clone", "--quiet", environment["PIPELINE_REPOSITORY"], str(clone)], folder),
        ("dvc pull", ["dvc", "pull", "--quiet", f"{DATASET}.dvc"], clone),
        ("pandas", ["python", "-c", APPEND_ROW, DATASET, DATASET], clone),
        ("dvc add", ["dvc", "add", "--quiet", DATASET], clone),
        ("dvc push", ["dvc", "push", "--quiet", f"{DATASET}.dvc"], clone),
        ("git commit", ["git", "commit", "--quiet", "--all", "--message", "Data version: by hand"], clone),
        ("git push", ["git", "push", "--quiet", "origin", f"HEAD:{BRANCH}"], clone),
    ]
    seconds = {}
    for name, command, place in commands:
        ran = timed(f"the plain way, {name} ({counted})", command, env=environment, cwd=place, limit=STEP_LIMIT)
        seconds[name] = ran.seconds
    shutil.rmtree(folder)
    return seconds
