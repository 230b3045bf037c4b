"""Restarts a workload when a Secret or ConfigMap changes that its pods read as they start.

Kubernetes does not: a pod keeps the environment that it started with ("ConfigMaps" in Kubernetes' documentation). A
digest in an annotation of the pods makes other content another pod.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lab.content import json_digest

Object = dict[str, Any]
ANNOTATION = "lab/environment"
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}
REFERENCES = {
    "configMap": "name",
    "configMapKeyRef": "name",
    "configMapRef": "name",
    "secret": "secretName",
    "secretKeyRef": "name",
    "secretRef": "name",
}
"""The fields of a pod's specification (core/v1) that name a ConfigMap or Secret, and where in them the name is."""


def patches(shipped: Iterable[Object], objects: list[Object]) -> list[Object]:
    """A patch for each workload in `shipped` that reads some of `objects`: the digest of these, as an annotation."""
    known = {(each["metadata"].get("namespace"), each["metadata"]["name"]): each for each in objects}
    made = []
    for workload in (each for each in shipped if each["kind"] in WORKLOADS):
        namespace = workload["metadata"]["namespace"]
        names = sorted(set(references(workload["spec"]["template"])))
        read = [known[namespace, name] for name in names if (namespace, name) in known]
        if read:
            annotations = {"metadata": {"annotations": {ANNOTATION: json_digest(read)}}}
            made.append({**identity(workload), "spec": {"template": annotations}})
    return made


def identity(workload: Object) -> Object:
    """The fields by which a patch names its object."""
    metadata = {key: workload["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": workload["apiVersion"], "kind": workload["kind"], "metadata": metadata}


def references(value: Any) -> Iterator[str]:
    """The names of the Secrets and ConfigMaps in a pod's template."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in REFERENCES and isinstance(inner, dict) and REFERENCES[key] in inner:
                yield inner[REFERENCES[key]]
            else:
                yield from references(inner)
