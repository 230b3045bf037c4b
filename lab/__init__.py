"""A local-first, reproducible MLOps lab: Airflow, DVC, S3 and Git, wired together."""
