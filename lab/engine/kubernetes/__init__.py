"""What the lab needs of any cluster, whoever runs it; the engines add the cluster itself."""
