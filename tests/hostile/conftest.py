"""An S3 API, the process that the steps are forks of, and a repository that an attacker may push to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.hostile.world import World
from tests.integration.checkout import SOURCE
from tests.writers.conftest import WORKER
from tests.writers.place import BUCKET, Place
from tests.writers.writers import Host


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Git that knows an author and none of the person's configuration."""
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.invalid",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.invalid",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    if not WORKER.exists():
        pytest.fail("the worker's environment is not there: `make test-hostile` makes it")
    host = Host(str(WORKER), SOURCE)
    yield host
    host.close()


@pytest.fixture(scope="session")
def variables() -> Iterator[dict[str, str]]:
    """What points DVC to the bucket. As in a pod, no AWS configuration file is named."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address, port = server.get_host_and_port()
    found = {
        "AWS_ENDPOINT_URL": f"http://{address}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    client(found).create_bucket(Bucket=BUCKET)
    yield found
    server.stop()


def client(variables: dict[str, str]) -> Any:
    return boto3.client(
        "s3", endpoint_url=variables["AWS_ENDPOINT_URL"], region_name="us-east-1", aws_access_key_id="test",
        aws_secret_access_key="test",
    )  # fmt: skip


@pytest.fixture(scope="session")
def new_place(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """Makes a place each time it is called."""
    s3, folder = client(variables), tmp_path_factory.mktemp("places")
    numbers = iter(range(1_000_000))
    return lambda: Place(folder / f"place-{next(numbers)}", s3, variables)


@pytest.fixture
def world(host: Host, new_place: Callable[[], Place]) -> World:
    return World(host, new_place())
