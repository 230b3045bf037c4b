"""The manifests of kind: images for a test, and the digests of what workloads read."""

from __future__ import annotations

import json

from lab.access import LoopbackAccess
from lab.engine.kubernetes import manifests
from lab.images.catalogue import IN_CLUSTER

IMAGES = {name: f"registry.example:5000/lab/{name}:0123456789ab" for name in IN_CLUSTER}


def configuration_digests(access: LoopbackAccess) -> dict[str, str]:
    """The digest of what each workload reads as it starts, by name."""
    patches = [
        json.loads(each["patch"]) for each in manifests.kustomization(access, IMAGES, access.paths.run)["patches"]
    ]
    return {
        patch["metadata"]["name"]: patch["spec"]["template"]["metadata"]["annotations"]["lab/environment"]
        for patch in patches
        if "metadata" in patch.get("spec", {}).get("template", {})
    }
