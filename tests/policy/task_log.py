"""`python task_log.py BUCKET LINE …`: Airflow's own writer and reader of task logs, in Airflow's environment.

Each line is uploaded as a worker does at the end of a task, the second one beside what is there; what the API server
would show of the log is printed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from airflow.providers.amazon.aws.log.s3_task_handler import S3RemoteLogIO

# As Airflow 3 names it; the time zone's colon and plus sign are what signatures stumble over.
LOG = Path("dag_id=dataset_pipeline/run_id=manual__2026-11-21T11:31:52.415055+00:00/task_id=push_data/attempt=1.log")


def main(bucket: str, *lines: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        remote = S3RemoteLogIO(remote_base=f"s3://{bucket}/logs", base_log_folder=folder, delete_local_copy=False)
        for line in lines:
            file = Path(folder, LOG)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(line, "utf-8")
            remote.upload(LOG)
        _, logs = remote.read(str(LOG), None)
    sys.stdout.write(json.dumps(logs or []) + "\n")  # the last line; Airflow's own logging goes here as well
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
