"""Everything that depends on how Apache Airflow works inside, or on details that its documentation leaves open.

- `client`, `dag_errors`, `task_log`, `processes` run in the lab's own process.
- `plugins/` runs in Airflow's API server: the local engine names the folder (`core.plugins_folder`), the chart mounts
  the file that every engine has.
- `policy/` runs in every process of Airflow on Kubernetes: the chart mounts the file (`airflowLocalSettings`).

Airflow puts `core.plugins_folder` on its module path and imports `airflow_local_settings` from that path, so the two
folders are separate: the cluster policy is for Kubernetes only.

`assumptions.toml` lists what the lab assumes about Airflow, and which files depend on it: also those that have to be
elsewhere, such as `dags/` (part of each lab's own repository) and `k8s/`. `make test-airflow` checks each of them
against the locked Airflow; docs/airflow-upgrade.md describes an upgrade.
"""

from pathlib import Path

PLUGINS = Path(__file__).with_name("plugins")
"""The plugins of Airflow; the local engine uses all of them."""
SHARED_PLUGIN = "same_origin.py"
"""The plugin that every engine has."""
CLUSTER_POLICY = Path(__file__).parent / "policy" / "airflow_local_settings.py"
"""The cluster policy of Airflow on Kubernetes ("Cluster Policies" in Airflow's documentation)."""
