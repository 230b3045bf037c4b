"""The errors of Amazon S3 and AWS STS for requests that are not let in, with Amazon's codes and status.

Codes, status and texts: "Error responses" in the Amazon S3 API reference, "Common Error Types" in the STS API
reference.
"""

from localstack.aws.api import CommonServiceException

__all__ = ["Refusal", "access_denied", "expired_token", "mismatch", "unknown_key"]

QUERY_SERVICES = ("sts", "iam")


class Refusal(CommonServiceException):
    """A request that is not let in; ``service`` decides how the answer is written."""

    def __init__(self, code: str, message: str, status: int = 403, service: str = "s3") -> None:
        """Take the error's code, its text and its HTTP status."""
        super().__init__(code, message, status_code=status, sender_fault=True)
        self.service = service


def access_denied(message: str, service: str = "s3") -> Refusal:
    """Return the refusal of a request that is authentic, or carries no credentials at all."""
    return Refusal("AccessDenied", message, service=service)


def unknown_key(service: str) -> Refusal:
    """Return the refusal of a key that the lab did not generate."""
    if service in QUERY_SERVICES:
        return Refusal("InvalidClientTokenId", "The security token included in the request is invalid.", 403, service)
    message = "The AWS Access Key Id you provided does not exist in our records."
    return Refusal("InvalidAccessKeyId", message, 403, service)


def mismatch(service: str) -> Refusal:
    """Return the refusal of a signature that another secret, or another request, was signed with."""
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    return Refusal("SignatureDoesNotMatch", message, 403, service)


def expired_token(service: str) -> Refusal:
    """Return the refusal of issued credentials after their end; Amazon S3 answers 400, STS 403."""
    status = 403 if service in QUERY_SERVICES else 400
    return Refusal("ExpiredToken", "The provided token has expired.", status, service)
