"""The bucket of data and task logs: encrypted, versioned, no public access, no plain HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lab.engine.eks.cloud import DeniedError
from lab.engine.eks.resource import ABSENT, ForeignError, Resource, State, as_list, as_mapping
from lab.engine.phases import Note
from lab.errors import CloudError

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
NO_PUBLIC = dict.fromkeys(BLOCKS, True)
OLD_DAYS = 30
"""How long an overwritten or deleted object can be restored; DVC itself never overwrites one."""
TIDY = {
    "ID": "mlops-lab-old-versions",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_DAYS},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}
BATCH = 1000
"""The most objects of one DeleteObjects call."""


class Bucket(Resource):
    """Each property of the bucket is read separately, and only what differs is set."""

    key = "bucket"
    force = ""
    """The bucket that may be removed with all that it holds, by its name."""

    @property
    def name(self) -> str:
        return self.place.settings.storage.bucket

    def look(self) -> State:
        if not self.exists():
            return ABSENT
        answer = self.s3("get_bucket_tagging", absent=("NoSuchTagSet",))
        self.require_own(f"bucket {self.name}", as_mapping(answer["TagSet"] if answer else []))
        return State(True, tuple(name for name, is_set, _ in self.properties() if not is_set()))

    def exists(self) -> bool:
        try:
            answer = self.s3("head_bucket", absent=("404", "NoSuchBucket"))
        except DeniedError as error:  # another account's, or ours without the permission to list it
            raise error if self.is_listed() else self.taken() from error
        wanted = self.place.settings.region
        where = answer.get("BucketRegion", wanted) if answer else wanted
        if where != wanted:
            raise ForeignError(
                f"the bucket {self.name} is in region {where}, eks.toml says {wanted}",
                "name another bucket, or its region, in eks.toml",
            )
        return answer is not None

    def is_listed(self) -> bool:
        answer = self.place.cloud.call("s3", "list_buckets", Prefix=self.name)
        return self.name in {bucket["Name"] for bucket in answer["Buckets"]}

    def taken(self) -> ForeignError:
        return ForeignError(
            f"the bucket name {self.name} is taken: it belongs to another account",
            "bucket names are unique in all of AWS: name another in eks.toml, storage.bucket",
        )

    def make(self, note: Note) -> None:
        if not self.exists():
            self.create()
        tags = self.s3("get_bucket_tagging", absent=("NoSuchTagSet",))
        if tags is None:  # just created, by a call that does not accept tags
            self.s3("put_bucket_tagging", Tagging={"TagSet": as_list(self.tags)})
        else:
            self.require_own(f"bucket {self.name}", as_mapping(tags["TagSet"]))
        for name, is_set, put in self.properties():
            if not is_set():
                note(name)
                put()

    def create(self) -> None:
        region = self.place.settings.region
        # With its tags, so that after an interruption here the bucket is known to be the lab's. us-east-1 accepts no
        # location constraint ("CreateBucket", Amazon S3 API Reference).
        where: dict[str, Any] = {} if region == "us-east-1" else {"LocationConstraint": region}
        made = self.s3(
            "create_bucket",
            absent=("BucketAlreadyExists",),
            CreateBucketConfiguration={**where, "Tags": as_list(self.tags)},
            ObjectOwnership="BucketOwnerEnforced",
        )
        if made is None:
            raise self.taken()

    def properties(self) -> Iterator[tuple[str, Any, Any]]:
        """The required properties of the bucket: name, check, and how to set it."""
        yield (
            "no public access",
            self.is_private,
            lambda: self.s3("put_public_access_block", PublicAccessBlockConfiguration=NO_PUBLIC),
        )
        yield (
            "encrypted",
            self.is_encrypted,
            lambda: self.s3(
                "put_bucket_encryption",
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
            ),
        )
        yield (
            "versioned",
            self.is_versioned,
            lambda: self.s3("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"}),
        )
        yield "TLS only", self.is_tls_only, self.put_tls_only
        yield f"old versions for {OLD_DAYS} days", self.is_tidy, self.put_tidy

    def is_private(self) -> bool:
        answer = self.s3("get_public_access_block", absent=("NoSuchPublicAccessBlockConfiguration",))
        return bool(answer) and answer["PublicAccessBlockConfiguration"] == NO_PUBLIC

    def is_encrypted(self) -> bool:
        """By S3's own key or one of KMS; every new bucket is, unless that was changed."""
        return bool(self.s3("get_bucket_encryption", absent=("ServerSideEncryptionConfigurationNotFoundError",)))

    def is_versioned(self) -> bool:
        return bool(self.s3("get_bucket_versioning").get("Status") == "Enabled")

    def is_tls_only(self) -> bool:
        return self.tls_only() in self.statements()

    def put_tls_only(self) -> None:
        """Keep other statements, which someone may have added."""
        own = self.tls_only()
        others = [each for each in self.statements() if each.get("Sid") != own["Sid"]]
        self.s3("put_bucket_policy", Policy=json.dumps({"Version": "2012-10-17", "Statement": [*others, own]}))

    def statements(self) -> list[dict[str, Any]]:
        answer = self.s3("get_bucket_policy", absent=("NoSuchBucketPolicy",))
        found = json.loads(answer["Policy"])["Statement"] if answer else []
        # One statement may stand without its list ("Statement", IAM JSON policy elements reference).
        return [found] if isinstance(found, dict) else list(found)

    def tls_only(self) -> dict[str, Any]:
        arn = f"arn:{self.place.settings.partition}:s3:::{self.name}"
        return {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }

    def is_tidy(self) -> bool:
        return TIDY["ID"] in {rule.get("ID") for rule in self.rules()}

    def put_tidy(self) -> None:
        self.s3("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [*self.rules(), TIDY]})

    def rules(self) -> list[dict[str, Any]]:
        answer = self.s3("get_bucket_lifecycle_configuration", absent=("NoSuchLifecycleConfiguration",))
        return list(answer["Rules"]) if answer else []

    def kept(self) -> str:
        if self.force == self.name:
            return ""
        answer = self.s3("list_object_versions", MaxKeys=1)
        holds = answer.get("Versions") or answer.get("DeleteMarkers")
        return f"it holds objects; --delete-bucket {self.name} removes it with them" if holds else ""

    def remove(self, note: Note) -> None:
        if self.force == self.name:
            self.empty(note)
        if self.s3("delete_bucket", absent=("BucketNotEmpty", "NoSuchBucket")) is None and self.exists():
            raise CloudError(f"the bucket {self.name} holds objects", f"--delete-bucket {self.name} removes them, too")

    def empty(self, note: Note) -> None:
        """Delete every version of every object. They are not listed again, so each list starts at the beginning."""
        count = 0
        while True:
            listed = self.s3("list_object_versions", MaxKeys=BATCH)
            found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
            if not found:
                return
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            answer = self.s3("delete_objects", Delete={"Objects": objects, "Quiet": True})
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise CloudError(f"{first['Key']} could not be deleted: {first['Code']}", "docs/eks.md")
            count += len(objects)
            note(f"{count:,} objects deleted")

    def s3(self, method: str, *, absent: tuple[str, ...] = (), **parameters: Any) -> Any:
        return self.place.cloud.call("s3", method, absent=absent, Bucket=self.name, **parameters)
