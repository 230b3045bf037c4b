"""The lab's container images."""
