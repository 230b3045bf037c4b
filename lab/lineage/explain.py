"""Everything known about one data version: its commit, its receipt, and the rows in which it differs from its base."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lab.access import Access
from lab.components import storage
from lab.errors import ServiceError
from lab.lineage import receipts
from lab.lineage.difference import Difference, difference
from lab.lineage.receipts import Receipt
from lab.lineage.verify import previous
from lab.lineage.versions import DataVersion


@dataclass(frozen=True)
class Explanation:
    """`base` is the version that it was made from; `unread` says what could not be read of receipt or rows, and why."""

    version: DataVersion
    base: DataVersion | None
    receipt: Receipt | None
    receipt_problems: list[str]
    difference: Difference | None
    unread: str

    def as_data(self) -> dict[str, Any]:
        base = {"number": self.base.number, "commit": self.base.commit, "md5": self.base.md5} if self.base else None
        return {
            **asdict(self.version),
            "base": base,
            "receipt": self.receipt,
            "receipt_problems": self.receipt_problems,
            "difference": asdict(self.difference) if self.difference else None,
            "unread": self.unread,
        }


def explain(access: Access, known: list[DataVersion], version: DataVersion) -> Explanation:
    """Read the version's receipt, and compare its rows with those of the previous version of the same dataset."""
    base = previous(known)[version.number]
    if version.md5 is None:
        return Explanation(version, base, None, [], None, version.fault)
    s3 = storage.client(access)
    try:
        receipt = receipts.read(access, version.md5, s3)
    except ServiceError as error:
        return Explanation(version, base, None, [], None, error.message)
    rows, unread = None, ""
    if base is not None:
        rows, unread = compared(access, base, version, s3)
    return Explanation(version, base, receipt, receipts.problems(version, receipt), rows, unread)


def compared(access: Access, base: DataVersion, version: DataVersion, s3: Any) -> tuple[Difference | None, str]:
    """The difference, or why there is none."""
    streams = []
    for each in (base, version):
        if each.md5 is None:
            return None, each.fault
        stream = storage.open_object(access, storage.object_key(access, each.md5), s3)
        if stream is None:
            return None, f"the object of version {each.number} is missing"
        streams.append(stream)
    try:
        with storage.answering("GetObject"):
            return difference(*streams), ""
    except ServiceError as error:
        return None, error.message
    return None, ""
