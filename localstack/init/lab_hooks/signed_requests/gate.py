"""The first handler of LocalStack's chain, which lets nothing in that the lab's keys did not sign, and two more.

Found in LocalStack 4.13.1: ``localstack.aws.app.LocalstackAwsGateway`` has the order of the handlers,
``localstack.runtime.get_current_runtime`` the gateway, before it is served.
"""

import logging
import os
from typing import Any

from localstack.aws import handlers
from localstack.aws.protocol.serializer import create_serializer
from localstack.aws.spec import get_service_catalog
from localstack.runtime import get_current_runtime
from localstack.services.s3 import presigned_url
from localstack.services.s3 import provider as s3_provider

from lab_hooks.durable_s3.seams import mentioned_names
from lab_hooks.signed_requests import sts
from lab_hooks.signed_requests.body import CheckedChunks, checked
from lab_hooks.signed_requests.errors import Refusal
from lab_hooks.signed_requests.hosts import Hosts
from lab_hooks.signed_requests.keys import Caller, Keys
from lab_hooks.signed_requests.permissions import require_permitted
from lab_hooks.signed_requests.signature import verified
from localstack import config

__all__ = ["install"]

LOG = logging.getLogger("localstack.lab.signed_requests")
HEALTH = "/_localstack/health"
INTERNAL = "/_"
"""How the paths of LocalStack's own endpoints begin; the name of a bucket has no underscore."""
TRUSTED_HEADERS = ("x-localstack-", "x-moto-")
"""Headers that LocalStack believes, as it sends them to itself."""
OPERATIONS = {"s3": "GetObject", "sts": "GetCallerIdentity", "iam": "GetUser"}
"""A call of each service, in the form of which a request is refused that was not read yet."""


class Gate:
    """Lets a request in, or raises."""

    def __init__(self, keys: Keys, hosts: Hosts) -> None:
        """Take the valid keys, and the addresses at which LocalStack may be reached."""
        self.keys, self.hosts = keys, hosts

    def __call__(self, chain: Any, context: Any, response: Any) -> None:  # noqa: ARG002
        """Handle a request before any other handler."""
        request = context.request
        try:
            self.hosts.require(request)
            for name in [name for name, _ in request.headers if name.lower().startswith(TRUSTED_HEADERS)]:
                del request.headers[name]
            if request.path.startswith(INTERNAL):
                require_health(request)
                return
            signed = verified(request, self.keys)
            if signed.service == "s3":
                request.stream = checked(request, signed)
        except Refusal as refusal:
            LOG.warning("%s %.200r: %s: %s", request.method, request.path, refusal.code, refusal.message)
            prepare_answer(context, refusal)
            raise
        context.lab_caller = signed.caller

    def permit(self, chain: Any, context: Any, response: Any) -> None:
        """Handle a request that LocalStack has read: raise unless the caller may do that, and answer STS."""
        caller: Caller = context.lab_caller
        service, operation, asked = context.service.service_name, context.operation.name, context.service_request
        if service != "sts":
            require_permitted(service, operation, asked, caller, self.keys)
            return
        context.service_response = sts.answer(operation, asked, caller, self.keys)
        serializer = create_serializer(context.service, context.protocol)
        found = serializer.serialize_to_response(
            context.service_response, context.operation, context.request.headers, context.request_id
        )
        response.update_from(found)
        chain.stop()

    def credentials(self, parameters: Any, region: str) -> Any:  # noqa: ARG002
        """Return the credentials of a presigned URL, which LocalStack checks again where it reads the URL."""
        token = parameters.get("X-Amz-Security-Token") or parameters.get("x-amz-security-token")
        access_key = parameters.get("AWSAccessKeyId") or parameters.get("X-Amz-Credential", "").partition("/")[0]
        caller = self.keys.caller(access_key, token, "s3")
        return presigned_url.PreSignedCredentials(caller.access_key, caller.secret_key, token)


def require_health(request: Any) -> None:
    """Raise unless this asks for LocalStack's health, which changes nothing."""
    if request.path != HEALTH or request.method not in ("GET", "HEAD"):
        raise Refusal("AccessDenied", "LocalStack's own endpoints are closed, but for GET /_localstack/health")


def prepare_answer(context: Any, refusal: Refusal) -> None:
    """Have LocalStack write the refusal as the service does."""
    context.service = get_service_catalog().get(refusal.service)
    context.operation = context.service.operation_model(OPERATIONS[refusal.service])


def install() -> None:
    """Close LocalStack to all but signed requests. Raises if it is built otherwise, or a key is missing."""
    gate = Gate(Keys.of(os.environ), Hosts.of(config.GATEWAY_LISTEN, os.environ.get("LAB_S3_HOSTS", "")))
    gateway: Any = get_current_runtime().components.gateway
    module: Any = s3_provider  # LocalStack's types don't know that anything could be replaced
    urls: Any = presigned_url
    read = handlers.parse_service_request
    decoding = [mentioned_names(getattr(module.S3Provider, name, None)) for name in ("put_object", "upload_part")]
    seams = (hasattr(urls, "get_credentials_from_parameters"), *("AwsChunkedDecoder" in names for names in decoding))
    if read not in gateway.request_handlers or not all(seams):
        raise RuntimeError("this LocalStack handles requests in another way than 4.13.1: they would not be checked")
    gateway.request_handlers.insert(0, gate)
    gateway.request_handlers.insert(gateway.request_handlers.index(read) + 1, gate.permit)
    module.AwsChunkedDecoder = CheckedChunks
    urls.get_credentials_from_parameters = gate.credentials
    # No page of another origin is let in, so none needs an answer that a browser lets it read.
    config.DISABLE_CUSTOM_CORS_S3 = config.DISABLE_CORS_HEADERS = config.DISABLE_CORS_CHECKS = True
