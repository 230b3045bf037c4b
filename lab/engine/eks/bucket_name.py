"""The naming rules of Amazon S3 for buckets."""

from __future__ import annotations

import re


def trouble_with_bucket(name: str) -> str:
    """The rule that this name breaks, or nothing ("General purpose bucket naming rules", S3 User Guide)."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", name):
        return "3 to 63 lower-case letters, digits, hyphens and dots, a letter or digit first and last"
    if ".." in name or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name):
        return "no two dots side by side, and no IP address"
    if name.startswith(("xn--", "sthree-", "amzn-s3-demo-")):
        return "the beginning is one that Amazon keeps for itself"
    if name.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")):
        return "the end is one that Amazon keeps for itself"
    return ""
