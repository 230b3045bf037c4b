"""The lab in a kind cluster: Airflow by its Helm chart, and Gitea, LocalStack and PostgreSQL beside it."""
