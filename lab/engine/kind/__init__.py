"""The kind engine: Airflow by its official chart, LocalStack and Gitea in a Kubernetes cluster of one container."""

from lab.engine.kind.engine import KindEngine

__all__ = ["KindEngine"]
