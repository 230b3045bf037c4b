"""The lab's images as data: the base, the node's own, the pipeline's, and those of the services (lab/services)."""

from __future__ import annotations

from lab import services
from lab.services.image import BASE, PACKAGES, Image

__all__ = ["BASE", "Image"]

NODE_BASE, NODE = "node-base", "node"
AIRFLOW, GITEA, POSTGRES = "airflow", "gitea", "postgres"
CONTROL_PLANE = ("kubernetes", "coredns", "pause")
WORKER = Image(
    services.PIPELINE,
    environment=services.PIPELINE,
    sources={
        "lab/__init__.py": f"{PACKAGES}/lab/__init__.py",
        "lab/pipeline": f"{PACKAGES}/lab/pipeline",
        "lab/triggers": f"{PACKAGES}/lab/triggers",
    },
    owner="1000:1000",
)
OF_PODS = (WORKER, *services.images())
IMAGES = {
    image.name: image
    for image in (
        Image(BASE, base="", baked=False),
        Image("pause", folder="node", target="pause", programs=CONTROL_PLANE),
        Image("control-plane", folder="node", target="control-plane", programs=CONTROL_PLANE),
        Image(NODE_BASE, folder="node", target="node", programs=CONTROL_PLANE, baked=False),
        *OF_PODS,
    )
}
IN_CLUSTER = tuple(image.name for image in OF_PODS)
"""The images of pods, except for Kubernetes' own parts."""
BAKED = tuple(image.name for image in IMAGES.values() if image.baked)
NAMES = (*IMAGES, NODE)
"""Every image, the baked node included."""
