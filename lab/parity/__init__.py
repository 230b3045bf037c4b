"""Whether the lab on kind and the lab on Amazon EKS are the same to Airflow and the pipeline, except as listed."""
