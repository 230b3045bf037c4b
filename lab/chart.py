"""Airflow's official Helm chart: found or downloaded, and always checked against its pinned checksum."""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from lab.config import Settings
from lab.errors import CheckFailedError, NetworkError, SettingsError
from lab.pins import pins

CONNECT, READ = 5.0, 15.0
"""Seconds without an answer, and without a further byte, after which a download is given up."""


def find_chart(settings: Settings) -> Path:
    """The chart: the file that the setting airflow.chart names, that of the lab's cache, or a fresh download.

    Raises:
        SettingsError: the setting names a file that is not there or is not that chart.
        CheckFailedError: the file in the cache, or what was downloaded, is not that chart.
        NetworkError: it is not on this machine and could not be downloaded.
    """
    if settings.airflow.chart:
        return given_chart(Path(settings.airflow.chart).expanduser())
    cached = cached_chart()
    if cached.exists():
        found = digest(cached.read_bytes())
        if found != wanted():
            raise CheckFailedError(f"{cached}: {difference(found)}", f"remove it: rm {cached}")
        return cached
    download(cached)
    return cached


def given_chart(file: Path) -> Path:
    try:
        found = digest(file.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"airflow.chart: {file}: {error.strerror}", "AIRFLOW_CHART=file names the chart's .tgz file"
        ) from error
    if found != wanted():
        version = pins()["chart"]["version"]
        raise SettingsError(f"airflow.chart: {file}: {difference(found)}", f"name airflow-{version}.tgz as released")
    return file.resolve()


def cached_chart() -> Path:
    """Where the chart is kept for all labs of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "lab" / f"airflow-{pins()['chart']['version']}.tgz"


def wanted() -> str:
    return str(pins()["chart"]["sha256"])


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def difference(found: str) -> str:
    return f"sha256 {found}, expected {wanted()}"


def download(target: Path) -> None:
    """Fetch the chart that the repository's index names; `target` appears only when it is complete and correct."""
    import httpx

    timeout = httpx.Timeout(READ, connect=CONNECT)
    # The machine's own certificates: networks that intercept TLS have theirs there.
    context = ssl.create_default_context()
    try:
        with httpx.Client(timeout=timeout, verify=context, follow_redirects=True) as client:
            url = chart_url(fetch(client, f"{pins()['chart']['repository']}/index.yaml"))
            content = fetch(client, url)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        said = str(error) or type(error).__name__
        raise NetworkError(f"Airflow's Helm chart could not be downloaded: {said}", how_to_get()) from error
    if digest(content) != wanted():
        raise CheckFailedError(f"{url}: {difference(digest(content))}", how_to_get())
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(target)


def fetch(client: Any, url: str) -> bytes:
    answer = client.get(url)
    answer.raise_for_status()
    return bytes(answer.content)


def chart_url(index: bytes) -> str:
    """The URL of the pinned version in the index of the chart repository."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    chart = pins()["chart"]
    try:
        entries = YAML(typ="safe").load(index)["entries"]["airflow"]
        (address, *_) = next(entry["urls"] for entry in entries if entry["version"] == chart["version"])
    except (YAMLError, KeyError, TypeError, ValueError, StopIteration) as error:
        problem = f"{chart['repository']}/index.yaml names no chart airflow {chart['version']}"
        raise NetworkError(problem, how_to_get()) from error
    return urljoin(f"{chart['repository']}/", str(address))


def how_to_get() -> str:
    chart = pins()["chart"]
    name = f"airflow-{chart['version']}.tgz"
    return (
        f"get {name} where there is a network (helm pull airflow --repo {chart['repository']} --version "
        f"{chart['version']}) and put it in {cached_chart().parent}, or name it: make lab-up AIRFLOW_CHART={name}"
    )
