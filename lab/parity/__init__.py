"""Whether the lab on kind and the lab on Amazon EKS are alike to Airflow and the pipeline, but for what is listed."""
