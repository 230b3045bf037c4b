"""The kind engine: the lab in a Kubernetes cluster whose node is a container."""
