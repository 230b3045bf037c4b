"""The variables by which Airflow describes a run to a step."""

from __future__ import annotations

GIVEN = {
    "PIPELINE_RUN_ID": "manual__2025-01-01T00:00:00.1+00:00_a~b",
    "PIPELINE_DAG_ID": "dataset_pipeline",
    "PIPELINE_CODE_VERSION": "0123abcdef",
    "PIPELINE_RUN_DATE": "2025-01-31",
    "PIPELINE_REPOSITORY": "http://127.0.0.1:3000/lab/mlops.git",
    "PIPELINE_BRANCH": "feature/more-rows",
    "PIPELINE_DATASET": "datasets/größe und mehr.csv",
    "PIPELINE_ROWS": "12",
    "PIPELINE_SHARED_DIR": "/shared",
}
