"""What a lab on any Kubernetes cluster needs, on kind and on Amazon EKS."""
