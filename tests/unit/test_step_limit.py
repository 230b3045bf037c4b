"""The limit of a step: a setting that reaches the DAG on every engine, and no change of a lab that is older than it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from lab.access import Access
from lab.config import AirflowSettings, Settings
from lab.engine import same_settings
from lab.engine.eks import manifests
from lab.engine.eks.settings import EksAirflowSettings, EksSettings
from lab.engine.kubernetes import inside
from lab.errors import SettingsError
from lab.pins import lock_file
from lab.services import airflow
from tests.unit.eks.conftest import BASE

LIMIT = "PIPELINE_STEP_MINUTES"


@pytest.mark.parametrize("minutes", [60, 7])
def test_every_engine_gives_the_limit_of_a_step_to_the_dag(access: Access, minutes: int) -> None:
    lock = access.paths.source / lock_file("worker")
    for folder in (lock.parent, access.paths.source / "lab" / "pipeline"):
        folder.mkdir(parents=True, exist_ok=True)
    lock.touch()
    here = dataclasses.replace(access, settings=Settings(airflow=AirflowSettings(step_minutes=minutes)))
    there = EksSettings.model_validate({**BASE, "airflow": EksAirflowSettings(step_minutes=minutes).model_dump()})
    assert airflow.step_variables(here)[LIMIT] == str(minutes)
    assert inside.pipeline_environment(here, "worker:1")[LIMIT] == str(minutes)
    assert manifests.pipeline_environment(there)[LIMIT] == str(minutes)


def test_a_running_lab_that_is_older_than_a_setting_has_its_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    same_settings.remember_running(file, Settings())
    older = json.loads(file.read_text("utf-8"))
    del older["airflow"]["step_minutes"]
    file.write_text(json.dumps(older), "utf-8")
    same_settings.require_running(file, Settings())
    with pytest.raises(SettingsError, match=r"airflow\.step_minutes = 60, requested 7"):
        same_settings.require_running(file, Settings(airflow=AirflowSettings(step_minutes=7)))
