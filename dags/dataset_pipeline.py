"""One run makes one data version: pull the dataset, append synthetic rows, push it. The same file on every engine."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable
from lab_steps import STEP_LIMIT, step

DATASET_CHANGED = Asset("lab://datasets/changed")

# Without a start date, and with no time back, the first run is at the next midnight, not as soon as the DAG is loaded.
DAILY = CronTriggerTimetable("0 0 * * *", timezone="UTC", run_immediately=timedelta(0))

with DAG(
    "dataset_pipeline",
    description="Pull the dataset, append synthetic employees, push a new data version",
    doc_md=__doc__,
    tags=["lab"],
    schedule=AssetOrTimeSchedule(timetable=DAILY, assets=DATASET_CHANGED),
    catchup=False,
    is_paused_upon_creation=False,
    # How many runs are active at once is a setting of Airflow's (max_active_runs_per_dag), not the DAG's.
    # Tries again after 5, 10 and 20 seconds, or up to twice that: long enough for a server to restart.
    default_args={
        "retries": 3,
        "retry_delay": timedelta(seconds=5),
        "retry_exponential_backoff": 2,
        "execution_timeout": STEP_LIMIT,
    },
    params={
        "rows": Param(1, type="integer", minimum=0, maximum=1_000_000, description="Synthetic employees to append"),
        "branch": Param("main", type="string", minLength=1, description="Branch to read and to push to"),
        "dataset": Param(
            "datasets/employee_attrition.csv",
            type="string",
            pattern=r"\.csv$",
            description="Dataset under DVC",
        ),
    },
) as dag:
    step("pull_data", "pull") >> step("modify_data", "modify") >> step("push_data", "push")
