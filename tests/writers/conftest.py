"""A real S3 API for all examples, and the process that the steps are forks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import SOURCE
from tests.localstack.conftest import LocalStack, caches, localstack  # noqa: F401 - fixtures
from tests.writers.place import BUCKET, Place
from tests.writers.writers import Host

WORKER = SOURCE / ".lab" / "environments" / "worker" / "bin" / "python"


@pytest.fixture
def host() -> Iterator[Host]:
    if not WORKER.exists():
        pytest.fail("the worker's environment is not there: `make test-writers` makes it")
    host = Host(str(WORKER), SOURCE)
    yield host
    host.close()


@pytest.fixture
def new_place(localstack: LocalStack, tmp_path: Path) -> Callable[[], Place]:  # noqa: F811
    """Makes a place of its own each time it is called."""
    s3 = localstack.start()
    s3.create_bucket(Bucket=BUCKET)
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{localstack.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    numbers = iter(range(1_000_000))
    return lambda: Place(tmp_path / f"place-{next(numbers)}", s3, variables)
