"""What keeps the service from its work; it keeps trying."""

from __future__ import annotations


class TroubleError(Exception):
    """Git or Airflow does not answer, or refuses; one line, without a secret."""
