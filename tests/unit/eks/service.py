"""Amazon EKS and CloudFormation as far as the lab asks them: a state in a file, answers of botocore's own shapes.

moto has no Pod Identity yet. A request is checked by botocore before it gets here, an answer by the model of the
service, as botocore's Stubber does; the state is a file so that programs that stand in for eksctl can change it.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

ACCOUNT = "123456789012"
REGION = "eu-central-1"
EMPTY: dict[str, Any] = {"cluster": None, "addons": [], "nodes": None, "associations": {}, "stack": None, "count": 0}


class Refused(Exception):  # noqa: N818
    """An error that the service answers."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.answer = {"Error": {"Code": code, "Message": message or code}, "ResponseMetadata": {"HTTPStatusCode": 400}}


class Service:
    """One account's EKS. `refuse` has codes and messages of operations that are to fail."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.refuse: dict[str, tuple[str, str]] = {}
        self.asked: list[str] = []
        self.lock = RLock()
        self.write(EMPTY)

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        return found

    def write(self, state: dict[str, Any]) -> None:
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(state), "utf-8")
        partial.replace(self.file)

    def change(self, **values: Any) -> None:
        self.write({**self.read(), **values})

    def attach(self, client: Any) -> Any:
        """Have this client ask here instead of Amazon."""
        name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-parameter-build.{name}.*", self.remember)
        client.meta.events.register(f"before-call.{name}.*", self.respond)
        return client

    def remember(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = params

    def respond(self, model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        with self.lock:
            return self.answer(model, context["asked"])

    def answer(self, model: Any, asked: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
        self.asked.append(model.name)
        try:
            self.require_allowed(model.name)
            method = re.sub(r"(?<!^)(?=[A-Z])", "_", model.name).lower()
            answer: dict[str, Any] = getattr(self, method)(**asked)
        except Refused as refused:
            return AWSResponse(None, 400, {}, None), refused.answer
        validate_parameters(answer, model.output_shape)
        return AWSResponse(None, 200, {}, None), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}

    def require_allowed(self, operation: str) -> None:
        if operation in self.refuse:
            raise Refused(*self.refuse[operation])

    def describe_cluster(self, name: str) -> dict[str, Any]:
        found = self.read()["cluster"]
        if found is None or found["name"] != name:
            raise Refused("ResourceNotFoundException", f"No cluster found for name: {name}.")
        return {"cluster": found}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        found = self.read()["stack"]
        if found is None:
            raise Refused("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{**found, "StackName": StackName, "CreationTime": datetime.now(UTC)}]}

    def list_addons(self, clusterName: str) -> dict[str, Any]:  # noqa: N803
        return {"addons": self.read()["addons"]}

    def describe_nodegroup(self, clusterName: str, nodegroupName: str) -> dict[str, Any]:  # noqa: N803
        nodes = self.read()["nodes"]
        if nodes is None:
            raise Refused("ResourceNotFoundException")
        return {"nodegroup": {"nodegroupName": nodegroupName, "scalingConfig": {"desiredSize": nodes}}}

    def list_pod_identity_associations(self, clusterName: str, **which: str) -> dict[str, Any]:  # noqa: N803
        fields = ("clusterName", "namespace", "serviceAccount", "associationId")
        return {
            "associations": [
                {name: found[name] for name in fields}
                for found in self.read()["associations"].values()
                if all(found[name] == value for name, value in which.items())
            ]
        }

    def describe_pod_identity_association(self, clusterName: str, associationId: str) -> dict[str, Any]:  # noqa: N803
        found = self.read()["associations"].get(associationId)
        if found is None:
            raise Refused("ResourceNotFoundException")
        return {"association": found}

    def create_pod_identity_association(self, **asked: Any) -> dict[str, Any]:
        state = self.read()
        pairs = [(found["namespace"], found["serviceAccount"]) for found in state["associations"].values()]
        if (asked["namespace"], asked["serviceAccount"]) in pairs:
            raise Refused("ResourceInUseException", "Association already exists")
        number = state["count"] = state["count"] + 1
        asked.pop("clientRequestToken", None)
        found = state["associations"][f"a-{number}"] = {**asked, "associationId": f"a-{number}"}
        self.write(state)
        return {"association": found}

    def update_pod_identity_association(self, associationId: str, clusterName: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        state = self.read()
        asked.pop("clientRequestToken", None)
        state["associations"][associationId].update(asked)
        self.write(state)
        return {"association": state["associations"][associationId]}

    def delete_pod_identity_association(self, associationId: str, clusterName: str) -> dict[str, Any]:  # noqa: N803
        state = self.read()
        found = state["associations"].pop(associationId)
        self.write(state)
        return {"association": found}
