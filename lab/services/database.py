"""The database server of a cluster, PostgreSQL. On the local engine, Airflow's database is a file (SQLite)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.services.generate import token
from lab.services.image import EXTENDED, Image
from lab.services.record import CLUSTER, Secret, Service

if TYPE_CHECKING:
    from lab.secrets import Secrets

DATABASE = "database"


def objects(secrets: Secrets) -> dict[str, dict[str, str]]:
    return {
        "postgres-password": {
            "password": secrets["postgres-password"],
            "airflow-password": secrets["postgres-airflow-password"],
            "gitea-password": secrets["postgres-gitea-password"],
        }
    }


SERVICES = (
    Service(
        name=DATABASE,
        role="database",
        what="PostgreSQL",
        secrets=(
            Secret("postgres-password", "is the database administrator's", token(24), CLUSTER),
            Secret("postgres-airflow-password", "is Airflow's in the database", token(24), CLUSTER),
            Secret("postgres-gitea-password", "is Gitea's in the database", token(24), CLUSTER),
        ),
        images=(Image("postgres", needs=("airflow", "gitea"), owner="999:999", pulled=EXTENDED),),
        manifest="postgres.yaml",
        objects=objects,
    ),
)
