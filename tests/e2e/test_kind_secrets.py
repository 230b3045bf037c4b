"""Secrets on a real cluster: who has which, and that another value reaches everything that uses it."""

from __future__ import annotations

import httpx

from lab.secrets import FERNET, LASTING, names_of
from tests.e2e.cluster import KindLab

REPLACED = [name for name in names_of("kind") if name not in {*LASTING, FERNET}]
"""All but the one for which Airflow restarts twice: tests/integration replaces it."""
FORCE_PUSH = """\
git clone --quiet "$PIPELINE_REPOSITORY" /tmp/rewrite 2>&1; cd /tmp/rewrite
git push --force "$PIPELINE_REPOSITORY" HEAD~1:refs/heads/main 2>&1; rm -rf /tmp/rewrite; echo "as $GITSYNC_USERNAME"
"""


def statuses(lab: KindLab, known: dict[str, str]) -> dict[str, int]:
    """How Gitea and Airflow answer who signs in with these secrets."""
    urls = lab.status()["urls"]
    gitea = urls["repository"].partition("/lab/")[0] + "/api/v1/user"
    person = {"username": "admin", "password": known["airflow-password"]}
    with httpx.Client(timeout=30, trust_env=False) as client:
        return {
            "person": client.get(gitea, auth=("lab", known["git-password"])).status_code,
            "bot": client.get(gitea, auth=("lab-bot", known["git-bot-password"])).status_code,
            "airflow": client.post(f"{urls['airflow']}/auth/token", json=person).status_code,
        }


def test_a_pod_signs_in_as_the_bot_which_cannot_rewrite_main(lab: KindLab) -> None:
    inside = ("exec", "--namespace", "airflow", "deployment/triggers", "--", "sh", "-c", FORCE_PUSH)
    output = lab.kubectl(*inside)
    assert "Not allowed to force-push to protected branch main" in output
    assert output.endswith("as lab-bot\n")


def test_every_secret_is_replaced_and_the_lab_works_on(lab: KindLab) -> None:
    before, history = {name: lab.secret(name) for name in REPLACED}, lab.json("history")
    lab.lab("secrets", "rotate", *REPLACED, limit=600)
    after = {name: lab.secret(name) for name in REPLACED}
    assert [name for name in REPLACED if before[name] == after[name]] == []
    assert statuses(lab, before) == {"person": 401, "bot": 401, "airflow": 401}
    assert statuses(lab, after) == {"person": 200, "bot": 200, "airflow": 201}
    assert "Nothing to do" in lab.lab("up").stderr
    assert lab.json("history") == history
