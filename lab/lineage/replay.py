"""Derives versions again, one after the other: the file of one is the base of the next, and is only appended to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.access import Access
from lab.components import storage
from lab.lineage.reproduce import file_md5
from lab.lineage.versions import DataVersion
from lab.pipeline.append import append_rows
from lab.pipeline.errors import PipelineError
from lab.pipeline.synthetic import generate
from lab.pipeline.table import READ_SIZE


@dataclass
class Replay:
    """`file` holds the data of `md5`, or nothing of use where that is empty."""

    access: Access
    s3: Any
    file: Path
    md5: str = ""

    def make(self, version: DataVersion, base_size: int | None) -> Path | None:
        """The file of this version, or None: it was made by hand, its base is lost, or the bytes differ.

        Raises:
            ServiceError: the object store does not answer.
        """
        if version.seed is not None and version.rows is not None:
            self.md5 = ""
            generate(self.file, version.rows, version.seed)
        else:
            if version.run_id is None or version.rows_added is None or not version.base_md5 or base_size is None:
                return None
            if not self.bring(version.base_md5):
                return None
            self.md5 = ""
            try:
                append_rows(self.file, version.rows_added, version.row_identity, version.base_md5, base_size)
            except PipelineError:  # the base is no sound dataset, or a newer lab derived the rows
                return None
        self.md5 = file_md5(self.file)
        return self.file if self.md5 == version.md5 else None

    def bring(self, md5: str) -> bool:
        """Write the data of this md5 to the file; False if the bucket does not have it, or it is damaged."""
        if self.md5 == md5:
            return True
        self.md5 = ""
        stream = storage.open_object(self.access, storage.object_key(self.access, md5), self.s3)
        if stream is None:
            return False
        with storage.answering("GetObject"), self.file.open("wb") as file:
            while data := stream.read(READ_SIZE):
                file.write(data)
        self.md5 = file_md5(self.file)
        return self.md5 == md5
