"""A real LocalStack process for the tests: started with our init hooks, killed, started again."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from lab.engine.kubernetes.policy import permissions
from lab.services.storage import shared_settings
from tests.waiting import eventually

PYTHON = "LAB_LOCALSTACK_PYTHON"
INIT = Path(__file__).resolve().parents[2] / "localstack" / "init"
START_LIMIT = 60.0
PERSON = {"aws_access_key_id": "LABPERSON", "aws_secret_access_key": "the person's secret"}
"""The key with which a test signs, unless it says otherwise."""
AGENT = {"aws_access_key_id": "LABAGENT", "aws_secret_access_key": "the agent's secret"}
ROLE = "arn:aws:iam::000000000000:role/mlops-lab-dvc"


class LocalStack:
    """One LocalStack and its folder; ``kill`` and ``start`` again is a crash and a restart."""

    def __init__(self, python: str, caches: Path, folder: Path) -> None:
        """Lay out the folder, start nothing. ``caches`` is shared: LocalStack takes long to build them."""
        self.python, self.caches, self.folder = python, caches, folder
        self.durable, self.log = folder / "s3", folder / "localstack.log"
        self.root = folder / "root"
        shutil.copytree(INIT, self.root / "etc/localstack/init", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "var/lib").mkdir(parents=True)
        (self.root / "var/lib/localstack").symlink_to(caches)
        (folder / "tmp").mkdir()
        self.session_key = "from which the tests' credentials derive"
        self.roles = folder / "roles.json"
        self.roles.write_text(json.dumps({ROLE: permissions("data")}), "utf-8")
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def start_hooks(self) -> Path:
        """Return the folder of this LocalStack's own copy of the start hooks."""
        return self.root / "etc/localstack/init/start.d"

    def spawn(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start the process on a free port and return at once."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.caches),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(self.root),
            "CONFIG_DIR": str(self.folder / "config"),
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            **shared_settings(),
            "LAB_DURABLE_S3_DIR": str(self.durable),
            "LAB_S3_ACCESS_KEY_ID": PERSON["aws_access_key_id"],
            "LAB_S3_SECRET_ACCESS_KEY": PERSON["aws_secret_access_key"],
            "LAB_S3_AGENT_ACCESS_KEY_ID": AGENT["aws_access_key_id"],
            "LAB_S3_AGENT_SECRET_ACCESS_KEY": AGENT["aws_secret_access_key"],
            "LAB_S3_SESSION_KEY": self.session_key,
            "LAB_S3_ROLES_FILE": str(self.roles),
        } | settings
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, "-m", "localstack.runtime.main"],
                env=environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        return self.process

    def start(self, **settings: str) -> Any:
        """Start, wait until S3 runs, and return a client."""
        self.spawn(**settings)
        eventually(self.is_ready, "LocalStack", START_LIMIT)
        return self.client()

    def is_ready(self) -> bool:
        """Return whether S3 is running; fails if the process has ended."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/_localstack/health")
            return bool(json.load(connection.getresponse())["services"]["s3"] == "running")
        return False

    def session(self, name: str = "eks-lab-pod", seconds: int = 3600, **further: Any) -> dict[str, str]:
        """Return credentials of the role, as the agent gets them for a pod, in boto3's spelling."""
        asked = {"RoleArn": ROLE, "RoleSessionName": name, "DurationSeconds": seconds, **further}
        given = self.client("sts", AGENT).assume_role(**asked)["Credentials"]
        names = {"AccessKeyId": "aws_access_key_id", "SecretAccessKey": "aws_secret_access_key",
                 "SessionToken": "aws_session_token"}  # fmt: skip
        return {spelt: given[name] for name, spelt in names.items()}

    def kill(self) -> None:
        """End the process with SIGKILL."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def restart(self) -> Any:
        """Kill, start again, return a client."""
        self.kill()
        return self.start()

    @property
    def url(self) -> str:
        """Return the address of its port."""
        return f"http://127.0.0.1:{self.port}"

    def client(
        self, service: str = "s3", keys: Mapping[str, str] = PERSON, *, config: Config | None = None, tls: bool = False
    ) -> Any:
        """Return a client that doesn't retry: a test wants to see each answer."""
        usual = Config(
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
            read_timeout=20,
            s3={"addressing_style": "path"},
        )
        return boto3.client(
            service,
            endpoint_url=self.url.replace("http:", "https:") if tls else self.url,
            verify=not tls,  # the certificate is LocalStack's own
            region_name="us-east-1",
            config=usual.merge(config) if config else usual,
            **keys,
        )


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for what LocalStack caches between starts."""
    return tmp_path_factory.mktemp("localstack-caches")


@pytest.fixture(scope="session")
def python() -> str:
    """Return the Python that has LocalStack."""
    if not (found := os.environ.get(PYTHON)):
        pytest.fail(f"{PYTHON} names no Python with LocalStack: `make test-localstack` sets it")
    return found


@pytest.fixture(scope="module")
def running(caches: Path, tmp_path_factory: pytest.TempPathFactory, python: str) -> Iterator[LocalStack]:
    """Return one LocalStack for all tests of a file, with the empty bucket ``data``."""
    server = LocalStack(python, caches, tmp_path_factory.mktemp("running"))
    try:
        server.start().create_bucket(Bucket="data")
        yield server
    finally:
        server.kill()


@pytest.fixture
def localstack(caches: Path, tmp_path: Path, python: str) -> Iterator[LocalStack]:
    """Return a LocalStack that is not started yet; it is killed at the end."""
    server = LocalStack(python, caches, tmp_path)
    yield server
    server.kill()
