"""The local engine: Airflow, LocalStack and Git as processes of this machine, kept by a process supervisor."""

from lab.engine.local.engine import LocalEngine

__all__ = ["LocalEngine"]
