"""A real Chromium, without a window and without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, HttpCredentials, Page, ViewportSize, sync_playwright

from lab.lineage.report.entries import Entry
from lab.lineage.report.page import Report, page
from tests.browser.versions import REPOSITORY
from tests.integration.checkout import check_out
from tests.integration.conftest import running
from tests.integration.services import Services

WIDE: ViewportSize = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's `chromium` package, or whatever has that name; .ci/browser installs it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("there is no program `chromium`: .ci/browser installs it")
    # Chromium refuses to run as root with its sandbox, and CI is root in a container.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


class Opened:
    """A page as the browser shows it, with what it said and asked for."""

    def __init__(self, shown: Page) -> None:
        self.page = shown
        self.messages: list[str] = []
        self.requests: list[str] = []
        shown.on("console", lambda message: self.messages.append(message.text))
        shown.on("pageerror", lambda error: self.messages.append(str(error)))
        shown.on("request", lambda request: self.requests.append(request.url))

    def column(self, name: str) -> list[str]:
        """What the table shows in this column, from the top."""
        return [cell.strip() for cell in self.page.locator(f'td[data-name="{name}"]').all_inner_texts()]


Opener = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens the report of these entries from a file, offline."""
    contexts = []

    def open_report(entries: list[Entry], size: ViewportSize = WIDE, scheme: str = "light") -> Opened:
        file = tmp_path / "lineage.html"
        file.write_text(page(Report(entries, "main", REPOSITORY, "2026-11-21 12:00 UTC")), "utf-8")
        context = browser.new_context(viewport=size, offline=True, color_scheme="dark" if scheme == "dark" else "light")
        contexts.append(context)
        shown = Opened(context.new_page())
        shown.page.goto(file.as_uri())
        return shown

    yield open_report
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """A running lab on the local engine, with a branch and an object that an attack could delete."""
    checkout = check_out(tmp_path_factory.mktemp("browser"))
    checkout.variables["LAB_TRIGGERS__ON_PUSH"] = "false"
    with running(checkout, "browser") as lab:
        found = Services.of(lab)
        found.put_at_risk()
        yield found


@pytest.fixture(scope="session")
def signed_in(browser: Browser, services: Services) -> Iterator[BrowserContext]:
    """A browser in which a person is signed in to Airflow by its page, and to Git by what the browser remembers."""
    # Else the browser would wait for a person at the supervisor's question for a password.
    wrong: HttpCredentials = {"username": "lab", "password": "guessed", "origin": services.urls["supervisor"]}
    context = browser.new_context(http_credentials=wrong)
    try:
        page = context.new_page()
        repository = services.urls["repository"].replace("//", "//" + ":".join(services.git_password) + "@")
        answer = page.goto(f"{repository}/HEAD")
        assert answer is not None
        assert answer.ok
        page.goto(f"{services.urls['airflow']}/auth/login")
        page.locator('input[name="username"]').fill("admin")
        page.locator('input[name="password"]').fill(services.lab.secret("airflow-password"))
        with page.expect_response(lambda answer: "/ui/auth/me" in answer.url and answer.ok):
            page.locator('button[type="submit"]').click()
        yield context
    finally:
        context.close()
