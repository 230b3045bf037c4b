"""S3 that LocalStack does not forget: a change is in ``LAB_DURABLE_S3_DIR`` before its answer is sent.

What survives a restart, a crash and ``kill -9``
    Buckets: name, region, location constraint, owning account, creation date, owner, ACL and object ownership
    as created.
    Objects: bytes, key, size, ETag, last-modified, content type and the other system metadata, user metadata,
    expires, checksum (algorithm, value, type), storage class, server-side encryption fields, website
    redirect, the part sizes of a multipart upload, and the ACL as given when the object was written.

What does not
    Uploads in progress: parts of a multipart upload that was not completed. Tags. Object Lock. Later changes
    to an ACL. All other settings of a bucket, versioning among them: in the running process a versioned
    bucket behaves as LocalStack makes it behave; after a restart it is unversioned, holds the version of each
    key that was current, and a key that had a delete marker as its current version is gone. IAM and STS state.

How
    ``files`` is the folder on disk, ``records`` turns LocalStack's models into JSON and back, ``storage`` is
    the object store that LocalStack's S3 provider calls for bytes, ``stores`` are the key stores and buckets
    it calls for existence, ``restore`` reads the folder at the start, ``seams`` checks that this LocalStack
    is built as those modules expect.
"""

import logging
import os
from pathlib import Path

__all__ = ["FOLDER_VARIABLE", "install"]

FOLDER_VARIABLE = "LAB_DURABLE_S3_DIR"
LOG = logging.getLogger("localstack.lab.durable_s3")


def install() -> None:
    """Serve S3 from the durable folder; without ``LAB_DURABLE_S3_DIR`` log one line and change nothing.

    Runs before the gateway opens its port, so no request can see a bucket or an object missing. Raises if the
    folder is in use by another process or if this LocalStack is not built as expected.
    """
    folder = os.environ.get(FOLDER_VARIABLE, "").strip()
    if not folder:
        LOG.info("%s is not set: S3 forgets everything at the next restart", FOLDER_VARIABLE)
        return
    # Only now, so that an unset variable costs no import of the S3 provider.
    from lab_hooks.durable_s3.restore import serve_from  # noqa: PLC0415

    serve_from(Path(folder).absolute())
