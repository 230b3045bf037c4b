"""The names of the services in `lab status` and `lab logs`, on every engine that has them."""

GIT, LOCALSTACK = "git", "localstack"
API_SERVER, SCHEDULER, DAG_PROCESSOR = "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"
TRIGGERS = "triggers"
