"""The promise that ``kill -9`` at any instruction leaves no half object, checked operation by operation."""

import os
import subprocess
from pathlib import Path

from tests.localstack.conftest import INIT, LocalStack


def test_death_at_any_file_operation_leaves_the_old_or_the_new_object(localstack: LocalStack) -> None:
    script = Path(__file__).with_name("kill_at_each_step.py")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(INIT), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"OVERRIDE_IN_DOCKER": "0", "FILESYSTEM_ROOT": str(localstack.root)}
    run = subprocess.run(
        [localstack.python, script, localstack.durable],
        env=environment,
        cwd=localstack.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 10
