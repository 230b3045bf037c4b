"""The lab on Amazon EKS."""
