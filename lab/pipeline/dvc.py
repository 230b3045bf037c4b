"""DVC's command line, called in this process: one start-up for all commands of a step."""

from __future__ import annotations

import os
from pathlib import Path

from lab.pipeline.errors import PipelineError


class DvcError(PipelineError):
    """A DVC command failed (EX_UNAVAILABLE of sysexits.h); its own lines stand above in the log."""

    exit_code = 69


def isolate(folder: Path) -> None:
    """Keep what DVC writes beside a repository in `folder`, and its usage reports off."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        DVC_NO_ANALYTICS="1",
        DVC_SITE_CACHE_DIR=str(folder / "site"),
        DVC_GLOBAL_CONFIG_DIR=str(folder / "global"),
        DVC_SYSTEM_CONFIG_DIR=str(folder / "system"),
    )


def dvc(clone: Path, *arguments: str) -> None:
    """Run `dvc <arguments>` in `clone`.

    Raises:
        DvcError: it ended with a status other than 0.
    """
    from dvc.cli import main

    status = main(["--cd", str(clone), *arguments])
    if status != 0:
        raise DvcError(
            f"dvc {' '.join(arguments)} ended with exit status {status}",
            "DVC's own lines above say why; is the object store up (lab-status), and is the object there (lab-verify)?",
        )
