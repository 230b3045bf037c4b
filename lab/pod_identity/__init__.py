"""EKS Pod Identity re-enacted for a cluster without AWS: its agent and its webhook, in one service.

Runs in a separate pod (k8s/overlays/local/pod-identity.yaml) and imports nothing else of `lab`. Facts of the protocol
are from "EKS Pod Identity" in Amazon's EKS user guide, and from the agent and the webhook that Amazon publishes.
"""
