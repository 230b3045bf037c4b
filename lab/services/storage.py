"""The object store, LocalStack (S3, STS, IAM). Its init hooks in localstack/ make it durable and require signatures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.services.generate import access_key_id, token
from lab.services.image import EXTENDED, Image
from lab.services.record import CLUSTER, Port, Process, Secret, Service

if TYPE_CHECKING:
    from lab.access import Access
    from lab.paths import Paths
    from lab.secrets import Secrets

LOCALSTACK = "localstack"
ENVIRONMENT = "localstack"
ROLES_FILE = "LAB_S3_ROLES_FILE"
"""Names the file with the policies of the roles that the agent may assume; goes with `agent_keys`."""
SHARED = ("SERVICES", "EAGER_SERVICE_LOADING", "SKIP_SSL_CERT_DOWNLOAD", "DISABLE_EVENTS", "DNS_ADDRESS")
"""The settings of LocalStack (its configuration reference) that are the same everywhere; the manifest has them."""
SECRETS = (
    Secret("aws-access-key-id", "names the lab's key to S3", access_key_id),
    Secret("aws-secret-access-key", "is the lab's key to S3", token(30)),
    Secret("sts-session-key", "is what the credentials of pods are derived from", token(48), CLUSTER),
)
CATALOGUE_LIMIT = 120


def storage_keys(secrets: Secrets) -> dict[str, str]:
    """The user's key, which may do everything, by the names under which the init hooks read it."""
    return {
        "LAB_S3_ACCESS_KEY_ID": secrets["aws-access-key-id"],
        "LAB_S3_SECRET_ACCESS_KEY": secrets["aws-secret-access-key"],
    }


def agent_keys(secrets: Secrets) -> dict[str, str]:
    """The key with which the agent of Pod Identity assumes roles, and the one that issued credentials derive from."""
    return {
        "LAB_S3_AGENT_ACCESS_KEY_ID": secrets["pod-identity-access-key-id"],
        "LAB_S3_AGENT_SECRET_ACCESS_KEY": secrets["pod-identity-secret-access-key"],
        "LAB_S3_SESSION_KEY": secrets["sts-session-key"],
    }


def root(paths: Paths) -> Path:
    """What LocalStack has for `/` on the local engine."""
    return paths.cache / "localstack"


def shared_settings() -> dict[str, str]:
    """The variables in SHARED, from the manifest of the cluster."""
    from lab.manifests import container, overlay

    variables = {each["name"]: each.get("value") for each in container(overlay("localstack.yaml"), LOCALSTACK)["env"]}
    return {name: str(variables[name]) for name in SHARED}


def command(access: Access) -> list[str]:
    return [str(access.paths.program(ENVIRONMENT, "python")), "-m", "localstack.runtime.main"]


def environment(access: Access) -> dict[str, str]:
    """LocalStack in host mode: one port on loopback, and every file below `.lab/` (FILESYSTEM_ROOT is its `/`)."""
    from lab.proc import service_environment

    here = root(access.paths)
    return service_environment(
        {
            **access.own_variables(),
            **shared_settings(),
            "OVERRIDE_IN_DOCKER": "0",
            "FILESYSTEM_ROOT": str(here),
            "CONFIG_DIR": str(here / "config"),
            "XDG_CACHE_HOME": str(here / "cache"),
            "GATEWAY_LISTEN": access.url("s3").removeprefix("http://"),
            "LAB_DURABLE_S3_DIR": str(access.paths.objects),
            **storage_keys(access.secrets),
        }
    )


def folder(access: Access) -> Path:
    return root(access.paths)


def prepare(access: Access) -> None:
    """The folders that LocalStack uses as the root of its machine, with our init hooks where it looks for them."""
    from lab.proc import held

    paths, here = access.paths, root(access.paths)
    hooks = here / "etc" / "localstack" / "init"
    for each in (paths.objects, hooks.parent, here / "var" / "lib"):
        each.mkdir(parents=True, exist_ok=True)
    hooks.unlink(missing_ok=True)
    hooks.symlink_to(paths.source / "localstack" / "init")
    with held(here / "catalogue.lock") as lock:
        make_catalogue(access, lock)


def make_catalogue(access: Access, lock: int) -> None:
    """LocalStack's index of AWS APIs; if LocalStack creates it at startup, it keeps 400 MB of memory for that."""
    import shutil

    from lab.proc import run

    catalogue = root(access.paths) / "usr" / "lib" / "localstack"
    stamp = catalogue / "made"
    if stamp.exists():
        return
    shutil.rmtree(catalogue, ignore_errors=True)  # left incomplete by an interrupted attempt: the program refuses it
    catalogue.mkdir(parents=True)
    program = [command(access)[0], "-m", "localstack.aws.spec"]
    run(program, env=environment(access), cwd=root(access.paths), limit=CATALOGUE_LIMIT, inherit=[lock])
    stamp.touch()


def ready(access: Access, _: float) -> None:
    from lab.components import storage

    storage.bucket_exists(access)


def finish(access: Access) -> None:
    from lab.components import storage

    storage.ensure_bucket(access)


def probe(access: Access) -> None:
    from lab.components import storage
    from lab.wait import NotYetError

    if not storage.bucket_exists(access):
        raise NotYetError(f"the bucket {access.settings.storage.bucket} is missing")


def objects(secrets: Secrets) -> dict[str, dict[str, str]]:
    return {"localstack": {**storage_keys(secrets), **agent_keys(secrets)}}


def note(access: Access) -> str:
    return f"bucket {access.settings.storage.bucket}"


SERVICES = (
    Service(
        name=LOCALSTACK,
        role="storage",
        what="LocalStack",
        title="Starting LocalStack (S3, STS, IAM)",
        port=Port("s3", 4566, "S3", note),
        secrets=SECRETS,
        images=(
            Image(
                "localstack",
                environment=ENVIRONMENT,
                sources={"localstack/init": "files/etc/localstack/init"},
                owner="1000:1000",
                pulled=EXTENDED,
            ),
        ),
        process=Process(
            command,
            environment,
            folder,
            ready,
            packages=ENVIRONMENT,
            prepare=prepare,
            finish=finish,
            patience=2,  # it takes long to shut down, and has nothing to lose: what it has answered is on disk already
        ),
        manifest="localstack.yaml",
        objects=objects,
        probe=probe,
    ),
)
