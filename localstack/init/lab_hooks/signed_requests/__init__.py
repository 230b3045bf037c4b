"""Requests that LocalStack answers only when they are signed with a key that the lab generated.

What is checked, before any other handler of LocalStack sees the request
    ``Host`` and ``Origin`` against an allow-list, so that no web page reaches the bucket, not even by DNS
    rebinding. Internal paths (``/_localstack``, ``/_aws``): only ``GET`` and ``HEAD`` of the health endpoint.
    Signature Version 4 in the header or in the query, and Version 2 in the query (boto3's default for presigned
    URLs in us-east-1). The body: its SHA-256, or each chunk's signature.

Who may do what
    The person's key may do everything. The agent's key may do ``sts:AssumeRole``. Credentials that AssumeRole
    issued may do what the role's policy, and the session policy, allow. Nothing else of STS is answered.

Settings (environment)
    ``LAB_S3_ACCESS_KEY_ID``, ``LAB_S3_SECRET_ACCESS_KEY``: the person's key. Required.
    ``LAB_S3_AGENT_ACCESS_KEY_ID``, ``LAB_S3_AGENT_SECRET_ACCESS_KEY``, ``LAB_S3_SESSION_KEY``,
    ``LAB_S3_ROLES_FILE``: the agent's key, the key from which issued credentials are derived, and the policies by
    the ARN of their role. All or none; without them no role can be assumed.
    ``LAB_S3_KEYS``: a folder that has these keys in files of the same names, in place of the environment.
    ``LAB_S3_HOSTS``: values of ``Host`` that are accepted besides loopback with the port that LocalStack listens
    on, separated by commas; ``name:port``, or ``name`` for any port.

How
    ``gate`` is the first handler of the chain, ``signature`` computes what botocore would have signed, ``body``
    checks bytes while the provider reads them, ``keys`` knows which keys are valid, ``sessions`` issues and
    verifies credentials without keeping any, ``roles`` evaluates policies, ``sts`` answers STS.
"""

from lab_hooks.signed_requests.gate import install

__all__ = ["install"]
