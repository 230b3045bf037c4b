"""How the lab's services are reached from inside the cluster, and what a pod is told of them."""

from __future__ import annotations

from lab.access import Access
from lab.pipeline.git import isolated_variables

GIT_URL = "http://gitea.platform:3000"
S3_URL = "http://localstack.platform:4566"
DATABASE = "postgres.platform:5432"


def pipeline_environment(access: Access, worker_image: str) -> dict[str, str]:
    """What Airflow and the step pods share, secrets aside: the ConfigMap `pipeline-environment`.

    The repository has the URL that works in the person's browser; Git is told where its host is reached from here.
    """
    return {
        **isolated_variables(access.repository_url, reached_at=GIT_URL),
        "PIPELINE_OPERATOR": "pod",
        "PIPELINE_REPOSITORY": access.repository_url,
        "PIPELINE_WORKER_IMAGE": worker_image,
        "AWS_ENDPOINT_URL": S3_URL,
        "AWS_DEFAULT_REGION": access.settings.storage.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
