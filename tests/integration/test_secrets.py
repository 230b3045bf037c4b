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


def test_every_secret_is_replaced_and_nothing_is_lost(older: Checkout) -> None:
    older.shell(ADD)
    before = {name: older.secret(name) for name in names_of("local")}
    history = older.json("history")
    older.lab("secrets", "rotate", limit=600)
    after = {name: older.secret(name) for name in names_of("local")}
    assert [name for name in before if before[name] == after[name]] == []
    assert sign_in(older, after["airflow-password"]) == 201
    assert sign_in(older, before["airflow-password"]) == 401
    assert "in-the-database" in older.shell(GET)
    assert older.json("history") == history
    older.lab("run")
    older.lab("verify")
