"""The webhook: adds the address of credentials to the containers of pods if their service account has an association.

It makes the pod what Amazon's own webhook makes of it: the two variables, the region, the token's volume, the label.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
from typing import Any

from aiohttp import web

from lab.pod_identity import agent
from lab.pod_identity.associations import Associations, BadAssociationsError
from lab.pod_identity.cluster import ClusterError
from lab.pod_identity.tokens import AUDIENCE

log = logging.getLogger(__name__)

PATH = "/mutate"
VOLUME = "eks-pod-identity-token"
FOLDER = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
TOKEN_SECONDS = 86400
CREDENTIALS = {
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.URL,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{FOLDER}/{VOLUME}",
}
LABEL = "eks.amazonaws.com/pod-identity"
SKIPPED = "eks.amazonaws.com/skip-containers"
"""An annotation with the names of containers, separated by commas, that stay as they are."""

Object = dict[str, Any]


def application(associations: Associations, region: str) -> web.Application:
    """Answers AdmissionReviews ("Dynamic Admission Control" in Kubernetes' documentation) of pods."""

    async def answer(request: web.Request) -> web.Response:
        review = await request.json()
        asked = review["request"]
        response = {"uid": asked["uid"], **await review_pod(asked)}
        return web.json_response({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})

    async def review_pod(asked: Object) -> Object:
        pod, namespace = asked["object"], asked["namespace"]
        account = pod["spec"].get("serviceAccountName", "default")
        try:
            role = await associations.role(namespace, account)
        except (ClusterError, BadAssociationsError) as error:
            log.warning("%s/%s: %s", namespace, account, error)
            return {"allowed": False, "status": {"code": 503, "message": f"pod identity: {error}"}}
        if role is None:
            return {"allowed": True}
        patch = json.dumps(changes(pod, with_identity(pod, region)))
        return {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(patch.encode()).decode()}

    web_application = web.Application(client_max_size=4 << 20)  # etcd takes objects of 1.5 MiB
    web_application.router.add_post(PATH, answer)
    return web_application


def with_identity(pod: Object, region: str) -> Object:
    """The pod with an identity; what it says itself stands."""
    changed = copy.deepcopy(pod)
    metadata, spec = changed.setdefault("metadata", {}), changed["spec"]
    skipped = {name.strip() for name in metadata.get("annotations", {}).get(SKIPPED, "").split(",")}
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind, []):
            if container["name"] not in skipped:
                give(container, region)
    volumes = spec.setdefault("volumes", [])
    if VOLUME not in {volume["name"] for volume in volumes}:
        token = {"audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS, "path": VOLUME}
        volumes.insert(0, {"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}})
    metadata.setdefault("labels", {})[LABEL] = "enabled"
    return changed


def give(container: Object, region: str) -> None:
    variables = container.setdefault("env", [])
    names = {variable["name"] for variable in variables}
    wanted = {} if names & CREDENTIALS.keys() else dict(CREDENTIALS)
    regions = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region}
    wanted |= {} if names & regions.keys() else regions
    wanted |= {} if "AWS_STS_REGIONAL_ENDPOINTS" in names else {"AWS_STS_REGIONAL_ENDPOINTS": "regional"}
    variables.extend({"name": name, "value": value} for name, value in wanted.items())
    mounts = container.setdefault("volumeMounts", [])
    if VOLUME not in {mount["name"] for mount in mounts}:
        mounts.append({"name": VOLUME, "mountPath": FOLDER, "readOnly": True})


def changes(before: Object, after: Object) -> list[Object]:
    """A JSON patch (RFC 6902) from one pod to the other, whole lists at a time: nothing else of the pod is touched."""
    places = [("metadata", "labels"), ("spec", "initContainers"), ("spec", "containers"), ("spec", "volumes")]
    return [
        {"op": "add", "path": f"/{part}/{name}", "value": after[part][name]}
        for part, name in places
        if after[part].get(name) != before.get(part, {}).get(name)
    ]
