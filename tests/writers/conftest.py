"""A real S3 API for all examples, and the process that the steps are forks of."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from tests.integration.checkout import SOURCE
from tests.localstack.conftest import PERSON, PYTHON, LocalStack
from tests.writers.place import BUCKET, Place
from tests.writers.writers import Host, Writer

WORKER = SOURCE / ".lab" / "environments" / "worker" / "bin" / "python"


@pytest.fixture(scope="session")
def host() -> Iterator[Host]:
    if not WORKER.exists():
        pytest.fail("the worker's environment is not there: `make test-writers` makes it")
    host = Host(str(WORKER), SOURCE)
    yield host
    host.close()


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A LocalStack that runs."""
    if not (python := os.environ.get(PYTHON)):
        pytest.fail(f"{PYTHON} names no Python with LocalStack: `make test-writers` sets it")
    server = LocalStack(python, tmp_path_factory.mktemp("caches"), tmp_path_factory.mktemp("localstack"))
    try:
        server.start().create_bucket(Bucket=BUCKET)
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def new_place(storage: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Place]:
    """Makes a new place each time it is called."""
    variables = {
        "AWS_ENDPOINT_URL": storage.url,
        **{name.upper(): value for name, value in PERSON.items()},
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    s3 = storage.client()
    folder = tmp_path_factory.mktemp("places")
    numbers = iter(range(1_000_000))
    return lambda: Place(folder / f"place-{next(numbers)}", s3, variables)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    return new_place()


@pytest.fixture
def writer(host: Host, place: Place) -> Writer:
    return Writer(host, place.environment(1, 3), place.folder / "run.log", 3)
