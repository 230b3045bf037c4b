"""`python -m lab.pipeline.seed DATASET ROWS SEED`: generate, `dvc add` and `dvc push` a dataset here."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.pipeline.dvc import dvc
from lab.pipeline.errors import PipelineError
from lab.pipeline.synthetic import generate


def main(dataset: str, rows: str, seed: str) -> int:
    try:
        generate(Path(dataset), int(rows), int(seed))
        dvc(Path.cwd(), "add", "--quiet", dataset)
        dvc(Path.cwd(), "push", "--quiet", f"{dataset}.dvc")
    except PipelineError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
