"""`lab secrets rotate` on a real lab: every secret is another one, and nothing is lost by that."""

from __future__ import annotations

import httpx

from lab.secrets import names_of
from tests.integration.checkout import Checkout

ADD = "airflow connections add kept --conn-type http --conn-host example.invalid --conn-password in-the-database"
GET = "airflow connections get kept --output json"


def sign_in(lab: Checkout, password: str) -> int:
    url = lab.status()["urls"]["airflow"]
    body = {"username": "admin", "password": password}
    return httpx.post(f"{url}/auth/token", json=body, trust_env=False, timeout=30).status_code


def test_every_secret_is_replaced_and_nothing_is_lost(own_lab: Checkout) -> None:
    own_lab.lab("up", limit=900)
    own_lab.shell(ADD)
    own_lab.lab("run")
    before = {name: own_lab.secret(name) for name in names_of("local")}
    history = own_lab.json("history")
    own_lab.lab("secrets", "rotate", limit=600)
    after = {name: own_lab.secret(name) for name in names_of("local")}
    assert [name for name in before if before[name] == after[name]] == []
    assert sign_in(own_lab, after["airflow-password"]) == 201
    assert sign_in(own_lab, before["airflow-password"]) == 401
    assert "in-the-database" in own_lab.shell(GET)
    assert own_lab.json("history") == history
    own_lab.lab("run")
    own_lab.lab("verify")
    own_lab.lab("secrets", "rotate", "airflow-password", limit=600)
    assert sign_in(own_lab, own_lab.secret("airflow-password")) == 201
    own_lab.lab("down")
    own_lab.lab("up", limit=600)
    own_lab.lab("verify")
    assert len(own_lab.json("history")) == len(history) + 1
