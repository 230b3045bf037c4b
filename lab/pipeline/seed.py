"""`python -m lab.pipeline.seed DATASET ROWS SEED`: generate, `dvc add` and `dvc push` a dataset here, with its receipt.

Prints the receipt as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from lab.pipeline import receipt
from lab.pipeline.dvc import dvc, open_remote
from lab.pipeline.errors import PipelineError
from lab.pipeline.pointer import parse
from lab.pipeline.run import Worker
from lab.pipeline.synthetic import generate


def main(dataset: str, rows: str, seed: str) -> int:
    try:
        generate(Path(dataset), int(rows), int(seed))
        dvc(Path.cwd(), "add", "--quiet", dataset)
        dvc(Path.cwd(), "push", "--quiet", f"{dataset}.dvc")
        pointer = parse(Path(f"{dataset}.dvc").read_text("utf-8"), f"{dataset}.dvc")
        worker = Worker(os.environ.get("PIPELINE_WORKER_IMAGE", ""), os.environ.get("PIPELINE_WORKER_DIGEST", ""))
        made = receipt.of_seed(dataset, pointer, int(rows), int(seed), worker)
        receipt.put(open_remote(Path.cwd()), made)
    except PipelineError as error:
        sys.stderr.write(f"error: {error.message}\nhint: {error.hint}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(made) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
