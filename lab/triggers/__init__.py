"""Starts a run when a person's push changes the dataset: the service `triggers` of the lab.

It watches one branch of the repository and raises the event of an Airflow asset by Airflow's public REST API; which
DAGs that starts is their own affair (`schedule=`). It runs with the worker's packages, as a process on the local engine
and a pod on kind, and imports nothing of `lab` but `lab.pipeline`.
"""
