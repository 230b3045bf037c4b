"""A page of another origin against the services of a running lab, in the browser of a person who is signed in to them.

`127.0.0.1` on another port is another origin on the same site, so that the browser sends Airflow's cookie along;
`localhost` is another site. What counts is what the services have afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.attempts import (
    EMBED,
    FETCH,
    FRAMED,
    SOCKET,
    SUBMIT,
    forms,
    other_origin,
    reading,
    writing,
)
from tests.integration.services import BRANCH, DAG, KEY, Services

HOSTS = ["127.0.0.1", "localhost"]


@pytest.fixture(params=HOSTS)
def attacker(request: pytest.FixtureRequest, signed_in: BrowserContext) -> Iterator[Page]:
    """The page of another origin, in the person's browser."""
    with other_origin() as port:
        page = signed_in.new_page()
        page.goto(f"http://{request.param}:{port}/")
        yield page
        page.close()


def cookies(context: BrowserContext, url: str) -> dict[str, str]:
    return {each.get("name", ""): each.get("value", "") for each in context.cookies(url)}


def test_it_reads_nothing(attacker: Page, services: Services) -> None:
    assert attacker.evaluate(FETCH, reading(services.urls)) == []
    for url in (
        f"{services.urls['airflow']}/",
        f"{services.urls['airflow']}/api/v2/dags",
        f"{services.urls['s3']}/mlops-lab",
    ):
        attacker.evaluate(EMBED, ["iframe", "src", url])
    assert attacker.evaluate(FRAMED) == []


def test_it_changes_nothing(attacker: Page, services: Services) -> None:
    """By requests, forms, what it embeds, and WebSockets."""
    before, deletion = services.state(), services.deletion(BRANCH)
    assert attacker.evaluate(FETCH, writing(services.urls, deletion)) == []
    for url, kind, name, value in forms(services.urls, deletion):
        with attacker.expect_event("requestfinished", lambda request, url=url: request.url.startswith(url)):
            attacker.evaluate(SUBMIT, [url, kind, name, value])
    for url in (f"{services.urls['airflow']}/api/v2/dags", f"{services.urls['s3']}/mlops-lab/{KEY}",
                f"{services.urls['repository']}/info/refs?service=git-receive-pack"):  # fmt: skip
        for tag, name in (("img", "src"), ("script", "src"), ("link", "href")):
            attacker.evaluate(EMBED, [tag, name, url])
    for name in ("airflow", "s3", "repository", "supervisor"):
        assert attacker.evaluate(SOCKET, services.urls[name].replace("http:", "ws:")) == "refused"
    assert services.state() == before


def test_it_shows_no_page_of_airflow_in_a_frame(attacker: Page, services: Services) -> None:
    """A frame below a transparent layer takes the clicks of a person who means something else."""
    attacker.evaluate(EMBED, ["iframe", "src", f"{services.urls['airflow']}/"])
    assert [frame.url for frame in attacker.frames if frame.url.startswith(services.urls["airflow"])] == []


def test_the_same_requests_work_from_where_they_may_come(signed_in: BrowserContext, services: Services) -> None:
    """So that what the tests above find harmless is not harmless for another reason."""
    before = services.state()
    page = signed_in.pages[0]  # Airflow's own
    assert '"dag_id"' in page.evaluate(FETCH, [{"url": f"{services.urls['airflow']}/api/v2/dags", "method": "GET"}])[0]
    with httpx.Client(trust_env=False, timeout=30) as client:
        air = f"{services.urls['airflow']}/api/v2"
        client.cookies.update(cookies(signed_in, services.urls["airflow"]))
        run: dict[str, Any] = {"dag_run_id": "control", "logical_date": None, "conf": {}}
        assert client.post(f"{air}/dags/{DAG}/dagRuns", json=run).status_code == 200
        assert client.post(f"{air}/dags/{DAG}/favorite").is_success
        kind = {"Content-Type": "application/x-git-receive-pack-request"}
        url, body = f"{services.urls['repository']}/git-receive-pack", services.deletion(BRANCH)
        git = client.post(url, auth=services.git_password, content=body, headers=kind)
        assert b"unpack ok" in git.content
    services.lab.shell(f"aws s3 rm --quiet s3://mlops-lab/{KEY}")
    after = services.state()
    assert [DAG, "control"] in after["runs"]
    assert after["favourites"] != before["favourites"]
    for name in (f"refs/heads/{BRANCH}", KEY):
        assert name in before["refs and objects"]
        assert name not in after["refs and objects"]
