"""The documents of the roles on Amazon EKS: what their pods may do, and who may assume them.

Which calls DVC, Airflow's task log writer and the pipeline make was read off their requests (tests/policy). What each
needs stands in "Required permissions for Amazon S3 API operations" of the Amazon S3 User Guide:

| call | permission |
|---|---|
| HeadObject, GetObject | s3:GetObject |
| PutObject; CreateMultipartUpload, UploadPart, CompleteMultipartUpload | s3:PutObject |
| AbortMultipartUpload, of a push that fails | s3:AbortMultipartUpload |
| DeleteObjects, of `dvc gc --cloud` | s3:DeleteObject |
| ListObjectsV2 | s3:ListBucket |

A key that is not there is a 404 only for who may list it ("HeadObject" in the API reference). Any other gets a 403,
which Airflow's log writer treats as a failure, and the log is lost. Amazon S3 checks that permission with the key as
`s3:prefix`, so the same condition works: AWS does not document it, but Ceph found it (pull request 68577), and the
policy in the documentation of Terraform's S3 backend relies on it. HeadBucket has no prefix, and nothing here needs it:
s3fs reads the bucket's region from the refusal as well (s3fs.utils.S3BucketRegionCache).
"""

from __future__ import annotations

from typing import Any

VERSION = "2012-10-17"
"""The version of the policy language; the only current one."""
PRINCIPAL = "pods.eks.amazonaws.com"
LOGS = "logs"
"""The prefix of task logs, as in Airflow's `remote_base_log_folder`."""

Document = dict[str, Any]


def permissions(bucket: str, partition: str = "aws", prefix: str = "dvc") -> Document:
    """What steps may do: read, write and clear data below `prefix`, read and write task logs; nothing else."""
    arn = f"arn:{partition}:s3:::{bucket}"
    data, logs = f"{prefix}/*", f"{LOGS}/*"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "ListDataAndLogs",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": {"StringLike": {"s3:prefix": [data, logs]}},
            },
            {
                "Sid": "ReadAndWriteDataAndLogs",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": [f"{arn}/{data}", f"{arn}/{logs}"],
            },
            {
                "Sid": "ClearData",
                "Effect": "Allow",
                "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject"],
                "Resource": f"{arn}/{data}",
            },
        ],
    }


def log_permissions(bucket: str, partition: str = "aws") -> Document:
    """What launches pods may do: read and write task logs; nothing else."""
    arn = f"arn:{partition}:s3:::{bucket}"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "ListLogs",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": arn,
                "Condition": {"StringLike": {"s3:prefix": f"{LOGS}/*"}},
            },
            {
                "Sid": "ReadAndWriteLogs",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": f"{arn}/{LOGS}/*",
            },
        ],
    }


def trust(account: str, cluster_arn: str, namespace: str = "airflow") -> Document:
    """Who may assume the role: EKS Pod Identity, for associations in this namespace of this cluster of this account.

    "Create IAM role with trust policy required by EKS Pod Identity" in the EKS User Guide. EKS sets the tag itself when
    it asks STS for the role, unless the association turns session tags off.
    """
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Sid": "PodsOfTheLab",
                "Effect": "Allow",
                "Principal": {"Service": PRINCIPAL},
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Condition": {
                    "StringEquals": {
                        "aws:SourceAccount": account,
                        "aws:RequestTag/kubernetes-namespace": namespace,
                    },
                    "ArnEquals": {"aws:SourceArn": cluster_arn},
                },
            }
        ],
    }
