"""Where a DAG file that does not load is at fault, out of Airflow's stack traces (recorded from Airflow 3.2.2)."""

from __future__ import annotations

import pytest

from lab.airflow.dag_errors import import_fault
from tests.unit.airflow_lab import BROKEN, TRACE

ROOT = "/opt/airflow/dag_bundles/lab/tracking_repo/dags/"
IN_A_MODULE = f"""Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{ROOT}dataset_pipeline.py", line 10, in <module>
    from lab_steps import step
  File "{ROOT}lab_steps.py", line 7, in <module>
    import nosuch
ModuleNotFoundError: No module named 'nosuch'
"""
IN_A_LIBRARY = f"""Traceback (most recent call last):
  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed
  File "{ROOT}teams/my dag.py", line 12, in <module>
    DAG("a b")
  File "/usr/lib/python3.12/site-packages/airflow/sdk/definitions/dag.py", line 519, in __attrs_post_init__
    validate_key(self.dag_id)
airflow.exceptions.AirflowException: The key 'a b' has to be made of
alphanumeric characters
"""


@pytest.mark.parametrize(
    ("source", "trace", "expected"),
    [
        ("dataset_pipeline.py", TRACE, BROKEN),
        ("dataset_pipeline.py", IN_A_MODULE, "dags/lab_steps.py:7: ModuleNotFoundError: No module named 'nosuch'"),
        (
            "teams/my dag.py",
            IN_A_LIBRARY,
            "dags/teams/my dag.py:12: airflow.exceptions.AirflowException: The key 'a b' has to be made of",
        ),
        ("slow.py", "Traceback …\nAirflowTaskTimeout: after 30 s\n", "dags/slow.py: AirflowTaskTimeout: after 30 s"),
        ("x.py", "", "dags/x.py: no reason given"),
    ],
    ids=["syntax", "module", "library", "no frame", "empty"],
)
def test_a_fault_names_file_line_and_error(source: str, trace: str, expected: str) -> None:
    assert str(import_fault({"filename": source, "stack_trace": trace})) == expected
