"""Which rights the service keeps, seen from a process that has given the others up."""

from __future__ import annotations

import json
import subprocess
import sys

from lab.paths import SOURCE
from lab.pod_identity.rights import UNPRIVILEGED

PROGRAM = """\
import json, os
from pathlib import Path
from lab.pod_identity import rights
place = rights.listening("127.0.0.1", 0)
rights.give_up()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
try:
    os.setuid(0)
    can_return = True
except PermissionError:
    can_return = False
print(json.dumps({"user": os.getresuid(), "effective": status["CapEff"].strip(), "permitted": status["CapPrm"].strip(),
                  "groups": os.getgroups(), "can_return": can_return, "listens": place.getsockname()[1] > 0}))
"""


def test_the_service_answers_without_being_root_and_without_a_capability() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=SOURCE, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert 0 not in found["user"]
    assert (int(found["effective"], 16), int(found["permitted"], 16)) == (0, 0)
    assert found["listens"]
    assert not found["can_return"]
    if found["user"][0] == UNPRIVILEGED:
        assert found["groups"] == []
