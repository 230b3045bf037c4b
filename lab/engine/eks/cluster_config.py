"""The eksctl configuration of the cluster: k8s/overlays/eks/cluster.yaml, and what eks.toml says."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from lab.engine.eks.settings import EksSettings, NetworkSettings
from lab.engine.kubernetes.cluster import AIRFLOW
from lab.engine.kubernetes.identities import ACCOUNTS

EBS, EFS = "aws-ebs-csi-driver", "aws-efs-csi-driver"
AGENT = "eks-pod-identity-agent"
DRIVERS = {
    EBS: ("ebs-csi-controller-sa", "ebsCSIController"),
    EFS: ("efs-csi-controller-sa", "efsCSIController"),
}
"""The service account of each driver, and what eksctl calls the policies that it needs."""
GROUP = "lab"
"""The managed node group, as the template calls it."""


def cluster_config(template: str, settings: EksSettings, tags: Mapping[str, str]) -> str:
    """`template` filled in, as YAML for `eksctl create cluster --config-file`."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096  # no line is broken
    config: dict[str, Any] = yaml.load(template)
    wanted = settings.cluster
    config["metadata"] = {
        "name": wanted.name,
        "region": settings.region,
        "version": wanted.kubernetes,
        "tags": dict(tags),
    }
    config["vpc"].update(network(settings.network))
    if settings.network.vpc:
        del config["vpc"]["nat"]  # it has its own
    (group,) = config["managedNodeGroups"]
    group.update(
        instanceType=wanted.node_type, desiredCapacity=wanted.nodes, minSize=1, maxSize=wanted.nodes, tags=dict(tags)
    )
    config["iam"] = {
        "podIdentityAssociations": [
            {
                "namespace": AIRFLOW,
                "serviceAccountName": account,
                "roleARN": settings.arn("role", identity),
                "tags": dict(tags),
            }
            for account, identity in ACCOUNTS.items()
        ]
    }
    if settings.storage.volume == "efs":
        config["addons"].append({"name": EFS, "useDefaultPodIdentityAssociations": True})
    if settings.identity.permissions_boundary:
        bound(config, settings.identity.permissions_boundary)
    text = io.StringIO()
    yaml.dump(config, text)
    return text.getvalue()


def network(settings: NetworkSettings) -> dict[str, Any]:
    reached = {"publicAccess": settings.endpoint != "private", "privateAccess": settings.endpoint != "public"}
    found: dict[str, Any] = {"clusterEndpoints": reached}
    if settings.endpoint != "private" and settings.public_access:
        found["publicAccessCIDRs"] = list(settings.public_access)
    if settings.vpc:
        subnets = {f"private-{number}": {"id": each} for number, each in enumerate(settings.subnets, 1)}
        found |= {"id": settings.vpc, "subnets": {"private": subnets}}
    return found


def bound(config: dict[str, Any], boundary: str) -> None:
    """Set the permissions boundary of every role that eksctl creates, if the account requires one."""
    config["iam"]["serviceRolePermissionsBoundary"] = boundary
    for group in config["managedNodeGroups"]:
        group["iam"] = {"instanceRolePermissionsBoundary": boundary}
    for addon in config["addons"]:
        if addon.pop("useDefaultPodIdentityAssociations", False):
            account, policies = DRIVERS[addon["name"]]
            names = {"namespace": "kube-system", "serviceAccountName": account}
            addon["podIdentityAssociations"] = [
                {**names, "wellKnownPolicies": {policies: True}, "permissionsBoundaryARN": boundary}
            ]


def wanted_addons(settings: EksSettings) -> list[str]:
    """The add-ons that the lab's pods require."""
    return [AGENT, EFS if settings.storage.volume == "efs" else EBS]
